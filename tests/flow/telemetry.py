#!/usr/bin/env python3
"""One purchase, told by the logs: one trace through every function and over the
bus, one line per request with what it must have, and no secret in any of them.

Environment as tests/run.py gives it: SHOP, BODEGA_URL, ADMIN_TOKEN_FILE. Ends
with `N passed, N failed`."""
import json
import os
import pathlib
import re
import secrets
import tempfile
import time
import traceback
import uuid

import shop

SHOP = pathlib.Path(os.environ["SHOP"])
URL = os.environ["BODEGA_URL"]
MAIL = f"telemetry.{secrets.token_hex(6)}@example.org"
NAME = "Zebedee " + secrets.token_hex(6)
FUNCTIONS = ("cart", "catalog", "checkout", "email", "inventory", "order",
             "payment", "relay")
REQUEST = {"time", "level", "function", "msg", "trace", "route", "method",
           "status", "us", "bytes_in", "bytes_out"}


class Bought:
    """A purchase under a trace of our own, paid and confirmed."""

    def __init__(self):
        self.trace = secrets.token_hex(16)
        someone = shop.Shopper(URL, shop.History(
            os.path.join(tempfile.mkdtemp(), "history")), seed=1)
        page = someone.browse("?limit=100")
        sku = next(i["sku"] for i in page["items"]
                   if (i["available"] or 0) > 5)
        cart, _ = someone.fill_cart({sku: 1})
        time.sleep(1.1)  # so that prices are asked for again
        answer = someone.link.ask(
            "POST", "/api/checkout", json.dumps(
                {"cart_id": cart, "email": MAIL, "name": NAME,
                 "address": shop.ADDRESS}),
            {"Content-Type": "application/json",
             "Idempotency-Key": str(uuid.uuid4()),
             "traceparent": f"00-{self.trace}-{secrets.token_hex(8)}-01"})
        assert answer.status == 201, (answer.status, answer.body)
        self.answer_trace = answer.headers["request-id"]
        self.order = answer.body["order"]["id"]
        self.token = answer.body["order_token"]
        someone.press(answer.body["payment_url"], self.order, "pay")
        view = someone.wait(self.order, self.token,
                            lambda v: v["status"] in shop.FINAL)
        assert view["status"] == "confirmed", view
        time.sleep(2)  # the receipt, and what is still on its way


def lines(function):
    """The log's JSON lines; a line that is none is the supervisor's."""
    found = []
    for line in (SHOP / f"log/{function}.log").read_text().splitlines():
        if line.startswith("{"):
            found.append(json.loads(line))
    return found


def test_every_function_logs_under_the_shoppers_trace(bought):
    for function in ("checkout", "cart", "catalog", "inventory", "order",
                     "payment"):
        mine = [x for x in lines(function)
                if x.get("trace") == bought.trace and x["msg"] == "request"]
        assert mine, f"{function} has no request of this trace"


def test_events_carry_the_trace_on(bought):
    mine = [x for x in lines("payment") if x["msg"] == "event"
            and x["trace"] == bought.trace]
    assert [x["topic"] for x in mine].count("order.placed") == 1, mine


def test_the_paid_half_is_one_trace_too(bought):
    hook = [x for x in lines("payment") if x["msg"] == "request"
            and x["route"] == "/webhooks/payment"
            and x.get("order") == bought.order]
    assert hook, "no webhook in payment's log"
    for function, topic in (("order", "payment.captured"),
                            ("inventory", "order.paid"),
                            ("order", "inventory.committed"),
                            ("email", "order.confirmed"),
                            ("cart", "order.paid")):
        assert any(x["msg"] == "event" and x["topic"] == topic
                   and x["trace"] == hook[0]["trace"]
                   for x in lines(function)), f"{function} {topic}"


def test_the_answer_names_its_trace(bought):
    assert bought.answer_trace == bought.trace


def test_each_request_line_has_its_fields(bought):
    for function in FUNCTIONS:
        for line in lines(function):
            if line["msg"] != "request":
                continue
            assert REQUEST <= set(line), (function, line)
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z",
                                line["time"]), line
            assert re.fullmatch(r"[0-9a-f]{32}", line["trace"]), line


def test_the_order_is_named_where_it_is_known(bought):
    for function in ("checkout", "inventory", "order", "payment"):
        assert any(x.get("order") == bought.order for x in lines(function)), \
            function


def test_probes_are_not_logged(bought):
    for function in FUNCTIONS:
        assert not [x for x in lines(function) if x.get("route") in
                    ("/healthz", "/readyz", "/metrics")], function


def test_no_secret_is_in_any_log(bought):
    words = {MAIL: "mail address", NAME: "name", bought.token: "order token",
             shop.ADDRESS.split("\n")[0]: "address"}
    for path in (SHOP / "secrets").rglob("*"):
        if path.is_file() and path.stat().st_size >= 16:
            words[path.read_text().strip()] = path.name
    for path in (SHOP / "log").iterdir():
        if path.name == "smtp.log":
            continue  # the world outside, which got the mail
        text = path.read_text(errors="replace")
        for word, what in words.items():
            assert word not in text, f"{what} in {path.name}"


def test_nothing_looks_like_a_card_number(bought):
    for path in (SHOP / "log").iterdir():
        for digits in re.findall(r"(?<![\w.-])\d(?:[ -]?\d){12,18}(?![\w.-])",
                                 path.read_text(errors="replace")):
            assert not luhn(digits), f"{digits} in {path.name}"


def luhn(text):
    digits = [int(c) for c in text if c.isdigit()][::-1]
    double = [d * 2 - 9 * (d > 4) for d in digits[1::2]]
    return (sum(digits[::2]) + sum(double)) % 10 == 0


def main():
    bought = Bought()
    tests = [(n, t) for n, t in globals().items() if n.startswith("test_")]
    failed = 0
    for name, test in tests:
        try:
            test(bought)
            print("ok     ", name)
        except Exception:  # whatever it was: a failed test
            failed += 1
            print("FAILED ", name)
            traceback.print_exc()
    print(f"{len(tests) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
