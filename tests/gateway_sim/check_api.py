#!/usr/bin/env python3
"""check_api - is the simulator's Stripe the real one's?

  check_api.py [--mock PATH] [--record FILE ...] [--port 21800]

(a) The official `stripe` client, pointed at a simulator of our own, creates,
    retrieves, lists, expires and refunds; errors arrive as its own classes.
(b) `stripe.Webhook.construct_event` takes what the simulator signs, and
    refuses it with one byte changed.
(c) Every request recorded by --record FILE (sim.py --record, what the shop
    sent) and every one sent in (a) is accepted by `stripe-mock`, which checks
    it against Stripe's published OpenAPI description; and each object we
    answer has exactly the fields that stripe-mock's has.

Needs the `stripe` package and the stripe-mock program; without them it fails
by name instead of checking less.
"""
import argparse
import http.client
import http.server
import json
import os
import queue
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

import stripe

HERE = os.path.dirname(os.path.abspath(__file__))
SUCCESS = "http://shop.test/done?s={CHECKOUT_SESSION_ID}"


class Facts:
    """Counts what was checked and says what was wrong."""

    def __init__(self):
        self.checked, self.wrong = 0, []

    def check(self, true, what):
        self.checked += 1
        if not true:
            self.wrong.append(what)
            print("WRONG:", what)

    def raises(self, kind, what, call):
        try:
            call()
        except kind as error:
            self.check(True, what)
            return error
        self.check(False, f"{what}: no {kind.__name__}")
        return None


class Hooks(http.server.BaseHTTPRequestHandler):
    """Takes webhooks into a queue."""
    taken = queue.Queue()
    refuse = 0

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if Hooks.refuse > 0:
            Hooks.refuse -= 1
            self.send_response(500)
        else:
            Hooks.taken.put((body, self.headers["Stripe-Signature"]))
            self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_args):
        """Quiet."""


def wait_port(port, process):
    for _ in range(200):
        if process.poll() is not None:
            sys.exit(f"port {port}: the program ended ({process.returncode})")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    sys.exit(f"port {port}: nobody listens")


class World:
    """The simulator, its files, and the receiver of its webhooks."""

    def __init__(self, folder, port):
        self.folder, self.port = folder, port
        self.key = "sk_test_" + secrets.token_hex(12)
        self.secret = "whsec_" + secrets.token_hex(16)
        self.put("key", self.key)
        self.put("secret", self.secret)
        server = http.server.ThreadingHTTPServer(("127.0.0.1", port + 1),
                                                 Hooks)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.process = None
        self.start()

    def path(self, name):
        return os.path.join(self.folder, name)

    def put(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text + "\n")

    def start(self):
        self.process = subprocess.Popen(
            [sys.executable, os.path.join(HERE, "sim.py"),
             "--port", str(self.port), "--ledger", self.path("ledger"),
             "--key-file", self.path("key"), "--record", self.path("record"),
             "--webhook-url", f"http://127.0.0.1:{self.port + 1}/hook",
             "--webhook-secret-file", self.path("secret")],
            stdout=subprocess.DEVNULL)
        wait_port(self.port, self.process)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def post(self, path, body=b"", headers=None):
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            link.request("POST", path, body,
                         {"Accept": "application/json", **(headers or {})})
            answer = link.getresponse()
            return answer.status, dict(answer.headers), answer.read()
        finally:
            link.close()

    def switch(self, **wanted):
        status, _, body = self.post("/_sim", json.dumps(wanted).encode())
        assert status == 200, body

    def event(self, facts):
        body, signature = Hooks.taken.get(timeout=20)
        event = stripe.Webhook.construct_event(body, signature, self.secret)
        facts.raises(
            stripe.SignatureVerificationError, "changed body is refused",
            lambda: stripe.Webhook.construct_event(
                body.replace(b"evt_", b"evt-"), signature, self.secret))
        return event


def session_params(order, amount=1250):
    return {
        "mode": "payment", "client_reference_id": order,
        "success_url": SUCCESS, "cancel_url": "http://shop.test/cart",
        "customer_email": "shopper@example.org",
        "expires_at": int(time.time()) + 2400,
        "metadata": {"order_id": order},
        "payment_intent_data": {"metadata": {"order_id": order}},
        "line_items": [
            {"quantity": 2, "price_data": {
                "currency": "gbp", "unit_amount": amount,
                "product_data": {"name": "Lantern & <candle>"}}},
            {"quantity": 1, "price_data": {
                "currency": "gbp", "unit_amount": 99,
                "product_data": {"name": "Ümlaut"}}}]}


def check_sessions(facts, world):
    params = session_params("o-1")
    first = stripe.checkout.Session.create(**params, idempotency_key="k-1")
    facts.check(first.amount_total == 2599, "amount_total is computed")
    facts.check(first.status == "open" and first.payment_status == "unpaid",
                "a new session is open and unpaid")
    again = stripe.checkout.Session.create(**params, idempotency_key="k-1")
    facts.check(again.id == first.id, "the same key gives the same session")
    facts.check(again.last_response.headers["Idempotent-Replayed"] == "true",
                "a replay says so")
    facts.check("Request-Id" in again.last_response.headers, "Request-Id")
    facts.raises(stripe.IdempotencyError, "same key, other parameters",
                 lambda: stripe.checkout.Session.create(
                     **session_params("o-2"), idempotency_key="k-1"))
    unknown = facts.raises(
        stripe.InvalidRequestError, "unknown parameter",
        lambda: stripe.checkout.Session.create(**params, price_wish=1))
    facts.check(unknown.code == "parameter_unknown"
                and unknown.http_status == 400, "parameter_unknown, 400")
    early = {**params, "expires_at": int(time.time()) + 60}
    facts.raises(stripe.InvalidRequestError, "a life under 30 minutes",
                 lambda: stripe.checkout.Session.create(**early))
    facts.raises(stripe.InvalidRequestError, "a total under 30p",
                 lambda: stripe.checkout.Session.create(**{
                     **params, "line_items": [{"quantity": 1, "price_data": {
                         "currency": "gbp", "unit_amount": 29,
                         "product_data": {"name": "x"}}}]}))
    read = stripe.checkout.Session.retrieve(first.id, expand=["line_items"])
    facts.check([i.quantity for i in read.line_items.data] == [2, 1],
                "line items can be expanded")
    missing = facts.raises(stripe.InvalidRequestError, "unknown session",
                           lambda: stripe.checkout.Session.retrieve("cs_no"))
    facts.check(missing.http_status == 404, "unknown session is 404")
    facts.raises(stripe.AuthenticationError, "wrong key",
                 lambda: stripe.checkout.Session.retrieve(
                     first.id, api_key="sk_test_wrong"))
    return first.id


def check_payment(facts, world, ident):
    status, _, body = world.post(f"/c/pay/{ident}/decline")
    facts.check(status == 402, "declined is 402")
    status, _, body = world.post(f"/c/pay/{ident}/pay")
    facts.check(status == 200 and json.loads(body)["redirect"]
                == f"http://shop.test/done?s={ident}", "paid, redirect")
    world.post(f"/c/pay/{ident}/pay")
    event = world.event(facts)
    facts.check(event.type == "checkout.session.completed"
                and event.data.object.client_reference_id == "o-1"
                and event.data.object.payment_status == "paid",
                "checkout.session.completed for the order")
    session = stripe.checkout.Session.retrieve(ident)
    intent = stripe.PaymentIntent.retrieve(session.payment_intent)
    facts.check(intent.status == "succeeded" and intent.amount == 2599
                and intent.metadata["order_id"] == "o-1", "the intent")
    listed = stripe.checkout.Session.list(payment_intent=intent.id)
    facts.check([s.id for s in listed.data] == [ident],
                "sessions by payment intent")
    facts.raises(stripe.InvalidRequestError, "a paid session can't expire",
                 lambda: stripe.checkout.Session.expire(ident))
    charged = [e for e in entries(world) if e["kind"] == "charged"]
    facts.check(len(charged) == 1, "paying twice charges once")
    return intent.id


def entries(world):
    with open(world.path("ledger"), encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def check_refunds(facts, world, intent):
    part = stripe.Refund.create(payment_intent=intent, amount=599,
                                reason="requested_by_customer",
                                metadata={"order_id": "o-1"},
                                idempotency_key="r-1")
    facts.check(part.status == "succeeded" and part.amount == 599, "refund")
    kinds = {world.event(facts).type, world.event(facts).type}
    facts.check(kinds == {"refund.created", "charge.refunded"},
                "refund events")
    facts.raises(stripe.InvalidRequestError, "more than is left",
                 lambda: stripe.Refund.create(payment_intent=intent,
                                              amount=2001))
    world.switch(drop_after={"refunds": 1})
    rest = stripe.Refund.create(payment_intent=intent, idempotency_key="r-2")
    facts.check(rest.amount == 2000, "an answer lost on the way is replayed")
    done = facts.raises(stripe.InvalidRequestError, "nothing left",
                        lambda: stripe.Refund.create(payment_intent=intent))
    facts.check(done.code == "charge_already_refunded", "already refunded")
    listed = stripe.Refund.list(payment_intent=intent)
    facts.check({r.id for r in listed.data} == {part.id, rest.id},
                "refunds by payment intent")
    facts.check(stripe.Refund.retrieve(part.id).amount == 599, "one refund")
    for _ in range(2):
        world.event(facts)


def check_expiry(facts, world):
    make = stripe.checkout.Session.create
    one = make(**session_params("o-3"))
    gone = stripe.checkout.Session.expire(one.id)
    facts.check(gone.status == "expired" and gone.url is None, "expired")
    facts.check(world.event(facts).type == "checkout.session.expired",
                "the expired event")
    status, _, _ = world.post(f"/c/pay/{one.id}/pay")
    facts.check(status == 410, "an expired session can't be paid")
    world.switch(min_expires_s=1)
    two = make(**{**session_params("o-4"),
                  "expires_at": int(time.time()) + 2})
    facts.check(world.event(facts).data.object.id == two.id,
                "a session expires by itself")
    world.switch(min_expires_s=1800)


def check_kill(facts, world):
    """Killed with a webhook not yet delivered: nothing is lost."""
    params = session_params("o-5")
    session = stripe.checkout.Session.create(**params, idempotency_key="k-5")
    world.switch(hold_webhooks=True)
    world.post(f"/c/pay/{session.id}/pay")
    world.kill()
    with open(world.path("ledger"), "ab") as file:
        file.write(b'{"t":1,"kind":"cha')
    Hooks.refuse = 1
    world.start()
    facts.check(world.event(facts).data.object.id == session.id,
                "the webhook leaves after a kill and one refusal")
    again = stripe.checkout.Session.create(**params, idempotency_key="k-5")
    facts.check(again.id == session.id and again.status == "open",
                "a stored answer outlives a kill and does not change")
    paid = stripe.checkout.Session.retrieve(session.id)
    facts.check(paid.payment_status == "paid", "so does the charge")


def check_faults(facts, world):
    """The switches do what they say."""
    stripe.max_network_retries = 0
    world.switch(error_next=1)
    facts.raises(stripe.APIError, "a 500 on order",
                 lambda: stripe.checkout.Session.list())
    world.switch(delay_ms=1500)
    params, codes = session_params("o-6"), []

    def create():
        try:
            stripe.checkout.Session.create(**params, idempotency_key="k-6")
            codes.append(200)
        except stripe.StripeError as error:
            codes.append(error.http_status)
    twins = [threading.Thread(target=create) for _ in range(2)]
    for twin in twins:
        twin.start()
    for twin in twins:
        twin.join()
    facts.check(sorted(codes) == [200, 409], "a twin running is 409")
    world.switch(delay_ms=0, drop_after={"sessions": 1})
    facts.raises(stripe.APIConnectionError, "dropped after the work",
                 lambda: stripe.checkout.Session.create(
                     **session_params("o-7"), idempotency_key="k-7"))
    made = [e for e in entries(world) if e.get("order") == "o-7"]
    facts.check(len(made) == 1, "the work of the dropped request is done")
    paid = stripe.checkout.Session.create(**session_params("o-8"))
    world.switch(duplicate_webhooks=2)
    world.post(f"/c/pay/{paid.id}/pay")
    ids = {world.event(facts).id for _ in range(3)}
    facts.check(len(ids) == 1, "one event three times")
    world.switch(duplicate_webhooks=0, drop_webhooks=True)
    lost = stripe.checkout.Session.create(**session_params("o-9"))
    world.post(f"/c/pay/{lost.id}/pay")
    facts.check(entries(world)[-1].get("outcome") == "dropped",
                "a dropped webhook is in the ledger")


MOCK_OBJECTS = [
    ("POST", "/v1/checkout/sessions"), ("GET", "/v1/checkout/sessions/{id}"),
    ("POST", "/v1/refunds"), ("GET", "/v1/payment_intents/{id}"),
    ("GET", "/v1/charges/{id}")]
# Present in stripe-mock's fixture only when asked for or in other modes.
OPTIONAL = {"line_items", "branding_settings", "name_collection",
            "optional_items", "excluded_payment_method_types", "hooks",
            "failure_balance_transaction", "level3", "radar_options",
            "managed_payments", "description", "failure_reason",
            "instructions_email", "next_action", "pending_reason",
            "presentment_details", "refunds", "customer_account",
            "payment_details", "integration_identifier"}


def mock_call(port, method, path, form):
    """One request to stripe-mock as the shop would send it."""
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Authorization": "Bearer sk_test_mock"}
    if method == "POST":
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        link.request("POST", path, form, headers)
    else:
        link.request("GET", path + ("?" + form if form else ""),
                     headers=headers)
    answer = link.getresponse()
    body = json.loads(answer.read())
    link.close()
    return answer.status, body


def recorded(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def check_recordings(facts, port, files, refused):
    """Replay; `refused` are parameter names we sent wrongly on purpose."""
    seen, sent = set(), 0
    for entry in [e for path in files for e in recorded(path)]:
        names = set(urllib.parse.parse_qs(entry["form"]))
        if names & refused:
            continue
        mark = (entry["method"], entry["path"].split("/")[2], entry["form"])
        if mark in seen:
            continue
        seen.add(mark)
        sent += 1
        status, body = mock_call(port, entry["method"], entry["path"],
                                 entry["form"])
        facts.check(status == 200, f"stripe-mock on {entry['method']} "
                    f"{entry['path']} {entry['form'][:200]}: {body}")
    print(f"{sent} different requests replayed against stripe-mock")


def check_shapes(facts, port, ours):
    """Field by field: nothing missing, nothing invented."""
    for name, thing in ours.items():
        path = {"session": "/v1/checkout/sessions/cs_1",
                "refund": "/v1/refunds/re_1", "charge": "/v1/charges/ch_1",
                "intent": "/v1/payment_intents/pi_1"}[name]
        _, mock = mock_call(port, "GET", path, "")
        missing = set(mock) - set(thing) - OPTIONAL
        invented = set(thing) - set(mock) - OPTIONAL
        facts.check(not missing, f"{name} lacks {sorted(missing)}")
        facts.check(not invented, f"{name} invents {sorted(invented)}")


def with_mock(facts, args, world, ours):
    port = args.port + 2
    with open(world.path("mock.log"), "wb") as log:
        mock = subprocess.Popen([args.mock, "-http-port", str(port)],
                                stdout=log, stderr=log)
    try:
        wait_port(port, mock)
        status, body = mock_call(port, "POST", "/v1/checkout/sessions",
                                 "mode=payment&price_wish=1")
        facts.check(status == 400, f"stripe-mock refuses nonsense: {body}")
        check_recordings(facts, port, [world.path("record")] + args.record,
                         {"price_wish"})
        check_shapes(facts, port, ours)
    finally:
        mock.terminate()
        mock.wait()


def our_objects():
    session = stripe.checkout.Session.list(status="complete").data[-1]
    intent = stripe.PaymentIntent.retrieve(session.payment_intent)
    charge = stripe.Charge.retrieve(intent.latest_charge)
    refund = stripe.Refund.list(payment_intent=intent.id).data[0]
    return {"session": session.to_dict(), "intent": intent.to_dict(),
            "charge": charge.to_dict(), "refund": refund.to_dict()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--mock", default=os.path.expanduser(
        "~/.cache/bodega/bin/stripe-mock"))
    parser.add_argument("--record", action="append", default=[])
    parser.add_argument("--port", type=int, default=21800)
    args = parser.parse_args()
    facts = Facts()
    with tempfile.TemporaryDirectory() as folder:
        world = World(folder, args.port)
        stripe.api_base = f"http://127.0.0.1:{args.port}"
        stripe.api_key, stripe.max_network_retries = world.key, 2
        try:
            ident = check_sessions(facts, world)
            intent = check_payment(facts, world, ident)
            check_refunds(facts, world, intent)
            check_expiry(facts, world)
            check_kill(facts, world)
            check_faults(facts, world)
            with_mock(facts, args, world, our_objects())
        finally:
            world.kill()
    print(f"{facts.checked - len(facts.wrong)} passed, "
          f"{len(facts.wrong)} failed")
    return 1 if facts.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
