"""page - the hosted payment page. No card field: a test gateway asks only
which way the payment should go."""
import html

import web

STYLE = """
:root { color-scheme: light dark; --ink: #1a1f36; --paper: #f6f8fa;
  --card: #fff; --line: #dfe3e8; --pay: #0a6b4f; --no: #a3312a; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8ebf0;
  --paper: #14171d; --card: #1d222b; --line: #333b47; } }
* { box-sizing: border-box }
body { margin: 0; min-height: 100vh; display: grid; place-items: center;
  padding: 1rem; font: 16px/1.5 system-ui, sans-serif; color: var(--ink);
  background: var(--paper) }
main { width: 100%; max-width: 28rem; background: var(--card);
  border: 1px solid var(--line); border-radius: 14px; padding: 1.75rem }
.tag { font-size: .8rem; letter-spacing: .06em; text-transform: uppercase;
  opacity: .75; margin: 0 }
h1 { font-size: 2.4rem; margin: .25rem 0 1rem }
ul { list-style: none; margin: 0 0 1.25rem; padding: 0; max-height: 40vh;
  overflow: auto; border-top: 1px solid var(--line) }
li { display: flex; justify-content: space-between; gap: 1rem;
  padding: .55rem 0; border-bottom: 1px solid var(--line) }
li span:last-child { white-space: nowrap }
form { display: grid; gap: .6rem }
button { font: inherit; font-weight: 600; padding: .85rem; width: 100%;
  border-radius: 10px; border: 1px solid var(--line); cursor: pointer;
  background: transparent; color: inherit }
button.pay { background: var(--pay); border-color: var(--pay); color: #fff }
button:focus-visible { outline: 3px solid #5b8def; outline-offset: 2px }
[role=alert] { border-left: 4px solid var(--no); padding: .5rem .75rem;
  margin: 0 0 1rem; background: color-mix(in srgb, var(--no) 12%, #0000) }
"""
POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action *; " \
    "frame-ancestors 'none'; base-uri 'none'"
NO_MINOR_UNITS = {"jpy", "krw", "vnd", "clp"}
SIGNS = {"gbp": "£", "usd": "$", "eur": "€"}


def money(minor, currency):
    sign = SIGNS.get(currency, currency.upper() + " ")
    if currency in NO_MINOR_UNITS:
        return f"{sign}{minor:,}"
    return f"{sign}{minor // 100:,}.{minor % 100:02d}"


def document(title, inside, status=200):
    text = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(title)}</title><style>{STYLE}</style></head>
<body><main>{inside}</main></body></html>
"""
    return web.Response(status, text.encode(), {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": POLICY, "Referrer-Policy": "no-referrer"})


def checkout(session, items, declined):
    """The open session: what is bought, what it costs, which way to go."""
    amount = money(session["amount_total"], session["currency"])
    rows = "".join(
        f"<li><span>{html.escape(i['description'])} × {i['quantity']}</span>"
        f"<span>{money(i['amount_total'], i['currency'])}</span></li>"
        for i in items)
    alert = "<p role=alert>Your payment was declined. You can try again.</p>"
    base = f"/c/pay/{session['id']}"
    leave = session["cancel_url"] and \
        f'<button formaction="{base}/cancel">Leave</button>' or ""
    return document(f"Pay {amount}", f"""
<p class=tag>Test gateway</p><h1>{amount}</h1>
{alert if declined else ""}<ul>{rows}</ul>
<form method=post action="{base}/pay">
<button class=pay autofocus>Pay {amount}</button>
<button formaction="{base}/decline">Decline</button>
{leave}</form>""", 402 if declined else 200)


def closed(session):
    """A session that can no longer be paid here."""
    said = {"complete": "This order is already paid.",
            "expired": "This payment page has expired. "
                       "You have not been charged."}[session["status"]]
    back = session["success_url"] if session["status"] == "complete" \
        else session["cancel_url"]
    link = back and '<p><a href="' + html.escape(
        back.replace("{CHECKOUT_SESSION_ID}", session["id"])) \
        + '">Back to the shop</a></p>' or ""
    return document("Payment", f"<p class=tag>Test gateway</p>"
                    f"<h2>{said}</h2>{link}",
                    200 if session["status"] == "complete" else 410)
