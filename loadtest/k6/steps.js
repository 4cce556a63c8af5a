// What a visitor does, one function a step. `name` tags a request with its
// route, so that a thousand carts are one line of the report.
import http from 'k6/http';
import { check, sleep } from 'k6';

const BASE_URL = (__ENV.BASE_URL || 'http://127.0.0.1:8080').replace(/\/$/, '');
const HOST_HEADER = __ENV.HOST_HEADER || '';
const OWN = /^(127\.\d+\.\d+\.\d+|localhost|\[::1\])$/;
const TRIES = 4;

const hostOf = (url) =>
  (/^https?:\/\/(\[[^\]]*\]|[^/:?#@]+)(:\d+)?([/?#]|$)/.exec(url) || [])[1];

if (!OWN.test(hostOf(BASE_URL) || '') && __ENV.I_OWN_THIS_HOST !== 'yes') {
  throw new Error(`${BASE_URL} is not this machine. Load is for shops of your`
    + ' own: set I_OWN_THIS_HOST=yes if it is one.');
}

// "Sold out" is an answer, not a failure.
http.setResponseCallback(
  http.expectedStatuses({ min: 200, max: 299 }, 409));

function ask(method, path, name, tags, body, headers) {
  return http.request(method, path.startsWith('http') ? path : BASE_URL + path,
    body === undefined ? null : JSON.stringify(body), {
      tags: { ...tags, name },
      timeout: '30s',
      redirects: 0,
      headers: {
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
        ...(HOST_HEADER ? { Host: HOST_HEADER } : {}),
        ...headers,
      },
    });
}

const good = (answer) => answer.status >= 200 && answer.status < 300;

export function browse(tags) {
  return ask('GET', '/api/catalog/products', 'GET products', tags);
}

export function look(sku, tags) {
  ask('GET', `/api/catalog/products/${sku}`, 'GET product', tags);
}

// SKUs of the ten products of which there are most, without `but`.
export function pickProducts(but) {
  const answer = browse({ phase: 'setup' });
  if (!good(answer)) throw new Error(`no catalog: ${answer.status}`);
  const skus = answer.json('items')
    .filter((p) => p.available > 0 && p.sku !== but)
    .sort((a, b) => b.available - a.available).slice(0, 10)
    .map((p) => p.sku);
  if (!skus.length) throw new Error('nothing in stock to buy');
  return skus;
}

// A cart with these products; its id, or nothing when it could not be filled.
export function fillCart(skus, tags) {
  const opened = ask('POST', '/api/carts', 'POST cart', tags);
  if (!good(opened)) return null;
  const cart = opened.json('id');
  for (const sku of skus) {
    const put = ask('PUT', `/api/carts/${cart}/items/${sku}`, 'PUT item',
      tags, { quantity: 1 });
    if (!good(put)) return null;
  }
  const seen = ask('GET', `/api/carts/${cart}`, 'GET cart', tags);
  return check(seen, { 'cart holds what was put in':
    (r) => good(r) && r.json('items').length > 0 }) ? cart : null;
}

// Checkout and payment. 'placed', 'refused' (sold out) or 'broken'. An answer
// that is not final is asked for again with the same key, as a shopper's
// browser does.
export function buy(cart, tags) {
  const key = { 'Idempotency-Key': crypto.randomUUID() };
  const form = { cart_id: cart, email: 'load@bodega.example',
    name: 'Load Test', address: '1 Test Street\nLondon' };
  let answer;
  for (let i = 0; i < TRIES; i += 1) {
    answer = ask('POST', '/api/checkout', 'POST checkout', tags, form, key);
    const again = answer.status === 0 || answer.status >= 500
      || answer.headers['Retry-After'];
    if (!again) break;
    sleep(0.5 * (i + 1));
  }
  if (answer.status === 409 || answer.status === 422) return 'refused';
  if (!good(answer)) return 'broken';
  const url = answer.json('payment_url') || pageOf(answer, tags);
  return !url || pay(url, tags) ? 'placed' : 'broken';
}

// The page comes a little later when the payment gateway was slow.
function pageOf(answer, tags) {
  const token = { Authorization: `Bearer ${answer.json('order_token')}` };
  for (let i = 0; i < 20; i += 1) {
    const order = ask('GET', `/api/orders/${answer.json('order.id')}`,
      'GET order', tags, undefined, token);
    const url = good(order) && order.json('payment_url');
    if (url) return url;
    sleep(0.5);
  }
  return null;
}

// Pays only where nobody's money is: at a simulator on this machine, or one
// that is reached through the shop's own address.
function pay(url, tags) {
  const host = hostOf(url);
  const through = [hostOf(BASE_URL), HOST_HEADER.split(':')[0]].includes(host);
  const page = through && !OWN.test(host)
    ? url.replace(/^https?:\/\/[^/]*/, '') : url;
  if (!through && !OWN.test(host)) return true;
  return good(ask('POST', `${page}/pay`, 'pay (simulator)', tags, undefined,
    { Accept: 'application/json' }));
}
