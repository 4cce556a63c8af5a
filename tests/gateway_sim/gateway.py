"""gateway - the state: sessions, intents, charges, refunds, stored answers.

Everything here is plain and synchronous, so no two requests are ever inside
an effect at once: a session cannot be charged twice. Each effect is one line
of the ledger, written before the state is touched; reading the lines again
gives the same state.
"""
import time

import objects
from forms import ApiError

KEY_LIFE_S = 24 * 3600  # how long Stripe remembers an idempotency key
MIN_TOTAL = {"gbp": 30, "usd": 50, "eur": 50}  # smallest charge, minor units
MAX_TOTAL = 99_999_999


class Gateway:
    def __init__(self, ledger, base_url, on_events):
        self.ledger, self.base_url = ledger, base_url
        self.on_events = on_events
        self.sessions, self.items, self.intent_data = {}, {}, {}
        self.intents, self.charges, self.refunds = {}, {}, {}
        self.answers = {}
        self.undelivered = {}
        self.counts = {}
        self.min_expiry_s = 1800
        for entry in ledger.entries():
            self.apply(entry)

    # -- the ledger's lines, first time and again after a start --

    def record(self, kind, **fields):
        fields = {k: v for k, v in fields.items() if v is not None}
        entry = self.ledger.append(kind, **fields)
        self.apply(entry)
        if fields.get("events"):
            self.on_events(fields["events"])

    def apply(self, entry):
        kind = entry["kind"]
        self.counts[kind] = self.counts.get(kind, 0) + 1
        APPLY[kind](self, entry)
        for made in entry.get("events", ()):
            self.undelivered[made["id"]] = made
        answer = entry.get("answer")
        if answer:
            self.answers[answer["key"]] = {**answer, "t": entry["t"]}

    def apply_created(self, entry):
        session = entry["session"]
        self.sessions[session["id"]] = session
        self.items[session["id"]] = entry["items"]
        self.intent_data[session["id"]] = entry["intent_data"]

    def apply_charged(self, entry):
        session = self.sessions[entry["session"]]
        session.update(entry["change"])
        self.intents[entry["payment_intent"]["id"]] = entry["payment_intent"]
        self.charges[entry["charge"]["id"]] = entry["charge"]

    def apply_expired(self, entry):
        self.sessions[entry["session"]].update(entry["change"])

    def apply_refunded(self, entry):
        refund = entry["refund"]
        charge = self.charges[refund["charge"]]
        charge["amount_refunded"] += refund["amount"]
        charge["refunded"] = charge["amount_refunded"] == charge["amount"]
        self.refunds[refund["id"]] = refund

    def apply_webhook(self, entry):
        self.undelivered.pop(entry["event"], None)

    def apply_nothing(self, entry):
        """A line that is only a record, or only an answer."""

    # -- reading --

    def find(self, what, things, ident, status=404, param="id"):
        if ident not in things:
            raise ApiError(status, f"No such {what}: '{ident}'",
                           "resource_missing", param)
        return things[ident]

    def charge_of(self, intent):
        return self.charges[intent["latest_charge"]]

    # -- effects --

    def create_session(self, form, answer):
        items = [objects.line_item(data) for data in form["line_items"]]
        if len({item["currency"] for item in items}) != 1:
            raise ApiError(400, "All line items must have the same currency.",
                           None, "line_items")
        now = int(time.time())
        expires_at = form.get("expires_at", now + 86400)
        if not now + self.min_expiry_s <= expires_at <= now + 86400:
            raise ApiError(400, "The `expires_at` timestamp must be at least "
                           f"{self.min_expiry_s // 60} minutes and at most "
                           "24 hours from Checkout Session creation.",
                           None, "expires_at")
        session = objects.session(form, items, self.base_url)
        check_total(session)
        self.record("session.created", session=session, items=items,
                    intent_data=form.get("payment_intent_data", {}),
                    order=session["client_reference_id"],
                    amount=session["amount_total"],
                    currency=session["currency"], answer=answer(session))
        return session

    def pay(self, ident):
        """Charge an open session; a paid one stays as it is."""
        session = self.find("checkout.session", self.sessions, ident)
        self.expire_if_due(session)
        if session["status"] != "open":
            return session
        intent_id = objects.new_id("pi_3")
        charge = objects.charge(session, intent_id)
        intent = objects.payment_intent(session, self.intent_data[ident],
                                        intent_id, charge)
        change = {"status": "complete", "payment_status": "paid",
                  "payment_intent": intent_id, "url": None,
                  "customer_details": customer_details(session)}
        done = objects.event("checkout.session.completed",
                             {**session, **change})
        self.record("charged", session=ident, change=change,
                    order=session["client_reference_id"],
                    payment_intent=intent, charge=charge,
                    amount=charge["amount"], currency=charge["currency"],
                    events=[done])
        return session

    def decline(self, ident):
        session = self.find("checkout.session", self.sessions, ident)
        self.expire_if_due(session)
        if session["status"] == "open":
            self.record("declined", session=ident,
                        order=session["client_reference_id"])
        return session

    def expire(self, session, answer=None):
        if session["status"] != "open":
            raise ApiError(
                400, "Only Checkout Sessions with a status in [\"open\"] can "
                "be expired. This Checkout Session has a status of "
                f"`{session['status']}`.")
        change = {"status": "expired", "url": None}
        after = {**session, **change}
        self.record("session.expired", session=session["id"], change=change,
                    order=session["client_reference_id"],
                    answer=answer(after) if answer else None,
                    events=[objects.event("checkout.session.expired", after)])
        return session

    def expire_if_due(self, session):
        if session["status"] == "open" \
                and session["expires_at"] <= time.time():
            self.expire(session)

    def expire_due(self):
        for session in self.sessions.values():
            self.expire_if_due(session)

    def refund(self, form, answer):
        charge = self.refunded_charge(form)
        left = charge["amount"] - charge["amount_refunded"]
        if left == 0:
            raise ApiError(400, f"Charge {charge['id']} has already been "
                           "refunded.", "charge_already_refunded")
        amount = form.get("amount", left)
        if amount > left:
            raise ApiError(400, f"Refund amount ({amount}) is greater than "
                           f"unrefunded amount on charge ({left})", None,
                           "amount")
        refund = objects.refund(charge, amount, form)
        total = charge["amount_refunded"] + amount
        after = {**charge, "amount_refunded": total,
                 "refunded": total == charge["amount"]}
        events = [objects.event("refund.created", refund),
                  objects.event("charge.refunded", after, {
                      "amount_refunded": charge["amount_refunded"]})]
        self.record("refunded", refund=refund, amount=amount,
                    payment_intent=charge["payment_intent"],
                    order=self.order_of(charge["payment_intent"]),
                    currency=charge["currency"], events=events,
                    answer=answer(refund))
        return refund

    def refunded_charge(self, form):
        if "payment_intent" in form:
            intent = self.find("payment_intent", self.intents,
                               form["payment_intent"], 400, "payment_intent")
            return self.charge_of(intent)
        if "charge" in form:
            return self.find("charge", self.charges, form["charge"], 400,
                             "charge")
        raise ApiError(400, "One of the following params should be provided "
                       "for this request: payment_intent or charge.",
                       "parameter_missing", "payment_intent")

    def order_of(self, intent_id):
        for session in self.sessions.values():
            if session["payment_intent"] == intent_id:
                return session["client_reference_id"]
        return None

    # -- idempotency keys --

    def stored_answer(self, key):
        answer = self.answers.get(key)
        if answer and answer["t"] + KEY_LIFE_S < time.time():
            del self.answers[key]
            return None
        return answer


def check_total(session):
    total, currency = session["amount_total"], session["currency"]
    least = MIN_TOTAL.get(currency, 1)
    if total < least:
        raise ApiError(400, "The Checkout Session's total amount due must "
                       f"add up to at least {least} {currency} (minor "
                       "units)", "amount_too_small")
    if total > MAX_TOTAL:
        raise ApiError(400, "The Checkout Session's total amount due must "
                       f"be no more than {MAX_TOTAL} {currency} (minor "
                       "units)", "amount_too_large")


def customer_details(session):
    return {"address": None, "business_name": None,
            "email": session["customer_email"], "individual_name": None,
            "name": None, "phone": None, "tax_exempt": "none", "tax_ids": []}


APPLY = {
    "session.created": Gateway.apply_created,
    "charged": Gateway.apply_charged,
    "declined": Gateway.apply_nothing,
    "session.expired": Gateway.apply_expired,
    "refunded": Gateway.apply_refunded,
    "answer": Gateway.apply_nothing,
    "webhook.done": Gateway.apply_webhook,
}
