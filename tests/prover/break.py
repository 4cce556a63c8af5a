#!/usr/bin/env python3
"""break - can the prover fail? Takes a consistent scratch data set
(fixture.py), breaks one invariant at a time on purpose, and expects exactly
that one to be reported; then the same through prove.py and its exit status.
(Revenue, R, looks at the same money as I3, so it may speak up next to I3.)
"""
import copy
import csv
import json
import os
import subprocess
import sys
import tempfile

import facts
import fixture
from invariants import check_all

HERE = os.path.dirname(os.path.abspath(__file__))
BREAKS = []


def breaks(name, what):
    def keep(function):
        BREAKS.append((name, what, function))
        return function
    return keep


def rows(data, table, **wanted):
    """The rows of a table that have these values."""
    return [row for row in data["db"][table]
            if all(row[k] == v for k, v in wanted.items())]


def row(data, table, **wanted):
    return rows(data, table, **wanted)[0]


def remove(data, table, **wanted):
    gone = rows(data, table, **wanted)
    assert gone, (table, wanted)
    data["db"][table] = [r for r in data["db"][table] if r not in gone]


def end_of(data, op, order):
    return next(c for c in data["history"] if c["op"] == op
                and c.get("order") == order and c["type"] == "ok")


@breaks("I1", "more sold than was received")
def oversold(data):
    sold = sum(m["quantity"] for m in rows(
        data, "inventory.movement", sku="A", kind="commit"))
    move = row(data, "inventory.movement", sku="A", kind="receive")
    missing = move["quantity"] - sold + 1
    move["quantity"] -= missing
    row(data, "inventory.stock", sku="A")["on_hand"] -= missing
    for call in data["history"]:
        if call["op"] == "receive":
            call["stock"] = {**call["stock"], "A": move["quantity"]}


@breaks("I1", "more reserved than is on hand")
def over_reserved(data):
    extra = row(data, "inventory.stock", sku="B")["on_hand"]
    row(data, "inventory.stock", sku="B")["reserved"] += extra
    row(data, "inventory.reservation", order_id=fixture.PENDING,
        sku="B")["quantity"] += extra
    row(data, "inventory.movement", order_id=fixture.PENDING, sku="B",
        kind="reserve")["quantity"] += extra


@breaks("I2", "an acknowledged order is gone")
def lost_order(data):
    ident = fixture.PENDING
    remove(data, "order.order", id=ident)
    remove(data, "order.order_line", order_id=ident)
    remove(data, "payment.payment", order_id=ident)
    row(data, "inventory.reservation", order_id=ident)["state"] = "released"
    hold = row(data, "inventory.movement", order_id=ident, kind="reserve")
    data["db"]["inventory.movement"].append({**hold, "kind": "release"})
    row(data, "inventory.stock", sku="B")["reserved"] -= hold["quantity"]


@breaks("I2", "an acknowledged cancel did not happen")
def lost_cancel(data):
    row(data, "order.order", id=fixture.CANCELLED)["status"] = "expired"


@breaks("I3", "charged twice")
def charged_twice(data):
    first = next(e for e in data["gateway"] if e["kind"] == "charged"
                 and e["order"] == fixture.CONFIRMED)
    again = copy.deepcopy(first)
    again["payment_intent"]["id"] = "pi_again"
    data["gateway"].append(again)


@breaks("I3", "an order in peace whose money went back")
def refunded_silently(data):
    charge = next(e for e in data["gateway"] if e["kind"] == "charged"
                  and e["order"] == fixture.CONFIRMED)
    data["gateway"].append({
        "t": 1009, "kind": "refunded", "order": charge["order"],
        "amount": charge["amount"], "currency": charge["currency"]})


@breaks("I4", "one side of a booking is a penny off")
def penny_off(data):
    row(data, "payment.ledger", order_id=fixture.CONFIRMED, kind="capture",
        account="sales")["amount"] += 1


@breaks("I4", "booked another amount than the gateway took")
def booked_wrong(data):
    for entry in rows(data, "payment.ledger", order_id=fixture.CONFIRMED):
        entry["amount"] *= 2


@breaks("I5", "an event never left the outbox")
def stuck_outbox(data):
    data["db"]["relay.outbox"][0]["published_at"] = ""


@breaks("I5", "an event marked as published is not on the bus")
def lost_event(data):
    event = data["db"]["relay.outbox"][0]
    same = dict(event, id="00000000-0000-7000-8000-00000000dead")
    data["db"]["relay.outbox"].append(same)


@breaks("I5", "an order is stuck after it was paid")
def stuck_paid(data):
    row(data, "order.order", id=fixture.LATE)["status"] = "refunding"


@breaks("I5", "the hold of a finished order was never released")
def stuck_hold(data):
    hold = row(data, "inventory.reservation", order_id=fixture.CANCELLED)
    hold["state"] = "held"
    remove(data, "inventory.movement", order_id=fixture.CANCELLED,
           kind="release")
    row(data, "inventory.stock", sku=hold["sku"])["reserved"] += \
        hold["quantity"]


@breaks("I5", "a payment nobody asked about")
def unknown_payment(data):
    row(data, "payment.payment",
        order_id=fixture.PENDING)["state"] = "unknown"


@breaks("I5", "a receipt that never came")
def no_receipt(data):
    data["mail"] = [m for m in data["mail"]
                    if m["order"] != fixture.CONFIRMED]


@breaks("I6", "stock left the shelf twice for one order")
def sold_twice(data):
    move = row(data, "inventory.movement", order_id=fixture.CONFIRMED,
               kind="commit")
    hold = dict(move, kind="reserve")
    data["db"]["inventory.movement"] += [hold, dict(move)]
    row(data, "inventory.stock",
        sku=move["sku"])["on_hand"] -= move["quantity"]


@breaks("I6", "two receipts for one order")
def mailed_twice(data):
    mail = next(m for m in data["mail"] if m["kind"] == "receipt")
    data["mail"].append({**mail, "message_id": "<again>"})


@breaks("I6", "one order confirmed by two events")
def event_twice(data):
    event = next(e for e in data["topics"] if e["type"] == "order.confirmed")
    data["topics"].append({**event, "id": "another"})


@breaks("I7", "a replay got other bytes")
def other_bytes(data):
    replay = next(c for c in data["history"] if c["op"] == "replay"
                  and c["type"] == "ok")
    replay["body_sha"] = "0" * 64


@breaks("I7", "the stored answer changed afterwards")
def other_answer(data):
    stored = row(data, "checkout.idempotency", key="k-" + fixture.LATE)
    stored["answer"] = stored["answer"].replace(" ", "")


@breaks("I8", "a unit appeared from nowhere")
def found_unit(data):
    row(data, "inventory.stock", sku="B")["on_hand"] += 1


@breaks("I8", "an acknowledged delivery was not booked")
def lost_delivery(data):
    move = row(data, "inventory.movement", sku="B", kind="adjust")
    remove(data, "inventory.movement", sku="B", kind="adjust")
    row(data, "inventory.stock", sku="B")["on_hand"] -= move["quantity"]


@breaks("I9", "an error that is no problem+json")
def bare_error(data):
    bad = next(c for c in data["history"] if c["type"] == "fail")
    bad["content_type"] = "text/html"
    bad["body"] = None


@breaks("I9", "a request that was never answered")
def hang(data):
    get = next(c for c in data["history"] if c["op"] == "get"
               and c["type"] == "ok")
    data["history"].remove(get)


@breaks("I9", "an answer after its deadline")
def late(data):
    end_of(data, "get", fixture.CONFIRMED)["ms"] = 60000


@breaks("R", "revenue differs by a penny")
def revenue(data):
    key = "k-" + fixture.CONFIRMED
    data["revenue"]["orders"][key] += 1


def write(data, folder):
    os.makedirs(os.path.join(folder, "db"))
    for name in ("history", "gateway", "topics", "mail"):
        with open(os.path.join(folder, name + ".jsonl"), "w",
                  encoding="utf-8") as file:
            for entry in data[name]:
                file.write(json.dumps(entry) + "\n")
    for name, lines in data["db"].items():
        with open(os.path.join(folder, "db", name + ".csv"), "w",
                  encoding="utf-8", newline="") as file:
            columns = list(dict.fromkeys(
                facts.TABLES[name] + tuple(lines[0] if lines else ())))
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(lines)
    with open(os.path.join(folder, "revenue.json"), "w",
              encoding="utf-8") as file:
        json.dump(data["revenue"], file)


def violated(data):
    with tempfile.TemporaryDirectory() as folder:
        write(data, folder)
        results = check_all(facts.load(folder),
                            {"revenue": data["revenue"]})
        return {name: r.violations for name, r in results.items()
                if r.violations}


def program(data):
    """prove.py's exit status on this data set."""
    with tempfile.TemporaryDirectory() as folder:
        write(data, folder)
        return subprocess.run(
            [sys.executable, os.path.join(HERE, "prove.py"), "--from",
             folder, "--expect-revenue",
             os.path.join(folder, "revenue.json")],
            stdout=subprocess.DEVNULL, check=False).returncode


def main():
    passed, failed = 0, 0

    def expect(true, text):
        nonlocal passed, failed
        passed, failed = passed + bool(true), failed + (not true)
        print("ok  " if true else "WRONG", text)
    clean = fixture.make()
    found = violated(clean)
    expect(not found, f"the scratch set is consistent {found or ''}")
    expect(program(clean) == 0, "prove.py agrees, exit 0")
    for name, what, function in BREAKS:
        data = copy.deepcopy(clean)
        function(data)
        found = violated(data)
        other = {"R"} if name == "I3" else set()
        expect(set(found) - other == {name}, f"{name} {what}: " + "; ".join(
            f"{k}: {v[0]}" for k, v in found.items()))
        expect(program(data) == 1, f"{name} {what}: prove.py exits 1")
    names = {name for name, _, _ in BREAKS}
    expect(names >= {f"I{n}" for n in range(1, 10)}, "every invariant broken")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
