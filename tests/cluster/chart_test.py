#!/usr/bin/env python3
"""chart_test.py RENDERED... - what must hold in every rendering of the chart.

Each file is one mode, as `helm template` wrote it; what mode it is shows in
its objects. Every rule is a function here; its docstring says what it keeps.
Prints what broke and ends with "N passed, N failed" (a rule in a mode is one).
"""
import json
import pathlib
import re
import sys

import yaml

TOP = pathlib.Path(__file__).resolve().parents[2]
FACTS = json.loads((TOP / "charts/bodega/files/functions.json").read_text())
RESERVED = {"PORT", "K_SERVICE", "K_CONFIGURATION", "K_REVISION"}
NO_KNATIVE = {"initContainers", "affinity", "nodeSelector", "tolerations",
              "topologySpreadConstraints", "securityContext", "hostname",
              "terminationGracePeriodSeconds", "priorityClassName"}


class Mode:
    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            self.objects = [o for o in yaml.safe_load_all(file) if o]
        self.knative = bool(self.of("Service", "serving.knative.dev/v1"))
        self.keda = bool(self.of("ScaledObject"))
        # A region that sends most requests home says where their
        # certificates come from.
        self.second_region = "proxy_ssl_name" in json.dumps(self.objects)

    def of(self, kind, api=""):
        return [o for o in self.objects if o["kind"] == kind
                and o["apiVersion"].startswith(api)]

    def name(self, kind, name):
        return next(o for o in self.of(kind) if o["metadata"]["name"] == name)

    def knative_services(self):
        return self.of("Service", "serving.knative.dev/v1")

    def pods(self):
        """(object, template) of everything that has pods."""
        for o in self.objects:
            spec = o.get("spec", {})
            if o["kind"] == "Pod":
                yield o, o
            elif o["kind"] == "CronJob":
                yield o, spec["jobTemplate"]["spec"]["template"]
            elif o["kind"] != "Cluster" and "containers" in \
                    spec.get("template", {}).get("spec", {}):
                yield o, spec["template"]


def need(condition, *words):
    if not condition:
        raise AssertionError(" ".join(map(str, words)))


def names(mode):
    """No two objects of a kind have one name."""
    seen = [(o["apiVersion"], o["kind"], o["metadata"]["name"])
            for o in mode.objects]
    need(len(seen) == len(set(seen)), sorted(s for s in seen
                                             if seen.count(s) > 1))


def every_function(mode):
    """A function with routes answers them; one with events has consumers."""
    names_ = {o["metadata"]["name"] for o, _ in mode.pods()}
    for fn, facts in FACTS.items():
        if mode.second_region:
            need(f"bodega-{fn}-worker" not in names_, fn)
            need((f"bodega-{fn}" in names_) == (fn == "catalog"), fn)
            continue
        need(not facts["routes"] or f"bodega-{fn}" in names_, fn)
        need(not facts["subscribes"] or f"bodega-{fn}-worker" in names_, fn)


def autoscaling_place(mode):
    """Knative reads autoscaling only on the template, in strings."""
    for o in mode.knative_services():
        outside = o["metadata"].get("annotations", {})
        need(not any(k.startswith("autoscaling.") for k in outside),
             o["metadata"]["name"])
        inside = o["spec"]["template"]["metadata"]["annotations"]
        for key, value in inside.items():
            need(isinstance(value, str), key)
            need(re.fullmatch(r"[a-z./-]+", key), key)
        need(int(inside["autoscaling.knative.dev/max-scale"]) > 0,
             o["metadata"]["name"], "has no max-scale")


def knative_fields(mode):
    """No field that a Knative without feature flags refuses."""
    for o in mode.knative_services():
        spec = o["spec"]["template"]["spec"]
        need(not NO_KNATIVE & set(spec), o["metadata"]["name"],
             NO_KNATIVE & set(spec))
        [container] = spec["containers"]
        need("lifecycle" not in container, o["metadata"]["name"])
        need(len(container["ports"]) == 1, o["metadata"]["name"])
        need(not RESERVED & {e["name"] for e in container.get("env", [])},
             o["metadata"]["name"])


def private(mode):
    """Only the gateway is for everybody."""
    for o in mode.knative_services():
        visibility = o["metadata"]["labels"].get(
            "networking.knative.dev/visibility")
        want = None if o["metadata"]["name"] == "bodega-gateway" \
            else "cluster-local"
        need(visibility == want, o["metadata"]["name"], visibility)


def replicas(mode):
    """Whoever is scaled by somebody has no number of its own."""
    scaled = {o["spec"]["scaleTargetRef"]["name"]
              for o in mode.of("ScaledObject")
              + mode.of("HorizontalPodAutoscaler")}
    targets = [o["spec"]["scaleTargetRef"]["name"]
               for o in mode.of("ScaledObject")
               + mode.of("HorizontalPodAutoscaler")]
    need(len(targets) == len(scaled), "two scalers on one target")
    have = {o["metadata"]["name"]: o for o in mode.of("Deployment")}
    for name in scaled:
        need(name in have, name, "does not exist")
        need("replicas" not in have[name]["spec"], name)


def topics(function):
    found = list(FACTS[function]["subscribes"])
    if found:
        found.append(f"retry.{function}")
    if function == "relay":
        found += [f"dead.{fn}" for fn, f in FACTS.items() if f["subscribes"]]
    return set(found)


def triggers(mode):
    """Every topic a function reads wakes it: the first event, too."""
    for o in mode.of("ScaledObject"):
        fn = o["metadata"]["name"].removeprefix("bodega-")
        seen = set()
        for t in o["spec"]["triggers"]:
            data = t["metadata"]
            need(all(isinstance(v, str) for v in data.values()), fn, data)
            if t["type"] == "kafka":
                need(data["offsetResetPolicy"] == "earliest", fn)
                need(data["consumerGroup"] == fn, fn)
                seen.add(data["topic"].removeprefix("bodega."))
            elif t["type"] == "nats-jetstream":
                need(data["stream"] == "BODEGA", fn)
                group, _, topic = data["consumer"].partition("-")
                need(group == fn, fn)
                seen.add(topic)
        read = topics(fn)
        if any(t["type"] == "nats-jetstream" for t in o["spec"]["triggers"]):
            read = {t.replace(".", "_") for t in read}
        need(seen == read, fn, seen ^ read)
        need(o["spec"]["maxReplicaCount"] <= 8, fn)


def sleeping(mode):
    """What KEDA may put to sleep is woken by something that needs no pod."""
    for o in mode.of("ScaledObject"):
        need(o["spec"]["triggers"], o["metadata"]["name"])
    if mode.keda:
        workers = {o["metadata"]["name"].removesuffix("-worker")
                   for o in mode.of("Deployment")
                   if o["metadata"]["name"].endswith("-worker")}
        need(workers == {o["metadata"]["name"]
                         for o in mode.of("ScaledObject")}, workers)


def setup_job(mode):
    """Every function that reads topics makes them before it is needed."""
    if mode.second_region:
        need(not mode.of("Job"), "a Job changes a copy of the database")
        return
    containers = mode.name("Job", "bodega-bus")["spec"]["template"]["spec"][
        "containers"]
    for container in containers:
        need(container["args"] == ["--setup"], container["name"])
        image = container["image"].rpartition("/")[2].partition(":")[0]
        need(image == f"bodega-{container['name']}", image)
    made = {container["name"] for container in containers}
    need(made == {fn for fn in FACTS if topics(fn)}, made)


def env_once(mode):
    """Server-side apply refuses a setting that is there twice; and a
    function is told only what it has."""
    for o, template in mode.pods():
        component = o["metadata"]["labels"]["app.kubernetes.io/component"]
        fn = component.removesuffix("-worker")
        for container in template["spec"]["containers"]:
            keys = [e["name"] for e in container.get("env", [])]
            need(len(keys) == len(set(keys)), o["metadata"]["name"], keys)
            if fn in FACTS:
                unknown = set(keys) - set(FACTS[fn]["config"]) - {"ROLE"}
                need(not unknown, o["metadata"]["name"], unknown)


def roles(mode):
    """Routes in one kind of pod, events in the other. A function whose jobs
    nobody is woken for does both at once."""
    for o, template in mode.pods():
        component = o["metadata"]["labels"]["app.kubernetes.io/component"]
        fn = component.removesuffix("-worker")
        if fn not in FACTS:
            continue
        env = {e["name"]: e["value"]
               for e in template["spec"]["containers"][0]["env"]}
        want = "worker" if component.endswith("-worker") else "http"
        if want == "http" and FACTS[fn]["jobs"] and not any(
                x["metadata"]["name"] == f"bodega-{fn}-worker"
                for x in mode.of("Deployment")):
            want = "all"
        need(env["ROLE"] == want, o["metadata"]["name"], env["ROLE"])


def peers(mode):
    """Every address a function is given is somebody's."""
    services = {o["metadata"]["name"] for o in mode.of("Service")}
    for o, template in mode.pods():
        for container in template["spec"]["containers"]:
            for e in container.get("env", []):
                for host in re.findall(
                        r"([a-z0-9-]+)\.shop\.svc\.cluster\.local",
                        str(e.get("value"))):
                    need(host in services or host in (
                        "bodega-pg-rw", "bodega-kafka-bootstrap"),
                        o["metadata"]["name"], e["name"], host)


def secrets(mode):
    """Every secret a function must have is mounted, from a key that exists."""
    data = {o["metadata"]["name"]: set(o["data"])
            for o in mode.of("Secret")}
    for o, template in mode.pods():
        component = o["metadata"]["labels"]["app.kubernetes.io/component"]
        fn = component.removesuffix("-worker")
        files = set()
        for volume in template["spec"].get("volumes", []):
            sources = [s["secret"] for s in
                       volume.get("projected", {}).get("sources", [])]
            if "secret" in volume:
                sources.append(dict(volume["secret"], name=volume["secret"][
                    "secretName"]))
            for source in sources:
                for item in source["items"]:
                    files.add(item["path"])
                    need(source["name"] not in data or
                         item["key"] in data[source["name"]],
                         o["metadata"]["name"], source["name"], item["key"])
        if fn in FACTS:
            may_lack = {"redis_password", "stripe_webhook_secret_old"}
            need(not set(FACTS[fn]["secrets"]) - files - may_lack,
                 o["metadata"]["name"], files)


def kept(mode):
    """What opens the data outlives the release; the migration has a copy, so
    that it can run before an upgrade changes anything."""
    by_name = {o["metadata"]["name"]: o for o in mode.of("Secret")}
    if "bodega" not in by_name:
        need(not by_name, "an existing Secret and one of ours", set(by_name))
        return
    need(by_name["bodega"]["metadata"]["annotations"][
        "helm.sh/resource-policy"] == "keep", "not kept")
    for key, value in by_name["bodega-migrate"]["data"].items():
        need(by_name["bodega"]["data"][key] == value, key, "differs")


def no_plain_secret(mode):
    """No password in an argument, a setting or a ConfigMap."""
    import base64
    values = {base64.b64decode(v).decode() for o in mode.of("Secret")
              for v in o["data"].values()}
    values |= {m[1] for v in values
               for m in [re.search(r"//[^:]+:([^@]+)@", v)] if m}
    rest = json.dumps([o for o in mode.objects if o["kind"] != "Secret"])
    for value in values:
        need(value not in rest, "a secret's text is in the open")


def policies(mode):
    """Every pod of ours is denied by default, and has a policy that lets it
    do its work."""
    everything = mode.of("NetworkPolicy")
    if not everything:
        return
    deny = mode.name("NetworkPolicy", "bodega-deny")["spec"]
    need(set(deny["policyTypes"]) == {"Ingress", "Egress"}, deny)
    need("ingress" not in deny, deny)
    selected = set()
    for policy in everything:
        selector = policy["spec"]["podSelector"]
        if "bodega.example/role" in selector["matchLabels"]:
            selected.add(selector["matchLabels"]["bodega.example/role"])
        for e in selector.get("matchExpressions", []):
            if e["key"] == "bodega.example/role":
                selected |= set(e["values"])
    for o, template in mode.pods():
        labels = template["metadata"]["labels"]
        for key, value in deny["podSelector"]["matchLabels"].items():
            need(labels.get(key) == value, o["metadata"]["name"])
        need(labels["bodega.example/role"] in selected,
             o["metadata"]["name"], labels["bodega.example/role"])


def selectors(mode):
    """Every Service and budget finds the pods it is for."""
    pods = [t["metadata"]["labels"] for _, t in mode.pods()]
    for o in mode.of("Service", "v1") + mode.of("PodDisruptionBudget"):
        selector = o["spec"]["selector"]
        selector = selector.get("matchLabels", selector)
        need(any(selector.items() <= p.items() for p in pods),
             o["metadata"]["name"])


def limits(mode):
    """Every container says what it needs and cannot take a node's memory."""
    for o, template in mode.pods():
        for container in template["spec"]["containers"]:
            resources = container["resources"]
            need({"cpu", "memory"} <= set(resources["requests"]),
                 o["metadata"]["name"])
            need("memory" in resources["limits"], o["metadata"]["name"])


def budgets(mode):
    """No budget on one pod: its node could never be emptied."""
    minima = {}
    for o in mode.knative_services():
        minima[o["metadata"]["name"]] = int(
            o["spec"]["template"]["metadata"]["annotations"][
                "autoscaling.knative.dev/min-scale"])
    for o in mode.of("HorizontalPodAutoscaler"):
        minima[o["metadata"]["name"]] = o["spec"]["minReplicas"]
    for o in mode.of("ScaledObject"):
        minima[o["metadata"]["name"] + "-worker"] = \
            o["spec"]["minReplicaCount"]
    have = {o["metadata"]["name"] for o in mode.of("PodDisruptionBudget")}
    need(have == {n for n, least in minima.items() if least >= 2}, have,
         minima)


def gateway_conf(mode):
    """nginx's files are whole: no name left open, every include there, every
    function's Host its own."""
    data = mode.name("ConfigMap", "bodega-gateway")["data"]
    for name, text in data.items():
        need(not re.search(r"\$\{[A-Z]", text), name)
        for file in re.findall(r"include /etc/bodega/gateway/(\S+);", text):
            need(file in data, name, "includes", file)
    for fn, facts in FACTS.items():
        if any(r["auth"] != "internal" for r in facts["routes"]):
            host = f"bodega-{fn}.shop.svc.cluster.local"
            if mode.second_region and fn != "catalog":
                host = "shop.example"
            need(re.search(rf"set \$upstream_host {host};[^}}]*"
                           rf"proxy_pass https?://{fn};",
                           data["routes.conf"]), fn)


RULES = [names, every_function, autoscaling_place, knative_fields, private,
         replicas, triggers, sleeping, setup_job, env_once, roles, peers,
         secrets, kept, no_plain_secret, policies, selectors, limits, budgets,
         gateway_conf]


def main():
    passed = failed = 0
    for path in sys.argv[1:]:
        mode = Mode(path)
        for rule in RULES:
            try:
                rule(mode)
                passed += 1
            except AssertionError as error:
                failed += 1
                print(f"{pathlib.Path(path).stem}: {rule.__doc__} {error}")
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed > 0)


main()
