"""e2e_shop - shoppers and the prover of a shop that runs in a cluster."""
import os
import random
import subprocess
import sys
import threading
import time
import urllib.parse

from e2e_kube import kubectl, secret, until

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(TOP, "tests", "flow"))
import shop  # noqa: E402 (found by the line above)

# A cold start may stand before every answer: what the gateway allows it.
COLD_MS = 120_000
PROBLEM = "application/problem+json"
READ = "import sys; sys.stdout.write(open('/data/ledger.jsonl').read())"


class Door(shop.Link):
    """A connection to the cluster's ingress, which tells shops apart by Host;
    no name of the cluster has to be known to this machine."""

    def __init__(self, address, host):
        super().__init__(f"http://{address[0]}:{address[1]}")
        self.name = host

    def once(self, method, path, body, headers):
        return super().once(method, path, body, {**headers,
                                                 "Host": self.name})


class Shopper(shop.Shopper):
    def __init__(self, where, history, seed):
        super().__init__("http://door", history, seed, patience_s=180)
        self.where = where
        self.link = Door(where.address, where.host)

    def once(self, *what, deadline_ms=0, **more):
        return super().once(*what, deadline_ms=max(deadline_ms, COLD_MS),
                            **more)

    def note(self, op, answer, begun, **notes):
        """What the cluster's ingress says when it finds nobody is not the
        shop's answer: ours are all problem+json."""
        if answer.status >= 500 and not answer.type.startswith(PROBLEM):
            self.where.ingress_errors += 1
            notes["at"] = "gateway"  # as the prover calls those who are not
        super().note(op, answer, begun, **notes)

    def press(self, url, order, button):
        """The page is behind the same ingress, whatever the chart was told
        of public addresses."""
        netloc = urllib.parse.urlsplit(url).netloc
        self.pages.setdefault(netloc, Door(self.where.address,
                                           self.where.host))
        return super().press(url, order, button)

    def buy(self, lines, purchase, pay=True):
        """Cart, checkout, payment; (order, token)."""
        cart, _ = self.fill_cart(lines)
        key = f"{purchase}-{self.rng.getrandbits(64):x}"
        answer = self.checkout(key, cart, purchase, "shopper@example.org")
        order = answer.body["order"]["id"]
        token = answer.body["order_token"]
        if pay:
            url = self.page(order, token, answer)
            paid = self.press(url, order, "pay")
            if paid.status >= 400:
                raise shop.Refused(paid)
        return order, token

    def confirmed(self, order, token):
        return self.wait(order, token, lambda v: v["status"] in shop.FINAL)[
            "status"] == "confirmed"


class Shop:
    """Where the shop is, its history, and what the prover reads."""

    def __init__(self, namespace, name, reach, address, host, work, bus):
        self.namespace, self.name, self.reach = namespace, name, reach
        self.address, self.host, self.bus = address, host, bus
        self.work, self.killed = work, False
        self.ingress_errors = 0
        self.history = shop.History(os.path.join(work, "history.jsonl"))
        self.rng = random.SystemRandom()  # a key is used once for all

    def shopper(self):
        return Shopper(self, self.history, self.rng.random())

    def received(self, reference, stock):
        """What the chart's own Job put on the shelves."""
        process = self.history.process()
        for kind in ("invoke", "ok"):
            self.history.add(process=process, type=kind, op="receive",
                             reference=reference, stock=stock, status=200)

    def staff(self):
        made = shop.Staff("http://door", self.history, self.staff_token(),
                          seed=1, patience_s=180)
        made.link = Door(self.address, self.host)
        return made

    def staff_token(self):
        path = os.path.join(self.work, "admin_token")
        with open(path, "w", encoding="utf-8",
                  opener=lambda p, f: os.open(p, f, 0o600)) as file:
            file.write(secret(self.namespace, self.name)["admin_token"])
        return path

    # -- the prover --

    def sources(self):
        """The prover's arguments: everything the cluster knows."""
        path = os.path.join(self.work, "database")
        password = secret(self.namespace, self.name)["postgres_password"]
        host, port = self.reach(f"{self.name}-postgres", 5432)
        with open(path, "w", encoding="utf-8",
                  opener=lambda p, f: os.open(p, f, 0o600)) as file:
            file.write(f"postgres://postgres:{password}@{host}:{port}/bodega")
        ledger = os.path.join(self.work, "ledger.jsonl")
        text = kubectl("-n", self.namespace, "exec",
                       f"deploy/{self.name}-simulator", "--",
                       "/usr/bin/python3", "-c", READ)
        with open(ledger, "w", encoding="utf-8") as file:
            file.write(text)
        if self.bus == "kafka":
            topics = f"kafka://{self.name}-kafka.{self.namespace}.svc." \
                "cluster.local:9092"
        else:
            topics = self.reach.url(f"{self.name}-nats", 4222, "nats")
        mail = self.reach.url(f"{self.name}-mailbox", 8025) + "/messages"
        return ["--history", os.path.join(self.work, "history.jsonl"),
                "--ledger", ledger, "--db", "@" + path, "--topics", topics,
                "--mail", mail]

    def prove(self, seconds=240):
        """(True or False, the prover's table), once all has settled."""
        self.history.file.flush()
        said = []

        def agreed():
            here = os.path.dirname(os.path.abspath(__file__))
            done = subprocess.run(
                [sys.executable, os.path.join(here, "e2e_prove.py"),
                 *self.sources(), *(["--kills"] if self.killed else [])],
                capture_output=True, text=True, check=False)
            said.append(done.stdout + done.stderr)
            return done.returncode == 0
        return until(agreed, seconds, 5), said[-1]


def crowd(shop_of, jobs, workers, work):
    """work(shopper, job) for all jobs by so many shoppers; what went wrong,
    as texts."""
    jobs, lock, wrong = list(reversed(jobs)), threading.Lock(), []

    def one():
        shopper = shop_of.shopper()
        while True:
            with lock:
                if not jobs:
                    return
                job = jobs.pop()
            try:
                work(shopper, job)
            except (shop.GaveUp, shop.Refused, KeyError, TypeError) as error:
                with lock:
                    wrong.append(f"{job}: {type(error).__name__} {error}")
    threads = [threading.Thread(target=one) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return wrong


def steadily(shop_of, per_second, until_over, work):
    """work(shopper, n) at a steady rate by one shopper until until_over();
    what went wrong, and how many were done."""
    shopper, wrong, n = shop_of.shopper(), [], 0
    while not until_over():
        begun = time.monotonic()
        try:
            work(shopper, n)
        except (shop.GaveUp, shop.Refused, KeyError, TypeError) as error:
            wrong.append(f"{n}: {type(error).__name__} {error}")
        n += 1
        time.sleep(max(0, 1 / per_second - (time.monotonic() - begun)))
    return wrong, n
