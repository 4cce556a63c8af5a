/* checkout - name, address, then off to the hosted payment page.
 *
 * One attempt has one Idempotency-Key. It is written down before the request
 * leaves and kept until a final answer came, so a second click, a reload or a
 * lost answer repeats the same attempt and never makes a second order. */
import { api, get, pause } from './api.js';
import { cartId, lineName, readCart } from './cart.js';
import { byId, empty, h, memory, money, payUrl, tryAgain } from './dom.js';

const TRIES = 4;
const form = byId('form');
const fields = ['email', 'name', 'address'];

function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('');
}

function setWrong(name, text) {
  const input = byId(name);
  const line = byId(`${name}-error`);
  line.hidden = !text;
  line.textContent = text ?? '';
  if (text) input.setAttribute('aria-invalid', 'true');
  else input.removeAttribute('aria-invalid');
}

function setProblem(...content) {
  byId('problem').hidden = content.length === 0;
  byId('problem').replaceChildren(...content);
  if (content.length) byId('problem').focus();
}

function check() {
  const texts = {
    email: 'Please write your email address.',
    name: 'Please write your name.',
    address: 'Please write where it should go.',
  };
  for (const name of fields) {
    const input = byId(name);
    if (!input.value.trim()) setWrong(name, texts[name]);
    else if (!input.validity.valid) setWrong(name, 'This does not look like an email address.');
    else setWrong(name, null);
  }
  const first = form.querySelector('[aria-invalid=true]');
  first?.focus();
  return !first;
}

/* errors[].pointer is a JSON pointer into the body: /email is a field here,
 * anything else (a line of the cart) is told above the form. */
function showErrors(problem) {
  const rest = [];
  for (const { pointer = '', detail = '' } of problem.errors) {
    const name = pointer.replace(/^#?\//, '');
    if (fields.includes(name)) setWrong(name, detail.charAt(0).toUpperCase() + detail.slice(1));
    else rest.push(detail);
  }
  const first = form.querySelector('[aria-invalid=true]');
  if (first && rest.length === 0) {
    setProblem();
    first.focus();
    return;
  }
  const list = rest.length
    ? h(
        'ul',
        {},
        rest.map((text) => h('li', {}, text)),
      )
    : '';
  if (problem.code === 'out-of-stock') {
    setProblem(
      'Some of it sold out while you were shopping:',
      list,
      h('a', { href: '/cart.html' }, 'Change your cart'),
    );
  } else {
    setProblem(problem.sentence, list);
  }
}

function post(key, body) {
  return api('POST', '/api/checkout', { body, headers: { 'Idempotency-Key': key } });
}

/* An attempt is {key, bodies}: the form may be corrected between two tries of
 * one key. "Key reused" then means that an earlier body did arrive, and its
 * answer is the one that counts. */
async function order({ key, bodies }) {
  let next = bodies.length - 1;
  for (let tried = 1; ; tried++) {
    try {
      return await post(key, bodies[next]);
    } catch (problem) {
      if (problem.code === 'idempotency-key-reused' && next > 0) {
        next--;
      } else if (!problem.open || tried === TRIES) {
        throw problem;
      } else {
        await pause(problem.retryAfter || 600 * tried);
      }
    }
  }
}

function attemptWith(body) {
  const open = memory.get('attempt');
  if (open?.cart !== body.cart_id) return { key: newKey(), cart: body.cart_id, bodies: [body] };
  const same = JSON.stringify(body);
  return { ...open, bodies: [...open.bodies.filter((b) => JSON.stringify(b) !== same), body] };
}

function leave({ data }) {
  const { order: made, order_token: token, payment_url: url } = data;
  memory.set(`order.${made.id}`, token);
  memory.set('unpaid', { id: made.id, cart: cartId() });
  memory.set('attempt', null);
  location.assign(payUrl(url) ?? `/order.html?id=${encodeURIComponent(made.id)}`);
}

function busy(on) {
  if (on) byId('pay').setAttribute('aria-disabled', 'true');
  else byId('pay').removeAttribute('aria-disabled');
  byId('pay').textContent = on ? 'One moment…' : 'Continue to payment';
  byId('wait').textContent = on ? 'We are putting your things aside.' : 'You pay on the next page.';
}

async function submit(event) {
  event.preventDefault();
  if (byId('pay').getAttribute('aria-disabled') || !check()) return;
  busy(true);
  setProblem();
  const body = { cart_id: cartId() };
  for (const name of fields) body[name] = byId(name).value.trim();
  const attempt = attemptWith(body);
  memory.set('attempt', attempt);
  try {
    leave(await order(attempt));
  } catch (problem) {
    if (!problem.open) memory.set('attempt', null);
    showErrors(problem);
    busy(false);
  }
}

function showSummary(cart) {
  byId('summary').replaceChildren(
    h(
      'ul',
      { class: 'bill' },
      cart.items.map((item) =>
        h(
          'li',
          {},
          h('span', {}, lineName(item), ' ', h('span', { class: 'muted' }, `× ${item.quantity}`)),
          item.line_total ? h('span', {}, money(item.line_total, cart.currency)) : null,
        ),
      ),
    ),
    cart.currency
      ? h(
          'p',
          { class: 'total' },
          h('span', {}, 'Total'),
          h('span', {}, money(cart.total, cart.currency)),
        )
      : '',
  );
}

/* Back from the payment page: the cart is still full, but its order exists. */
async function unpaid() {
  const last = memory.get('unpaid');
  if (!last || last.cart !== cartId()) return null;
  try {
    const found = await get(`/api/orders/${encodeURIComponent(last.id)}`, {
      headers: { Authorization: `Bearer ${memory.get(`order.${last.id}`)}` },
    });
    return found.status === 'pending' ? found : null;
  } catch {
    return null;
  }
}

function notice(...content) {
  byId('before').replaceChildren(h('p', { class: 'notice' }, content));
}

async function load() {
  byId('before').replaceChildren();
  let cart;
  try {
    cart = await readCart();
  } catch (problem) {
    byId('before').replaceChildren(
      empty('The checkout did not load', problem.sentence ?? String(problem), tryAgain(load)),
    );
    return;
  }
  const open = memory.get('attempt');
  byId('checkout').hidden = !cart?.items.length;
  if (!cart?.items.length) {
    byId('before').replaceChildren(
      empty(
        'Nothing to check out',
        'Your cart is empty.',
        h('a', { class: 'button', href: '/' }, 'Look around'),
      ),
    );
    return;
  }
  showSummary(cart);
  if (open?.cart === cart.id) {
    for (const name of fields) byId(name).value ||= open.bodies.at(-1)[name];
    notice('Your last try got no answer. Continue below: it counts as the same order.');
    return;
  }
  const waiting = await unpaid();
  if (waiting) {
    notice(
      'You already have an unpaid order for this cart. ',
      h(
        'a',
        { href: `/order.html?id=${encodeURIComponent(waiting.id)}` },
        'Pay or cancel it first',
      ),
      '.',
    );
  }
}

form.addEventListener('submit', submit);
for (const name of fields) byId(name).addEventListener('input', () => setWrong(name, null));
window.addEventListener('pageshow', (event) => {
  if (!event.persisted) return;
  busy(false);
  load();
});
load();
