"""invariants - I1 to I9, each from sources that are not the code it checks.
They are kept apart on purpose: one broken fact breaks one invariant.

I1 nothing oversold
I2 no acknowledged order (or cancel, or refund) lost
I3 captures - refunds is 0 or the total, in the gateway's own ledger, and the
   one of the two that the order's status promises
I4 money sums to zero per currency; what we booked is what the gateway took
I5 settled: paid orders fulfilled or refunded, holds committed or released,
   outbox and dead letters empty, nothing unknown, everybody told
I6 each effect at most once per business key
I7 a replayed key gets the same bytes, the ones that are stored
I8 received = on hand + sold, and reserved is what is held
I9 every error is problem+json within its deadline, and nothing hangs
R  revenue per purchase is what was worked out from the input
"""
import hashlib
import json
from collections import Counter, defaultdict

# What a movement of each kind does to (on hand, reserved). Only an adjustment
# carries a sign of its own.
KINDS = {"receive": (1, 0), "adjust": (1, 0), "return": (1, 0),
         "commit": (-1, -1), "reserve": (0, 1), "release": (0, -1)}
LIMBO = {"pending", "paid", "refunding"}
CLOSED = {"cancelled", "expired"}
ONCE_PER_ORDER = {
    "order.placed", "order.paid", "order.confirmed", "order.cancelled",
    "order.refund_requested", "order.refunded", "payment.opened",
    "payment.captured", "payment.expired", "payment.refunded",
    "inventory.committed", "inventory.shortfall"}
TOLD = {"confirmed": ("order.placed", "payment.captured", "order.paid",
                      "inventory.committed", "order.confirmed"),
        "refunded": ("order.placed", "payment.captured",
                     "order.refund_requested", "payment.refunded",
                     "order.refunded"),
        "cancelled": ("order.placed", "order.cancelled"),
        "expired": ("order.placed", "order.cancelled"),
        "pending": ("order.placed",)}
NOT_AN_ANSWER = {"request-in-progress", "idempotency-key-reused"}


class Result:
    """How many facts were looked at, and which were false."""

    def __init__(self, title):
        self.title, self.checked, self.violations = title, 0, []

    def that(self, true, text):
        self.checked += 1
        if not true:
            self.violations.append(text)


class Gateway:
    """The simulator's ledger, added up per order."""

    def __init__(self, entries):
        self.charges, self.refunds = defaultdict(list), defaultdict(list)
        self.intents, self.open = {}, {}
        for entry in entries:
            kind = entry["kind"]
            if kind == "session.created":
                self.open[entry["session"]["id"]] = entry["order"]
            elif kind == "charged":
                self.charges[entry["order"]].append(entry)
                self.intents[entry["payment_intent"]["id"]] = entry
                self.open.pop(entry["session"], None)
            elif kind == "refunded":
                self.refunds[entry["order"]].append(entry)
            elif kind == "session.expired":
                self.open.pop(entry["session"], None)

    def net(self, order):
        return sum(e["amount"] for e in self.charges[order]) \
            - sum(e["amount"] for e in self.refunds[order])

    def net_since(self, t):
        """Of all orders that were charged since then."""
        return sum(self.net(order) for order in list(self.charges)
                   if any(e["t"] >= t for e in self.charges[order]))


def i1_not_oversold(data, _gateway, _options):
    r = Result("nothing oversold")
    inflow, outflow = Counter(), Counter()
    for move in data.tables["inventory.movement"]:
        if move["kind"] in ("receive", "adjust"):
            inflow[move["sku"]] += move["quantity"]
    status = {o["id"]: o for o in data.tables["order.order"]}
    took = {m["order_id"] for m in data.tables["inventory.movement"]
            if m["kind"] == "commit"}
    back = {m["order_id"] for m in data.tables["inventory.movement"]
            if m["kind"] == "return"}
    for line in data.tables["order.order_line"]:
        order = status.get(line["order_id"], {"status": "gone"})
        if order["status"] == "confirmed" or \
                line["order_id"] in took - back:
            outflow[line["sku"]] += line["quantity"]
    for row in data.tables["inventory.stock"]:
        sku, free = row["sku"], row["on_hand"] - row["reserved"]
        r.that(row["on_hand"] >= 0, f"{sku}: on hand {row['on_hand']}")
        r.that(row["reserved"] >= 0, f"{sku}: reserved {row['reserved']}")
        r.that(free >= 0, f"{sku}: {-free} more reserved than on hand")
        r.that(outflow[sku] <= inflow[sku],
               f"{sku}: {outflow[sku]} sold of {inflow[sku]} received")
    return r


def i2_none_lost(data, gateway, _options):
    r = Result("no acknowledged order lost")
    orders = {o["id"]: o for o in data.tables["order.order"]}
    lines = data.by("order.order_line", "order_id")
    for call in data.calls:
        if call.op == "checkout" and call.kind == "ok":
            said = call.body["order"]
            row = orders.get(said["id"])
            r.that(row is not None, f"{call.named()}: no such order")
            r.that(row is None or (row["total"], row["currency"]) == (
                said["total"], said["currency"]),
                f"{call.named()}: another total than acknowledged")
            r.that(row is None or lines[row["id"]],
                   f"{call.named()}: the order has no lines")
        elif call.op == "cancel" and call.kind == "ok":
            row = orders.get(call.order, {"status": "gone"})
            r.that(row["status"] in ("cancelled", "refunding", "refunded"),
                   f"{call.named()}: cancelled, but is {row['status']}")
        elif call.op == "refund" and call.kind == "ok":
            row = orders.get(call.order, {"status": "gone"})
            r.that(row["status"] in ("refunding", "refunded"),
                   f"{call.named()}: refunded, but is {row['status']}")
    for order in gateway.charges:
        r.that(order in orders, f"charged order {order} is not there")
    return r


def i3_charged_once(data, gateway, _options):
    r = Result("captures - refunds is 0 or the total")
    known = {p["payment_intent"] for p in data.tables["payment.payment"]}
    for order in data.tables["order.order"]:
        ident, status, total = order["id"], order["status"], order["total"]
        net = gateway.net(ident)
        r.that(net in (0, total), f"{ident}: {net} kept of {total}")
        r.that(len(gateway.charges[ident]) <= 1,
               f"{ident}: charged {len(gateway.charges[ident])} times")
        if status == "confirmed":
            r.that(net == total, f"{ident}: confirmed, but {net} kept")
        elif status not in LIMBO:
            r.that(net == 0, f"{ident}: {status}, but {net} kept")
    for intent, entry in gateway.intents.items():
        r.that(intent in known, f"{entry['order']}: the shop does not know "
               f"of charge {intent}")
        r.that(entry["amount"] > 0, f"{intent}: amount {entry['amount']}")
    return r


def i4_sums_to_zero(data, gateway, _options):
    r = Result("money sums to zero per currency")
    sums, booked = Counter(), {}
    for row in data.tables["payment.ledger"]:
        sums[row["currency"]] += row["amount"]
        sums[row["order_id"], row["kind"], row["currency"]] += row["amount"]
        if row["account"] == "gateway":
            booked[row["order_id"], row["kind"]] = abs(row["amount"])
    for name, total in sums.items():
        r.that(total == 0, f"{name}: sums to {total}")
    pay = {p["order_id"]: p for p in data.tables["payment.payment"]}
    for (order, kind), amount in booked.items():
        entries = gateway.charges if kind == "capture" else gateway.refunds
        mine = [e for e in entries[order] if kind == "refund" or
                e["payment_intent"]["id"] == pay[order]["payment_intent"]]
        r.that(mine and sum(e["amount"] for e in mine) == amount
               and mine[0]["currency"].upper() == pay[order]["currency"],
               f"{order}: {kind} {amount} is not what the gateway did")
    for state, kinds in (("captured", {"capture"}),
                         ("refunded", {"capture", "refund"})):
        for row in data.tables["payment.payment"]:
            if row["state"] == state:
                have = {k for k in ("capture", "refund")
                        if (row["order_id"], k) in booked}
                r.that(have == kinds, f"{row['order_id']}: {state}, booked "
                       f"{sorted(have)}")
    lines = data.by("order.order_line", "order_id")
    for order in data.tables["order.order"]:
        mine = lines[order["id"]]
        r.that(sum(x["line_total"] for x in mine) == order["total"],
               f"{order['id']}: lines don't add up to the total")
        r.that(all(x["quantity"] * x["unit_price"] == x["line_total"]
                   for x in mine), f"{order['id']}: a line is wrong")
    return r


def i5_settled(data, gateway, _options):
    r = Result("everything settled")
    status = {}
    waiting = set(gateway.open.values())
    # A checkout that broke off before its order: its hold ends by its time.
    unfinished = {row["order_id"]
                  for row in data.tables["checkout.idempotency"]
                  if not row["status"]}
    for order in data.tables["order.order"]:
        ident = order["id"]
        status[ident] = order["status"]
        ok = order["status"] not in LIMBO or (
            order["status"] == "pending" and not gateway.charges[ident]
            and ident in waiting)
        r.that(ok, f"{ident}: still {order['status']}")
    for row in data.tables["inventory.reservation"]:
        if row["state"] == "held":
            where = status.get(row["order_id"], "gone")
            r.that(where == "pending" or where == "gone"
                   and row["order_id"] in unfinished,
                   f"hold of {row['order_id']}, which is {where}")
    for row in data.tables["payment.payment"]:
        r.that(row["state"] not in ("new", "unknown", "refunding"),
               f"{row['order_id']}: payment is {row['state']}")
    for row in data.tables["relay.dead_letter"]:
        r.that(row["replayed_at"], f"dead letter {row['id']}")
    shelved_again(r, data)
    told_everybody(r, data)
    return r


def shelved_again(r, data):
    """Goods of a refund that came back are on the shelf again."""
    moved = Counter()
    for move in data.tables["inventory.movement"]:
        moved[move["kind"], move["order_id"]] += move["quantity"]
    for order in data.tables["order.order"]:
        if order["status"] == "refunded" and order["restock"] == "t":
            sold = moved["commit", order["id"]]
            back = moved["return", order["id"]]
            r.that(sold == back, f"{order['id']}: {back} of {sold} returned "
                   "goods are on the shelf")


def told_everybody(r, data):
    """Events reach the bus, and mails the mailbox."""
    on_bus = {e["id"] for e in data.topics}
    said = {(e["type"], e["key"]) for e in data.topics}
    for row in data.tables["relay.outbox"]:
        r.that(row["published_at"], f"outbox {row['id']} ({row['topic']} of "
               f"{row['key']}) is not published")
        r.that(not row["published_at"] or row["id"] in on_bus,
               f"outbox {row['id']} says published, the bus has it not")
    mailed = {(m["order"], m["kind"]) for m in data.mail}
    for row in data.tables["email.mail"]:
        # unknown: sent, the answer was lost, and not sent again; it arrived?
        here = (row["order_id"], row["kind"]) in mailed
        r.that(row["state"] == "sent" or row["state"] == "unknown" and here,
               f"{row['order_id']}: {row['kind']} is {row['state']}")
    for order in data.tables["order.order"]:
        ident = order["id"]
        for topic in TOLD.get(order["status"], ()):
            r.that((topic, ident) in said, f"{ident}: {order['status']}, "
                   f"but no {topic} on the bus")
        if ("order.confirmed", ident) in said:
            r.that((ident, "receipt") in mailed, f"{ident}: no receipt")
        if ("order.refunded", ident) in said:
            r.that((ident, "refund") in mailed, f"{ident}: no refund mail")


def i6_at_most_once(data, gateway, options):
    r = Result("each effect at most once")

    def once(counts, what):
        for name, count in counts.items():
            r.that(count <= 1, f"{what} {name}: {count} times")
    moves = data.tables["inventory.movement"]
    for kind in ("commit", "return"):
        once(Counter((m["order_id"], m["sku"]) for m in moves
                     if m["kind"] == kind), kind)
    once(Counter((m["reference"], m["sku"]) for m in moves
                 if m["reference"]), "stock reference")
    sold = Counter()
    for move in moves:
        if move["kind"] == "commit":
            sold[move["order_id"], move["sku"]] = move["quantity"]
    wanted = Counter()
    confirmed = {o["id"] for o in data.tables["order.order"]
                 if o["status"] == "confirmed"}
    taken = {order for order, _ in sold}
    for line in data.tables["order.order_line"]:
        if line["order_id"] in confirmed | taken:
            wanted[line["order_id"], line["sku"]] += line["quantity"]
    for name in wanted.keys() | sold.keys():
        r.that(wanted[name] == sold[name], f"sale {name}: {sold[name]} left "
               f"the shelf, {wanted[name]} ordered")
    once(Counter((x["order_id"], x["kind"], x["account"])
                 for x in data.tables["payment.ledger"]), "booking")
    once({k: len(v) for k, v in gateway.refunds.items()}, "refund of")
    once(Counter((x["order_id"], x["status"])
                 for x in data.tables["order.history"]), "status")
    events = defaultdict(set)
    for event in data.topics:
        if event["type"] in ONCE_PER_ORDER:
            events[event["type"], event["key"]].add(event["id"])
    once({k: len(v) for k, v in events.items()}, "event")
    once(Counter((m["order_id"], m["kind"])
                 for m in data.tables["email.mail"]), "mail row")
    once(mail_copies(data, options), "mail")
    return r


def mail_copies(data, options):
    """Copies of each mail. A crash between the mail server's yes and our
    commit sends the same message, with the same Message-ID, again: no client
    can exclude that, so a run with kills counts message ids."""
    if not options.get("kills"):
        return Counter((m["order"], m["kind"]) for m in data.mail)
    ids = defaultdict(set)
    for mail in data.mail:
        ids[mail["order"], mail["kind"]].add(mail["message_id"])
    return {name: len(found) for name, found in ids.items()}


def i7_same_bytes(data, _gateway, _options):
    r = Result("a replayed key gets the same bytes")
    stored = {row["key"]: row for row in data.tables["checkout.idempotency"]}
    first = {}
    for call in data.calls:
        row = stored.get(call.key)
        if call.op not in ("checkout", "replay") or call.status == 0 \
                or call.status >= 500 or call.status == 429 or not row \
                or (call.body or {}).get("code") in NOT_AN_ANSWER:
            continue
        got = (call.status, call.sha)
        r.that(first.setdefault(call.key, got) == got,
               f"{call.named()}: another answer than before")
        sha = hashlib.sha256(row["answer"].encode()).hexdigest()
        r.that((int(row["status"] or 0), sha) == got,
               f"{call.named()}: not the stored answer")
        if call.status < 300:
            r.that(json.loads(row["answer"])["order"]["id"]
                   == row["order_id"], f"{call.named()}: order of another")
    owners = Counter(row["order_id"] for row in stored.values())
    for order, count in owners.items():
        r.that(count == 1, f"order {order} belongs to {count} keys")
    return r


def i8_conserved(data, _gateway, _options):
    r = Result("received = on hand + sold; reserved = held")
    shelf, holds, held, seen = Counter(), Counter(), Counter(), Counter()
    for move in data.tables["inventory.movement"]:
        sku, quantity = move["sku"], move["quantity"]
        on_hand, reserved = KINDS.get(move["kind"], (0, 0))
        r.that(move["kind"] in KINDS and (
            quantity > 0 or move["kind"] == "adjust"),
            f"{sku}: movement {move['kind']} of {quantity}")
        shelf[sku] += on_hand * quantity
        holds[sku] += reserved * quantity
        seen[move["reference"], sku] += quantity
    for row in data.tables["inventory.reservation"]:
        if row["state"] == "held":
            held[row["sku"]] += row["quantity"]
    stock = {s["sku"]: s for s in data.tables["inventory.stock"]}
    for sku in shelf.keys() | held.keys() | stock.keys():
        row = stock.get(sku, {"on_hand": 0, "reserved": 0})
        r.that(row["on_hand"] == shelf[sku], f"{sku}: on hand "
               f"{row['on_hand']}, movements say {shelf[sku]}")
        r.that(row["reserved"] == held[sku], f"{sku}: reserved "
               f"{row['reserved']}, held {held[sku]}")
        r.that(holds[sku] == held[sku], f"{sku}: held {held[sku]}, movements "
               f"say {holds[sku]}")
    for call in data.calls:
        if call.op in ("receive", "adjust") and call.kind == "ok":
            for sku, quantity in call.extra["stock"].items():
                found = seen[call.extra["reference"], sku]
                r.that(found == quantity, f"{call.extra['reference']} {sku}: "
                       f"{quantity} acknowledged, {found} booked")
    return r


def i9_clear_errors(data, _gateway, _options):
    r = Result("every error is problem+json in time")
    for call in data.calls:
        if call.extra.get("at") == "gateway":
            continue  # the simulator's page is not the shop's
        r.that(call.kind != "lost" and call.status != 0,
               f"{call.named()}: no answer ({call.error})")
        r.that(not call.deadline_ms or call.ms <= call.deadline_ms,
               f"{call.named()}: {call.ms} ms of {call.deadline_ms}")
        if call.status >= 400:
            body = call.body if isinstance(call.body, dict) else {}
            r.that(call.content_type.startswith("application/problem+json")
                   and body.get("status") == call.status
                   and {"type", "title", "code"} <= body.keys(),
                   f"{call.named()}: {call.content_type} {body}")
    return r


def revenue(data, gateway, options):
    """options["revenue"]: {"currency", "total", "orders": {purchase: minor}}.
    A purchase is all that one customer wanted at once, however many orders
    and keys it took to get it."""
    r = Result("revenue is what the input says")
    expected = options["revenue"]
    made = defaultdict(set)
    for call in data.calls:
        if call.op == "checkout" and call.kind == "ok":
            made[call.extra.get("purchase")].add(call.body["order"]["id"])
    for purchase, minor in expected["orders"].items():
        net = sum(gateway.net(order) for order in made[purchase])
        r.that(net == minor, f"{purchase}: {net}, expected {minor}")
    total = gateway.net_since(data.started)
    r.that(total == expected["total"],
           f"in all {total}, expected {expected['total']}")
    used = {e["currency"].upper() for entries in gateway.charges.values()
            for e in entries}
    r.that(used <= {expected["currency"]}, f"currencies {sorted(used)}")
    return r


CHECKS = {"I1": i1_not_oversold, "I2": i2_none_lost, "I3": i3_charged_once,
          "I4": i4_sums_to_zero, "I5": i5_settled, "I6": i6_at_most_once,
          "I7": i7_same_bytes, "I8": i8_conserved, "I9": i9_clear_errors}


def check_all(data, options):
    """Result by name. options: kills (bool), revenue (dict, adds R)."""
    gateway = Gateway(data.gateway)
    results = {name: check(data, gateway, options)
               for name, check in CHECKS.items()}
    if options.get("revenue"):
        results["R"] = revenue(data, gateway, options)
    return results
