#!/usr/bin/env python3
"""sim - a payment gateway for tests: the part of Stripe's API the shop uses,
its hosted page and its signed webhooks, with switches that make it slow,
lossy and confused on purpose. What it did is in its ledger (ledger.py).

    sim.py --port 7201 --ledger FILE --key-file F
           --webhook-url URL --webhook-secret-file F

Switches: POST /_sim with any of (GET /_sim shows them and counts)
  delay_ms            every API answer waits this long
  error_rate          this fraction of API requests fails with 500, no effect
  error_next          the next N API requests fail with 500, no effect
  drop_after          {"sessions": N, "expire": N, "refunds": N, "pay": N}:
                      the next N do their work, then hang up unanswered
  drop_after_charge   N, the same as drop_after.pay
  duplicate_webhooks  each event is sent N times more
  reorder_ms          each event waits a random time up to this long
  reorder             true is reorder_ms 2000, false is 0
  hold_webhooks       true: none leave until false
  drop_webhooks       this fraction of events (true: all) is never sent
  min_expires_s       shortest life a session may ask for (Stripe: 1800)
  expire              id of an open session that expires now, or "all"
"""
import argparse
import asyncio
import base64
import hashlib
import hmac
import json
import random
import signal
import sys
import urllib.parse

import forms
import objects
import page
import web
from forms import ApiError, Choice, Int, List, Meta, Table, Text, Url
from gateway import Gateway
from ledger import Ledger
from webhooks import Webhooks

EXPAND = List(Text())
PAGE = {"limit": Int(1, 100), "starting_after": Text(),
        "ending_before": Text(), "expand": EXPAND}
SESSION_REQUIRED = ("mode", "line_items", "success_url")
SESSION = {
    "mode": Choice("payment"),
    "line_items": List(Table(
        ("quantity", "price_data"), quantity=Int(1, 999_999),
        price_data=Table(
            ("currency", "unit_amount", "product_data"),
            currency=forms.Currency(), unit_amount=Int(0, 99_999_999),
            tax_behavior=Choice("exclusive", "inclusive", "unspecified"),
            product_data=Table(("name",), name=Text(), description=Text(),
                               images=List(Url(2048), 8),
                               metadata=Meta())))),
    "client_reference_id": Text(200), "success_url": Url(),
    "cancel_url": Url(), "expires_at": Int(0, 2**53), "metadata": Meta(),
    "customer_email": forms.Email(800),
    "customer_creation": Choice("always", "if_required"),
    "payment_method_types": List(Choice("card", "link")),
    "locale": Text(10),
    "submit_type": Choice("auto", "book", "donate", "pay"),
    "payment_intent_data": Table(
        description=Text(1000), metadata=Meta(),
        receipt_email=forms.Email(800), capture_method=Choice(
            "automatic", "automatic_async")),
    "expand": EXPAND}
SESSION_LIST = {
    **PAGE, "created": forms.Range(), "payment_intent": Text(),
    "status": Choice("open", "complete", "expired"),
    "customer_details": Table(("email",), email=Text())}
REFUND = {
    "payment_intent": Text(), "charge": Text(),
    "amount": Int(1, 99_999_999), "metadata": Meta(),
    "reason": Choice("duplicate", "fraudulent", "requested_by_customer"),
    "expand": EXPAND}
REFUND_LIST = {**PAGE, "payment_intent": Text(), "charge": Text(),
               "created": forms.Range()}
ONE = {"expand": EXPAND}


class Sim:
    def __init__(self, args):
        self.key, self.record_path = read_secret(args.key_file), args.record
        self.rng = random.Random(args.seed)
        self.running = set()
        self.switches = {
            "delay_ms": 0, "error_rate": 0.0, "error_next": 0,
            "drop_after": dict.fromkeys(
                ("sessions", "expire", "refunds", "pay"), 0),
            "duplicate_webhooks": 0, "reorder_ms": 0, "drop_webhooks": 0.0,
            "hold_webhooks": False, "min_expires_s": 1800}
        self.webhooks = Webhooks(
            args.webhook_url, read_secret(args.webhook_secret_file),
            self.switches, self.rng, self.webhook_done)
        base = args.public_url or f"http://{args.host}:{args.port}"
        self.gateway = Gateway(Ledger(args.ledger), base, self.webhooks.queue)
        self.webhooks.queue(list(self.gateway.undelivered.values()))

    def webhook_done(self, event, outcome, attempts):
        self.gateway.record("webhook.done", event=event["id"],
                            outcome=outcome, attempts=attempts)

    async def expire_in_time(self):
        while True:
            self.gateway.expire_due()
            await asyncio.sleep(0.5)

    # -- every request --

    async def handle(self, request):
        parts = request.path.strip("/").split("/")
        if parts[0] == "v1":
            return await self.api(request, parts[1:])
        if parts[:2] == ["c", "pay"] and len(parts) in (3, 4):
            return self.hosted(request, parts[2], parts[3:])
        if parts == ["_sim"]:
            return self.control(request)
        return web.json_response(404, {"error": "no such path"})

    # -- the API --

    async def api(self, request, parts):
        request_id = objects.new_id("req_", 14)
        headers = {"Request-Id": request_id, "Stripe-Version":
                   request.headers.get("stripe-version", objects.API_VERSION)}
        self.note(request)
        try:
            self.authenticate(request)
            self.maybe_fail()
            status, value, extra = await self.answer(request, parts)
        except ApiError as error:
            status, value, extra = error.status, error.body, {}
            if status == 401:
                extra = {"WWW-Authenticate": 'Basic realm="Stripe"'}
            value["error"]["request_log_url"] = \
                f"https://dashboard.stripe.com/test/logs/{request_id}"
        return web.json_response(status, value, {**headers, **extra})

    def note(self, request):
        """What came, for replay against stripe-mock (--record)."""
        if self.record_path:
            line = {"method": request.method, "path": request.path,
                    "form": request.body.decode("utf-8", "replace")
                    if request.method == "POST" else request.query}
            with open(self.record_path, "a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")

    def authenticate(self, request):
        scheme, _, value = request.headers.get("authorization",
                                               "").partition(" ")
        if scheme.lower() == "basic":
            try:
                value = base64.b64decode(value).decode().split(":")[0]
            except ValueError:
                value = ""
        if not value:
            raise ApiError(401, "You did not provide an API key.")
        if not hmac.compare_digest(value.encode(), self.key.encode()):
            raise ApiError(401, "Invalid API Key provided: "
                           + value[:8] + "****")

    def maybe_fail(self):
        switches = self.switches
        if switches["error_next"] > 0:
            switches["error_next"] -= 1
        elif self.rng.random() >= switches["error_rate"]:
            return
        raise ApiError(500, "An unknown error occurred.", kind="api_error")

    async def answer(self, request, parts):
        key = request.headers.get("idempotency-key")
        if request.method != "POST" or key is None:
            await asyncio.sleep(self.switches["delay_ms"] / 1000)
            return 200, self.route(request, parts, lambda value: None), {}
        if not 1 <= len(key) <= 255:
            raise ApiError(400, "Idempotency keys must be 1 to 255 "
                           "characters long.", kind="idempotency_error")
        mark = hashlib.sha256("\n".join(
            (request.method, request.path, *sorted(
                request.body.decode("utf-8", "replace").split("&"))))
            .encode()).hexdigest()
        return await self.once(request, parts, key, mark)

    async def once(self, request, parts, key, mark):
        """The first answer of an idempotency key, again and again
        (https://docs.stripe.com/api/idempotent_requests)."""
        stored = self.gateway.stored_answer(key)
        if stored and stored["hash"] != mark:
            raise ApiError(
                400, "Keys for idempotent requests can only be used with the "
                "same parameters they were first used with. Try using a key "
                f"other than '{key}' if you meant to execute a different "
                "request.", kind="idempotency_error")
        if key in self.running:
            raise ApiError(
                409, "There is currently another in-progress request using "
                "this Idempotent Key (that probably means you submitted "
                "twice, and the other request is still going through): "
                f"{key}.", "idempotency_key_in_use",
                kind="idempotency_error")
        self.running.add(key)
        try:
            await asyncio.sleep(self.switches["delay_ms"] / 1000)
            if stored:
                return stored["status"], stored["body"], \
                    {"Idempotent-Replayed": "true", "Original-Request":
                     stored.get("request", "")}
            return self.execute(request, parts, key, mark)
        finally:
            self.running.discard(key)

    def execute(self, request, parts, key, mark):
        def answer(value, status=200):
            return {"key": key, "hash": mark, "status": status,
                    "body": value, "request": objects.new_id("req_", 14)}
        try:
            value = self.route(request, parts, answer)
        except ApiError as error:
            # A refusal of the parameters is not remembered; one that came
            # from doing the work is.
            if "param" not in error.body["error"]:
                self.gateway.record("answer", answer=answer(error.body,
                                                            error.status))
            raise
        return 200, value, {}

    def route(self, request, parts, answer):
        post = request.method == "POST"
        form = forms.parse(request.body.decode("utf-8", "replace") if post
                           else request.query)
        name = "/".join(parts[:2] if parts[:1] == ["checkout"]
                        else parts[:1])
        rest = parts[2:] if parts[:1] == ["checkout"] else parts[1:]
        shape = (request.method, name, len(rest), *rest[1:])
        handler = ROUTES.get(shape)
        if not handler:
            raise ApiError(404, f"Unrecognized request URL ({request.method}:"
                           f" {request.path}).")
        return handler(self, form, answer, *rest[:1])

    def maybe_drop(self, what):
        if self.switches["drop_after"][what] > 0:
            self.switches["drop_after"][what] -= 1
            raise web.Hangup()

    def session_create(self, form, answer):
        form = forms.check(form, SESSION, SESSION_REQUIRED)
        self.gateway.min_expiry_s = self.switches["min_expires_s"]
        session = self.gateway.create_session(
            form, lambda value: answer(self.expanded(value, form)))
        self.maybe_drop("sessions")
        return self.expanded(session, form)

    def session_get(self, form, _answer, ident):
        form = forms.check(form, ONE)
        session = self.gateway.find("checkout.session",
                                    self.gateway.sessions, ident)
        self.gateway.expire_if_due(session)
        return self.expanded(session, form)

    def session_items(self, form, _answer, ident):
        form = forms.check(form, PAGE)
        items = self.gateway.find("checkout.session", self.gateway.items,
                                  ident)
        return page_of(f"/v1/checkout/sessions/{ident}/line_items", items,
                       form)

    def session_list(self, form, _answer):
        form = forms.check(form, SESSION_LIST)
        self.gateway.expire_due()
        email = form.get("customer_details", {}).get("email")

        def wanted(session):
            details = session["customer_details"] or {}
            return all((
                in_range(session["created"], form.get("created", {})),
                form.get("payment_intent") in (None,
                                               session["payment_intent"]),
                form.get("status") in (None, session["status"]),
                email in (None, details.get("email"))))
        found = [s for s in reversed(self.gateway.sessions.values())
                 if wanted(s)]
        return page_of("/v1/checkout/sessions", found, form)

    def session_expire(self, form, answer, ident):
        form = forms.check(form, ONE)
        session = self.gateway.find("checkout.session",
                                    self.gateway.sessions, ident)
        self.gateway.expire_if_due(session)
        self.gateway.expire(session, answer)
        self.maybe_drop("expire")
        return self.expanded(session, form)

    def intent_get(self, form, _answer, ident):
        form = forms.check(form, ONE)
        intent = dict(self.gateway.find("payment_intent",
                                        self.gateway.intents, ident))
        if "latest_charge" in form.get("expand", ()):
            intent["latest_charge"] = self.gateway.charge_of(intent)
        return intent

    def charge_get(self, form, _answer, ident):
        forms.check(form, ONE)
        return self.gateway.find("charge", self.gateway.charges, ident)

    def refund_create(self, form, answer):
        refund = self.gateway.refund(forms.check(form, REFUND), answer)
        self.maybe_drop("refunds")
        return refund

    def refund_get(self, form, _answer, ident):
        forms.check(form, ONE)
        return self.gateway.find("refund", self.gateway.refunds, ident)

    def refund_list(self, form, _answer):
        form = forms.check(form, REFUND_LIST)
        found = [r for r in reversed(self.gateway.refunds.values())
                 if form.get("payment_intent") in (None, r["payment_intent"])
                 and form.get("charge") in (None, r["charge"])
                 and in_range(r["created"], form.get("created", {}))]
        return page_of("/v1/refunds", found, form)

    def expanded(self, session, form):
        session = dict(session)
        expand = form.get("expand", ())
        if "line_items" in expand:
            url = f"/v1/checkout/sessions/{session['id']}/line_items"
            session["line_items"] = page_of(
                url, self.gateway.items[session["id"]], {})
        if "payment_intent" in expand and session["payment_intent"]:
            session["payment_intent"] = \
                self.gateway.intents[session["payment_intent"]]
        return session

    # -- the hosted page --

    def hosted(self, request, ident, action):
        if ident not in self.gateway.sessions:
            return page.document("Not found", "<h2>No such payment page.</h2>",
                                 404)
        session = self.gateway.sessions[ident]
        self.gateway.expire_if_due(session)
        shape = (request.method, *action)
        if shape == ("GET",):
            return self.show(request, session, False)
        if shape == ("POST", "pay"):
            session = self.gateway.pay(ident)
            self.maybe_drop("pay")
            if session["status"] == "complete":
                return go(request, session, session["success_url"])
            return self.show(request, session, False)
        if shape == ("POST", "decline"):
            session = self.gateway.decline(ident)
            return self.show(request, session, True)
        if shape == ("POST", "cancel"):
            if session["cancel_url"] and session["status"] != "complete":
                return go(request, session, session["cancel_url"])
            return self.show(request, session, False)
        return web.json_response(405, {"error": "method not allowed"})

    def show(self, request, session, declined):
        if request.wants_json():
            return shown_json(session, declined)
        if session["status"] != "open":
            return page.closed(session)
        return page.checkout(session, self.gateway.items[session["id"]],
                             declined)

    # -- switches --

    def control(self, request):
        if request.method == "POST":
            try:
                self.switch(json.loads(request.body))
            except (ValueError, TypeError, AttributeError) as error:
                return web.json_response(400, {"error": str(error)})
        gateway = self.gateway
        return web.json_response(200, {
            **self.switches, "counts": gateway.counts,
            "webhooks": {"waiting": len(gateway.undelivered),
                         "sent": self.webhooks.sent}})

    def switch(self, wanted):
        for name, value in wanted.items():
            if name == "expire":
                self.expire_now(value)
            elif name == "drop_after":
                self.drop_after(value)
            elif name == "drop_after_charge":
                self.drop_after({"pay": value})
            elif name == "reorder":
                self.switches["reorder_ms"] = 2000 if value else 0
            elif name in self.switches:
                kind = type(self.switches[name])
                self.switches[name] = kind(value)
            else:
                raise ValueError(f"no such switch: {name}")
        self.webhooks.hold(self.switches["hold_webhooks"])

    def drop_after(self, counts):
        for name, count in counts.items():
            if name not in self.switches["drop_after"]:
                raise ValueError(f"no such switch: drop_after.{name}")
            self.switches["drop_after"][name] = int(count)

    def expire_now(self, ident):
        for session in list(self.gateway.sessions.values()):
            if session["status"] == "open" and ident in ("all",
                                                         session["id"]):
                self.gateway.expire(session)


ROUTES = {
    ("POST", "checkout/sessions", 0): Sim.session_create,
    ("GET", "checkout/sessions", 0): Sim.session_list,
    ("GET", "checkout/sessions", 1): Sim.session_get,
    ("POST", "checkout/sessions", 2, "expire"): Sim.session_expire,
    ("GET", "checkout/sessions", 2, "line_items"): Sim.session_items,
    ("GET", "payment_intents", 1): Sim.intent_get,
    ("GET", "charges", 1): Sim.charge_get,
    ("POST", "refunds", 0): Sim.refund_create,
    ("GET", "refunds", 0): Sim.refund_list,
    ("GET", "refunds", 1): Sim.refund_get,
}


def page_of(url, things, form):
    return objects.listing(url, things, form.get("limit", 10),
                           form.get("starting_after"),
                           form.get("ending_before"))


def in_range(value, wanted):
    checks = {"gt": value.__gt__, "gte": value.__ge__,
              "lt": value.__lt__, "lte": value.__le__}
    return all(checks[name](limit) for name, limit in wanted.items())


def go(request, session, url):
    url = url.replace("{CHECKOUT_SESSION_ID}", urllib.parse.quote(
        session["id"]))
    if request.wants_json():
        return web.json_response(200, {
            "id": session["id"], "status": session["status"],
            "payment_status": session["payment_status"], "redirect": url})
    return web.Response(303, b"", {"Location": url})


def shown_json(session, declined):
    status = {"complete": 200, "open": 402 if declined else 200,
              "expired": 410}[session["status"]]
    value = {"id": session["id"], "status": session["status"],
             "payment_status": session["payment_status"]}
    if status == 402:
        value["error"] = {"type": "card_error", "code": "card_declined",
                          "message": "Your card was declined."}
    return web.json_response(status, value)


def read_secret(path):
    with open(path, encoding="utf-8") as file:
        return file.read().strip()


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=7201)
    parser.add_argument("--public-url", help="of the hosted page")
    parser.add_argument("--ledger", required=True)
    parser.add_argument("--key-file", required=True)
    parser.add_argument("--webhook-url", required=True)
    parser.add_argument("--webhook-secret-file", required=True)
    parser.add_argument("--record", help="write what the API was asked")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


async def main():
    args = arguments()
    sim = Sim(args)
    server = await web.serve(sim.handle, args.host, args.port)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    expiry = asyncio.create_task(sim.expire_in_time())
    print(f"test gateway on http://{args.host}:{args.port}", flush=True)
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait({stopped, expiry},
                       return_when=asyncio.FIRST_COMPLETED)
    server.close()
    if expiry.done():
        expiry.result()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
