/* list - the product list. What it shows is in the address (?q= &category=), so
 * that it can be linked, reloaded and gone back to. */
import { get } from './api.js';
import { backToShop, bones, byId, card, empty, h, tryAgain } from './dom.js';

const PAGE = 24;
const HOME = { title: byId('title').textContent, lead: byId('lead').textContent };
const grid = byId('grid');
const more = byId('more-button');
let cursor = null;
let running = null;

function asked(search = location.search) {
  const params = new URLSearchParams(search);
  return { q: (params.get('q') ?? '').trim(), category: params.get('category') ?? '' };
}

function address({ q, category }) {
  const params = new URLSearchParams();
  if (q) params.set('q', q);
  if (category) params.set('category', category);
  return params.size ? `/?${params}` : '/';
}

function showCategories(categories, view) {
  const chip = (label, category, count) =>
    h(
      'li',
      {},
      h(
        'a',
        {
          href: address({ q: '', category }),
          'aria-current': !view.q && category === view.category && 'page',
        },
        label,
        count === undefined ? null : h('span', {}, count),
      ),
    );
  byId('categories').replaceChildren(
    chip('Everything', ''),
    ...categories.map(({ name, count }) => chip(name, name, count)),
  );
  byId('categories')
    .querySelector('[aria-current]')
    ?.scrollIntoView({ block: 'nearest', inline: 'center' });
}

function showTitle({ q, category }) {
  const title = q ? `“${q}”` : category || HOME.title;
  byId('title').textContent = title;
  byId('lead').textContent = HOME.lead;
  byId('lead').hidden = Boolean(q || category);
  byId('q').value = q;
  document.title = q || category ? `${title} - Bodega` : `Bodega: ${HOME.title.toLowerCase()}`;
}

function showFound(view) {
  const count = grid.querySelectorAll('.card').length;
  const where = view.category && view.q ? ` in ${view.category}` : '';
  byId('found').textContent = cursor
    ? `The first ${count} products${where}`
    : `${count} ${count === 1 ? 'product' : 'products'}${where}`;
}

function page(view, from, signal) {
  const params = new URLSearchParams({ limit: PAGE });
  if (view.q) params.set('q', view.q);
  if (view.category) params.set('category', view.category);
  if (from) params.set('cursor', from);
  return get(`/api/catalog/products?${params}`, { signal });
}

function append(answer) {
  cursor = answer.next ?? null;
  const eager = grid.children.length === 0;
  const cards = answer.items.map((item, i) => card(item, eager && i < 8));
  grid.append(...cards);
  byId('more').hidden = !cursor;
  return cards;
}

function nothing(view) {
  if (!view.q)
    return empty('Nothing here yet', 'This shelf is being filled. Come back soon.', backToShop());
  return empty(
    'Nothing found',
    `We have nothing that fits “${view.q}”. A shorter word may help.`,
    h('a', { class: 'button', href: '/' }, 'Show everything'),
  );
}

/** Show what the address asks for, as many pages as were open before. */
async function load() {
  running?.abort();
  const mine = new AbortController();
  running = mine;
  const view = asked();
  showTitle(view);
  byId('found').textContent = '';
  byId('more').hidden = true;
  grid.replaceChildren(...bones(8));
  grid.setAttribute('aria-busy', 'true');
  try {
    const first = await page(view, null, mine.signal);
    if (first.categories) showCategories(first.categories, view);
    grid.replaceChildren();
    append(first);
    for (let open = history.state?.pages ?? 1; open > 1 && cursor; open--) {
      append(await page(view, cursor, mine.signal));
    }
    if (!grid.children.length) grid.append(h('li', { class: 'empty' }, nothing(view)));
    showFound(view);
  } catch (error) {
    if (mine.signal.aborted) return;
    grid.replaceChildren(
      h(
        'li',
        { class: 'empty' },
        empty('The shelves did not load', error.sentence ?? String(error), tryAgain(load)),
      ),
    );
  } finally {
    if (running === mine) grid.removeAttribute('aria-busy');
  }
}

async function showMore() {
  if (more.getAttribute('aria-disabled')) return;
  more.setAttribute('aria-disabled', 'true');
  const view = asked();
  const signal = running?.signal;
  try {
    const answer = await page(view, cursor, signal);
    const cards = append(answer);
    history.replaceState({ pages: (history.state?.pages ?? 1) + 1 }, '');
    showFound(view);
    cards[0]?.querySelector('a').focus({ preventScroll: true });
  } catch (error) {
    if (!signal?.aborted) byId('found').textContent = error.sentence ?? String(error);
  } finally {
    more.removeAttribute('aria-disabled');
  }
}

function go(to) {
  if (to !== location.pathname + location.search) history.pushState(null, '', to);
  load();
}

more.addEventListener('click', showMore);
window.addEventListener('popstate', load);
document.querySelector('.search').addEventListener('submit', (event) => {
  event.preventDefault();
  go(address({ q: byId('q').value.trim(), category: '' }));
});
byId('categories').addEventListener('click', (event) => {
  const link = event.target.closest('a');
  if (!link || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  go(link.getAttribute('href'));
  byId('main').focus({ preventScroll: true });
});
load();
