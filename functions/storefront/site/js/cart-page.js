/* cart-page - change quantities, take things out, go to the checkout. */
import { CART_QUANTITY_MAX, lineName, readCart, setQuantity, withPicture } from './cart.js';
import { backToShop, byId, empty, h, money, picture, tryAgain } from './dom.js';
import { stepper } from './stepper.js';

const place = byId('cart');
const wanted = new Map(); // sku -> the quantity asked for last
let sending = false;

/* Clicks come faster than answers. Only the last quantity of each product is
 * sent, one request at a time, and the cart is drawn when none is left. */
async function send() {
  if (sending) return;
  sending = true;
  let cart;
  let failed = null;
  while (wanted.size) {
    const [sku, quantity] = wanted.entries().next().value;
    wanted.delete(sku);
    try {
      cart = await setQuantity(sku, quantity);
    } catch (error) {
      failed = error;
    }
  }
  sending = false;
  if (failed) return load(failed.sentence ?? String(failed));
  show(cart);
  byId('said').textContent = cart?.currency
    ? `Total ${money(cart.total, cart.currency)}`
    : 'Cart changed';
  return undefined;
}

function change(sku, quantity) {
  wanted.set(sku, quantity);
  send();
}

function priceLine(item, currency) {
  if (item.unavailable) return h('p', { class: 'wrong' }, 'Not for sale any more');
  if (!item.unit_price) return h('p', { class: 'muted' }, 'Price not known right now');
  return h('p', { class: 'price' }, `${money(item.unit_price, currency)} each`);
}

function line(item, currency) {
  const name = lineName(item);
  const count = stepper({
    value: item.quantity,
    max: CART_QUANTITY_MAX,
    label: `Quantity of ${name}`,
    changed: (n) => change(item.sku, n),
  });
  return h(
    'li',
    { 'data-sku': item.sku },
    picture(withPicture(item), { eager: true }),
    h(
      'div',
      {},
      h('h2', {}, h('a', { href: `/product.html?sku=${encodeURIComponent(item.sku)}` }, name)),
      priceLine(item, currency),
    ),
    h(
      'div',
      { class: 'edit' },
      item.unavailable ? null : count.element,
      h(
        'button',
        {
          class: 'link',
          type: 'button',
          'aria-label': `Remove ${name}`,
          onclick: () => change(item.sku, 0),
        },
        'Remove',
      ),
      item.line_total ? h('span', { class: 'sum' }, money(item.line_total, currency)) : null,
    ),
  );
}

/* Redrawing must not throw a keyboard user back to the top of the page. */
function focusPath() {
  const row = document.activeElement?.closest?.('[data-sku]');
  if (!row) return null;
  const kind = [...row.querySelectorAll('button, input')].indexOf(document.activeElement);
  return { sku: row.dataset.sku, kind };
}

function refocus(path) {
  if (!path) return;
  const row = [...place.querySelectorAll('[data-sku]')].find((li) => li.dataset.sku === path.sku);
  const target = row?.querySelectorAll('button, input')[path.kind];
  if (target && !target.disabled) target.focus();
  else (row?.querySelector('input') ?? byId('main')).focus();
}

function summary(cart) {
  const gone = cart.items.some((item) => item.unavailable);
  return h(
    'section',
    { class: 'panel', 'aria-label': 'Summary' },
    h('p', { class: 'muted' }, cart.items_count === 1 ? '1 item' : `${cart.items_count} items`),
    cart.currency
      ? h(
          'p',
          { class: 'total' },
          h('span', {}, 'Total'),
          h('span', { id: 'total' }, money(cart.total, cart.currency)),
        )
      : null,
    gone
      ? h('p', { class: 'wrong' }, 'Remove what is not for sale any more to check out.')
      : h('a', { class: 'button big', href: '/checkout.html' }, 'Check out'),
  );
}

function show(cart, problem) {
  if (!cart || cart.items.length === 0) {
    place.replaceChildren(
      empty(
        'Nothing in here yet',
        'Your cart is as empty as the shop at midnight.',
        h('a', { class: 'button', href: '/' }, 'Look around'),
      ),
    );
    return;
  }
  const path = focusPath();
  const said = problem ?? (cart.partial ? 'Some prices may be missing or old right now.' : null);
  place.replaceChildren(
    ...(said ? [h('p', { class: 'notice', role: 'alert' }, said)] : []),
    h(
      'div',
      { class: 'two' },
      h(
        'ul',
        { class: 'lines' },
        cart.items.map((item) => line(item, cart.currency)),
      ),
      summary(cart),
    ),
  );
  refocus(path);
}

async function load(problem) {
  try {
    show(await readCart(), problem);
  } catch (error) {
    place.replaceChildren(
      empty(
        'Your cart did not load',
        error.sentence ?? String(error),
        tryAgain(() => load()),
        backToShop(),
      ),
    );
  }
}

window.addEventListener('pageshow', (event) => {
  if (event.persisted) load();
});
load();
