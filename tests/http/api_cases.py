#!/usr/bin/env python3
"""Bad input through the gateway: each row must get its status, its code and a
problem+json body that leaks nothing, and afterwards a good purchase must still
work. Usage: api_cases.py BASE_URL ADMIN_TOKEN_FILE"""
import http.client
import json
import sys
import urllib.parse
import uuid

LEAKS = ("select ", "insert ", "psql", "libpq", ".c:", "/var/", "/home/",
         "redis:", "hiredis", "stack", "sqlstate")


class Shop:
    def __init__(self, base, admin):
        self.netloc = urllib.parse.urlsplit(base).netloc
        self.admin = admin

    def call(self, method, path, body=None, headers=None):
        conn = http.client.HTTPConnection(self.netloc, timeout=20)
        headers = dict(headers or {})
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
            headers.setdefault("Content-Type", "application/json")
        if isinstance(body, str):
            body = body.encode()
        try:
            conn.request(method, path, body=body, headers=headers)
            r = conn.getresponse()
            return r.status, dict((k.lower(), v) for k, v in r.getheaders()), \
                r.read()
        finally:
            conn.close()

    def json(self, method, path, body=None, headers=None):
        status, head, data = self.call(method, path, body, headers)
        return status, json.loads(data) if data else None

    def cart(self, *lines):
        _, made = self.json("POST", "/api/carts")
        for sku, n in lines:
            status, _ = self.json("PUT", f"/api/carts/{made['id']}/items/{sku}",
                                  {"quantity": n})
            assert status == 200, status
        return made["id"]


def key():
    return {"Idempotency-Key": str(uuid.uuid4())}


def person(cart, **more):
    return dict({"cart_id": cart, "email": "ada@example.org",
                 "name": "Ada Byron", "address": "12 St James Sq, London"},
                **more)


def json_rows(cart):
    """Bodies that are not acceptable JSON: one route stands for all."""
    path = f"/api/carts/{cart}/items/%s"
    typed = {"Content-Type": "application/json"}
    bad = {
        "empty body": b"",
        "not json": b"quantity=1",
        "trailing bytes": b'{"quantity":1}x',
        "two values": b'{"quantity":1}{"quantity":2}',
        "duplicate key": b'{"quantity":1,"quantity":2}',
        "duplicate key, escaped": b'{"quantity":1,"quantit\\u0079":2}',
        "bad utf-8": b'{"quantity":1,"\xff":1}',
        "lone surrogate": b'{"\\ud800":1}',
        "NaN": b'{"quantity":NaN}',
        "NUL in text": b'{"a\\u0000":1}',
        "too deep": b"[" * 40 + b"]" * 40,
        "900 deep": b"[" * 900,
        "comment": b'{"quantity":1 /* one */}',
        "byte order mark": b'\xef\xbb\xbf{"quantity":1}',
    }
    for name, body in bad.items():
        yield (f"json: {name}", "PUT", path, body, typed, 400, "invalid-json")


def quantity_rows(cart):
    path = f"/api/carts/{cart}/items/%s"
    for q in (0, -1, 1.5, 10**9, 1000, "1", None, True, [1], 2**60):
        yield (f"quantity {q!r}", "PUT", path, {"quantity": q}, {}, 422,
               None)
    yield ("quantity 1e3", "PUT", path, b'{"quantity":1e3}',
           {"Content-Type": "application/json"}, 422, "invalid")
    yield ("quantity missing", "PUT", path, {}, {}, 422, "invalid")
    yield ("unknown member", "PUT", path, {"quantity": 1, "price": 1}, {}, 422,
           "invalid")
    yield ("not an object", "PUT", path, [], {}, 422, "invalid")


def head_rows(cart):
    path = f"/api/carts/{cart}/items/%s"
    good = {"quantity": 1}
    yield ("no content type", "PUT", path, b'{"quantity":1}',
           {"Content-Type": ""}, 415, "unsupported-media-type")
    yield ("other content type", "PUT", path, b'{"quantity":1}',
           {"Content-Type": "text/plain"}, 415, "unsupported-media-type")
    yield ("compressed body", "PUT", path, good,
           {"Content-Encoding": "gzip"}, 415, "unsupported-media-type")
    yield ("accept can't match", "GET", f"/api/carts/{cart}", None,
           {"Accept": "image/png"}, 406, "not-acceptable")
    yield ("body too large", "PUT", path, b'{"quantity":1' + b" " * 70000 +
           b"}", {"Content-Type": "application/json"}, 413, "body-too-large")
    yield ("wrong method", "PATCH", f"/api/carts/{cart}", good, {}, 405,
           "method-not-allowed")
    yield ("unknown path", "GET", "/api/nothing", None, {}, 404, "not-found")
    yield ("NUL in path", "GET", "/api/catalog/products/a%00b", None, {}, 400,
           None)
    yield ("bad escape", "GET", "/api/catalog/products/%zz", None, {}, 400,
           None)
    yield ("overlong utf-8 in path", "GET",
           "/api/catalog/products/%c0%af", None, {}, 400, None)
    yield ("dot-dot in path", "GET",
           "/api/catalog/products/%2e%2e/x", None, {}, None, None)
    yield ("long uri", "GET", "/api/catalog/products?q=" + "a" * 9000, None,
           {}, 414, "uri-too-long")


def query_rows():
    path = "/api/catalog/products?"
    for q in ("limit=0", "limit=101", "limit=x", "limit=1.5", "limit=-1",
              "limit=", "nonsense=1", "cursor=garbage"):
        yield (f"query {q}", "GET", path + q, None, {}, 422, "invalid")
    yield ("query twice", "GET", path + "limit=1&limit=2", None, {}, 400, None)
    yield ("query bad escape", "GET", path + "q=%f", None, {}, 400, None)
    yield ("query NUL", "GET", path + "q=%00", None, {}, 400, None)


def cart_rows(cart):
    yield ("unknown cart", "GET", "/api/carts/" + "A" * 43, None, {}, 404,
           "not-found")
    yield ("cart id of another shape", "GET", "/api/carts/1", None, {}, 404,
           "not-found")
    yield ("put into unknown cart", "PUT",
           "/api/carts/" + "A" * 43 + "/items/%s", {"quantity": 1}, {}, 404,
           "not-found")
    yield ("redis text in a cart id", "GET",
           "/api/carts/x%20y%22;FLUSHALL", None, {}, 404, "not-found")


def checkout_rows(shop, cart, sku):
    path = "/api/checkout"
    empty = shop.cart()
    yield ("no key", "POST", path, person(cart), {}, 400,
           "idempotency-key-missing")
    yield ("long key", "POST", path, person(cart),
           {"Idempotency-Key": "k" * 256}, 400, "idempotency-key-invalid")
    yield ("key with a space", "POST", path, person(cart),
           {"Idempotency-Key": "a b"}, 400, "idempotency-key-invalid")
    yield ("empty cart", "POST", path, person(empty), key(), 422, "invalid")
    yield ("unknown cart", "POST", path, person("B" * 43), key(), 422,
           "invalid")
    yield ("unknown product", "POST", path,
           person(shop.cart(("no-such-sku", 1))), key(), 422, "invalid")
    for field in ("cart_id", "email", "name", "address"):
        body = person(cart)
        del body[field]
        yield (f"without {field}", "POST", path, body, key(), 422, "invalid")
    for mail in ("a", "a@", "@b.org", "a b@c.org", "a@b.org\r\nBcc: x@y.org",
                 "<a@b.org>", "a@b.org,c@d.org", "x" * 300 + "@b.org", 7):
        yield (f"mail {str(mail)[:20]!r}", "POST", path,
               person(cart, email=mail), key(), 422, "invalid")
    yield ("name that starts a header", "POST", path,
           person(cart, name="Ada\r\nBcc: eve@example.org"), key(), 422,
           "invalid")
    yield ("price from the client", "POST", path, person(cart, total=1), key(),
           422, "invalid")
    yield ("status from the client", "POST", path,
           person(cart, status="paid"), key(), 422, "invalid")


def order_rows():
    some = str(uuid.uuid4())
    for name, headers in (("no token", {}),
                          ("garbled token", {"Authorization": "Bearer x"}),
                          ("basic instead", {"Authorization": "Basic eDp5"})):
        for method, tail in (("GET", ""), ("POST", "/cancel"),
                             ("GET", "/events")):
            yield (f"order{tail} with {name}", method,
                   f"/api/orders/{some}{tail}", None, headers, 404,
                   "not-found")
    yield ("order id of another shape", "GET", "/api/orders/1", None, {}, 404,
           "not-found")


def admin_rows():
    rows = [("POST", "/api/admin/products/import"),
            ("POST", "/api/admin/stock/import?reference=x"),
            ("GET", "/api/admin/stock/x"),
            ("POST", "/api/admin/stock/x/adjust"),
            ("POST", f"/api/admin/orders/{uuid.uuid4()}/refund"),
            ("GET", "/api/admin/dead-letters"),
            ("POST", f"/api/admin/dead-letters/{uuid.uuid4()}/replay"),
            ("POST", "/api/admin/dead-letters/replay")]
    for method, path in rows:
        body = {} if method == "POST" else None
        yield (f"{method} {path[:30]} without token", method, path, body, {},
               401, "unauthorized")
        yield (f"{method} {path[:30]} with a wrong token", method, path, body,
               {"Authorization": "Bearer wrong"}, 401, "unauthorized")


def inner_rows():
    """What functions ask of each other is not for the street."""
    for fn, method, path in (
            ("inventory", "POST", "/internal/inventory/reservations"),
            ("order", "POST", "/internal/orders"),
            ("payment", "POST", "/internal/payments"),
            ("catalog", "POST", "/internal/catalog/prices"),
            ("cart", "GET", "/internal/carts/x")):
        body = {} if method == "POST" else None
        yield (f"{path} at the gateway", method, path, body, {}, 404, None)
        yield (f"{path} through /function", method, f"/function/{fn}{path}",
               body, {}, 404, None)


def webhook_rows():
    body = json.dumps({"id": "evt_x", "type": "checkout.session.completed",
                       "data": {"object": {"id": "cs_x"}}})
    for name, sig in (("no signature", None), ("garbage", "garbage"),
                      ("empty", ""), ("old", "t=1,v1=" + "0" * 64),
                      ("forged", "t=99999999999,v1=" + "0" * 64),
                      ("no time", "v1=" + "0" * 64)):
        headers = {"Content-Type": "application/json"}
        if sig is not None:
            headers["Stripe-Signature"] = sig
        yield (f"webhook: {name}", "POST", "/webhooks/payment", body, headers,
               400, "bad-signature")


def problem_ok(head, data, status, code):
    """Why the body is no good problem, or None."""
    if not head.get("content-type", "").startswith("application/problem+json"):
        return "content type " + head.get("content-type", "none")
    try:
        p = json.loads(data)
    except ValueError:
        return "body is not JSON"
    for member in ("type", "title", "status", "detail", "instance", "code"):
        if member not in p:
            return f"no member {member}"
    if p["status"] != status:
        return f"member status {p['status']}"
    if code and p["code"] != code:
        return f"code {p['code']}"
    if code == "invalid" and status == 422 and not p.get("errors"):
        return "no errors with pointers"
    if any(leak in data.decode().lower() for leak in LEAKS):
        return "leaks: " + data.decode()[:200]
    if head.get("cache-control") != "no-store":
        return "not no-store"
    return None


def check(shop, row, sku):
    name, method, path, body, headers, status, code = row
    path = path.replace("%s", sku)
    got, head, data = shop.call(method, path, body, headers)
    if status is None:
        return None if 400 <= got < 500 else f"status {got}"
    if got != status:
        return f"status {got}, not {status}: {data[:200]!r}"
    return problem_ok(head, data, status, code)


def good_purchase(shop, sku):
    cart = shop.cart((sku, 1))
    k = key()
    status, first = shop.json("POST", "/api/checkout", person(cart), k)
    if status not in (201, 202):
        return f"checkout answered {status}: {first}"
    _, _, a = shop.call("POST", "/api/checkout", person(cart), k)
    _, _, b = shop.call("POST", "/api/checkout", person(cart), k)
    if a != b:
        return "a replay differs"
    status, other = shop.json("POST", "/api/checkout",
                              person(cart, name="Else"), k)
    if status != 422 or other["code"] != "idempotency-key-reused":
        return f"the key with another body: {status}"
    order = first["order"]["id"]
    bearer = {"Authorization": "Bearer " + first["order_token"]}
    status, seen = shop.json("GET", f"/api/orders/{order}", None, bearer)
    if status != 200 or seen["total"] != first["order"]["total"]:
        return f"the order: {status}"
    status, seen = shop.json("POST", f"/api/orders/{order}/cancel", None,
                             bearer)
    if status != 200 or seen["status"] != "cancelled":
        return f"cancel: {status}"
    return None


def main():
    shop = Shop(sys.argv[1], open(sys.argv[2]).read().strip())
    _, page = shop.json("GET", "/api/catalog/products?limit=100")
    sku = next(i["sku"] for i in page["items"] if (i["available"] or 0) > 5)
    cart = shop.cart((sku, 1))
    rows = [*json_rows(cart), *quantity_rows(cart), *head_rows(cart),
            *query_rows(), *cart_rows(cart), *checkout_rows(shop, cart, sku),
            *order_rows(), *admin_rows(), *inner_rows(), *webhook_rows()]
    failed = 0
    for row in rows:
        why = check(shop, row, sku)
        if why:
            failed += 1
            print(f"FAILED {row[0]}: {why}")
    why = good_purchase(shop, sku)
    if why:
        failed += 1
        print("FAILED a good purchase afterwards:", why)
    print(f"{len(rows) + 1 - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
