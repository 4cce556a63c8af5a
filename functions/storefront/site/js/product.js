/* product - one product and the way into the cart. */
import { get } from './api.js';
import { addToCart, most } from './cart.js';
import { backToShop, badge, byId, card, empty, h, money, picture, tryAgain } from './dom.js';
import { stepper } from './stepper.js';

const place = byId('product');
const sku = new URLSearchParams(location.search).get('sku') ?? '';

function stockLine(product) {
  const low = badge(product.available);
  return h(
    'p',
    {},
    low ??
      h('span', { class: 'muted' }, product.available ? 'In stock' : 'Stock not known right now'),
  );
}

function buyBox(product) {
  const said = h('p', { class: 'said', role: 'status' });
  const count = stepper({ value: 1, max: most(product), label: 'Quantity' });
  const button = h('button', { class: 'button', type: 'button', id: 'add' }, 'Add to cart');
  button.addEventListener('click', async () => {
    if (button.getAttribute('aria-disabled')) return;
    button.setAttribute('aria-disabled', 'true');
    try {
      const held = await addToCart(product, count.value());
      said.replaceChildren(`In your cart: ${held}. `, h('a', { href: '/cart.html' }, 'Go to cart'));
    } catch (error) {
      said.replaceChildren(error.sentence ?? String(error));
    } finally {
      button.removeAttribute('aria-disabled');
    }
  });
  return [h('div', { class: 'buy' }, count.element, button), said];
}

function soldOut() {
  return [
    h(
      'div',
      { class: 'buy' },
      h('button', { class: 'button', type: 'button', disabled: true, id: 'add' }, 'Sold out'),
    ),
    h('p', { class: 'said muted' }, 'It may come back. Have a look at its neighbours below.'),
  ];
}

function show(product) {
  document.title = `${product.name} - Bodega`;
  const crumb = product.category
    ? h(
        'p',
        { class: 'crumb' },
        h('a', { href: `/?category=${encodeURIComponent(product.category)}` }, product.category),
      )
    : null;
  place.classList.remove('waiting');
  place.replaceChildren(
    picture(product, { eager: true }),
    h(
      'div',
      { class: 'about' },
      crumb,
      h('h1', {}, product.name),
      h('p', { class: 'price' }, money(product.price, product.currency)),
      product.description ? h('p', { class: 'text' }, product.description) : null,
      stockLine(product),
      product.available === 0 ? soldOut() : buyBox(product),
    ),
  );
}

async function showRelated(product) {
  if (!product.category) return;
  const answer = await get(
    `/api/catalog/products?${new URLSearchParams({ category: product.category, limit: 5 })}`,
  );
  const others = answer.items.filter((item) => item.sku !== product.sku).slice(0, 4);
  byId('related').hidden = others.length === 0;
  byId('related-grid').replaceChildren(...others.map((item) => card(item)));
}

async function load() {
  place.classList.add('waiting');
  place.replaceChildren(
    h('div', { class: 'pic' }),
    h(
      'div',
      { class: 'about' },
      h('div', { class: 'bone text' }),
      h('div', { class: 'bone text short' }),
    ),
  );
  let product;
  try {
    product = await get(`/api/catalog/products/${encodeURIComponent(sku)}`);
  } catch (error) {
    place.classList.remove('waiting');
    place.replaceChildren(
      error.status === 404 || error.status === 400
        ? empty(
            'We do not have this',
            'The product is gone, or the address has a typo.',
            backToShop(),
          )
        : empty('This did not load', error.sentence ?? String(error), tryAgain(load)),
    );
    return;
  }
  show(product);
  showRelated(product).catch(() => {
    byId('related').hidden = true;
  });
}

load();
