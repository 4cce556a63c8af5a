// Load on the shop, as arrivals: a visitor comes when a visitor comes, however
// long the ones before are served (an "open" load). Each scenario ends with
// status 99 when a threshold is crossed.
//
//   SCENARIO    browse | cart | checkout | flash_sale
//   BASE_URL    where the shop is (http://127.0.0.1:8080)
//   HOST_HEADER the name an ingress knows it by, if it is not BASE_URL's
//   RATE        visitors a second (flash_sale: before the step)
//   STEP        flash_sale: times as many in the step (100)
//   DURATION    seconds (flash_sale: of each of before, step and after)
//   SALE_SKU    flash_sale: the limited product
//   BUYERS      flash_sale: of a hundred visitors so many go to checkout
//   P95_MS, P99_MS  thresholds of latency, milliseconds
//   VUS         visitors at the same time, at most
import exec from 'k6/execution';
import { Counter } from 'k6/metrics';
import { browse, buy, fillCart, look, pickProducts } from './steps.js';

const number = (name, usual) => Number(__ENV[name] || usual);
const SCENARIO = __ENV.SCENARIO || 'browse';
const USUAL_RATE = { browse: 20, cart: 10, checkout: 2, flash_sale: 1 };
const RATE = number('RATE', USUAL_RATE[SCENARIO] || 1);
const STEP = number('STEP', 100);
const DURATION = number('DURATION', 15);
const BUYERS = number('BUYERS', 20);
const VUS = number('VUS', 500);
const SALE_SKU = __ENV.SALE_SKU || 'SNK-001';

// Integers only: k6 counts arrivals per time unit, so a rate below one is so
// many in 100 seconds.
const arrivals = (rate) => ({ rate: Math.round(rate * 100), timeUnit: '100s' });
const steady = (what, rate, seconds) => ({
  executor: 'constant-arrival-rate',
  exec: what,
  ...arrivals(rate),
  duration: `${seconds}s`,
  preAllocatedVUs: Math.min(VUS, Math.ceil(rate * 2) + 5),
  maxVUs: VUS,
  gracefulStop: '40s',
});

const scenarios = {
  browse: { browse: steady('visit', RATE, DURATION) },
  cart: { cart: steady('cart', RATE, DURATION) },
  checkout: { checkout: steady('checkout', RATE, DURATION) },
  // The crowd wants one product; the regulars buy as they always do, and how
  // long that takes them in the step is told beside before and after.
  flash_sale: {
    crowd: {
      executor: 'ramping-arrival-rate',
      exec: 'crowd',
      startRate: arrivals(RATE).rate,
      timeUnit: '100s',
      preAllocatedVUs: Math.min(VUS, Math.ceil(2 * RATE * STEP) + 5),
      maxVUs: VUS,
      gracefulStop: '40s',
      stages: [
        { duration: `${DURATION}s`, target: arrivals(RATE).rate },
        { duration: '0s', target: arrivals(RATE * STEP).rate },
        { duration: `${DURATION}s`, target: arrivals(RATE * STEP).rate },
        { duration: '0s', target: arrivals(RATE).rate },
        { duration: `${DURATION}s`, target: arrivals(RATE).rate },
      ],
    },
    regulars: steady('checkout', Math.max(RATE, 0.1), 3 * DURATION),
  },
};

if (!scenarios[SCENARIO]) {
  throw new Error(`SCENARIO is one of ${Object.keys(scenarios).join(', ')}`);
}

export const options = {
  scenarios: scenarios[SCENARIO],
  discardResponseBodies: false,
  systemTags: ['method', 'name', 'scenario', 'status', 'error_code',
    'expected_response'],
  summaryTrendStats: ['med', 'p(95)', 'p(99)', 'max'],
  thresholds: {
    http_req_failed: ['rate<0.001'],
    'http_req_duration{expected_response:true}': [
      `p(95)<${number('P95_MS', 500)}`, `p(99)<${number('P99_MS', 1500)}`],
    // An arrival that found nobody free to send it was not measured at all.
    dropped_iterations: ['count==0'],
    orders_broken: ['count==0'],
  },
};

const placed = new Counter('orders_placed');
const refused = new Counter('orders_refused');
const broken = new Counter('orders_broken');

function count(outcome) {
  placed.add(outcome === 'placed' ? 1 : 0);
  refused.add(outcome === 'refused' ? 1 : 0);
  broken.add(outcome === 'broken' ? 1 : 0);
}

// What is bought otherwise: everything but the limited product.
export function setup() {
  return { products: pickProducts(SALE_SKU) };
}

function phase() {
  if (SCENARIO !== 'flash_sale') return {};
  const passed = (Date.now() - exec.scenario.startTime) / 1000;
  const at = ['before', 'step', 'after'][Math.floor(passed / DURATION)];
  return { phase: at || 'after' };
}

const any = (list) => list[Math.floor(Math.random() * list.length)];

export function visit(data) {
  browse({});
  look(any(data.products), {});
}

export function cart(data) {
  fillCart([any(data.products), any(data.products)], {});
}

export function checkout(data) {
  const tags = phase();
  const filled = fillCart([any(data.products)], tags);
  count(filled ? buy(filled, tags) : 'broken');
}

export function crowd() {
  const tags = { ...phase(), item: 'limited' };
  look(SALE_SKU, tags);
  const filled = fillCart([SALE_SKU], tags);
  if (filled && Math.random() * 100 < BUYERS) count(buy(filled, tags));
}
