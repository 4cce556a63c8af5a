#!/usr/bin/env python3
"""One part at a time is away; what does a shopper still get? Every other part
goes on, no process dies, and when the part is back so is the whole shop.

Environment as tests/run.py gives it: SHOP, BODEGA_URL, SIM_URL,
ADMIN_TOKEN_FILE. Ends with `N passed, N failed`."""
import contextlib
import json
import os
import pathlib
import shlex
import subprocess
import tempfile
import time
import traceback
import uuid
from concurrent import futures

import shop

TOP = pathlib.Path(__file__).resolve().parents[2]
SHOP = pathlib.Path(os.environ["SHOP"])
URL = os.environ["BODEGA_URL"]
OWN_PORT = 26390  # of a function that a test starts by itself
FUNCTIONS = ("cart", "catalog", "checkout", "email", "inventory", "order",
             "payment", "relay")
FOLDER = tempfile.TemporaryDirectory()  # gone with this process
HISTORY = shop.History(os.path.join(FOLDER.name, "history"))


def local(*words):
    subprocess.run([TOP / "common/local/local.sh", *words], check=True,
                   env={**os.environ, "BODEGA_RUN": str(SHOP)})


def pid(name):
    return (SHOP / f"pids/{name}.pid").read_text().strip()


@contextlib.contextmanager
def away(part):
    """`part` is stopped inside; afterwards the same processes as before run."""
    before = {f: pid(f) for f in FUNCTIONS if f != part}
    local("pause", part)
    try:
        yield
    finally:
        local("resume", part)
        until(lambda: (SHOP / f"pids/{part}.pid").exists(), part + " runs")
    after = {f: pid(f) for f in before}
    equal(after, before, f"processes while {part} was away")


def equal(got, wanted, what=""):
    if got != wanted:
        raise AssertionError(f"{what}: {got!r} instead of {wanted!r}")


def until(fact, what, seconds=60):
    end = time.monotonic() + seconds
    while not fact():
        if time.monotonic() > end:
            raise AssertionError("never: " + what)
        time.sleep(0.1)


def new_shopper():
    return shop.Shopper(URL, HISTORY, seed=1, patience_s=60)


def ask(method, path, body=None, headers=None, where=URL):
    """One request, no second try."""
    data, head = body, dict(headers or {})
    if isinstance(body, dict):
        data = json.dumps(body).encode()
        head["Content-Type"] = "application/json"
    return shop.Link(where).ask(method, path, data, head)


def problem(answer, status, code=None):
    equal(answer.status, status, f"status ({answer.body} {answer.error})")
    equal(answer.type.split(";")[0], "application/problem+json", "type")
    if status == 503:
        equal(answer.headers["retry-after"].isdigit(), True, "Retry-After")
    if code:
        equal(answer.code(), code, "code")


def buy(cart, key=None, where=URL):
    return ask("POST", "/api/checkout",
               {"cart_id": cart, "email": "ada@example.org", "name": "Ada",
                "address": shop.ADDRESS},
               {"Idempotency-Key": key or str(uuid.uuid4())}, where)


def plenty():
    page = new_shopper().browse("?limit=100")
    return next(i["sku"] for i in page["items"] if (i["available"] or 0) > 30)


def a_cart():
    return new_shopper().fill_cart({plenty(): 1})[0]


def settings(fn):
    """The environment a function runs with."""
    pairs = (line.partition("=") for line in
             (SHOP / f"env/{fn}").read_text().splitlines())
    return {name: "".join(shlex.split(value)) for name, _, value in pairs}


def ready(fn):
    """Status and body of a function's own /readyz."""
    port = settings(fn)["PORT"]
    return ask("GET", "/readyz", where=f"http://127.0.0.1:{port}")


def pay_and_confirm(answer):
    body, someone = answer.body, new_shopper()
    order, token = body["order"]["id"], body["order_token"]
    url = someone.page(order, token, answer)
    someone.press(url, order, "pay")
    view = someone.wait(order, token, lambda v: v["status"] in shop.FINAL)
    equal(view["status"], "confirmed", "status in the end")


def test_postgres_away():
    cart, key = a_cart(), str(uuid.uuid4())
    ask("GET", "/api/catalog/products?limit=5")
    with away("postgres"):
        time.sleep(2)
        seen = ask("GET", "/api/catalog/products?limit=5")
        equal(seen.status, 200, "the catalog, served stale")
        equal(ask("GET", f"/api/carts/{cart}").status, 200, "the cart")
        problem(buy(cart, key), 503)
        answer = ready("order")
        equal((answer.status, answer.body["postgres"]), (503, "down"),
              "order's readiness")
    until(lambda: ready("order").status == 200, "order is ready again")
    done = []
    until(lambda: done.append(buy(cart, key)) or done[-1].status in (201, 202),
          "the same key buys")
    pay_and_confirm(done[-1])


def test_redis_away():
    answer = buy(a_cart())
    equal(answer.status, 201, "bought before")
    other = a_cart()
    with away("redis"):
        time.sleep(1)
        problem(ask("POST", "/api/carts"), 503)
        problem(buy(other), 503)
        equal(ask("GET", "/api/catalog/products?limit=4").status, 200,
              "the catalog")
        equal(ready("cart").body["redis"], "down", "cart says so")
        pay_and_confirm(answer)  # what was bought goes on without Redis
    until(lambda: ask("POST", "/api/carts").status == 201, "carts again")


def test_bus_away():
    bus = os.environ.get("BUS", "nats")
    cart = a_cart()
    with away(bus):
        answer = buy(cart)
        equal(answer.status, 201, "orders are taken without the bus")
        order = answer.body["order"]["id"]
        new_shopper().press(answer.body["payment_url"], order, "pay")
        time.sleep(2)
        view = new_shopper().order(order, answer.body["order_token"])
        equal(view["status"], "pending", "nobody has heard of it yet")
    pay_and_confirm(answer)


def test_inventory_away():
    cart = a_cart()
    with away("inventory"):
        time.sleep(1.5)
        page = ask("GET", f"/api/catalog/products?limit=7&q={uuid.uuid4()}")
        equal(page.status, 200, "a search nobody made before")
        equal(ask("GET", f"/api/carts/{cart}").status, 200, "the cart")
        problem(buy(cart), 503)


def test_catalog_away():
    cart = a_cart()
    with away("catalog"):
        time.sleep(1.5)
        seen = ask("GET", f"/api/carts/{cart}")
        equal(seen.status, 200, "a cart is shown as far as it is known")
        equal(seen.body["partial"], True, "and says so")
        problem(buy(cart), 503)


def test_order_away():
    cart = a_cart()
    with away("order"):
        problem(buy(cart), 503)
        equal(ask("GET", f"/api/carts/{cart}").status, 200, "the cart")


def test_email_away():
    cart = a_cart()
    with away("email"):
        pay_and_confirm(buy(cart))


def test_payment_gateway_away():
    cart = a_cart()
    with away("sim"):
        answer = buy(cart)
        equal(answer.status, 202, "the order stands without a page")
        equal("payment_url" in answer.body, False, "no page")
    pay_and_confirm(answer)


@contextlib.contextmanager
def slow_gateway():
    def delay(ms):
        shop.Link(os.environ["SIM_URL"]).ask(
            "POST", "/_sim", json.dumps({"delay_ms": ms}).encode(),
            {"Content-Type": "application/json"})

    delay(20000)
    try:
        yield
    finally:
        delay(0)


def test_payment_gateway_hangs():
    cart = a_cart()
    with slow_gateway():
        answer = buy(cart)
        equal(answer.status, 202, "the order stands without a page")
        equal(ask("POST", "/api/carts").status, 201, "others are not held up")
    pay_and_confirm(answer)


def test_twin_is_told_to_wait():
    cart, key = a_cart(), str(uuid.uuid4())
    with slow_gateway(), futures.ThreadPoolExecutor() as pool:
        first = pool.submit(buy, cart, key)
        time.sleep(0.5)  # it is waiting for its page now
        problem(buy(cart, key), 409, "request-in-progress")
        answer = first.result()
    equal(answer.status, 202, "the first")
    equal(buy(cart, key).sha, answer.sha, "the same bytes afterwards")
    pay_and_confirm(answer)


def test_overload_is_refused_at_once():
    """A checkout of our own that takes two requests at a time."""
    carts = [a_cart() for _ in range(3)]
    env = {"PATH": os.environ["PATH"], **settings("checkout"),
           "PORT": str(OWN_PORT), "MAX_REQUESTS": "2"}
    own = subprocess.Popen([os.readlink(f"/proc/{pid('checkout')}/exe")],
                           env=env, stdout=subprocess.DEVNULL)
    where = f"http://127.0.0.1:{OWN_PORT}"
    try:
        until(lambda: ask("GET", "/readyz", where=where).status == 200,
              "our own checkout is ready")
        with slow_gateway(), futures.ThreadPoolExecutor() as pool:
            two = [pool.submit(buy, c, where=where) for c in carts[:2]]
            time.sleep(0.5)
            problem(buy(carts[2], where=where), 503, "overloaded")
            equal([t.result().status for t in two], [202, 202], "the others")
    finally:
        own.terminate()
        equal(own.wait(timeout=30), 0, "exit status")


def test_payment_away():
    cart = a_cart()
    with away("payment"):
        answer = buy(cart)
        equal(answer.status, 202, "the order stands without a page")
    pay_and_confirm(answer)


def main():
    tests = [(n, t) for n, t in globals().items() if n.startswith("test_")]
    failed = 0
    for name, test in tests:
        try:
            test()
            print("ok     ", name, flush=True)
        except Exception:  # whatever it was: a failed test
            failed += 1
            print("FAILED ", name)
            traceback.print_exc()
    print(f"{len(tests) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
