#!/usr/bin/env python3
"""replay - a retailer's real invoices through the shop, and the proof.

  replay.py --csv FILE --admin-token-file F --ledger F --db URL
            --topics URL --mail SOURCE [--url http://127.0.0.1:8080]
            [--workers 16] [--seed N] [--work DIR]

Imports the file as the catalog (twice: the second time changes nothing),
takes in just enough stock, then makes every sale invoice a purchase that is
paid, every cancelled invoice an order that is cancelled or refunded, every
write-off an adjustment: all of it at once, by many shoppers. In the end
revenue must be what the file says and the prover must agree.
The same file and shop must be fresh: no orders from before.
"""
import argparse
import json
import os
import queue
import random
import subprocess
import sys
import tempfile
import threading
import time

import retail
from shop import FINAL, GaveUp, History, Refused, Shopper, Staff

HERE = os.path.dirname(os.path.abspath(__file__))
PROVER = os.path.join(HERE, "..", "prover", "prove.py")
REPLAYED = 0.1  # fraction of purchases whose checkout is asked for again
DECLINED = 0.05  # fraction that is declined once before it is paid
SETTLE_S = 180


class Replay:
    def __init__(self, args):
        self.args = args
        self.rng = random.Random(args.seed)
        self.history = History(os.path.join(args.work, "history.jsonl"))
        with open(args.csv, "rb") as file:
            self.data = file.read()
        self.retail = retail.read(self.data)
        self.jobs, self.lock = queue.Queue(), threading.Lock()
        self.orders, self.problems = [], []
        self.expected = {}

    def staff(self):
        return Staff(self.args.url, self.history, self.args.admin_token_file,
                     seed=self.args.seed, patience_s=self.args.patience)

    # -- before --

    def check(self, true, text):
        if not true:
            with self.lock:
                self.problems.append(text)
            print(f"WRONG: {text}\n", end="", flush=True)

    def stock_up(self):
        """Catalog and stock; what the import says against our own reading."""
        staff = self.staff()
        first = staff.import_products(self.data, retail.IMPORT)
        again = staff.import_products(self.data, retail.IMPORT)
        products = len(self.retail.price)
        refused = {row.line: row.refused() for row in self.retail.rows
                   if row.refused()}
        # The first may have been answered by a second attempt.
        self.check(first["created"] + first["unchanged"] == products,
                   f"{first['created']} products made, {products} in file")
        self.check((again["created"], again["updated"], again["unchanged"])
                   == (0, 0, products), "the import repeats unchanged")
        self.check(first["rows"] == len(self.retail.rows), "rows counted")
        said = {entry["line"] for entry in first["report"]}
        self.check(said >= refused.keys(), "refused but not reported: lines "
                   f"{sorted(refused.keys() - said)[:10]}")
        self.check(first["rejected"] == len(refused), "rejected "
                   f"{first['rejected']}, {len(refused)} make no sense")
        differs = self.retail.differs()
        self.check(first["differs"] == differs, f"{first['differs']} rows "
                   f"differ from the first of their product, not {differs}")
        self.check(first["rows"] == sum(first[name] for name in (
            "created", "updated", "unchanged", "duplicates", "differs",
            "rejected")), "every row is counted once")
        self.check(all(entry["reason"] for entry in first["report"]),
                   "every reported line has a reason")
        print(f"catalog: {products} products from {first['rows']} rows, "
              f"{first['rejected']} rejected with a reason", flush=True)
        stock = retail.opening_stock(self.retail)
        staff.receive("opening-stock", stock)
        staff.receive("opening-stock", stock)

    def plan(self):
        """All jobs, shuffled: (what, purchase, lines or row)."""
        jobs = []
        for invoice, lines in self.retail.sales.items():
            for n, cart in enumerate(retail.carts(lines)):
                jobs.append(("sell", f"{invoice}-{n}", cart))
        for number, (invoice, lines) in enumerate(
                self.retail.returns.items()):
            what = "refund" if number % 2 else "cancel"
            for n, cart in enumerate(retail.carts(lines)):
                jobs.append((what, f"{invoice}-{n}", cart))
        for row in self.retail.adjustments:
            jobs.append(("adjust", f"line-{row.line}", row))
        self.rng.shuffle(jobs)
        for what, purchase, lines in jobs:
            if what != "adjust":
                self.expected[purchase] = self.retail.total(lines) \
                    if what == "sell" else 0
        return jobs

    # -- the run --

    def run(self):
        jobs = self.plan()
        for job in jobs:
            self.jobs.put(job)
        begun = time.monotonic()
        self.threads(self.work)
        seconds = time.monotonic() - begun
        made = len(self.orders)
        print(f"{len(jobs)} jobs, {made} orders in {seconds:.1f} s "
              f"({made / seconds:.1f} orders/s)", flush=True)
        for order in self.orders:
            self.jobs.put(order)
        self.threads(self.finish)
        self.history.close()

    def threads(self, target):
        threads = [threading.Thread(target=target, args=(n,))
                   for n in range(self.args.workers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def each(self, function):
        """Take jobs until none is left; a failed one is a problem."""
        while True:
            try:
                job = self.jobs.get_nowait()
            except queue.Empty:
                return
            try:
                function(*job)
            except (GaveUp, Refused, KeyError, TypeError) as error:
                self.check(False, f"{job[:2]}: {type(error).__name__} "
                           f"{error}")

    def work(self, number):
        shopper = Shopper(self.args.url, self.history,
                          f"{self.args.seed}-{number}", self.args.patience)
        staff = self.staff()

        def job(what, purchase, lines):
            if what == "adjust":
                staff.adjust(lines.sku, lines.quantity,
                             "written off" if lines.quantity < 0
                             else "found", f"adjust-{purchase}")
            else:
                self.buy(shopper, what, purchase, lines)
        self.each(job)

    def buy(self, shopper, what, purchase, lines):
        order, answer = self.place(shopper, purchase, lines)
        token = answer.body["order_token"]
        url = shopper.page(order, token, answer)
        self.check(url, f"{purchase}: no payment page")
        if what == "cancel":
            self.check(shopper.cancel(order, token),
                       f"{purchase}: an unpaid order can't be cancelled")
        elif url:
            if shopper.rng.random() < DECLINED:
                shopper.press(url, order, "decline")
            paid = shopper.press(url, order, "pay")
            self.check(paid.status == 200, f"{purchase}: {paid.body}")
        with self.lock:
            self.orders.append((what, purchase, order, token))

    def place(self, shopper, purchase, lines):
        """Cart and checkout until there is an order of just these lines. A
        cart may vanish (Redis may die at any moment): then it is filled
        again and bought under a new key."""
        wanted = self.retail.total(lines)
        for attempt in range(1, 20):
            try:
                cart, total = shopper.fill_cart(lines)
            except Refused as error:
                if error.answer.status == 404:
                    continue
                raise
            if total != wanted:
                self.check(self.args.kills, f"{purchase}: cart {total}, "
                           f"expected {wanted}")
                continue
            key, email = f"{purchase}.{attempt}", f"{purchase}@example.org"
            try:
                answer = shopper.checkout(key, cart, purchase, email)
            except Refused as error:
                if not self.args.kills:
                    raise
                if error.answer.code() == "out-of-stock":
                    time.sleep(2)  # an order given up below still holds it
                elif not error.points_at("/cart_id"):
                    raise
                continue
            if shopper.rng.random() < REPLAYED:
                shopper.checkout(key, cart, purchase, email, "replay")
            order = answer.body["order"]
            if order["total"] == wanted:
                return order["id"], answer
            self.check(self.args.kills, f"{purchase}: total "
                       f"{order['total']}, expected {wanted}")
            shopper.cancel(order["id"], answer.body["order_token"])
        raise GaveUp(f"{purchase}: the cart vanished every time")

    def finish(self, number):
        """Every order to its end; the refunds."""
        shopper = Shopper(self.args.url, self.history,
                          f"{self.args.seed}-end-{number}",
                          self.args.patience)
        staff = self.staff()

        def settle(what, purchase, order, token):
            view = shopper.wait(order, token, lambda v: v["status"] in FINAL)
            if what == "refund":
                staff.refund(order, "goods returned", True)
                view = shopper.wait(order, token,
                                    lambda v: v["status"] == "refunded")
            ends = {"sell": "confirmed", "cancel": "cancelled",
                    "refund": "refunded"}
            self.check(view["status"] == ends[what],
                       f"{purchase} ({what}) is {view['status']}")
        self.each(settle)

    # -- after --

    def revenue(self):
        path = os.path.join(self.args.work, "revenue.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"currency": "GBP", "orders": self.expected,
                       "total": sum(self.expected.values())}, file)
        return path

    def prove(self):
        """Ask the prover until all has settled or the time is over."""
        args = self.args
        command = [sys.executable, PROVER, "--expect-revenue",
                   self.revenue(), "--history",
                   os.path.join(args.work, "history.jsonl")]
        for name in ("ledger", "db", "topics", "mail"):
            command += ["--" + name, getattr(args, name)]
        if args.kills:
            command.append("--kills")
        end = time.monotonic() + SETTLE_S
        while True:
            done = subprocess.run(command, capture_output=True, text=True,
                                  check=False)
            if done.returncode == 0 or time.monotonic() > end:
                break
            time.sleep(3)
        print(done.stdout + done.stderr, flush=True)
        self.check(done.returncode == 0, "the prover does not agree")

    def report(self):
        sales = self.retail.sales
        pounds = sum(self.expected.values()) / 100
        numbers = {row.invoice for row in self.retail.rows}
        void = {n for n in numbers if n.startswith("C")}
        print(f"{len(numbers - void)} invoices, {len(sales)} of them with "
              f"something to sell, worth £{pounds:,.2f}; {len(void)} "
              f"cancelled, {len(self.retail.returns)} of them with something "
              "in the catalog; "
              f"{len(self.retail.adjustments)} stock adjustments; "
              f"{len(self.retail.unsold)} rows without a product to move")
        for row in self.retail.unsold:
            print(f"  line {row.line}: {row.invoice} {row.sku} "
                  f"{row.quantity} ({row.refused()})")
        print(f"{len(self.problems)} problems")
        return 1 if self.problems else 0


def parser(description):
    made = argparse.ArgumentParser(
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--url", default="http://127.0.0.1:8080")
    for name in ("csv", "admin-token-file", "ledger", "db", "topics", "mail"):
        made.add_argument("--" + name, required=True)
    made.add_argument("--workers", type=int, default=16)
    made.add_argument("--patience", type=float, default=120,
                      help="how long one thing is tried, seconds")
    made.add_argument("--seed", type=int, default=None)
    made.add_argument("--work", help="folder for the history; kept")
    return made


def prepare(args, kills):
    args.kills = kills
    if args.seed is None:
        args.seed = random.SystemRandom().randrange(1 << 31)
    args.work = args.work or tempfile.mkdtemp(prefix="bodega-replay-")
    os.makedirs(args.work, exist_ok=True)
    print(f"seed {args.seed}, history in {args.work}", flush=True)
    return args


def main():
    args = prepare(parser(__doc__).parse_args(), kills=False)
    replay = Replay(args)
    replay.stock_up()
    replay.run()
    replay.prove()
    return replay.report()


if __name__ == "__main__":
    sys.exit(main())
