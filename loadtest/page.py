"""page - the report as one HTML page that needs nothing else: charts are SVG
made here, one over the other on the same axis of time."""
import dataclasses
import html as escaping
import json
import math
import pathlib

WIDTH, LEFT, RIGHT = 1000, 118, 46  # of every chart, in its own units
HEIGHT, LANE = 120, 21
HERE = pathlib.Path(__file__).resolve().parent
COLOURS = {"answered": "a", "p50": "a", "p95": "b", "p99": "c", "failed": "c",
           "sold out": "b"}


@dataclasses.dataclass
class Chart:
    """`series` is {name: [(seconds, value)]}. `lanes` draws each below the
    other, for series that would hide each other."""
    title: str
    unit: str
    series: dict
    fill: bool = False
    log: bool = False
    stairs: bool = False
    lanes: bool = False


def say(value):
    """A number for a person: three digits that matter."""
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.3g}"


def nice(span, count):
    """A step of 1, 2 or 5 times a power of ten: at most `count` fit."""
    raw = max(span, 1e-9) / count
    power = 10 ** math.floor(math.log10(raw))
    return next(m * power for m in (1, 2, 5, 10) if m * power >= raw * 0.999)


class Scale:
    """Values to heights (0 at the top)."""

    def __init__(self, values, height, log):
        self.height, self.log = height, log
        top = max(values, default=0)
        if log:
            self.low = 10 ** math.floor(math.log10(max(
                0.01, min((v for v in values if v > 0), default=1))))
            self.top = 10 ** math.ceil(math.log10(max(top, self.low * 10)))
        else:
            self.step = max(1, nice(top, 4)) if top >= 1 else 1
            self.low = 0
            self.top = max(self.step, math.ceil(top / self.step) * self.step)

    def ticks(self):
        if self.log:
            decades = round(math.log10(self.top / self.low))
            return [self.low * 10 ** i for i in range(decades + 1)]
        return [self.step * i for i in range(round(self.top / self.step) + 1)]

    def y(self, value):
        if self.log:
            share = math.log(max(value, self.low) / self.low) / \
                math.log(self.top / self.low)
        else:
            share = value / self.top
        return self.height * (1 - share)


class Axis:
    """Seconds to the right."""

    def __init__(self, seconds):
        self.seconds = max(1, seconds)

    def x(self, time):
        inside = min(self.seconds, max(0, time))
        return LEFT + (WIDTH - LEFT - RIGHT) * inside / self.seconds

    def ticks(self):
        step = max(1, nice(self.seconds, 10))
        return [step * i for i in range(int(self.seconds / step) + 1)]


def path(points, stairs):
    """An SVG path through these; stairs hold a value until the next."""
    steps = []
    for x, y in points:
        if not steps:
            steps.append(f"M{x:.1f} {y:.1f}")
        elif stairs:
            steps.append(f"H{x:.1f}V{y:.1f}")
        else:
            steps.append(f"L{x:.1f} {y:.1f}")
    return "".join(steps)


def area(points, stairs, floor):
    return f"{path(points, stairs)}V{floor:.1f}H{points[0][0]:.1f}Z"


def grid(axis, height, step):
    """Lines of time, and the band of a flash sale's step."""
    parts = []
    if step:
        x, end = axis.x(step[0]), axis.x(step[1])
        parts.append(f'<rect class=step x={x:.1f} y=0 width={end - x:.1f} '
                     f'height={height} />')
    parts += [f'<path class=grid d="M{axis.x(t):.1f} 0V{height}"/>'
              for t in axis.ticks()]
    return "".join(parts)


def lines(chart, axis, step):
    """(height, SVG) of series drawn over each other."""
    scale = Scale([v for rows in chart.series.values() for _, v in rows],
                  HEIGHT, chart.log)
    parts = [grid(axis, HEIGHT, step)]
    for tick in scale.ticks():
        y = scale.y(tick)
        parts.append(f'<path class=grid d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>'
                     f'<text class=tick x={LEFT - 8} y={y + 4:.1f} '
                     f'text-anchor=end>{say(tick)}</text>')
    for name, rows in chart.series.items():
        points = [(axis.x(t), scale.y(v)) for t, v in rows]
        if not points:
            continue
        kind = COLOURS.get(name, "a")
        if chart.fill:
            parts.append(f'<path class="area {kind}" d="'
                         f'{area(points, chart.stairs, HEIGHT)}"/>')
        parts.append(f'<path class="line {kind}" data-series="{shown(name)}" '
                     f'd="{path(points, chart.stairs)}"/>')
    return HEIGHT, "".join(parts)


def lanes(chart, axis, step):
    """(height, SVG) of a lane for each series, all to one scale."""
    height = max(1, len(chart.series)) * LANE
    top = max((v for rows in chart.series.values() for _, v in rows),
              default=0) or 1
    parts = [grid(axis, height, step)]
    for at, (name, rows) in enumerate(chart.series.items()):
        floor = (at + 1) * LANE - 1
        points = [(axis.x(t), floor - (LANE - 5) * v / top) for t, v in rows]
        most = max((v for _, v in rows), default=0)
        parts.append(
            f'<path class=grid d="M{LEFT} {floor + .5}H{WIDTH - RIGHT}"/>'
            f'<text class=lane x={LEFT - 8} y={floor - 5} text-anchor=end>'
            f'{shown(name)}</text><text class=tick x={WIDTH - RIGHT + 6} '
            f'y={floor - 5} data-most="{shown(name)}" '
            f'data-value="{say(most)}">{say(most)}</text>')
        if points:
            parts.append(
                f'<path class="area a" d="{area(points, True, floor)}"/>'
                f'<path class="line thin a" data-series="{shown(name)}" '
                f'd="{path(points, True)}"/>')
    return height, "".join(parts)


def figure(chart, axis, step, last):
    """One chart with its head; the last one carries the time's labels."""
    height, inside = (lanes if chart.lanes else lines)(chart, axis, step)
    under = 24 if last else 4
    if last:
        inside += "".join(
            f'<text class=tick x={axis.x(t):.1f} y={height + 17} '
            f'text-anchor=middle>{say(t)} s</text>' for t in axis.ticks())
    keys = "" if chart.lanes else "".join(
        f'<span class="key {COLOURS.get(name, "a")}">{shown(name)}'
        f'<b data-key="{shown(name)}"></b></span>' for name in chart.series)
    empty = "" if chart.series else \
        f'<text class=lane x={LEFT + 8} y=15>no samples</text>'
    return f"""<figure>
<figcaption><h2>{shown(chart.title)}</h2><span>{shown(chart.unit)}</span>
<span class=keys>{keys}</span></figcaption>
<svg viewBox="0 -4 {WIDTH} {height + 4 + under}" role=img
 aria-label="{shown(chart.title)}, {shown(chart.unit)}">{inside}{empty}
<path class=now d="M0 0V{height}"/></svg></figure>"""


def shown(text):
    return escaping.escape(str(text))


def tile(value, label, kind=""):
    return f'<div class="tile {kind}"><b>{value}</b><span>{label}</span></div>'


def tiles(found):
    whole = found["all"]
    return "".join((
        tile(say(whole["requests"]), f'requests in {say(found["seconds"])} s'),
        tile(say(found["peak"]), "a second, at most"),
        tile(say(whole["p50"]), "ms p50"),
        tile(say(whole["p95"]), "ms p95"),
        tile(say(whole["p99"]), "ms p99"),
        tile(say(whole["failed"]), "failed", "bad" if whole["failed"] else ""),
        tile(say(found["dropped"]), "arrivals not sent",
             "bad" if found["dropped"] else "")))


def table(found):
    rows = [*found["routes"].items(),
            *((f"checkout of others, {phase} the step" if phase != "step"
               else "checkout of others, in the step", row)
              for phase, row in found["checkout_by_phase"].items())]
    keys = ("requests", "failed", "p50", "p95", "p99", "max")
    body = "".join(
        f"<tr><th scope=row>{shown(name)}</th>" +
        "".join(f"<td>{say(row[k])}</td>" for k in keys) + "</tr>"
        for name, row in rows)
    head = "".join(f"<th scope=col>{k}{' ms' if k[0] in 'pm' else ''}</th>"
                   for k in keys)
    return f"<table><thead><tr><th scope=col>route</th>{head}</tr></thead>" \
        f"<tbody>{body}</tbody></table>"


def html(title, about, found, charts, seconds, told, step):
    """The page. `told` is the sentence about a limited product, or ""; `step`
    the seconds between which a flash sale's step lay, or None."""
    axis = Axis(seconds)
    drawn = "".join(figure(c, axis, step, c is charts[-1]) for c in charts)
    data = [{name: [(round(t, 2), v) for t, v in rows]
             for name, rows in c.series.items()} for c in charts]
    facts = {"left": LEFT, "right": RIGHT, "width": WIDTH,
             "seconds": axis.seconds, "data": data}
    said = "" if not told else '<p class="said ' + (
        "bad" if found["sale"]["wrong"] else "fine") + \
        f'">{shown(told)}</p>'
    band = "" if not step else \
        '<p class=note>The shaded band is the step of the flash sale.</p>'
    style = (HERE / "page.css").read_text("utf-8")
    script = (HERE / "page.js").read_text("utf-8")
    # "</" would end the script element (HTML, 13.2.5.4).
    text = json.dumps(facts, separators=(",", ":")).replace("</", "<\\/")
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{shown(title)}</title><style>{style}</style></head>
<body><main><header><h1>{shown(title)}</h1><p>{shown(about)}</p></header>
<section class=tiles>{tiles(found)}</section>{said}
<section class=charts>{drawn}</section>{band}
<section class=routes>{table(found)}</section></main>
<script>const report = {text};
{script}</script></body></html>
"""
