"""locustfile.py - the shop as seen by shoppers who take their time.

Every user waits for an answer before the next click: that is what people do,
and it is why the latencies of this tool flatter a shop that stalls (README.md).
SCENARIO is browse, cart, checkout or flash_sale. USERS shop at a time, each a
visit in a second or so; flash_sale goes from USERS to STEP times as many and
back, DURATION seconds each. Rows go to $ROWS.
"""
import os
import pathlib
import random
import sys

from locust import FastHttpUser, LoadTestShape, constant_pacing, events, task

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))
import rows
import target
from shopper import BUYERS, SALE_SKU, Shopper

SCENARIO = os.environ.get("SCENARIO", "browse")
DURATION = float(os.environ.get("DURATION", "15"))
USERS = int(os.environ.get("USERS", "1" if SCENARIO == "flash_sale" else "5"))
STEP = float(os.environ.get("STEP", "100"))
BASE_URL = target.must_be_ours(
    os.environ.get("BASE_URL", "http://127.0.0.1:8080"))
PHASES = ("before", "step", "after") if SCENARIO == "flash_sale" else ("",)


class Steps(LoadTestShape):
    """USERS, or before, step and after of a flash sale."""

    def tick(self):
        at = int(self.get_run_time() // DURATION)
        if at >= len(PHASES):
            return None
        Steps.phase = PHASES[at]
        users = USERS * STEP if PHASES[at] == "step" else USERS
        return max(1, round(users)), 1000

    phase = PHASES[0]


class Visitor(FastHttpUser):
    host = BASE_URL
    wait_time = constant_pacing(1)
    network_timeout = connection_timeout = 30.0

    def on_start(self):
        self.shopper = Shopper(self.client, BASE_URL, self.context)

    def context(self):
        item = "limited" if SCENARIO == "flash_sale" else ""
        return {"item": item, "phase": Steps.phase}

    @task
    def visit(self):
        getattr(self, SCENARIO)()

    def browse(self):
        self.shopper.browse()
        self.shopper.look(self.shopper.any_product())

    def cart(self):
        self.shopper.fill_cart([self.shopper.any_product(),
                                self.shopper.any_product()])

    def checkout(self):
        cart = self.shopper.fill_cart([self.shopper.any_product()])
        if cart:
            self.shopper.buy(cart)

    def flash_sale(self):
        self.shopper.look(SALE_SKU)
        cart = self.shopper.fill_cart([SALE_SKU])
        if cart and random.uniform(0, 100) < BUYERS:
            self.shopper.buy(cart)


@events.init.add_listener
def on_init(environment, **_more):
    if SCENARIO not in ("browse", "cart", "checkout", "flash_sale"):
        raise SystemExit(f"no scenario called {SCENARIO}")
    if os.environ.get("ROWS"):
        close = rows.write(environment, os.environ["ROWS"])
        environment.events.quit.add_listener(lambda **_: close())
