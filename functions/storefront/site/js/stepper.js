/* stepper - a quantity field with a button on each side. */
import { h } from './dom.js';

/** `changed(n)` is called with whole numbers from 1 to max only. */
export function stepper({ value, max, label, changed }) {
  let now = value;
  const input = h('input', {
    type: 'number',
    inputmode: 'numeric',
    min: 1,
    max,
    step: 1,
    value,
    'aria-label': label,
    onchange: () => put(Math.round(input.valueAsNumber)),
  });
  const less = h(
    'button',
    { type: 'button', 'aria-label': 'One less', onclick: () => put(now - 1) },
    '\u2212',
  );
  const plus = h(
    'button',
    { type: 'button', 'aria-label': 'One more', onclick: () => put(now + 1) },
    '+',
  );

  function show() {
    input.value = now;
    less.disabled = now <= 1;
    plus.disabled = now >= max;
  }

  function put(wanted) {
    const next = Number.isFinite(wanted) ? Math.min(Math.max(wanted, 1), max) : now;
    const differs = next !== now;
    now = next;
    show();
    if (differs) changed?.(now);
  }

  show();
  return {
    element: h('div', { class: 'stepper', role: 'group' }, less, input, plus),
    value: () => now,
  };
}
