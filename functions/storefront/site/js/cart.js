/* cart - the shopper's cart. The server holds it; this browser only keeps its
 * id, and the pictures of what was put in, which the cart does not know. */
import { api, get } from './api.js';
import { memory, showCount } from './dom.js';

export const CART_QUANTITY_MAX = 999;
const path = (id, sku) =>
  `/api/carts/${encodeURIComponent(id)}` +
  (sku === undefined ? '' : `/items/${encodeURIComponent(sku)}`);

export const cartId = () => memory.get('cart');

export function forgetCart() {
  memory.set('cart', null);
  showCount(0);
}

function remember(cart) {
  showCount(cart.items_count);
  return cart;
}

/** The cart, or null when there is none (any more). */
export async function readCart() {
  const id = cartId();
  if (!id) return null;
  try {
    return remember(await get(path(id)));
  } catch (error) {
    if (error.status !== 404) throw error;
    forgetCart();
    return null;
  }
}

async function openCart() {
  const { data } = await api('POST', '/api/carts');
  memory.set('cart', data.id);
  return data.id;
}

/** Make the quantity of one product exactly this; 0 takes it out. */
export async function setQuantity(sku, quantity) {
  const id = cartId() ?? (await openCart());
  if (quantity === 0) await api('DELETE', path(id, sku));
  else await api('PUT', path(id, sku), { body: { quantity } });
  return readCart();
}

/** How many of a product can be bought at once; what is not known is tried. */
export const most = (product) =>
  Math.min(product.available ?? CART_QUANTITY_MAX, CART_QUANTITY_MAX);

/** Put some more of a product in, at most `most` altogether. Returns how many
 * of it the cart holds now. */
export async function addToCart(product, quantity) {
  const cart = await readCart();
  const before = cart?.items.find((item) => item.sku === product.sku)?.quantity ?? 0;
  const wanted = Math.min(before + quantity, most(product));
  if (product.image) {
    memory.set('pictures', { ...memory.get('pictures'), [product.sku]: product.image });
  }
  if (wanted !== before) await setQuantity(product.sku, wanted);
  return wanted;
}

export const withPicture = (item) => ({ ...item, image: memory.get('pictures')?.[item.sku] });

/** A line's name; the catalog may not know it or not answer. */
export const lineName = (item) => item.name ?? item.sku;
