"""shop - a shopper, and a member of staff, as tests need them: plain HTTP
through the gateway, retries with the same idempotency key, and a line in the
history for whatever was asked and answered (tests/prover/README.md).

A Shopper belongs to one thread. Nothing here knows the shop's insides.
"""
import hashlib
import http.client
import json
import random
import threading
import time
import urllib.parse

DEADLINE_MS = 7_000  # a route's own is 5 s; the way through the gateway
CHECKOUT_DEADLINE_MS = 12_000  # 10 s of its own
IMPORT_DEADLINE_MS = 60_000
HANG_S = 90  # nothing may take that long: recorded as no answer
AGAIN = {408, 429, 500, 502, 503, 504}
FINAL = {"confirmed", "cancelled", "expired", "refunded"}
ADDRESS = "1 Test Street\nLondon"


class GaveUp(Exception):
    """Still no final answer after all patience."""


class Refused(Exception):
    """A final answer that is no success."""

    def __init__(self, answer):
        super().__init__(f"{answer.status} {answer.body}")
        self.answer = answer

    def points_at(self, pointer):
        errors = (self.answer.body or {}).get("errors", ())
        return any(e.get("pointer") == pointer for e in errors)


class History:
    """The file of what happened, in order."""

    def __init__(self, path):
        self.file = open(path, "a", encoding="utf-8")
        self.lock = threading.Lock()
        self.processes = 0

    def process(self):
        with self.lock:
            self.processes += 1
            return self.processes

    def add(self, **record):
        line = json.dumps({"t": round(time.time(), 4), **record})
        with self.lock:
            self.file.write(line + "\n")

    def close(self):
        with self.lock:
            self.file.close()


class Answer:
    def __init__(self, status=0, headers=None, data=b"", error=None):
        self.status, self.error = status, error
        self.headers = {k.lower(): v for k, v in (headers or {}).items()}
        self.sha = hashlib.sha256(data).hexdigest()
        try:
            self.body = json.loads(data) if data else None
        except ValueError:
            self.body = None

    @property
    def type(self):
        return self.headers.get("content-type", "")

    def code(self):
        return self.body.get("code") if isinstance(self.body, dict) else None

    def again(self):
        """Worth asking once more, with the same key."""
        return self.status == 0 or self.status in AGAIN \
            or self.code() == "request-in-progress"

    def wait_s(self):
        value = self.headers.get("retry-after", "")
        return min(int(value), 10) if value.isdigit() else 0


class Link:
    """One kept connection to one server."""

    def __init__(self, url):
        parts = urllib.parse.urlsplit(url)
        self.host, self.port = parts.hostname, parts.port or 80
        self.connection = None
        self.used = False

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None

    def ask(self, method, path, body=None, headers=None):
        """An Answer; status 0 and an error when none came. A kept
        connection that the server has closed meanwhile is opened anew."""
        for fresh in (False, True):
            kept = self.connection is not None
            answer = self.once(method, path, body, headers or {})
            idle = kept and not fresh and answer.error in (
                "RemoteDisconnected", "BrokenPipeError")
            if not idle:
                return answer
        return answer

    def once(self, method, path, body, headers):
        if not self.connection:
            self.connection = http.client.HTTPConnection(
                self.host, self.port, timeout=HANG_S)
        try:
            self.connection.request(method, path, body, headers)
            answer = self.connection.getresponse()
            data = answer.read()
            if answer.will_close:
                self.close()
            return Answer(answer.status, dict(answer.headers), data)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            return Answer(error=type(error).__name__)


class Shopper:
    def __init__(self, url, history, seed, patience_s=120):
        self.link, self.pages = Link(url), {}
        self.history, self.process = history, history.process()
        self.rng = random.Random(seed)
        self.patience_s = patience_s

    # -- asking --

    def once(self, op, method, path, value=None, headers=None,
             deadline_ms=DEADLINE_MS, **notes):
        """One request and its two lines of history."""
        body, headers = value, dict(headers or {})
        if value is not None and not isinstance(value, bytes):
            body = json.dumps(value).encode()
            headers["Content-Type"] = "application/json"
        self.history.add(process=self.process, type="invoke", op=op,
                         path=path.partition("?")[0], **notes)
        begun = time.monotonic()
        answer = self.link.ask(method, path, body, headers)
        self.note(op, answer, begun, deadline_ms=deadline_ms, **notes)
        return answer

    def note(self, op, answer, begun, **notes):
        kind = "info" if answer.again() else \
            "ok" if answer.status < 400 else "fail"
        self.history.add(
            process=self.process, type=kind, op=op, status=answer.status,
            body=without_secrets(answer.body), body_sha=answer.sha,
            content_type=answer.type, error=answer.error,
            ms=round((time.monotonic() - begun) * 1000, 1), **notes)

    def until_final(self, *what, accept=(), **how):
        """Ask until the answer is final; Refused unless it is a success or
        a status in `accept`."""
        end, wait = time.monotonic() + self.patience_s, 0.1
        while True:
            answer = self.once(*what, **how)
            if not answer.again():
                break
            if time.monotonic() > end:
                raise GaveUp(f"{what[0]} {what[2]}: {answer.status} "
                             f"{answer.error or answer.body}")
            time.sleep(max(answer.wait_s(), self.rng.uniform(0, wait)))
            wait = min(wait * 2, 5)
        if answer.status >= 400 and answer.status not in accept:
            raise Refused(answer)
        return answer

    # -- shopping --

    def browse(self, query=""):
        return self.until_final("browse", "GET",
                                "/api/catalog/products" + query).body

    def fill_cart(self, lines):
        """A cart with these quantities by sku; its id and total."""
        cart = self.until_final("cart", "POST", "/api/carts").body["id"]
        for sku, quantity in lines.items():
            path = f"/api/carts/{cart}/items/{urllib.parse.quote(sku)}"
            self.until_final("cart", "PUT", path, {"quantity": quantity})
        return cart, self.cart_total(cart)

    def cart_total(self, cart):
        """Once the cart knows every price."""
        end = time.monotonic() + self.patience_s
        while True:
            seen = self.until_final("cart", "GET", f"/api/carts/{cart}").body
            if not seen.get("partial"):
                return seen["total"]
            if time.monotonic() > end:
                raise GaveUp(f"cart {cart} never knew its prices")
            time.sleep(0.5)

    def checkout(self, key, cart, purchase, email, op="checkout"):
        return self.until_final(
            op, "POST", "/api/checkout",
            {"cart_id": cart, "email": email, "name": "Test Shopper",
             "address": ADDRESS}, {"Idempotency-Key": key},
            deadline_ms=CHECKOUT_DEADLINE_MS, key=key, purchase=purchase)

    def order(self, order, token):
        return self.until_final(
            "get", "GET", f"/api/orders/{order}",
            headers=bearer(token), order=order).body

    def cancel(self, order, token):
        """True when it is cancelled, False when it was paid first."""
        answer = self.until_final(
            "cancel", "POST", f"/api/orders/{order}/cancel",
            headers=bearer(token), order=order, accept=(409,))
        return answer.status < 400

    def wait(self, order, token, wanted):
        """Look until wanted(view) holds; the view."""
        end, pause = time.monotonic() + self.patience_s, 0.2
        while True:
            view = self.order(order, token)
            if wanted(view):
                return view
            if time.monotonic() > end:
                raise GaveUp(f"order {order} is {view['status']}")
            time.sleep(pause)
            pause = min(pause * 1.5, 3)

    def page(self, order, token, answer):
        """The payment page: of the checkout's answer, or a little later."""
        url = answer.body.get("payment_url")
        if not url:
            view = self.wait(order, token, lambda v: v.get("payment_url")
                             or v["status"] != "pending")
            url = view.get("payment_url")
        return url

    # -- the hosted page, which is not the shop --

    def press(self, url, order, button):
        """Press pay, decline or cancel until the page answers."""
        parts = urllib.parse.urlsplit(url)
        link = self.pages.setdefault(parts.netloc, Link(url))
        end = time.monotonic() + self.patience_s
        while True:
            self.history.add(process=self.process, type="invoke", op=button,
                             order=order, at="gateway")
            begun = time.monotonic()
            answer = link.ask("POST", f"{parts.path}/{button}", b"",
                              {"Accept": "application/json"})
            self.note(button, answer, begun, order=order, at="gateway")
            if not answer.again():
                return answer
            if time.monotonic() > end:
                raise GaveUp(f"{button} {url}")
            time.sleep(self.rng.uniform(0.1, 1))


class Staff(Shopper):
    """Who holds the admin token."""

    def __init__(self, url, history, token_file, **more):
        super().__init__(url, history, **more)
        with open(token_file, encoding="utf-8") as file:
            self.token = bearer(file.read().strip())

    def post(self, op, path, value, content_type=None, **notes):
        headers = dict(self.token)
        if content_type:
            headers["Content-Type"] = content_type
        return self.until_final(op, "POST", path, value, headers, **notes)

    def import_products(self, data, query):
        return self.post("import", "/api/admin/products/import?" +
                         urllib.parse.urlencode(query), data, "text/csv",
                         deadline_ms=IMPORT_DEADLINE_MS).body

    def receive(self, reference, stock):
        lines = "sku,quantity\n" + "".join(
            f"{sku},{quantity}\n" for sku, quantity in stock.items())
        return self.post("receive", "/api/admin/stock/import?" +
                         urllib.parse.urlencode({"reference": reference}),
                         lines.encode(), "text/csv", reference=reference,
                         stock=stock, deadline_ms=IMPORT_DEADLINE_MS).body

    def adjust(self, sku, delta, reason, reference):
        path = f"/api/admin/stock/{urllib.parse.quote(sku)}/adjust"
        return self.post("adjust", path, {
            "delta": delta, "reason": reason, "reference": reference},
            reference=reference, stock={sku: delta})

    def stock(self, sku):
        return self.until_final(
            "get", "GET", f"/api/admin/stock/{urllib.parse.quote(sku)}",
            headers=self.token).body

    def refund(self, order, reason, restock):
        return self.post("refund", f"/api/admin/orders/{order}/refund",
                         {"reason": reason, "restock": restock},
                         order=order).body


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def without_secrets(body):
    if not isinstance(body, dict):
        return body
    return {k: v for k, v in body.items() if k != "order_token"}
