#!/usr/bin/env python3
"""e2e - the shop on a real cluster: installed, bought from, woken, killed.

  e2e.py [--values FILE]... [--ingress HOST:PORT] [--mode knative|none]
         [--bus kafka|nats] [--only wake,burst,step,cold,kill,upgrade]
         [--orders N] [--cold N] [--table FILE] [--kubelet PIDFILE] [--keep]
         [--peer NAME=IMAGE]...

Works on the cluster of $KUBECONFIG, which has KEDA and, for --mode knative,
Knative Serving; needs kubectl, helm and psql, and for --bus kafka the package
kafka-python-ng. Makes the namespace bodega-e2e and removes it. --values: what
the chart needs there (images). --ingress: where Knative's ingress listens, if
not at a Service this machine can reach. --kubelet: its pid, when it is this
machine's and may be stopped for a while. --peer: others' functions to wake
beside ours. Ends with "N passed, N failed".
"""
import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time

import e2e_cold
import e2e_points
from e2e_kube import (KubeError, Reach, Watch, items, kubectl, until)
from e2e_shop import Shop

HERE = os.path.dirname(os.path.abspath(__file__))
CHART = os.path.join(HERE, "..", "..", "charts", "bodega")
RELEASE = "bodega"
# Idle windows as short as they may be: a test can't wait for ten minutes.
SHORT = {
    "bus": {}, "scaling": {},
    "knative": {"scale": {"window": "6s"}},
    "keda": {"pollingInterval": 3, "cooldownPeriod": 10,
             "scaleDownWindow": 10, "lag": 5},
    "gateway": {"ratePerIp": "10000r/s"},
    # A hundred visitors shall be more than one pod takes.
    "functions": {"cart": {"scale": {"target": 30}},
                  "catalog": {"scale": {"target": 30}}}}
INSTALL_S = 900


class Run:
    """One installation and what was found out about it."""

    def __init__(self, args):
        self.args, self.namespace = args, args.namespace
        self.work = args.work or tempfile.mkdtemp(prefix="bodega-e2e-")
        os.makedirs(self.work, exist_ok=True)
        self.passed, self.failed, self.notes = 0, 0, []
        self.watch, self.reach = None, Reach(self.namespace)
        self.shop, self.functions = None, self.describe()

    @staticmethod
    def describe():
        path = os.path.join(CHART, "files", "functions.json")
        with open(path, encoding="utf-8") as file:
            return json.load(file)

    # -- what was found --

    def check(self, true, what, why=""):
        self.passed += bool(true)
        self.failed += not true
        print(f"{'ok    ' if true else 'FAILED'} {what}"
              + (f": {why}" if why and not true else ""), flush=True)
        return true

    def note(self, text):
        print(f"       {text}", flush=True)

    # -- the cluster --

    def sleepers(self):
        """Parts that sleep when nobody asks for anything."""
        found = {f"{name}-worker" for name in self.functions}
        if self.args.mode == "knative":
            found |= set(self.functions) | {"gateway"}
        return found

    def awake(self):
        """Parts with a pod, even one that is on its way out."""
        return {p.part for p in self.watch.all()
                if "gone" not in p.at} & self.sleepers()

    def asleep(self, seconds=420):
        """Wait until everything sleeps; what does not."""
        until(lambda: not self.awake(), seconds)
        return self.awake()

    def helm(self, *args, timeout=INSTALL_S + 60):
        done = subprocess.run(["helm", *args, "-n", self.namespace],
                              capture_output=True, text=True, check=False,
                              timeout=timeout)
        if done.returncode:
            raise KubeError(f"helm {args[0]}: {done.stderr.strip()[-2000:]}")
        return done.stdout

    def chart(self, *more):
        short = os.path.join(self.work, "short.json")
        SHORT["bus"]["kind"] = self.args.bus
        SHORT["scaling"] = {"http": self.args.mode, "workers": "keda"}
        with open(short, "w", encoding="utf-8") as file:
            json.dump(SHORT, file)
        files = [part for path in [*self.args.values, short]
                 for part in ("-f", path)]
        return self.helm("upgrade", "--install", RELEASE, CHART, *files,
                         "--timeout", f"{INSTALL_S}s", *more)

    def install(self):
        kubectl("apply", "-f", "-", text=json.dumps({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": self.namespace, "labels": {
                "pod-security.kubernetes.io/enforce": "restricted"}}}))
        self.watch = Watch(self.namespace)
        begun = time.monotonic()
        try:
            self.chart()
        except (KubeError, subprocess.TimeoutExpired) as error:
            self.check(False, "the chart installs", str(error))
            return False
        self.check(True, "the chart installs")
        self.note(f"helm install took {time.monotonic() - begun:.0f} s")
        address, host = self.way_in()
        self.shop = Shop(self.namespace, RELEASE, self.reach, address, host,
                         self.work, self.args.bus)
        self.shop.received("sample", sample_stock())
        return True

    def way_in(self):
        """(address, host) of the gateway."""
        if self.args.mode == "none":
            return self.reach(f"{RELEASE}-gateway", 80), "shop.example"

        def url():
            found = items("ksvc", "-n", self.namespace, "-l",
                          "app.kubernetes.io/component=gateway")
            return found and found[0].get("status", {}).get("url")
        host = until(url, 120).partition("://")[2]
        if self.args.ingress:
            name, _, port = self.args.ingress.partition(":")
            return (name, int(port or 80)), host
        return self.ingress(f"{RELEASE}-gateway"), host

    def ingress(self, service):
        """Where requests to a Knative Service go: its Service is a name for
        the ingress."""
        spec = json.loads(kubectl("-n", self.namespace, "get", "service",
                                  service, "-o", "json"))["spec"]
        name, namespace = spec["externalName"].split(".")[:2]
        return self.reach(name, 80, namespace)

    def prove(self, what):
        agreed, table = self.shop.prove()
        self.check(agreed, f"the prover agrees {what}", "\n" + table)
        if agreed:
            print(table, flush=True)

    def remove(self):
        self.shop and self.shop.history.close()
        self.reach.close()
        if self.args.keep:
            return
        try:
            self.helm("uninstall", RELEASE, "--timeout", "120s")
        except (KubeError, subprocess.TimeoutExpired) as error:
            self.check(False, "the chart is removed", str(error))
        kubectl("delete", "namespace", self.namespace, "--wait=false")

    def report(self):
        print(f"{self.passed} passed, {self.failed} failed", flush=True)
        return 1 if self.failed else 0


def sample_stock():
    path = os.path.join(CHART, "files", "sample", "stock.csv")
    with open(path, encoding="utf-8", newline="") as file:
        return {row["sku"]: int(row["quantity"])
                for row in csv.DictReader(file)}


POINTS = {"wake": e2e_points.wake, "burst": e2e_points.burst,
          "step": e2e_points.step, "cold": e2e_cold.cold,
          "kill": e2e_points.kill, "upgrade": e2e_points.upgrade}


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--values", action="append", default=[])
    parser.add_argument("--ingress")
    parser.add_argument("--mode", choices=("knative", "none"),
                        default="knative")
    parser.add_argument("--bus", choices=("kafka", "nats"), default="kafka")
    parser.add_argument("--only", default=",".join(POINTS))
    parser.add_argument("--orders", type=int, default=5000)
    parser.add_argument("--shoppers", type=int, default=16)
    parser.add_argument("--cold", type=int, default=20)
    parser.add_argument("--table", help="write the cold-start table there")
    parser.add_argument("--peer", action="append", default=[])
    parser.add_argument("--kubelet")
    parser.add_argument("--namespace", default="bodega-e2e")
    parser.add_argument("--work")
    parser.add_argument("--keep", action="store_true")
    return parser.parse_args()


def main():
    run = Run(arguments())
    print(f"history and dumps in {run.work}", flush=True)
    try:
        if run.install():
            for name in run.args.only.split(","):
                print(f"-- {name}", flush=True)
                try:
                    POINTS[name](run)
                except (KubeError, OSError) as error:
                    run.check(False, name, f"{type(error).__name__} {error}")
    finally:
        run.remove()
    return run.report()


if __name__ == "__main__":
    sys.exit(main())
