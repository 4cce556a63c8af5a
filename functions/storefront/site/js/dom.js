/* dom - build elements, write money and dates, remember things in this browser.
 * Everything a page shows is made of text nodes: no markup from data, ever. */

/** An element. `props` are attributes; "on..." are listeners; false, null and
 * undefined leave the attribute out. Children: nodes, strings, nested lists. */
export function h(tag, props, ...children) {
  const el = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith('on')) el.addEventListener(name.slice(2), value);
    else el.setAttribute(name, value === true ? '' : value);
  }
  el.append(...children.flat(9).filter((c) => c !== null && c !== undefined && c !== false));
  return el;
}

export const byId = (id) => document.getElementById(id);

const formats = new Map();

function moneyFormat(currency) {
  if (!formats.has(currency)) {
    formats.set(currency, new Intl.NumberFormat(undefined, { style: 'currency', currency }));
  }
  return formats.get(currency);
}

/** Minor units and an ISO 4217 code as people write them. The digits are cut
 * as text, so no amount passes through a fraction. */
export function money(minor, currency) {
  const format = moneyFormat(currency);
  const places = format.resolvedOptions().maximumFractionDigits;
  const digits = String(Math.abs(minor)).padStart(places + 1, '0');
  const cut = digits.length - places;
  const text = places ? `${digits.slice(0, cut)}.${digits.slice(cut)}` : digits;
  return format.format(minor < 0 ? `-${text}` : text);
}

export function when(at) {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return String(at ?? '');
  return new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' }).format(
    date,
  );
}

/** The address of a payment page if it is one to go to, else null. */
export function payUrl(url) {
  try {
    const { protocol, href } = new URL(url);
    return protocol === 'https:' || protocol === 'http:' ? href : null;
  } catch {
    return null;
  }
}

/** What this browser remembers. A browser that forbids storage forgets at the
 * end of the page, which is better than not working. */
const forgetful = new Map();
export const memory = {
  get(key) {
    try {
      return JSON.parse(localStorage.getItem(`bodega.${key}`)) ?? forgetful.get(key) ?? null;
    } catch {
      return forgetful.get(key) ?? null;
    }
  },
  set(key, value) {
    forgetful.set(key, value);
    try {
      if (value === null) localStorage.removeItem(`bodega.${key}`);
      else localStorage.setItem(`bodega.${key}`, JSON.stringify(value));
    } catch {
      /* kept in forgetful */
    }
  },
};

/** A picture of known size, or the product's first letter when there is none. */
export function picture(item, { eager = false } = {}) {
  const letter = () =>
    h('span', { class: 'letter', 'aria-hidden': 'true' }, [...(item.name ?? item.sku ?? '?')][0]);
  if (!item.image) return h('div', { class: 'pic' }, letter());
  const img = h('img', {
    src: item.image,
    alt: '',
    width: 400,
    height: 400,
    decoding: 'async',
    loading: eager ? 'eager' : 'lazy',
    onerror: () => img.replaceWith(letter()),
  });
  return h('div', { class: 'pic' }, img);
}

const LOW = 5;
/** Says when there is little or nothing left; `available` null is not known. */
export function badge(available) {
  if (available === null || available === undefined) return null;
  if (available === 0) return h('span', { class: 'badge out' }, 'Sold out');
  if (available <= LOW) return h('span', { class: 'badge' }, `Only ${available} left`);
  return null;
}

export function card(item, eager) {
  const pic = picture(item, { eager });
  pic.append(badge(item.available) ?? '');
  return h(
    'li',
    { class: item.available === 0 ? 'card sold' : 'card' },
    pic,
    h('h2', {}, h('a', { href: `/product.html?sku=${encodeURIComponent(item.sku)}` }, item.name)),
    h('p', { class: 'price' }, money(item.price, item.currency)),
  );
}

export function bones(count) {
  return Array.from({ length: count }, () =>
    h(
      'li',
      { class: 'card waiting', 'aria-hidden': 'true' },
      h('div', { class: 'pic' }),
      h('div', { class: 'bone text' }),
      h('div', { class: 'bone text short' }),
    ),
  );
}

/** Something to show instead of content: a title, a sentence, a way on. */
export function empty(title, text, ...actions) {
  return h(
    'div',
    { class: 'empty' },
    h('h2', {}, title),
    h('p', {}, text),
    h('div', { class: 'row' }, actions),
  );
}

export const backToShop = () => h('a', { class: 'button', href: '/' }, 'Back to the shop');

export function tryAgain(action) {
  return h('button', { class: 'button', type: 'button', onclick: action }, 'Try again');
}

export function showCount(count) {
  memory.set('count', count || null);
  const el = byId('cart-count');
  if (!el) return;
  el.hidden = !count;
  el.textContent = count || '';
  el.setAttribute('aria-label', count === 1 ? '1 item' : `${count} items`);
}

showCount(memory.get('count') ?? 0);
window.addEventListener('storage', (e) => {
  if (e.key === 'bodega.count') showCount(memory.get('count') ?? 0);
});
