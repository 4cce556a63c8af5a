"""objects - Checkout Session, PaymentIntent, Charge, Refund and Event as the
API shows them (https://docs.stripe.com/api), with every field the real ones
always have, so that a strict reader finds nothing missing.
"""
import secrets
import time

API_VERSION = "2026-08-26.dahlia"
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def new_id(prefix, length=24):
    return prefix + "".join(secrets.choice(ALPHABET) for _ in range(length))


def line_item(data):
    """One line of a session; `data` is a checked line_items[i]."""
    price = data["price_data"]
    amount = price["unit_amount"] * data["quantity"]
    now = int(time.time())
    return {
        "id": new_id("li_1"), "object": "item", "adjustable_quantity": None,
        "amount_discount": 0, "amount_subtotal": amount, "amount_tax": 0,
        "amount_total": amount, "currency": price["currency"],
        "description": price["product_data"]["name"], "metadata": {},
        "price": {
            "id": new_id("price_1"), "object": "price", "active": False,
            "billing_scheme": "per_unit", "created": now,
            "currency": price["currency"], "custom_unit_amount": None,
            "livemode": False, "lookup_key": None, "metadata": {},
            "nickname": None, "product": new_id("prod_", 14),
            "recurring": None, "tax_behavior": "unspecified",
            "tiers_mode": None, "transform_quantity": None,
            "type": "one_time", "unit_amount": price["unit_amount"],
            "unit_amount_decimal": str(price["unit_amount"])},
        "quantity": data["quantity"]}


def session(form, items, base_url):
    """A new open session from the checked form."""
    now = int(time.time())
    ident = new_id("cs_test_a1", 58)
    total = sum(item["amount_total"] for item in items)
    nothing = dict.fromkeys((
        "adaptive_pricing", "after_expiration", "allow_promotion_codes",
        "billing_address_collection", "client_secret",
        "collected_information", "consent", "consent_collection",
        "currency_conversion", "customer", "customer_account",
        "customer_details", "invoice", "origin_context", "payment_intent",
        "payment_link", "payment_method_configuration_details", "permissions",
        "presentment_details", "recovered_from",
        "saved_payment_method_options", "setup_intent",
        "shipping_address_collection", "shipping_cost", "subscription",
        "wallet_options", "integration_identifier"))
    return {
        "id": ident, "object": "checkout.session", **nothing,
        "amount_subtotal": total, "amount_total": total,
        "automatic_tax": {"enabled": False, "liability": None,
                          "provider": None, "status": None},
        "cancel_url": form.get("cancel_url"),
        "client_reference_id": form.get("client_reference_id"),
        "created": now, "currency": items[0]["currency"], "custom_fields": [],
        "custom_text": {"after_submit": None, "shipping_address": None,
                        "submit": None, "terms_of_service_acceptance": None},
        "customer_creation": form.get("customer_creation", "if_required"),
        "customer_email": form.get("customer_email"), "discounts": [],
        "expires_at": form.get("expires_at", now + 86400),
        "invoice_creation": {"enabled": False, "invoice_data": {
            "account_tax_ids": None, "custom_fields": None,
            "description": None, "footer": None, "issuer": None,
            "metadata": {}, "rendering_options": None}},
        "livemode": False, "locale": form.get("locale"),
        "metadata": form.get("metadata", {}), "mode": "payment",
        "payment_method_collection": "if_required",
        "payment_method_options": {
            "card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": form.get("payment_method_types", ["card"]),
        "payment_status": "unpaid",
        "phone_number_collection": {"enabled": False},
        "shipping_options": [], "status": "open",
        "submit_type": form.get("submit_type"),
        "success_url": form["success_url"],
        "total_details": {"amount_discount": 0, "amount_shipping": 0,
                          "amount_tax": 0},
        "ui_mode": "hosted_page", "url": f"{base_url}/c/pay/{ident}"}


def charge(of_session, intent_id):
    amount = of_session["amount_total"]
    ident = new_id("ch_3")
    nothing = dict.fromkeys((
        "application", "application_fee", "application_fee_amount",
        "customer", "failure_balance_transaction", "failure_code",
        "failure_message", "on_behalf_of", "presentment_details",
        "receipt_email", "receipt_number", "review", "shipping",
        "source_transfer", "statement_descriptor",
        "statement_descriptor_suffix", "transfer_data", "transfer_group"))
    return {
        "id": ident, "object": "charge", **nothing, "amount": amount,
        "amount_captured": amount, "amount_refunded": 0,
        "balance_transaction": new_id("txn_3"),
        "billing_details": {
            "address": dict.fromkeys(("city", "country", "line1", "line2",
                                      "postal_code", "state")),
            "email": of_session["customer_email"], "name": None,
            "phone": None, "tax_id": None},
        "calculated_statement_descriptor": "TEST GATEWAY", "captured": True,
        "created": int(time.time()), "currency": of_session["currency"],
        "description": None, "disputed": False, "fraud_details": {},
        "livemode": False, "metadata": {}, "outcome": {
            "network_status": "approved_by_network", "reason": None,
            "risk_level": "normal",
            "seller_message": "Payment complete.", "type": "authorized"},
        "paid": True, "payment_intent": intent_id,
        "payment_method": new_id("pm_1"),
        "payment_method_details": {"type": "card", "card": {
            "brand": "visa", "last4": "4242", "country": "US",
            "exp_month": 12, "exp_year": 2030, "funding": "credit"}},
        "radar_options": {}, "receipt_url": None, "refunded": False,
        "status": "succeeded"}


def payment_intent(of_session, data, ident, of_charge):
    """The intent a paid session leaves; `data` is payment_intent_data."""
    amount = of_session["amount_total"]
    nothing = dict.fromkeys((
        "allowed_payment_method_types", "application",
        "application_fee_amount", "automatic_payment_methods",
        "canceled_at", "cancellation_reason",
        "customer", "customer_account", "excluded_payment_method_types",
        "last_payment_error", "next_action", "on_behalf_of",
        "payment_method_configuration_details", "presentment_details",
        "processing", "review", "setup_future_usage", "shipping",
        "statement_descriptor", "statement_descriptor_suffix",
        "transfer_data", "transfer_group"))
    return {
        "id": ident, "object": "payment_intent", **nothing, "amount": amount,
        "amount_capturable": 0, "amount_details": {"tip": {}},
        "amount_received": amount,
        "capture_method": "automatic_async",
        "client_secret": ident + "_secret_" + new_id("", 25),
        "confirmation_method": "automatic", "created": int(time.time()),
        "currency": of_session["currency"],
        "description": data.get("description"),
        "latest_charge": of_charge["id"], "livemode": False,
        "metadata": data.get("metadata", {}),
        "payment_method": of_charge["payment_method"],
        "payment_method_options": {"card": {
            "installments": None, "mandate_options": None, "network": None,
            "request_three_d_secure": "automatic"}},
        "payment_method_types": of_session["payment_method_types"],
        "receipt_email": data.get("receipt_email"), "status": "succeeded"}


def refund(of_charge, amount, form):
    return {
        "id": new_id("re_3"), "object": "refund", "amount": amount,
        "balance_transaction": new_id("txn_3"), "charge": of_charge["id"],
        "created": int(time.time()), "currency": of_charge["currency"],
        "customer": None, "destination_details": {"card": {
            "reference_status": "pending", "reference_type":
            "acquirer_reference_number", "type": "refund"}, "type": "card"},
        "metadata": form.get("metadata", {}),
        "payment_intent": of_charge["payment_intent"],
        "payment_method": of_charge["payment_method"],
        "reason": form.get("reason"), "receipt_number": None,
        "source_transfer_reversal": None, "status": "succeeded",
        "transfer_reversal": None}


def event(kind, thing, previous=None):
    data = {"object": thing}
    if previous is not None:
        data["previous_attributes"] = previous
    return {
        "id": new_id("evt_1"), "object": "event", "api_version": API_VERSION,
        "created": int(time.time()), "data": data, "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None}, "type": kind}


def listing(url, things, limit, starting_after, ending_before):
    """A page of things, newest first, as the API pages by cursor."""
    ids = [thing["id"] for thing in things]
    if starting_after in ids:
        things = things[ids.index(starting_after) + 1:]
    elif ending_before in ids:
        things = things[:ids.index(ending_before)]
        return {"object": "list", "url": url, "data": things[-limit:],
                "has_more": len(things) > limit}
    return {"object": "list", "url": url, "data": things[:limit],
            "has_more": len(things) > limit}
