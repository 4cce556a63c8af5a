/* order - one order, followed live: its state, what to do next, what happened. */
import { api, get, pause } from './api.js';
import { readCart } from './cart.js';
import { backToShop, byId, empty, h, memory, money, payUrl, tryAgain, when } from './dom.js';
import { follow } from './sse.js';

const POLL_MS = 3000;
const POLLS = 5; // between two tries to get a stream
const END = new Set(['confirmed', 'cancelled', 'expired', 'refunded']);
const params = new URLSearchParams(location.search);
const id = params.get('id') ?? '';
const path = `/api/orders/${encodeURIComponent(id)}`;
const headers = { Authorization: `Bearer ${memory.get(`order.${id}`)}` };
const place = byId('order');
let current = null;
let following = null;

const words = {
  pending: [
    'Waiting for your payment',
    'If you have just paid, this page updates by itself in a moment.',
  ],
  paid: ['Paid, thank you', 'We are taking your things off the shelf.'],
  confirmed: ['Your order is confirmed', 'A receipt is on its way to your mailbox.'],
  cancelled: ['This order was cancelled', 'Nothing will be sent and nothing is owed.'],
  expired: [
    'This order was not paid in time',
    'Its things went back on the shelf, and nothing is owed.',
  ],
  refunding: [
    'Your money is on its way back',
    'The refund has been asked for. The reason is written below.',
  ],
  refunded: [
    'Your money is back',
    'The refund went through. It can take some days to show in your account.',
  ],
};
const labels = {
  placed: 'Placed',
  paid: 'Paid',
  confirmed: 'Confirmed',
  cancelled: 'Cancelled',
  expired: 'Not paid',
  refunding: 'Refunding',
  refunded: 'Refunded',
  pending: 'Placed',
};

/* The way an order goes, as step:state. */
const roads = {
  pending: 'placed:done paid:now confirmed:next',
  paid: 'placed:done paid:done confirmed:now',
  confirmed: 'placed:done paid:done confirmed:done',
  cancelled: 'placed:done cancelled:bad',
  expired: 'placed:done expired:bad',
  refunding: 'placed:done paid:done refunded:now',
  refunded: 'placed:done paid:done refunded:done',
};

function steps(status) {
  const road = (roads[status] ?? roads.pending).split(' ').map((step) => step.split(':'));
  const at = road.findLastIndex(([, state]) => state !== 'next');
  return h(
    'ol',
    { class: 'steps', 'aria-label': 'Progress' },
    road.map(([name, state], i) =>
      h(
        'li',
        { class: state, 'aria-current': i === at && 'step' },
        labels[name],
        h('span', { class: 'hide' }, state === 'done' || state === 'bad' ? ', done' : ', not yet'),
      ),
    ),
  );
}

function actions(order) {
  if (order.status !== 'pending') {
    return h(
      'div',
      { class: 'row' },
      h('a', { class: 'button quiet', href: '/' }, 'Back to the shop'),
    );
  }
  const pay = payUrl(order.payment_url);
  return h(
    'div',
    { class: 'row' },
    pay
      ? h(
          'a',
          { class: 'button', href: pay, id: 'pay' },
          `Pay ${money(order.total, order.currency)}`,
        )
      : h('span', { class: 'muted' }, 'The payment page is being opened…'),
    h(
      'button',
      {
        class: 'button quiet',
        type: 'button',
        id: 'cancel',
        onclick: () => byId('sure').showModal(),
      },
      'Cancel order',
    ),
  );
}

function bill(order) {
  return h(
    'section',
    { class: 'panel', 'aria-label': 'What you ordered' },
    h('h2', {}, 'What you ordered'),
    h(
      'ul',
      { class: 'bill' },
      (order.lines ?? []).map((line) =>
        h(
          'li',
          {},
          h('span', {}, line.name, ' ', h('span', { class: 'muted' }, `× ${line.quantity}`)),
          h('span', {}, money(line.line_total, order.currency)),
        ),
      ),
    ),
    h(
      'p',
      { class: 'total' },
      h('span', {}, 'Total'),
      h('span', {}, money(order.total, order.currency)),
    ),
  );
}

function history(order) {
  const rows = [...(order.history ?? [])].reverse();
  return h(
    'section',
    { class: 'part' },
    h('h2', {}, 'What happened'),
    h(
      'ol',
      { class: 'history' },
      rows.map((row) =>
        h(
          'li',
          {},
          h('time', { datetime: row.at }, when(row.at)),
          h(
            'div',
            {},
            labels[row.status] ?? row.status,
            row.note ? h('p', { class: 'muted' }, row.note) : null,
          ),
        ),
      ),
    ),
  );
}

function show(order) {
  const changed = current?.status !== order.status;
  const focused = document.activeElement?.id;
  current = order;
  const [title, text] = words[order.status] ?? [order.status, ''];
  document.title = `${title} - Bodega`;
  place.classList.remove('waiting');
  place.replaceChildren(
    h(
      'div',
      { class: 'status' },
      h('p', { class: 'muted num' }, `Order ${order.id}`),
      h('h1', { id: 'status', 'data-status': order.status }, title),
      h('p', { class: 'lead' }, text),
    ),
    h(
      'div',
      { class: 'two' },
      h('div', {}, steps(order.status), actions(order), history(order)),
      bill(order),
    ),
  );
  if (focused && place.querySelector(`#${CSS.escape(focused)}`)) byId(focused).focus();
  if (changed) {
    byId('said').textContent = title;
    if (order.status !== 'pending') byId('notice').replaceChildren();
    if (order.status === 'confirmed') readCart().catch(() => {});
  }
}

const read = async () => show(await get(path, { headers }));

/* A stream as long as it works, questions every few seconds when it does not. */
async function watch() {
  following?.abort();
  const mine = new AbortController();
  following = mine;
  while (!mine.signal.aborted && !END.has(current.status)) {
    try {
      await follow(
        `${path}/events`,
        headers,
        (type, data) => {
          if (type === 'status' && !mine.signal.aborted) show(JSON.parse(data));
        },
        mine.signal,
      );
      await pause(500);
    } catch {
      for (let i = 0; i < POLLS && !mine.signal.aborted && !END.has(current.status); i++) {
        await pause(POLL_MS);
        await read().catch(() => {});
      }
    }
  }
}

async function cancel() {
  try {
    await api('POST', `${path}/cancel`, { headers });
  } catch (error) {
    byId('notice').replaceChildren(
      h('p', { class: 'notice', role: 'alert' }, error.sentence ?? String(error)),
    );
  }
  await read().catch(() => {});
}

async function load() {
  place.classList.add('waiting');
  place.replaceChildren(
    h(
      'div',
      { class: 'status' },
      h('div', { class: 'bone text short' }),
      h('div', { class: 'bone text' }),
    ),
  );
  try {
    await read();
  } catch (error) {
    place.classList.remove('waiting');
    place.replaceChildren(
      error.status === 404 || error.status === 401
        ? empty(
            'We cannot show this order',
            'An order is shown only in the browser that placed it. Your receipt is in your mailbox.',
            backToShop(),
          )
        : empty('Your order did not load', error.sentence ?? String(error), tryAgain(load)),
    );
    return;
  }
  if (params.get('cancelled') === '1' && current.status === 'pending') {
    byId('notice').replaceChildren(
      h(
        'p',
        { class: 'notice' },
        'You left before paying. Your things are still put aside: pay now, or cancel the order.',
      ),
    );
  }
  watch();
}

byId('sure').addEventListener('close', () => {
  if (byId('sure').returnValue === 'cancel') cancel();
  byId('sure').returnValue = '';
});
/* An order that ended can still turn out paid: look again when somebody looks. */
document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'visible' && current && END.has(current.status))
    read()
      .then(watch)
      .catch(() => {});
});
window.addEventListener('pagehide', () => following?.abort());
window.addEventListener('pageshow', (event) => {
  if (event.persisted) load();
});
load();
