/* docs - read /openapi.json and show its routes, with a form to try each. */
import { get } from './api.js';
import { byId, empty, h, tryAgain } from './dom.js';

const VERBS = ['get', 'post', 'put', 'delete', 'patch'];
const DEPTH = 6; // of nested schemas shown; deeper ones are named only
let spec = null;

function resolve(thing) {
  let found = thing;
  for (let hops = 0; found?.$ref && hops < 9; hops++) {
    found = found.$ref
      .replace(/^#\//, '')
      .split('/')
      .reduce((at, key) => at?.[key.replace(/~1/g, '/').replace(/~0/g, '~')], spec);
  }
  return found ?? {};
}

function kind(raw) {
  const schema = resolve(raw);
  const type = [].concat(schema.type ?? (schema.properties ? 'object' : 'any')).join(' or ');
  const limits = [];
  for (const [key, word] of [
    ['minimum', '≥'],
    ['maximum', '≤'],
    ['minLength', 'length ≥'],
    ['maxLength', 'length ≤'],
    ['maxItems', 'items ≤'],
  ]) {
    if (schema[key] !== undefined) limits.push(`${word} ${schema[key]}`);
  }
  if (schema.enum) limits.push(schema.enum.join(' | '));
  if (schema.pattern) limits.push(schema.pattern);
  return [schema.format ? `${type} (${schema.format})` : type, ...limits].join(', ');
}

/** A value that fits the schema, for people to start from. */
function example(raw, depth = 0) {
  const schema = resolve(raw);
  if (schema.example !== undefined) return schema.example;
  if (schema.default !== undefined) return schema.default;
  if (schema.enum) return schema.enum[0];
  const type = [].concat(schema.type ?? (schema.properties ? 'object' : 'string'))[0];
  if (type === 'object') {
    if (depth === DEPTH) return {};
    return Object.fromEntries(
      Object.entries(schema.properties ?? {}).map(([key, value]) => [
        key,
        example(value, depth + 1),
      ]),
    );
  }
  if (type === 'array') return depth === DEPTH ? [] : [example(schema.items ?? {}, depth + 1)];
  if (type === 'integer' || type === 'number') return Math.max(schema.minimum ?? 1, 1);
  if (type === 'boolean') return false;
  return schema.format === 'email' ? 'you@example.com' : 'string';
}

function table(label, head, rows) {
  return h(
    'div',
    { class: 'tablebox', tabindex: 0, role: 'region', 'aria-label': label },
    h(
      'table',
      {},
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          head.map((text) => h('th', { scope: 'col' }, text)),
        ),
      ),
      h(
        'tbody',
        {},
        rows.map((row) =>
          h(
            'tr',
            {},
            row.map((cell) => h('td', {}, cell)),
          ),
        ),
      ),
    ),
  );
}

function fieldRows(raw, prefix = '', depth = 0) {
  const schema = resolve(raw);
  const inner = schema.type === 'array' ? resolve(schema.items) : schema;
  const dot = schema.type === 'array' ? `${prefix}[]` : prefix;
  if (!inner.properties || depth === DEPTH) return [];
  return Object.entries(inner.properties).flatMap(([key, value]) => {
    const name = dot ? `${dot}.${key}` : key;
    const must = (inner.required ?? []).includes(key) ? 'required' : '';
    return [
      [h('code', {}, name), kind(value), must, resolve(value).description ?? ''],
      ...fieldRows(value, name, depth + 1),
    ];
  });
}

const jsonBody = (content) =>
  content && (content['application/json'] ?? content['application/problem+json'] ?? null);

function parameterTable(parameters) {
  if (!parameters.length) return null;
  return h(
    'div',
    {},
    h('h3', {}, 'Parameters'),
    table(
      'Parameters',
      ['Name', 'In', 'Kind', 'Needed', 'Meaning'],
      parameters.map((p) => [
        h('code', {}, p.name),
        p.in,
        kind(p.schema ?? {}),
        p.required ? 'required' : '',
        p.description ?? '',
      ]),
    ),
  );
}

function schemaTable(title, raw) {
  const rows = raw ? fieldRows(raw) : [];
  return rows.length
    ? h('div', {}, h('h3', {}, title), table(title, ['Field', 'Kind', 'Needed', 'Meaning'], rows))
    : null;
}

function answers(responses) {
  return Object.entries(responses ?? {}).map(([status, raw]) => {
    const answer = resolve(raw);
    const schema = jsonBody(answer.content)?.schema;
    return [
      h('code', {}, status),
      answer.description ?? '',
      schema && Number(status) < 400
        ? h('pre', { tabindex: 0 }, JSON.stringify(example(schema), null, 2))
        : '',
    ];
  });
}

function needsToken(operation) {
  const security = operation.security ?? spec.security ?? [];
  return security.some((one) => Object.keys(one).length > 0);
}

function input(label, props) {
  const el = h(props.rows ? 'textarea' : 'input', {
    spellcheck: 'false',
    autocomplete: 'off',
    ...props,
  });
  return { el, field: h('label', { class: 'field' }, label, el) };
}

function tryForm(verb, route, parameters, operation) {
  const inputs = parameters.map((p) => ({
    p,
    ...input(`${p.name} (${p.in})`, { required: p.required === true, value: p.example ?? '' }),
  }));
  const token = needsToken(operation) ? input('Bearer token', { type: 'password' }) : null;
  const bodySchema = jsonBody(resolve(operation.requestBody)?.content)?.schema;
  const body = bodySchema ? input('Body (JSON)', { rows: 6 }) : null;
  if (body) body.el.value = JSON.stringify(example(bodySchema), null, 2);
  const out = h('div', { role: 'status' });

  async function send(event) {
    event.preventDefault();
    let path = route;
    const query = new URLSearchParams();
    const headers = { Accept: 'application/json' };
    for (const { p, el } of inputs) {
      if (p.in === 'path') path = path.replace(`{${p.name}}`, encodeURIComponent(el.value));
      else if (el.value && p.in === 'query') query.set(p.name, el.value);
      else if (el.value && p.in === 'header') headers[p.name] = el.value;
    }
    if (token?.el.value) headers.Authorization = `Bearer ${token.el.value}`;
    if (body) headers['Content-Type'] = 'application/json';
    out.replaceChildren('Asking…');
    try {
      await answer(
        await fetch(query.size ? `${path}?${query}` : path, {
          method: verb.toUpperCase(),
          headers,
          body: body?.el.value,
        }),
      );
    } catch (error) {
      out.replaceChildren(h('p', { class: 'wrong' }, `No answer: ${error.message}`));
    }
  }

  async function answer(response) {
    const type = response.headers.get('Content-Type') ?? '';
    if (type.startsWith('text/event-stream')) {
      response.body.cancel();
      out.replaceChildren(h('p', {}, `${response.status}, a stream of events`));
      return;
    }
    let text = await response.text();
    if (type.includes('json')) text = JSON.stringify(JSON.parse(text), null, 2);
    out.replaceChildren(
      h('p', {}, h('strong', {}, `${response.status} ${response.statusText}`), ` ${type}`),
      text ? h('pre', { tabindex: 0 }, text) : '',
    );
  }

  return h(
    'form',
    { class: 'try', onsubmit: send },
    h('h3', {}, 'Try it'),
    inputs.map((i) => i.field),
    token?.field,
    body?.field,
    h('div', {}, h('button', { class: 'button' }, 'Send')),
    out,
  );
}

function route(path, verb, operation, shared) {
  const parameters = [...shared, ...(operation.parameters ?? [])].map(resolve);
  const details = h(
    'details',
    { class: 'route' },
    h(
      'summary',
      {},
      h('span', { class: `verb ${verb}` }, verb.toUpperCase()),
      h('code', {}, path),
      h('span', { class: 'muted' }, operation.summary ?? ''),
    ),
  );
  details.addEventListener('toggle', () => {
    if (!details.open || details.querySelector('.inside')) return;
    details.append(
      h(
        'div',
        { class: 'inside' },
        operation.description ? h('p', {}, operation.description) : null,
        parameterTable(parameters),
        schemaTable('Body', jsonBody(resolve(operation.requestBody)?.content)?.schema),
        h(
          'div',
          {},
          h('h3', {}, 'Answers'),
          table('Answers', ['Status', 'Meaning', 'Example'], answers(operation.responses)),
        ),
        tryForm(verb, path, parameters, operation),
      ),
    );
  });
  return details;
}

function group() {
  const groups = new Map((spec.tags ?? []).map((tag) => [tag.name, []]));
  for (const [path, item] of Object.entries(spec.paths ?? {})) {
    for (const verb of VERBS.filter((v) => item[v])) {
      const tag = item[verb].tags?.[0] ?? 'other';
      if (!groups.has(tag)) groups.set(tag, []);
      groups.get(tag).push(route(path, verb, item[verb], item.parameters ?? []));
    }
  }
  return groups;
}

async function load() {
  try {
    spec = await get('/openapi.json');
    const about = new Map((spec.tags ?? []).map((tag) => [tag.name, tag.description]));
    byId('docs').replaceChildren(
      ...[...group()]
        .filter(([, routes]) => routes.length)
        .map(([tag, routes]) =>
          h(
            'section',
            {},
            h('h2', {}, tag),
            about.get(tag) ? h('p', { class: 'muted' }, about.get(tag)) : null,
            routes,
          ),
        ),
    );
  } catch (error) {
    byId('docs').replaceChildren(
      empty('The description did not load', error.sentence ?? String(error), tryAgain(load)),
    );
  }
}

load();
