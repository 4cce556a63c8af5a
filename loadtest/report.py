#!/usr/bin/env python3
"""report.py - one page about one run of k6 or Locust: requests, latency, pods,
lag and errors over one axis of time. Prints a summary; the page is --out, the
numbers lie beside it as JSON.

  --requests FILE   k6's `--out csv`, with K6_CSV_TIME_FORMAT=unix_milli, or
                    what locust/rows.py writes
  --samples FILE    what sampler.py writes
  --sale SKU        a limited product: check that no unit was sold twice
  --title, --about  head of the page

Exits 1 when the limited product was oversold, when its stock and its sales
differ, or when there was none to sell; also for a run without requests.
"""
import argparse
import collections
import csv
import dataclasses
import json
import pathlib
import sys

import page

K6_COUNTERS = ("dropped_iterations", "orders_broken")


@dataclasses.dataclass
class Request:
    """One answer: when it came (seconds since 1970), how long it took, its
    status (0: none came)."""
    time: float
    name: str
    ms: float
    status: int
    item: str = ""
    phase: str = ""

    @property
    def failed(self):
        return self.status != 409 and not 200 <= self.status < 400


def read_requests(path):
    """([Request], {counter: sum})."""
    found, counters = [], collections.Counter()
    with open(path, encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        k6 = "metric_name" in rows.fieldnames
        for row in rows:
            if not k6:
                found.append(Request(float(row["time"]), row["name"],
                                     float(row["ms"]), int(row["status"]),
                                     row["item"], row["phase"]))
            elif row["metric_name"] == "http_req_duration":
                found.append(k6_request(row))
            elif row["metric_name"] in K6_COUNTERS:
                counters[row["metric_name"]] += float(row["metric_value"])
    found = [r for r in found if r.phase != "setup"]
    return sorted(found, key=lambda r: r.time), counters


def k6_request(row):
    extra = dict(pair.split("=", 1)
                 for pair in row["extra_tags"].split("&") if pair)
    return Request(int(row["timestamp"]) / 1000, row["name"],
                   float(row["metric_value"]), int(row["status"] or 0),
                   extra.get("item", ""), extra.get("phase", ""))


def read_samples(path):
    """{kind: {name: [(time, value)]}}"""
    found = collections.defaultdict(lambda: collections.defaultdict(list))
    with open(path, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            found[row["kind"]][row["name"]].append(
                (float(row["time"]), float(row["value"])))
    return found


def percentile(values, share):
    """Nearest rank; `values` sorted and not empty."""
    return values[max(0, -(-len(values) * share // 100) - 1)]


def spread(requests):
    """How long these took."""
    ms = sorted(r.ms for r in requests)
    return {"requests": len(ms), "failed": sum(r.failed for r in requests),
            **{f"p{p}": round(percentile(ms, p), 2) for p in (50, 95, 99)},
            "max": round(ms[-1], 2)}


def by(requests, key):
    groups = collections.defaultdict(list)
    for request in requests:
        groups[key(request)].append(request)
    return groups


def per_second(requests, begun, seconds):
    """One list of requests for each second of the run."""
    bins = [[] for _ in range(seconds)]
    for request in requests:
        bins[min(seconds - 1, max(0, int(request.time - begun)))].append(
            request)
    return bins


def oversold(requests, stock):
    """What the shop said it sold of the limited product, beside what its stock
    says. An answer that never came may have been a sale or not. `wrong` is
    what is wrong with that, or ""."""
    asked = [r for r in requests
             if r.item == "limited" and r.name == "POST checkout"]
    sold = sum(200 <= r.status < 300 for r in asked)
    unknown = sum(r.status == 0 or r.status >= 500 for r in asked)
    before, after = stock[0][1], stock[-1][1]
    wrong = ""
    if before <= 0:
        wrong = "sold out before it began"
    elif sold > before or after < 0:
        wrong = "OVERSOLD"
    elif not sold <= before - after <= sold + unknown:
        wrong = "stock and sales differ"
    return {"asked": len(asked), "sold": sold, "unknown": unknown,
            "refused": sum(r.status == 409 for r in asked),
            "stock_before": before, "stock_after": after, "wrong": wrong}


def figures(requests, counters, samples, sale):
    """Everything the page and the summary say in numbers."""
    begun = requests[0].time
    length = max(1, requests[-1].time - begun)
    bins = per_second(requests, begun, int(length) + 1)
    found = {
        "seconds": round(length, 1), "all": spread(requests),
        "rate": round(len(requests) / length, 1),
        "peak": max(map(len, bins)),
        "refused": sum(r.status == 409 for r in requests),
        "dropped": int(counters["dropped_iterations"]),
        "broken": int(counters["orders_broken"]),
        "routes": {name: spread(rows) for name, rows in sorted(
            by(requests, lambda r: r.name).items())},
        "checkout_by_phase": {phase: spread(rows) for phase, rows in by(
            [r for r in requests if r.name == "POST checkout" and r.phase
             and not r.item], lambda r: r.phase).items()},
        "peak_pods": {name: max(v for _, v in rows)
                      for name, rows in sorted(samples["pods"].items())},
        "peak_lag": {name: max(v for _, v in rows)
                     for name, rows in sorted(samples["lag"].items())}}
    if sale and samples["stock"].get(sale):
        found["sale"] = oversold(requests, samples["stock"][sale])
    return found


def step_of(requests, begun):
    """Where the step of a flash sale lies, seconds into the run."""
    times = [r.time - begun for r in requests if r.phase == "step"]
    return (min(times), max(times)) if times else None


def series(requests, samples):
    """[page.Chart], all of them over seconds since the first request."""
    begun = requests[0].time
    seconds = int(requests[-1].time - begun) + 1
    bins = per_second(requests, begun, seconds)
    middle = [i + 0.5 for i in range(seconds)]

    def rate(wanted):
        return list(zip(middle, (sum(map(wanted, b)) for b in bins)))

    def latency(share):
        return [(t, percentile(sorted(r.ms for r in b), share))
                for t, b in zip(middle, bins) if b]

    def sampled(kind):
        return {name: [(t - begun, v) for t, v in rows
                       if -1 <= t - begun <= seconds + 1]
                for name, rows in sorted(samples[kind].items())}

    charts = [
        page.Chart("Requests", "answers per second", {
            "answered": rate(lambda r: not r.failed)}, fill=True),
        page.Chart("Latency", "milliseconds, logarithmic", {
            "p50": latency(50), "p95": latency(95), "p99": latency(99)},
            log=True),
        page.Chart("Pods", "running, per function", sampled("pods"),
                   lanes=True),
        page.Chart("Bus lag", "events not handled yet", sampled("lag"),
                   lanes=True),
        page.Chart("Errors", "per second; sold out is no error", {
            "failed": rate(lambda r: r.failed),
            "sold out": rate(lambda r: r.status == 409)})]
    if samples["stock"]:
        charts.append(page.Chart("Stock", "units that can be bought",
                                 sampled("stock"), stairs=True))
    return charts, seconds


def verdict(sale):
    """One sentence about the limited product."""
    told = (f"{sale['sold']} sold of {sale['stock_before']:g}, "
            f"{sale['stock_after']:g} left, {sale['refused']} refused")
    if sale["unknown"]:
        told += f", {sale['unknown']} without an answer"
    return f"{sale['wrong'] or 'Not oversold'}: {told}"


def summary(found):
    """A screen of text."""
    a = found["all"]
    lines = [
        f"{a['requests']} requests in {found['seconds']} s: "
        f"{found['rate']}/s, peak {found['peak']}/s; {a['failed']} failed, "
        f"{found['refused']} refused, {found['dropped']} arrivals not sent",
        f"{'':18}{'requests':>9}{'failed':>8}{'p50':>9}{'p95':>9}{'p99':>9}"
        f"{'max':>9}  ms"]
    rows = [*found["routes"].items(),
            *((f"checkout, {phase}", row) for phase, row in
              found["checkout_by_phase"].items())]
    for name, row in rows:
        lines.append(f"{name:18}{row['requests']:>9}{row['failed']:>8}" +
                     "".join(f"{row[k]:>9.1f}"
                             for k in ("p50", "p95", "p99", "max")))
    for what in ("pods", "lag"):
        told = " ".join(f"{n} {v:g}" for n, v in found[f"peak_{what}"].items())
        lines.append(f"most {what}: {told or 'no samples'}")
    if "sale" in found:
        lines.append(verdict(found["sale"]))
    return "\n".join(lines)


def main():
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    for name in ("--requests", "--samples", "--out"):
        options.add_argument(name, required=True, type=pathlib.Path)
    for name in ("--sale", "--title", "--about"):
        options.add_argument(name, default="")
    given = options.parse_args()
    requests, counters = read_requests(given.requests)
    if not requests:
        sys.exit("report: no request was answered")
    samples = read_samples(given.samples)
    found = figures(requests, counters, samples, given.sale)
    charts, seconds = series(requests, samples)
    told = verdict(found["sale"]) if "sale" in found else ""
    given.out.write_text(page.html(
        given.title, given.about, found, charts, seconds, told,
        step_of(requests, requests[0].time)), "utf-8")
    given.out.with_suffix(".json").write_text(
        json.dumps(found, indent=1) + "\n", "utf-8")
    print(summary(found))
    if found.get("sale", {}).get("wrong"):
        sys.exit(1)


if __name__ == "__main__":
    main()
