"""e2e_kube - the cluster as the tests see it: kubectl, ways into it, and a
record of which pods lived when. Needs kubectl and a KUBECONFIG."""
import atexit
import base64
import ipaddress
import json
import re
import socket
import subprocess
import threading
import time
import urllib.request

FUNCTION = "app.kubernetes.io/component"
OURS = "app.kubernetes.io/name=bodega"
HERE = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class KubeError(Exception):
    """kubectl said no."""


def kubectl(*args, text=None, timeout=180):
    done = subprocess.run(["kubectl", *args], input=text, timeout=timeout,
                          capture_output=True, text=True, check=False)
    if done.returncode:
        raise KubeError(f"kubectl {' '.join(args[:6])}: {done.stderr.strip()}")
    return done.stdout


def items(*args):
    return json.loads(kubectl("get", *args, "-o", "json"))["items"]


def until(true, seconds, pause=1.0):
    """true()'s first value that is one, or its last when time is over."""
    end = time.monotonic() + seconds
    while True:
        value = true()
        if value or time.monotonic() > end:
            return value
        time.sleep(pause)


class Pod:
    """When a pod got how far, as this machine's clock says (seconds); a phase
    it has not reached is not there."""

    def __init__(self, name, part):
        self.name, self.part, self.at = name, part, {}

    def live(self):
        return "gone" not in self.at and "leaving" not in self.at

    def see(self, pod, now):
        meta, status = pod["metadata"], pod.get("status", {})
        states = status.get("containerStatuses") or []
        conditions = {c["type"] for c in status.get("conditions") or []
                      if c["status"] == "True"}
        reached = {
            "created": True,
            "scheduled": pod["spec"].get("nodeName"),
            "running": states and all("running" in s["state"]
                                      for s in states),
            "ready": "Ready" in conditions,
            "leaving": "deletionTimestamp" in meta}
        for phase, true in reached.items():
            if true:
                self.at.setdefault(phase, now)


class Watch(threading.Thread):
    """Follows the pods of a namespace; `pods` keeps them all."""

    def __init__(self, namespace):
        super().__init__(daemon=True)
        self.namespace, self.pods = namespace, {}
        self.lock = threading.Lock()
        self.process = None
        self.start()

    def run(self):
        while True:
            self.process = subprocess.Popen(
                ["kubectl", "-n", self.namespace, "get", "pods", "-l", OURS,
                 "--watch", "--output-watch-events", "-o", "json"],
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            atexit.register(self.process.kill)
            for line in self.process.stdout:  # one event each
                self.see(json.loads(line), time.time())
            time.sleep(1)  # the API server may be away

    def see(self, event, now):
        pod = event["object"]
        name = pod["metadata"]["name"]
        part = pod["metadata"].get("labels", {}).get(FUNCTION, "")
        with self.lock:
            # A StatefulSet gives the same name again.
            seen = self.pods.setdefault(pod["metadata"]["uid"],
                                        Pod(name, part))
            seen.see(pod, now)
            if event["type"] == "DELETED":
                seen.at.setdefault("gone", now)

    def all(self, part=None):
        with self.lock:
            return [p for p in self.pods.values() if part in (None, p.part)]

    def live(self, part=None):
        return [p for p in self.all(part) if p.live()]

    def all_gone(self, part):
        """No pod of it is left, not even one on its way out."""
        return all("gone" in p.at for p in self.all(part))

    def parts_since(self, when):
        """Parts of which a pod was made since then."""
        return {p.part for p in self.all() if p.at["created"] >= when}

    def most(self, part, since):
        """The largest number of pods of a part that were ready at one time
        since then."""
        ends = [p.at.get("leaving", p.at.get("gone", 1e12))
                for p in self.all(part)]
        spans = [(p.at["ready"], end) for p, end in zip(self.all(part), ends)
                 if "ready" in p.at and end > since]
        return max((sum(a <= t < b for a, b in spans) for t, _ in spans),
                   default=0)


class Reach:
    """Addresses of Services that this machine can connect to: their own where
    it can reach those, else a port-forward."""

    def __init__(self, namespace):
        self.namespace, self.forwards, self.known = namespace, [], {}
        atexit.register(self.close)

    def __call__(self, service, port, namespace=None):
        key = (service, port, namespace or self.namespace)
        if key not in self.known:
            self.known[key] = self.find(*key)
        return self.known[key]

    def find(self, service, port, namespace):
        spec = json.loads(kubectl("-n", namespace, "get", "service", service,
                                  "-o", "json"))["spec"]
        try:
            ipaddress.ip_address(spec.get("clusterIP", ""))
            socket.create_connection((spec["clusterIP"], port), 3).close()
            return spec["clusterIP"], port
        except (OSError, ValueError):
            return self.forward(service, port, namespace)

    def forward(self, service, port, namespace):
        process = subprocess.Popen(
            ["kubectl", "-n", namespace, "port-forward",
             f"service/{service}", f":{port}"], text=True,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.forwards.append(process)
        said = process.stdout.readline()
        found = re.search(r"127\.0\.0\.1:(\d+)", said)
        if not found:
            raise KubeError(f"no way to {namespace}/{service}:{port}")
        return "127.0.0.1", int(found[1])

    def url(self, service, port, scheme="http"):
        host, number = self(service, port)
        return f"{scheme}://{host}:{number}"

    def close(self):
        for process in self.forwards:
            process.kill()


def get(url, headers=None, timeout=10):
    request = urllib.request.Request(url, headers=headers or {})
    with HERE.open(request, timeout=timeout) as answer:
        return answer.read().decode()


def secret(namespace, name):
    data = json.loads(kubectl("-n", namespace, "get", "secret", name, "-o",
                              "json"))["data"]
    return {key: base64.b64decode(value).decode()
            for key, value in data.items()}


def metrics(namespace, pod, port=8080):
    """What a pod says at /metrics, name with labels to number."""
    text = kubectl("get", "--raw", f"/api/v1/namespaces/{namespace}/pods/"
                   f"{pod}:{port}/proxy/metrics", timeout=30)
    rows = re.findall(r"^(\S+(?:\{.*\})?) (\S+)$", text, re.M)
    return {name: float(value) for name, value in rows}


def usage(namespace):
    """(CPU cores, memory bytes) by pod, as the kubelets measure them."""
    found = {}
    for node in items("nodes"):
        stats = json.loads(kubectl(
            "get", "--raw", f"/api/v1/nodes/{node['metadata']['name']}"
            "/proxy/stats/summary", timeout=60))
        for pod in stats.get("pods", ()):
            if pod["podRef"]["namespace"] == namespace:
                found[pod["podRef"]["name"]] = (
                    pod.get("cpu", {}).get("usageNanoCores", 0) / 1e9,
                    pod.get("memory", {}).get("workingSetBytes", 0))
    return found
