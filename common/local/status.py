#!/usr/bin/env python3
"""status.py RUN - one line per function and part: pid, memory, requests, the
last error it wrote down."""
import json
import pathlib
import re
import sys
import urllib.request

TAIL = 200_000  # bytes of log looked at for the last error


def pss_kib(pid):
    """Proportional set size: shared pages are counted once over all."""
    try:
        text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text("ascii")
    except OSError:
        return None
    return int(re.search(r"^Pss:\s+(\d+)", text, re.M)[1])


def requests(run, name):
    """Requests answered, from /metrics; None for what is no function."""
    env = (run / "env" / name).read_text("utf-8")
    port = re.search(r"^PORT=(\d+)$", env, re.M)
    if not port:
        return None
    try:
        with urllib.request.urlopen(
                f"http://127.0.0.1:{port[1]}/metrics", timeout=2) as answer:
            text = answer.read().decode()
    except OSError:
        return "?"
    rows = re.findall(r"^bodega_http_requests_total(?:\{.*\})? (\d+)$", text,
                      re.M)
    return sum(map(int, rows))


def last_error(log):
    """The newest line of level error, or of a process that ended."""
    try:
        with open(log, "rb") as file:
            file.seek(max(0, log.stat().st_size - TAIL))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return ""
    for line in reversed(lines):
        if " ended with status " in line:
            return line
        if '"level":"error"' in line:
            try:
                row = json.loads(line)
            except ValueError:
                continue
            return f"{row['time']} {row.get('error') or row['msg']}"
    return ""


def main():
    run = pathlib.Path(sys.argv[1])
    print(f"{'name':12}{'pid':>8}{'memory':>10}{'requests':>10}  last error")
    for loop in sorted((run / "pids").glob("*.loop")):
        name = loop.stem
        try:
            pid = int((run / "pids" / f"{name}.pid").read_text("ascii"))
        except (OSError, ValueError):
            pid = 0
        pss = pss_kib(pid)
        memory = "away" if pss is None else f"{pss / 1024:.1f} MB"
        count = requests(run, name)
        print(f"{name:12}{pid:>8}{memory:>10}"
              f"{'' if count is None else count:>10}  "
              f"{last_error(run / 'log' / f'{name}.log')[:100]}")


main()
