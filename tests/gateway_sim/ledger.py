"""ledger - what the gateway did, one JSON object a line, append-only.

A line is on disk before anyone hears of its effect, and one line holds the
whole effect (the change, the events it causes and the stored answer of its
idempotency key), so a killed simulator starts again with nothing lost and
nothing half done. Kinds:
  session.created  session{}, items[], answer?
  charged          session, order, payment_intent{}, charge{}, amount, currency
  declined         session, order
  session.expired  session, order, answer?
  refunded         refund{}, order, payment_intent, amount, currency, answer?
  answer           answer{}: a refused request under an idempotency key
  webhook.done     event, outcome (delivered, dropped, failed), attempts
An effect's `events` are the webhooks it made. `t` is seconds since 1970.
"""
import json
import os
import time


class Ledger:
    def __init__(self, path):
        self.path = path
        self.fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)

    def entries(self):
        """Every whole line. A torn last line (killed while writing: nobody
        was told) is cut off so that the next line starts clean."""
        with open(self.path, "rb") as file:
            data = file.read()
        whole = data[:data.rfind(b"\n") + 1]
        if len(whole) != len(data):
            os.ftruncate(self.fd, len(whole))
        return [json.loads(line) for line in whole.splitlines()]

    def append(self, kind, **fields):
        """Write one line and wait until it is on disk."""
        entry = {"t": round(time.time(), 6), "kind": kind, **fields}
        line = json.dumps(entry, separators=(",", ":")).encode() + b"\n"
        while line:
            line = line[os.write(self.fd, line):]
        os.fsync(self.fd)
        return entry
