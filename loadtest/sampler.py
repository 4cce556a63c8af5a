#!/usr/bin/env python3
"""sampler.py OUT.csv - once a second, until SIGTERM: what runs and what waits.

  --run DIR         a shop that `make up` runs: its processes, and the lag its
                    functions tell at /metrics
  --namespace NAME  a shop in the cluster of $KUBECONFIG: its pods, and the lag
                    that KEDA scales by
  --stock SKU       also how much of this product is left (BASE_URL, HOST_HEADER
                    and ADMIN_TOKEN_FILE in the environment)

Rows are `time,name,kind,value`: time in seconds since 1970; kind is pods
(running, or processes), lag (events not handled yet) or stock (units that can
be bought). The last row is written after SIGTERM.
"""
import argparse
import collections
import concurrent.futures
import csv
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request

import target

LAG = re.compile(r"^bodega_bus_lag(?:\{[^}]*\})? (\d+)", re.M)
LOCAL = urllib.request.build_opener(urllib.request.ProxyHandler({}))
SUFFIXES = {"m": 0.001, "k": 1e3, "M": 1e6, "G": 1e9}


def get(url, headers=None):
    request = urllib.request.Request(url, headers=headers or {})
    with LOCAL.open(request, timeout=3) as answer:
        return answer.read().decode()


class Processes:
    """Functions as processes of this machine."""

    def __init__(self, run):
        self.run = pathlib.Path(run).resolve()
        self.ports = {}
        for env in (self.run / "env").iterdir():
            port = re.search(r"^PORT=(\d+)$", env.read_text("utf-8"), re.M) \
                if not env.suffix else None
            if port:
                self.ports[env.name] = port[1]
        self.pool = concurrent.futures.ThreadPoolExecutor(4)

    def pods(self):
        count = dict.fromkeys(self.ports, 0)
        prefix = f"{self.run / 'bin'}/"
        for process in os.scandir("/proc"):
            if not process.name.isdigit():
                continue
            try:
                exe = os.readlink(f"/proc/{process.name}/exe")
            except OSError:
                continue
            name = exe.removeprefix(prefix).removesuffix(" (deleted)")
            if name in count:
                count[name] += 1
        return count

    def lag_of(self, name):
        try:
            text = get(f"http://127.0.0.1:{self.ports[name]}/metrics")
        except OSError:
            return None
        rows = LAG.findall(text)
        return sum(map(int, rows)) if rows else None

    def lag(self):
        found = zip(self.ports, self.pool.map(self.lag_of, self.ports))
        return {name: lag for name, lag in found if lag is not None}

    def close(self):
        self.pool.shutdown()


class Cluster:
    """Functions as pods, through one `kubectl proxy`: a kubectl a second would
    be a load of its own."""

    def __init__(self, namespace):
        self.proxy = subprocess.Popen(
            ["kubectl", "proxy", "--port=0"], stdout=subprocess.PIPE,
            text=True)
        said = self.proxy.stdout.readline()
        port = re.search(r":(\d+)\s*$", said)
        if not port:
            sys.exit(f"kubectl proxy does not start: {said}")
        self.api = f"http://127.0.0.1:{port[1]}"
        self.namespace = namespace
        self.pool = concurrent.futures.ThreadPoolExecutor(4)
        self.known = set()
        self.metrics = {}

    def items(self, group, what, **query):
        path = f"{self.api}/{group}/namespaces/{self.namespace}/{what}"
        return json.loads(get(f"{path}?{urllib.parse.urlencode(query)}"))[
            "items"]

    def pods(self):
        count = collections.Counter()
        for pod in self.items("api/v1", "pods", labelSelector=
                              "app.kubernetes.io/name=bodega"):
            name = pod["metadata"]["labels"].get(
                "app.kubernetes.io/component")
            self.known.add(name)
            count[name] += pod["status"].get("phase") == "Running" and \
                "deletionTimestamp" not in pod["metadata"]
        return {name: count[name] for name in self.known}

    def find_metrics(self):
        """{scaled object: names of its lag metrics}. A cluster without KEDA
        has none."""
        try:
            found = self.items("apis/keda.sh/v1alpha1", "scaledobjects")
        except OSError:
            return
        for scaled in found:
            names = scaled.get("status", {}).get("externalMetricNames", [])
            self.metrics[scaled["metadata"]["name"]] = [
                name for name in names if re.search("kafka|nats", name)]

    def lag_of(self, scaled):
        total = 0
        for name in self.metrics[scaled]:
            try:
                total += sum(quantity(row["value"]) for row in self.items(
                    "apis/external.metrics.k8s.io/v1beta1", name,
                    labelSelector=f"scaledobject.keda.sh/name={scaled}"))
            except OSError:
                return None
        return total

    def lag(self):
        if not self.metrics:
            self.find_metrics()
        found = zip(self.metrics, self.pool.map(self.lag_of, self.metrics))
        return {name: lag for name, lag in found if lag is not None}

    def close(self):
        self.pool.shutdown()
        self.proxy.terminate()
        self.proxy.wait()


def quantity(text):
    """A Kubernetes quantity, such as 12 or 1500m."""
    return float(text[:-1]) * SUFFIXES[text[-1]] \
        if text[-1] in SUFFIXES else float(text)


class Stock:
    """One product's stock, as staff sees it."""

    def __init__(self, sku):
        base = target.must_be_ours(os.environ["BASE_URL"])
        self.sku = sku
        self.url = f"{base}/api/admin/stock/{urllib.parse.quote(sku)}"
        token = pathlib.Path(os.environ["ADMIN_TOKEN_FILE"])
        self.headers = {
            "Authorization": f"Bearer {token.read_text('ascii').strip()}"}
        if os.environ.get("HOST_HEADER"):
            self.headers["Host"] = os.environ["HOST_HEADER"]

    def left(self):
        return {self.sku: json.loads(get(self.url, self.headers))["available"]}


def sample(kinds, out):
    """One row per value; a source that does not answer has none this time."""
    now = f"{time.time():.3f}"
    for kind, read in kinds.items():
        try:
            rows = read()
        except OSError as error:
            print(f"sampler: {kind}: {error}", file=sys.stderr)
            continue
        for name, value in rows.items():
            out.writerow((now, name, kind, f"{value:g}"))


def main():
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("out")
    where = options.add_mutually_exclusive_group(required=True)
    where.add_argument("--run")
    where.add_argument("--namespace")
    options.add_argument("--stock")
    given = options.parse_args()
    done = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: done.set())
    shop = Processes(given.run) if given.run else Cluster(given.namespace)
    kinds = {"pods": shop.pods, "lag": shop.lag}
    if given.stock:
        kinds["stock"] = Stock(given.stock).left
    with open(given.out, "w", encoding="utf-8", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(("time", "name", "kind", "value"))
        last = False
        while not last:
            last = done.wait(max(0.05, 1 - time.time() % 1))
            sample(kinds, out)
            file.flush()
    shop.close()


main()
