"""shopper - what a visitor of the shop does; the steps of k6/steps.js.

`name` is a request's route, so that a thousand carts are one line. `item` and
`phase` come back in the row that rows.py writes for every request."""
import os
import random
import urllib.parse
import uuid

import gevent

import target

SALE_SKU = os.environ.get("SALE_SKU", "SNK-001")
BUYERS = float(os.environ.get("BUYERS", "20"))  # of a hundred
HOST_HEADER = os.environ.get("HOST_HEADER", "")
TRIES = 4


class Shopper:
    """One visitor. `client` is Locust's session for the shop."""

    def __init__(self, client, base, context):
        self.client = client
        self.base = base
        self.context = context
        self.products = []

    def ask(self, method, path, name, body=None, **headers):
        """The answer; "sold out" (409) is an answer, not a failure."""
        if HOST_HEADER:
            headers["Host"] = HOST_HEADER
        with self.client.request(
                method, path, name=name, json=body, headers=headers,
                context=self.context(), catch_response=True) as answer:
            if answer.status_code == 409:
                answer.success()
            return answer

    def browse(self):
        answer = self.ask("GET", "/api/catalog/products", "GET products")
        if good(answer) and not self.products:
            found = [p for p in answer.json()["items"]
                     if p["available"] > 0 and p["sku"] != SALE_SKU]
            found.sort(key=lambda p: -p["available"])
            self.products = [p["sku"] for p in found[:10]]

    def any_product(self):
        if not self.products:
            self.browse()
        return random.choice(self.products or [SALE_SKU])

    def look(self, sku):
        self.ask("GET", f"/api/catalog/products/{sku}", "GET product")

    def fill_cart(self, skus):
        """A cart with these; its id, or None when it could not be filled."""
        opened = self.ask("POST", "/api/carts", "POST cart")
        if not good(opened):
            return None
        cart = opened.json()["id"]
        for sku in skus:
            if not good(self.ask("PUT", f"/api/carts/{cart}/items/{sku}",
                                 "PUT item", {"quantity": 1})):
                return None
        seen = self.ask("GET", f"/api/carts/{cart}", "GET cart")
        return cart if good(seen) and seen.json()["items"] else None

    def buy(self, cart):
        """Checkout, asked again with the same key while the answer is not
        final, and payment."""
        form = {"cart_id": cart, "email": "load@bodega.example",
                "name": "Load Test", "address": "1 Test Street\nLondon"}
        key = {"Idempotency-Key": str(uuid.uuid4())}
        for attempt in range(TRIES):
            answer = self.ask("POST", "/api/checkout", "POST checkout", form,
                              **key)
            if 0 < answer.status_code < 500 and \
                    not answer.headers.get("Retry-After"):
                break
            gevent.sleep(0.5 * (attempt + 1))
        if good(answer):
            order = answer.json()
            self.pay(order.get("payment_url") or self.page(order))

    def page(self, order):
        """The page comes a little later when the gateway was slow."""
        token = f"Bearer {order['order_token']}"
        for _ in range(20):
            answer = self.ask("GET", f"/api/orders/{order['order']['id']}",
                              "GET order", Authorization=token)
            url = good(answer) and answer.json().get("payment_url")
            if url:
                return url
            gevent.sleep(0.5)
        return None

    def pay(self, url):
        """Only where nobody's money is: at a simulator on this machine, or
        one reached through the shop's own address."""
        parts = urllib.parse.urlsplit(url or "")
        ours = {urllib.parse.urlsplit(self.base).hostname,
                HOST_HEADER.split(":")[0]}
        if target.is_here(parts.hostname):
            page = f"{parts.scheme}://{parts.netloc}{parts.path}"
        elif parts.hostname in ours:
            page = parts.path
        else:
            return
        self.ask("POST", f"{page}/pay", "pay (simulator)",
                 Accept="application/json")


def good(answer):
    return 200 <= answer.status_code < 300
