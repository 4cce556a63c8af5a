"""e2e_cold - how long the first answer of a sleeping function takes, and where
the time goes: the pod asked for, placed, its process started, asked for the
first time (a probe), the shopper answered. Times of Kubernetes are those at
which its API tells them. "ours" is what the function itself needs to listen."""
import http.client
import json
import statistics
import time

from e2e_kube import KubeError, kubectl, metrics, until

PHASES = ("asked for", "placed", "process up", "asked inside", "answered")
# From the entry of main to the first answer of any kind: a probe's.
FIRST = "bodega_first_answer_seconds_sum"
STARTED = "process_start_time_seconds"


def cold(run):
    """--cold times: every function once, one after another."""
    if run.args.mode != "knative":
        return
    run.asleep()
    names = [name for name, f in run.functions.items() if f["routes"]]
    names += peers(run)
    address = run.ingress("bodega-" + names[0]) if not run.args.ingress \
        else run.shop.address
    found = {name: [] for name in names}
    for _ in range(run.args.cold):
        for name in names:
            until(lambda name=name: run.watch.all_gone(name), 180, 0.5)
            try:
                found[name].append(once(run, name, address))
            except (KubeError, OSError, KeyError) as error:
                run.note(f"{name}: {type(error).__name__} {error}")
    for name in names:
        run.check(len(found[name]) == run.args.cold,
                  f"{name} answers from zero, {run.args.cold} times",
                  f"{len(found[name])} times")
    text = table(found)
    print(text, flush=True)
    ours = [row["ours"] for rows in found.values() for row in rows
            if "ours" in row]
    run.note("from the entry of main until it listens: median "
             f"{statistics.median(ours) * 1000:.2f} ms of {len(ours)}")
    if run.args.table:
        with open(run.args.table, "w", encoding="utf-8") as file:
            file.write(text + "\n")


def peers(run):
    """Functions of others (--peer NAME=IMAGE), made as the chart makes ours;
    their names."""
    names = []
    for given in run.args.peer:
        name, _, image = given.partition("=")
        names.append("peer-" + name)
        kubectl("apply", "-f", "-", text=json.dumps(
            peer(run, names[-1], image)))
    for name in names:
        until(lambda name=name: run.watch.all(name), 120)
        until(lambda name=name: run.watch.all_gone(name), 180)
    return names


def peer(run, name, image):
    env = {"REDIS_URL": f"redis://bodega-redis.{run.namespace}:6379",
           "CATALOG_URL": f"http://bodega-catalog.{run.namespace}"}
    return {
        "apiVersion": "serving.knative.dev/v1", "kind": "Service",
        "metadata": {"name": "bodega-" + name, "namespace": run.namespace,
                     "labels": {"networking.knative.dev/visibility":
                                "cluster-local"}},
        "spec": {"template": {
            "metadata": {
                "labels": {"app.kubernetes.io/name": "bodega",
                           "app.kubernetes.io/component": name},
                "annotations": {"autoscaling.knative.dev/window": "6s"}},
            "spec": {"containers": [{
                "image": image, "ports": [{"containerPort": 8080}],
                "env": [{"name": k, "value": v} for k, v in env.items()],
                "readinessProbe": {"httpGet": {"path": "/healthz"}},
                "securityContext": {
                    "runAsNonRoot": True, "allowPrivilegeEscalation": False,
                    "capabilities": {"drop": ["ALL"]},
                    "seccompProfile": {"type": "RuntimeDefault"}}}]}}}}


def once(run, name, address):
    """Milestones of one cold start, seconds since the request was sent."""
    host = f"bodega-{name}.{run.namespace}.svc.cluster.local"
    link = http.client.HTTPConnection(*address, timeout=180)
    sent = time.time()
    link.request("GET", "/healthz", headers={"Host": host})
    status = link.getresponse().status
    answered = time.time() - sent
    link.close()
    if status != 200:
        raise KubeError(f"{name} answers {status}")
    pod = until(lambda: next((p for p in run.watch.live(name)
                              if "ready" in p.at), None), 30, 0.2)
    if not pod:
        raise KubeError(f"{name}: no ready pod")
    row = {"asked for": pod.at["created"] - sent,
           "placed": pod.at["scheduled"] - sent, "answered": answered}
    if name in run.functions:  # peers don't tell
        said = metrics(run.namespace, pod.name)
        row["process up"] = said[STARTED] - sent
        row["asked inside"] = row["process up"] + said[FIRST]
        row["ours"] = listening(run, name, pod)
    return row


def listening(run, name, pod):
    """From the entry of main until it listens, as it says itself."""
    text = kubectl("-n", run.namespace, "logs", pod.name, "-c", name)
    for line in text.splitlines():
        said = json.loads(line)
        if said["msg"] == "listening":
            return said["us"] / 1e6
    raise KubeError(f"{name} does not say when it listened")


def quantile(values, q):
    values = sorted(values)
    return values[min(len(values) - 1, int(q * len(values)))]


def middle(rows, phase, digits=0):
    values = [row[phase] for row in rows if phase in row]
    return f"{statistics.median(values) * 1000:.{digits}f}" if values else "-"


def table(found):
    """Markdown: medians, milliseconds since the request was sent."""
    lines = ["| function | n | " + " | ".join(PHASES)
             + " | answered p95 | ours |",
             "|---|---|" + "---|" * (len(PHASES) + 2)]
    for name, rows in found.items():
        if not rows:
            continue
        late = quantile([row["answered"] for row in rows], 0.95) * 1000
        lines.append(f"| {name} | {len(rows)} | " + " | ".join(
            middle(rows, phase) for phase in PHASES)
            + f" | {late:.0f} | {middle(rows, 'ours', 1)} |")
    return "\n".join(lines)
