"""e2e_points - what is to be proved of a shop in a cluster, point by point.
Every function takes the Run of e2e.py."""
import json
import os
import signal
import statistics
import threading
import time

from e2e_kube import KubeError, items, kubectl, until, usage
from e2e_shop import crowd, shop, steadily

SKU = "SNK-002"
BROWSING = {"gateway", "catalog", "inventory"}
BUYING = BROWSING | {"cart", "checkout", "order", "payment"}
TAKING = {"relay-worker", "payment-worker", "order-worker",
          "inventory-worker", "cart-worker", "email-worker"}
GIVES_UP = (shop.GaveUp, shop.Refused)


def served(run, parts):
    """Of these, those that sleep in this mode."""
    return parts & run.sleepers()


def woken(run, since):
    return run.watch.parts_since(since) & run.sleepers()


def restock(run, count):
    """Under a new reference: one is booked only once."""
    run.shop.staff().receive(f"e2e-{run.shop.rng.getrandbits(64):x}",
                             {SKU: count})


# -- asleep, woken by a shopper and by the first event, asleep again --

def wake(run):
    late = run.asleep()
    run.check(not late, "installed, every function sleeps",
              f"still awake: {sorted(late)}")
    browse(run)
    purchase(run)
    late = run.asleep()
    run.check(not late, "idle, everything sleeps again",
              f"still awake: {sorted(late)}")
    idle_cost(run)
    run.prove("after the first purchase")
    helm_test(run)


def browse(run):
    since, begun = time.time(), time.monotonic()
    page = run.shop.shopper().browse("?limit=5")
    run.note(f"first page after {time.monotonic() - begun:.1f} s")
    run.check(page["items"], "the first request gets the catalog")
    up = woken(run, since)
    run.check(served(run, {"catalog"}) <= up <= BROWSING,
              "it wakes what the catalog needs and no more", sorted(up))


def purchase(run):
    before = run.awake() & TAKING
    run.check(not before, "no consumer runs before the first event", before)
    since, begun = time.time(), time.monotonic()
    buyer = run.shop.shopper()
    try:
        order, token = buyer.buy({SKU: 1}, "first")
        run.note(f"bought after {time.monotonic() - begun:.1f} s")
        done = buyer.confirmed(order, token)
        run.note(f"confirmed after {time.monotonic() - begun:.1f} s")
        run.check(done, "the first purchase is confirmed")
    except GIVES_UP as error:
        run.check(False, "the first purchase is confirmed", str(error))
    until(lambda: "email-worker" in woken(run, since), 60)
    up = woken(run, since)
    missing = (TAKING | served(run, {"cart", "checkout", "payment"})) - up
    run.check(not missing, "the first event ever wakes its consumers",
              f"not woken: {sorted(missing)}")
    run.check(up <= BUYING | TAKING, "nothing else is woken",
              sorted(up - BUYING - TAKING))


def idle_cost(run):
    rows = usage(run.namespace)
    pods = {p.name: p.part for p in run.watch.live()}
    cpu = sum(c for c, _ in rows.values())
    memory = sum(m for _, m in rows.values())
    run.check(not set(pods.values()) & run.sleepers(),
              "asleep the shop runs stores and stand-ins only",
              sorted(pods.values()))
    run.note(f"idle: {len(pods)} pods, {cpu * 1000:.0f} millicores, "
             f"{memory / 2**20:.0f} MiB")
    for name, part in sorted(pods.items()):
        c, m = rows.get(name, (0, 0))
        run.note(f"  {part}: {c * 1000:.0f} m, {m / 2**20:.0f} MiB")


def helm_test(run):
    try:
        run.helm("test", "bodega", "--timeout", "600s")
        run.check(True, "helm test buys one product")
    except KubeError as error:
        run.check(False, "helm test buys one product", str(error))


# -- a burst --

def pause(run, paused):
    """All consumers but the relay, asleep whatever the lag."""
    for scaled in items("scaledobjects", "-n", run.namespace):
        name = scaled["metadata"]["name"]
        if not name.endswith("-relay"):
            kubectl("-n", run.namespace, "annotate", "--overwrite",
                    "scaledobject", name,
                    "autoscaling.keda.sh/paused-replicas"
                    + ("=0" if paused else "-"))


def burst(run):
    """Orders pile up while their consumers are kept asleep, then all of them
    are let loose."""
    count = run.args.orders
    restock(run, count + 100)
    run.asleep()
    pause(run, True)
    orders, lock = [], threading.Lock()

    def buy(buyer, number):
        bought = buyer.buy({SKU: 1}, f"burst-{number}")
        with lock:
            orders.append(bought)
    begun = time.monotonic()
    wrong = crowd(run.shop, range(count), run.args.shoppers, buy)
    run.check(not wrong, f"{count} orders are taken and paid", wrong[:3])
    spent = time.monotonic() - begun
    run.note(f"{count} orders in {spent:.0f} s ({count / spent:.1f}/s)")
    since = time.time()
    pause(run, False)
    wrong = crowd(run.shop, orders, 4,
                  lambda buyer, bought: finish(buyer, *bought))
    run.check(not wrong, "all of them are confirmed", wrong[:3])
    run.note(f"all confirmed {time.time() - since:.0f} s after the consumers "
             "were let loose")
    spread(run, since)
    late = run.asleep()
    run.check(not late, "all consumers sleep again",
              f"still awake: {sorted(late)}")
    run.prove("after the burst")


def finish(buyer, order, token):
    if not buyer.confirmed(order, token):
        raise shop.GaveUp(f"order {order} is not confirmed")


def spread(run, since):
    found = {part: run.watch.most(part, since) for part in sorted(TAKING)}
    run.note("most pods at once: " + ", ".join(
        f"{part} {count}" for part, count in found.items()))
    limit = {s["metadata"]["name"]: s["spec"]["maxReplicaCount"]
             for s in items("scaledobjects", "-n", run.namespace)}
    most = {part: limit["bodega-" + part.removesuffix("-worker")]
            for part in found}
    # Who keeps up alone until the autoscaler looks (15 s) stays alone.
    run.check(any(found[part] == most[part] for part in found),
              "consumers become as many as partitions", found)
    over = [part for part in found if found[part] > most[part]]
    run.check(not over, "no more consumers than partitions", over)


# -- a hundred times as many shoppers --

class Visitors:
    """So many who look at the catalog and at a cart, once a second each."""

    def __init__(self, run, count):
        self.over = threading.Event()
        self.wrong, self.threads = [], []
        for _ in range(count):
            visitor = run.shop.shopper()
            self.threads.append(threading.Thread(
                target=self.visit, args=(visitor,)))
        for thread in self.threads:
            thread.start()

    def visit(self, visitor):
        try:
            cart, _ = visitor.fill_cart({SKU: 1})
            while not self.over.wait(1):
                # Another search every time: the gateway keeps pages.
                visitor.browse(f"?limit=5&q={visitor.rng.getrandbits(32):x}")
                visitor.until_final("cart", "GET", f"/api/carts/{cart}")
        except GIVES_UP as error:
            self.wrong.append(str(error))

    def leave(self):
        self.over.set()
        for thread in self.threads:
            thread.join()


def step(run):
    """Checkouts go on while one visitor becomes a hundred."""
    restock(run, 1000)
    trade = Trade(run, "step")
    until(lambda: len(trade.orders) >= 3, 120)
    calm = checkouts(run, Visitors(run, 1))
    since = time.time()
    busy = checkouts(run, Visitors(run, 100))
    pods = {part: run.watch.most(part, since)
            for part in sorted(BUYING & set(run.functions))}
    trade.end()
    run.note("most pods at once: " + ", ".join(
        f"{part} {count}" for part, count in pods.items()))
    run.check(not trade.wrong, "every purchase went through", trade.wrong[:3])
    if run.args.mode == "knative":
        run.check(pods["cart"] > 1 and pods["catalog"] > 1,
                  "a load step x100 scales cart and catalog")
        run.check(pods["payment"] == 1, "and leaves payment where it is")
    run.note(f"checkout, median: {statistics.median(calm):.0f} ms before, "
             f"{statistics.median(busy):.0f} ms in the step")
    run.prove("after the load step")


def checkouts(run, visitors, seconds=40):
    """Milliseconds of the checkouts while those visitors are here."""
    path = os.path.join(run.work, "history.jsonl")
    run.shop.history.file.flush()
    offset = os.path.getsize(path)
    time.sleep(seconds)
    visitors.leave()
    run.check(not visitors.wrong, f"{len(visitors.threads)} visitors are "
              "served", visitors.wrong[:3])
    run.shop.history.file.flush()
    with open(path, encoding="utf-8") as file:
        file.seek(offset)
        rows = [json.loads(line) for line in file]
    return [row["ms"] for row in rows
            if row["op"] == "checkout" and row["type"] == "ok"]


# -- everything dies once --

class Trade:
    """A shopper who buys all the time while something happens."""

    def __init__(self, run, purchase_name, per_second=1):
        self.run, self.over = run, threading.Event()
        self.orders, self.wrong, self.done = [], [], 0
        self.name, self.rate = purchase_name, per_second
        self.thread = threading.Thread(target=self.trade)
        self.thread.start()

    def buy(self, buyer, number):
        buyer.browse("?limit=3")
        self.orders.append(buyer.buy({SKU: 1}, f"{self.name}-{number}"))

    def trade(self):
        self.wrong, self.done = steadily(
            self.run.shop, self.rate, self.over.is_set, self.buy)

    def end(self):
        self.over.set()
        self.thread.join()
        self.wrong += crowd(self.run.shop, self.orders, 2,
                            lambda buyer, bought: finish(buyer, *bought))
        self.run.note(f"{self.done} purchases meanwhile, {len(self.wrong)} "
                      "of them went wrong; the ingress itself refused "
                      f"{self.run.shop.ingress_errors} times so far")


def kill(run):
    run.shop.killed = True
    restock(run, 1000)
    trade = Trade(run, "kill")
    until(lambda: len(trade.orders) >= 3, 120)
    for part in ("function", "redis-0", "kafka-0", "nats-0", "postgres-0"):
        victims(run, part)
        time.sleep(15)
    if run.args.kubelet:
        kubelet_away(run)
    trade.end()
    run.check(not trade.wrong, "every purchase went through, with legal "
              "retries", trade.wrong[:3])
    run.prove("after the kills")


def victims(run, part):
    """SIGKILL: one pod of every function, or a store's pod."""
    pods = run.watch.live()
    if part == "function":
        chosen = {p.part: p.name for p in pods
                  if p.part in run.sleepers() | set(run.functions)}.values()
    else:
        chosen = [p.name for p in pods if p.name == f"bodega-{part}"]
    for name in chosen:
        kubectl("-n", run.namespace, "delete", "pod", name, "--force",
                "--grace-period=0", "--wait=false")
    if chosen:
        run.note(f"killed {', '.join(sorted(chosen))}")
    if part != "function" and chosen:
        until(lambda: run.watch.live(part.removesuffix("-0")) and all(
            "ready" in p.at for p in run.watch.live(part.removesuffix("-0"))),
            120)


def kubelet_away(run, seconds=40):
    with open(run.args.kubelet, encoding="ascii") as file:
        pid = int(file.read())
    os.kill(pid, signal.SIGSTOP)
    run.note(f"kubelet stopped for {seconds} s")
    time.sleep(seconds)
    os.kill(pid, signal.SIGCONT)


# -- a new version while people buy --

def upgrade(run):
    restock(run, 1000)
    trade = Trade(run, "upgrade")
    until(lambda: len(trade.orders) >= 3, 120)
    before = os.path.getsize(os.path.join(run.work, "history.jsonl"))
    try:
        run.chart("--set", "logLevel=debug")
        run.check(True, "helm upgrade under load")
    except KubeError as error:
        run.check(False, "helm upgrade under load", str(error))
    time.sleep(20)
    trade.end()
    run.check(not trade.wrong, "every purchase went through", trade.wrong[:3])
    bad = failures(run, before)
    run.check(not bad, "no request failed, not even to be asked again",
              bad[:5])
    run.prove("after the upgrade")


def failures(run, offset):
    """Answers since a place in the history that ask for another try."""
    run.shop.history.file.flush()
    path = os.path.join(run.work, "history.jsonl")
    found = []
    with open(path, encoding="utf-8") as file:
        file.seek(offset)
        file.readline()
        for line in file:
            if '"type": "info"' in line:
                found.append(line.strip()[:300])
    return found
