"""facts - what the prover reads, from a folder of dumps (dump.py makes one):

  history.jsonl  what clients sent and got
  gateway.jsonl  the gateway simulator's ledger
  topics.jsonl   events on the bus
  mail.jsonl     the mailbox
  db/SCHEMA.TABLE.csv                             the database, with a header

A file that is not there is an error: a source nobody read proves nothing.
"""
import csv
import json
import os
from collections import defaultdict
from dataclasses import dataclass, field

TABLES = {
    "inventory.stock": ("sku", "on_hand", "reserved"),
    "inventory.movement": ("sku", "kind", "quantity", "order_id",
                           "reference"),
    "inventory.reservation": ("order_id", "sku", "quantity", "state"),
    "order.order": ("id", "status", "total", "currency", "restock"),
    "order.order_line": ("order_id", "sku", "quantity", "unit_price",
                         "line_total"),
    "order.history": ("order_id", "status"),
    "payment.payment": ("order_id", "state", "amount", "currency",
                        "payment_intent"),
    "payment.ledger": ("order_id", "kind", "account", "amount", "currency"),
    "relay.outbox": ("id", "topic", "key", "published_at"),
    "relay.dead_letter": ("id", "replayed_at"),
    "email.mail": ("order_id", "kind", "state"),
    "checkout.idempotency": ("key", "order_id", "status", "answer"),
}
NUMBERS = {"on_hand", "reserved", "quantity", "total", "unit_price",
           "line_total", "amount"}


@dataclass
class Call:
    """One request of a client: what it asked and how that ended."""
    op: str
    process: int
    kind: str = "lost"  # ok, fail, info; lost: it never ended
    key: str = None
    order: str = None
    status: int = 0
    sha: str = None
    body: dict = None
    content_type: str = ""
    ms: float = 0
    deadline_ms: float = 0
    error: str = None
    extra: dict = field(default_factory=dict)

    def named(self):
        return f"{self.op} key={self.key} order={self.order} " \
            f"status={self.status}"


@dataclass
class Data:
    tables: dict
    calls: list
    gateway: list
    topics: list
    mail: list
    started: float  # when the first request of the history was sent

    def by(self, table, column):
        """Rows of a table grouped by one column's value."""
        groups = defaultdict(list)
        for row in self.tables[table]:
            groups[row[column]].append(row)
        return groups


def read_lines(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.strip()]


def read_table(folder, name):
    with open(os.path.join(folder, "db", name + ".csv"), encoding="utf-8",
              newline="") as file:
        reader = csv.DictReader(file)
        missing = set(TABLES[name]) - set(reader.fieldnames or ())
        if missing:
            raise ValueError(f"{name} has no column {sorted(missing)}")
        rows = list(reader)
    for row in rows:
        for column in NUMBERS & set(row):
            row[column] = int(row[column])
        if "currency" in row:
            row["currency"] = row["currency"].strip().upper()
    return rows


FIELDS = {"key", "order", "status", "body", "content_type", "ms",
          "deadline_ms", "error"}


def pair_calls(records):
    """Invocations with their ends; a process has one call open at a time."""
    calls, running = [], {}
    for record in records:
        process = record["process"]
        if record["type"] == "invoke":
            call = Call(record["op"], process)
            calls.append(call)
            running[process] = call
        else:
            call = running.pop(process)
            call.kind = record["type"]
            call.sha = record.get("body_sha")
        for name, value in record.items():
            if name in FIELDS and value is not None:
                setattr(call, name, value)
            elif name not in ("t", "process", "type", "op", "body_sha"):
                call.extra[name] = value
    return calls


def is_original(event):
    """Not one that a consumer moved to a retry or dead-letter topic."""
    return not event["topic"].startswith(("bodega.retry.", "bodega.dead."))


def load(folder):
    history, gateway, topics, mail = (
        read_lines(os.path.join(folder, name + ".jsonl"))
        for name in ("history", "gateway", "topics", "mail"))
    return Data({name: read_table(folder, name) for name in TABLES},
                pair_calls(history), gateway,
                list(filter(is_original, topics)), mail,
                min((record["t"] for record in history), default=0))
