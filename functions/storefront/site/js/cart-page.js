/* cart-page - change quantities, take things out, go to the checkout. */
import { CART_QUANTITY_MAX, readCart, setQuantity, withPicture } from './cart.js';
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
  byId('said').textContent = cart?.items.length
    ? `Total ${money(cart.total, cart.currency)}` : 'Your cart is empty';
  return undefined;
}

function change(sku, quantity) {
  wanted.set(sku, quantity);
  send();
}

function line(item, currency) {
  const href = `/product.html?sku=${encodeURIComponent(item.sku)}`;
  const short = item.available !== undefined && item.quantity > item.available;
  const count = stepper({
    value: item.quantity, max: CART_QUANTITY_MAX, label: `Quantity of ${item.name}`,
    changed: (n) => change(item.sku, n),
  });
  return h('li', { 'data-sku': item.sku }, picture(withPicture(item), { eager: true }),
    h('div', {}, h('h2', {}, h('a', { href }, item.name)),
      h('p', { class: 'price' }, `${money(item.unit_price, currency)} each`),
      short ? h('p', { class: 'wrong' }, item.available
        ? `Only ${item.available} left` : 'Sold out') : null),
    h('div', { class: 'edit' }, count.element,
      h('button', {
        class: 'link', type: 'button', 'aria-label': `Remove ${item.name}`,
        onclick: () => change(item.sku, 0),
      }, 'Remove'),
      h('span', { class: 'sum' }, money(item.line_total, currency))));
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

function items(cart) {
  const count = cart.items.reduce((n, item) => n + item.quantity, 0);
  return count === 1 ? '1 item' : `${count} items`;
}

function show(cart, problem) {
  if (!cart || cart.items.length === 0) {
    place.replaceChildren(empty('Nothing in here yet', 'Your cart is as empty as the shop at midnight.',
      h('a', { class: 'button', href: '/' }, 'Look around')));
    return;
  }
  const path = focusPath();
  place.replaceChildren(...[problem ? h('p', { class: 'notice', role: 'alert' }, problem) : null,
    h('div', { class: 'two' },
      h('ul', { class: 'lines' }, cart.items.map((item) => line(item, cart.currency))),
      h('section', { class: 'panel', 'aria-label': 'Summary' },
        h('p', { class: 'muted' }, items(cart)),
        h('p', { class: 'total' }, h('span', {}, 'Total'),
          h('span', { id: 'total' }, money(cart.total, cart.currency))),
        h('a', { class: 'button big', href: '/checkout.html' }, 'Check out')))].filter(Boolean));
  refocus(path);
}

async function load(problem) {
  try {
    show(await readCart(), problem);
  } catch (error) {
    place.replaceChildren(empty('Your cart did not load', error.sentence ?? String(error),
      tryAgain(() => load()), backToShop()));
  }
}

window.addEventListener('pageshow', (event) => { if (event.persisted) load(); });
load();
