"""fixture - a small consistent world for break.py: one order for each way an
order can end, with everything that the shop, the gateway, the bus and the
mailbox would have kept of it."""
import hashlib
import itertools
import json

PREFIX = "00000000-0000-7000-8000-0000000000"
CONFIRMED, REFUNDED, CANCELLED, EXPIRED, LATE, PENDING, SECOND = (
    PREFIX + n for n in ("01", "02", "03", "04", "05", "06", "07"))
PRICE = {"A": 255, "B": 100}
RECEIVED = 20


class World:
    def __init__(self):
        self.db = {name: [] for name in (
            "inventory.stock", "inventory.movement", "inventory.reservation",
            "order.order", "order.order_line", "order.history",
            "payment.payment", "payment.ledger", "relay.outbox",
            "relay.dead_letter", "email.mail", "checkout.idempotency")}
        self.history, self.gateway = [], []
        self.topics, self.mail = [], []
        self.stock = {sku: [0, 0] for sku in PRICE}
        self.number = itertools.count(1)
        self.revenue = {"currency": "GBP", "total": 0, "orders": {}}

    # -- stock --

    def move(self, sku, kind, quantity, order="", reference=""):
        on_hand, reserved = {
            "receive": (1, 0), "adjust": (1, 0), "return": (1, 0),
            "commit": (-1, -1), "reserve": (0, 1), "release": (0, -1)}[kind]
        self.stock[sku][0] += on_hand * quantity
        self.stock[sku][1] += reserved * quantity
        self.db["inventory.movement"].append({
            "id": next(self.number), "sku": sku, "kind": kind,
            "quantity": quantity, "order_id": order, "reference": reference})

    def book(self, op, kind, reference, stock):
        for sku, quantity in stock.items():
            self.move(sku, kind, quantity, reference=reference)
        self.call(op, status=200, reference=reference, stock=dict(stock))

    def hold(self, order, sku, quantity, state):
        self.move(sku, "reserve", quantity, order)
        if state == "released":
            self.move(sku, "release", quantity, order)
        elif state in ("committed", "returned"):
            self.move(sku, "commit", quantity, order)
        if state == "returned":
            self.move(sku, "return", quantity, order)
        self.db["inventory.reservation"].append({
            "order_id": order, "sku": sku, "quantity": quantity,
            "state": state})

    # -- what clients saw --

    def call(self, op, kind="ok", status=200, body=None, **more):
        sha = hashlib.sha256((more.pop("text", "")).encode()).hexdigest()
        base = {"t": next(self.number), "process": 1, "op": op, **more}
        self.history.append({**base, "type": "invoke"})
        self.history.append({
            **base, "type": kind, "status": status, "body": body,
            "body_sha": sha, "ms": 12, "deadline_ms": 10000,
            "content_type": "application/problem+json" if status >= 400
            else "application/json"})

    def checkout(self, order, total):
        text = json.dumps({"order": {
            "id": order, "status": "pending", "total": total,
            "currency": "GBP"}, "order_token": "t", "payment_url": "u"})
        self.db["checkout.idempotency"].append({
            "key": "k-" + order, "order_id": order, "status": 201,
            "answer": text})
        for op in ("checkout", "replay"):
            self.call(op, status=201, key="k-" + order, order=order,
                      purchase="k-" + order, body=json.loads(text), text=text)

    # -- events, money, mail --

    def say(self, topic, order):
        ident = f"{PREFIX[:-2]}e{next(self.number):03d}"
        self.db["relay.outbox"].append({
            "id": ident, "topic": topic, "key": order,
            "published_at": "2026-01-01 00:00:00+00"})
        self.topics.append({"topic": "bodega." + topic, "type": topic,
                            "id": ident, "key": order, "data": {}})

    def charge(self, order, total):
        self.gateway.append({
            "t": 1002, "kind": "charged", "session": "cs_" + order,
            "order": order, "payment_intent": {"id": "pi_" + order},
            "amount": total, "currency": "gbp"})
        self.book_money(order, "capture", total)
        self.say("payment.captured", order)

    def refund(self, order, total):
        self.say("order.refund_requested", order)
        self.gateway.append({
            "t": 1003, "kind": "refunded", "order": order, "amount": total,
            "currency": "gbp", "payment_intent": "pi_" + order})
        self.book_money(order, "refund", -total)
        self.say("payment.refunded", order)
        self.say("order.refunded", order)
        self.post(order, "refund")

    def book_money(self, order, kind, amount):
        for account, sign in (("gateway", 1), ("sales", -1)):
            self.db["payment.ledger"].append({
                "order_id": order, "kind": kind, "account": account,
                "amount": sign * amount, "currency": "GBP"})

    def post(self, order, kind):
        self.db["email.mail"].append({"order_id": order, "kind": kind,
                                      "state": "sent"})
        self.mail.append({"message_id": f"<{order}.{kind}@shop>",
                          "order": order, "kind": kind, "subject": kind,
                          "to": ["a@example.org"]})

    # -- an order --

    def place(self, order, sku, quantity, statuses, payment, restock="f"):
        total = PRICE[sku] * quantity
        self.checkout(order, total)
        self.db["order.order"].append({
            "id": order, "status": statuses[-1], "total": total,
            "currency": "GBP", "restock": restock})
        self.db["order.order_line"].append({
            "order_id": order, "n": 1, "sku": sku, "quantity": quantity,
            "unit_price": PRICE[sku], "line_total": total})
        self.db["order.history"] += [
            {"order_id": order, "status": status} for status in statuses]
        self.db["payment.payment"].append({
            "order_id": order, "state": payment, "amount": total,
            "currency": "GBP", "payment_intent": "pi_" + order
            if payment in ("captured", "refunded") else ""})
        self.gateway.append({
            "t": 1001, "kind": "session.created", "order": order,
            "session": {"id": "cs_" + order}, "amount": total,
            "currency": "gbp"})
        self.say("order.placed", order)
        self.call("get", order=order, body={"status": "pending"})
        return total

    def paid(self, order, total):
        self.charge(order, total)
        for topic in ("order.paid", "inventory.committed",
                      "order.confirmed"):
            self.say(topic, order)
        self.post(order, "receipt")

    def closed(self, order):
        self.gateway.append({"t": 1002, "kind": "session.expired",
                             "order": order, "session": "cs_" + order})
        self.say("order.cancelled", order)


def orders(w):
    for order, quantity in ((CONFIRMED, 3), (SECOND, 2)):
        total = w.place(order, "A", quantity,
                        ["pending", "paid", "confirmed"], "captured")
        w.hold(order, "A", quantity, "committed")
        w.paid(order, total)
        w.revenue["orders"]["k-" + order] = total
        w.revenue["total"] += total
    total = w.place(REFUNDED, "B", 2, [
        "pending", "paid", "confirmed", "refunding", "refunded"],
        "refunded", "t")
    w.hold(REFUNDED, "B", 2, "returned")
    w.paid(REFUNDED, total)
    w.refund(REFUNDED, total)
    w.call("refund", order=REFUNDED, status=202)
    w.place(CANCELLED, "A", 1, ["pending", "cancelled"], "expired")
    w.hold(CANCELLED, "A", 1, "released")
    w.closed(CANCELLED)
    w.call("cancel", order=CANCELLED)
    w.place(EXPIRED, "B", 1, ["pending", "expired"], "expired")
    w.hold(EXPIRED, "B", 1, "released")
    w.closed(EXPIRED)
    late = w.place(LATE, "B", 1, [
        "pending", "cancelled", "refunding", "refunded"], "refunded")
    w.hold(LATE, "B", 1, "released")
    w.say("order.cancelled", LATE)
    w.charge(LATE, late)
    w.refund(LATE, late)
    w.place(PENDING, "B", 2, ["pending"], "open")
    w.hold(PENDING, "B", 2, "held")


def make():
    w = World()
    w.book("receive", "receive", "delivery-1",
           {sku: RECEIVED for sku in PRICE})
    w.book("adjust", "adjust", "broken-1", {"B": -3})
    orders(w)
    w.call("checkout", "fail", 422, key="k-empty", body={
        "type": "x", "title": "x", "status": 422, "code": "invalid"})
    w.db["inventory.stock"] = [
        {"sku": sku, "on_hand": on_hand, "reserved": reserved}
        for sku, (on_hand, reserved) in w.stock.items()]
    return {"db": w.db, "history": w.history, "gateway": w.gateway,
            "topics": w.topics, "mail": w.mail, "revenue": w.revenue}
