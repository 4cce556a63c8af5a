// The pointer's moment in all charts at once: a line, and each value beside
// its name. Without a script the page lacks only this.
const figures = [...document.querySelectorAll('figure')];
const plot = report.width - report.left - report.right;

function valueAt(rows, time) {
  let found = null;
  for (const [t, v] of rows) {
    if (t > time + 0.5) break;
    found = v;
  }
  return found === null ? '' : Number(found.toPrecision(3)).toLocaleString('en');
}

function show(event) {
  const box = event.currentTarget.querySelector('svg').getBoundingClientRect();
  const x = (event.clientX - box.left) * report.width / box.width;
  const time = (x - report.left) / plot * report.seconds;
  const inside = time >= 0 && time <= report.seconds;
  figures.forEach((figure, i) => {
    const line = figure.querySelector('.now');
    line.style.visibility = inside ? 'visible' : 'hidden';
    line.setAttribute('transform', `translate(${x} 0)`);
    for (const key of figure.querySelectorAll('[data-key]')) {
      key.textContent = inside
        ? valueAt(report.data[i][key.dataset.key], time) : '';
    }
    for (const value of figure.querySelectorAll('[data-most]')) {
      value.textContent = inside
        ? valueAt(report.data[i][value.dataset.most], time)
        : value.dataset.value;
    }
  });
}

for (const figure of figures) {
  figure.addEventListener('pointermove', show);
  figure.addEventListener('pointerleave', show);
}
