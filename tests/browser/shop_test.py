#!/usr/bin/env python3
"""Buy things in real Chromium, with mouse, keyboard and phone.

usage: shop_test.py [word in the name of the tests to run]
  BASE_URL  the shop's gateway           (http://127.0.0.1:8080)
  MAIL_URL  HTTP side of the mail sink   (http://127.0.0.1:7307)
  SHOTS     a folder to leave screenshots in (none)

Needs Debian's chromium and chromium-driver, the sample catalog, and the payment
simulator behind the shop. Every test starts as a shopper nobody has seen before.
"""
import email
import email.policy
import json
import os
import sys
import traceback
import urllib.parse
import urllib.request

from webdriver import PHONE_WIDTH, Browser, DriverError

BASE = os.environ.get("BASE_URL", "http://127.0.0.1:8080").rstrip("/")
MAIL = os.environ.get("MAIL_URL", "http://127.0.0.1:7307").rstrip("/")
SHOTS = os.environ.get("SHOTS")
WEIGHT_MAX = 100_000
POLICY = ("default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'",
          "connect-src 'self'", "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'")
PAY = "button.pay"
DECLINE = "button[formaction$='/decline']"
LEAVE = "button[formaction$='/cancel']"
tests = []


def test(run=None, *, refusals=()):
    """Register a test. `refusals`: words of console lines it provokes."""
    def register(run):
        tests.append((run, refusals))
        return run
    return register(run) if run else register


def fetch(url, **options):
    with urllib.request.urlopen(urllib.request.Request(url, **options), timeout=30) as answer:
        return answer.read().decode()


def catalog(**query):
    """Every product of the list, page by page."""
    items, cursor = [], None
    while True:
        asked = {**query, **({"cursor": cursor} if cursor else {})}
        page = json.loads(fetch(f"{BASE}/api/catalog/products?{urllib.parse.urlencode(asked)}"))
        items += page["items"]
        cursor = page.get("next")
        if not cursor:
            return items


def plenty(skip=0):
    """A product that nobody will buy out during the tests."""
    return [item for item in catalog(category="Pantry") if item["available"] > 50][skip]


def shot(b, name, whole=False):
    if SHOTS:
        os.makedirs(SHOTS, exist_ok=True)
        b.screenshot(os.path.join(SHOTS, f"{name}.png"), whole)


def pounds(minor):
    return f"£{minor // 100:,}.{minor % 100:02}"


def expect(fact, what):
    if not fact:
        raise AssertionError(what)


def equal(found, wanted, what):
    expect(found == wanted, f"{what}: {found!r}, not {wanted!r}")


def product_page(b, sku):
    b.go(f"{BASE}/product.html?sku={urllib.parse.quote(sku)}")
    b.wait_for("#add")


def add(b, sku):
    product_page(b, sku)
    b.click("#add")
    b.wait_for(".said a")


def fill_checkout(b, who):
    b.go(f"{BASE}/checkout.html")
    b.wait_for(".bill")
    b.fill("#email", who)
    b.fill("#name", "Ada Cornershop")
    b.fill("#address", "1 High Street\nOldtown")


def to_payment(b, who="ada@example.com"):
    """From a filled cart to the hosted page; returns its address."""
    fill_checkout(b, who)
    b.click("#pay")
    b.wait_for(PAY)
    return b.address


def order_id(b):
    return urllib.parse.parse_qs(urllib.parse.urlsplit(b.address).query)["id"][0]


def status_is(b, status):
    b.wait_for(f"#status[data-status={status}]")


def pay_elsewhere(payment_page):
    """Pay without this browser, as if on the telephone."""
    fetch(f"{payment_page}/pay", method="POST", data=b"", headers={"Accept": "application/json"})


def receipts(order, who):
    """Mails to `who` that name the order."""
    text = fetch(f"{MAIL}/messages")
    rows = json.loads(text) if text.lstrip().startswith("[") else \
        [json.loads(row) for row in text.splitlines() if row.strip()]
    found = []
    for row in rows:
        mail = email.message_from_string(row["raw"], policy=email.policy.default)
        body = mail.get_body(("plain", "html"))
        whole = f"{mail.as_string()}\n{body.get_content() if body else ''}"
        if who in str(mail["To"]) and order in whole:
            found.append(mail)
    return found


def fresh(b):
    b.desktop()
    b.dark(False)
    b.go(f"{BASE}/404.html")
    b.js("localStorage.clear(); sessionStorage.clear()")
    b.complaints()


@test
def list_shows_the_whole_catalog(b):
    everything = catalog()
    b.go(f"{BASE}/")
    b.wait_for(".card a")
    shot(b, "list")
    expect(len(b.texts(".card h2")) < len(everything), "the first page is not all")
    while b.shown("#more-button"):
        seen = len(b.texts(".card h2"))
        b.click("#more-button")
        b.wait(lambda: len(b.texts(".card h2")) > seen, "more products")
    equal(b.texts(".card h2"), [item["name"] for item in everything], "names")
    equal(b.texts(".card .price"), [pounds(item["price"]) for item in everything], "prices")
    counts = b.js("return [...document.querySelectorAll('.chips a span')]"
                  ".reduce((sum, e) => sum + Number(e.textContent), 0)")
    equal(counts, len(everything), "products in all categories")


@test
def pictures_are_there(b):
    b.go(f"{BASE}/")
    b.wait_for(".card img")
    broken = """return Promise.all([...document.querySelectorAll('.card img')].map((i) => {
        i.loading = 'eager'; return i.decode().then(() => null, () => i.src); }))
        .then((all) => all.filter(Boolean))"""
    equal(b.js(broken), [], "pictures that do not load")


@test
def search_finds_and_is_in_the_address(b):
    b.go(f"{BASE}/")
    b.wait_for(".card a")
    b.fill("#q", "honey")
    b.press("Enter")
    b.wait(lambda: "q=honey" in b.address, "the search in the address")
    wanted = [item["name"] for item in catalog(q="honey")]
    expect(wanted, "the sample has honey")
    b.wait(lambda: b.texts(".card h2") == wanted, "the found products")
    b.go(b.address)
    b.wait(lambda: b.texts(".card h2") == wanted, "the same after a reload")
    b.go(f"{BASE}/?q=" + urllib.parse.quote("<b>no such thing</b>"))
    b.wait_for(".empty")
    expect("“<b>no such thing</b>”" in b.text(".empty"), "the words are shown as text")
    shot(b, "nothing-found")


@test
def category_filters_and_back_returns(b):
    b.go(f"{BASE}/")
    b.wait_for(".chips a")
    names = [item["name"] for item in catalog(category="Plants")]
    b.click(".chips a[href*=Plants]")
    b.wait(lambda: b.texts(".card h2") == names, "plants only")
    expect("category=Plants" in b.address, "the category is in the address")
    equal(b.js("return document.querySelector('.chips [aria-current]').firstChild.data"),
          "Plants", "the marked category")
    b.js("history.back()")
    b.wait(lambda: len(b.texts(".card h2")) > len(names), "everything again")


@test
def cart_counts_what_is_put_in(b):
    first, second = plenty(), plenty(1)
    product_page(b, first["sku"])
    equal(b.text("h1"), first["name"], "title")
    equal(b.text(".product .price"), pounds(first["price"]), "price")
    shot(b, "product")
    b.click("[aria-label='One more']")
    b.click("#add")
    b.wait_for(".said a")
    add(b, second["sku"])
    equal(b.text("#cart-count"), "3", "count in the header")
    add(b, second["sku"])
    b.go(f"{BASE}/cart.html")
    total = 2 * first["price"] + 2 * second["price"]
    b.wait(lambda: b.text("#total") == pounds(total), "the sum")
    shot(b, "cart")
    row = f"[data-sku='{first['sku']}']"
    for _ in range(3):
        b.click(f"{row} [aria-label='One more']")
    b.wait(lambda: b.text("#total") == pounds(total + 3 * first["price"]), "five of the first")
    b.click(f"[data-sku='{second['sku']}'] .link")
    b.wait(lambda: b.text("#total") == pounds(5 * first["price"]), "the first only")
    b.go(f"{BASE}/cart.html")
    b.wait(lambda: b.text("#total") == pounds(5 * first["price"]), "the same after a reload")
    b.click(".lines .link")
    b.wait_for(".empty")
    expect(not b.shown("#cart-count"), "no count for an empty cart")


@test
def sold_out_cannot_be_added(b):
    gone = [item for item in catalog() if item["available"] == 0]
    expect(gone, "the sample has a sold out product")
    product_page(b, gone[0]["sku"])
    equal(b.text("#add"), "Sold out", "the button")
    expect(b.js("return document.querySelector('#add').disabled"), "the button is off")
    b.click("#add")
    equal(b.js("return localStorage.getItem('bodega.cart')"), None, "no cart was opened")
    shot(b, "sold-out")


@test(refusals=("422",))
def errors_stand_at_their_fields(b):
    add(b, plenty()["sku"])
    b.go(f"{BASE}/checkout.html")
    b.click("#pay")
    b.wait_for("#email-error")
    equal(b.js("return document.activeElement.id"), "email", "focus")
    expect(b.shown("#name-error") and b.shown("#address-error"), "every empty field says so")
    problem = {"title": "Request is not acceptable", "status": 422, "code": "invalid",
               "errors": [{"pointer": "/address", "detail": "is too far away"}]}
    fill_checkout(b, "ada@example.com")
    b.js("const real = fetch; window.fetch = (path, o) => path === '/api/checkout'"
         "? Promise.resolve(new Response(JSON.stringify(arguments[0]), {status: 422}))"
         ": real(path, o)", problem)
    b.click("#pay")
    b.wait_for("#address-error")
    equal(b.text("#address-error"), "Is too far away", "the server's words")
    equal(b.js("return document.activeElement.id"), "address", "focus")
    shot(b, "checkout-error")


LOSING = """
  const real = window.fetch;
  window.sent = JSON.parse(sessionStorage.getItem('sent') ?? '[]');
  window.lose = Number(sessionStorage.getItem('lose') ?? 0);
  window.fetch = async (path, options) => {
    const answer = await real(path, options);
    if (path !== '/api/checkout') return answer;
    const { order } = await answer.clone().json();
    sent.push([options.headers['Idempotency-Key'], order?.id]);
    sessionStorage.setItem('sent', JSON.stringify(sent));
    if (lose-- > 0) throw new TypeError('the answer got lost');
    return answer;
  };"""


@test
def lost_answer_does_not_order_twice(b):
    add(b, plenty()["sku"])
    with b.first_run(LOSING):
        fill_checkout(b, "ada@example.com")
        b.js("window.lose = 9")
        b.click("#pay")
        b.wait_for("#problem")
        b.js("sessionStorage.setItem('lose', 0)")
        b.go(f"{BASE}/checkout.html")
        b.wait_for(".notice")
        equal(b.js("return document.querySelector('#name').value"), "Ada Cornershop", "the form")
        b.js("document.querySelector('#pay').click(); document.querySelector('#pay').click()")
        b.wait_for(PAY)
        b.click(LEAVE)
        status_is(b, "pending")
        sent = b.js("return window.sent")
    expect(len(sent) > 2, "it was tried several times")
    equal(len({key for key, _ in sent}), 1, "keys used")
    equal({order for _, order in sent}, {order_id(b)}, "orders made")


@test(refusals=("422",))
def corrected_form_does_not_order_twice(b):
    add(b, plenty()["sku"])
    with b.first_run(LOSING):
        fill_checkout(b, "ada@example.com")
        b.js("window.lose = 9")
        b.click("#pay")
        b.wait_for("#problem")
        b.fill("#name", "Ada Corrected")
        b.js("window.lose = 0")
        b.click("#pay")
        b.wait_for(PAY)
        b.click(LEAVE)
        status_is(b, "pending")
        sent = b.js("return window.sent")
    equal(len({key for key, _ in sent}), 1, "keys used")
    equal({order for _, order in sent if order}, {order_id(b)}, "orders made")


@test
def slow_payment_page_leads_to_the_order(b):
    add(b, plenty()["sku"])
    no_link = """const real = window.fetch; window.fetch = async (path, o) => {
        const answer = await real(path, o);
        if (path !== '/api/checkout') return answer;
        const { payment_url, ...rest } = await answer.json();
        return new Response(JSON.stringify(rest), { status: 202 }); };"""
    with b.first_run(no_link):
        fill_checkout(b, "ada@example.com")
        b.click("#pay")
        status_is(b, "pending")
        b.click("#order #pay")
        b.wait_for(PAY)


@test
def buys_and_gets_a_receipt(b):
    who = f"ada.{os.getpid()}@example.com"
    item = plenty()
    add(b, item["sku"])
    fill_checkout(b, who)
    shot(b, "checkout")
    b.click("#pay")
    b.wait_for(PAY)
    shot(b, "hosted-page")
    b.click(PAY)
    status_is(b, "confirmed")
    shot(b, "confirmed")
    order = order_id(b)
    expect(item["name"] in b.text(".bill"), "the line is shown")
    equal(b.text(".total span:last-child"), pounds(item["price"]), "total")
    equal(b.texts(".steps .done"), b.texts(".steps li"), "steps done")
    b.wait(lambda: receipts(order, who), "the receipt")
    equal(len(receipts(order, who)), 1, "receipts")
    b.go(f"{BASE}/cart.html")
    b.wait_for(".empty")


@test
def order_page_follows_live(b):
    add(b, plenty()["sku"])
    page = to_payment(b)
    b.click(LEAVE)
    status_is(b, "pending")
    shot(b, "pending")
    equal(b.js("return document.querySelector('#pay').href"), page, "the way back to pay")
    b.js("window.same = true")
    pay_elsewhere(page)
    status_is(b, "confirmed")
    expect(b.js("return window.same === true"), "the page was not loaded again")
    expect(not b.shown("#pay") and not b.shown("#cancel"), "nothing left to pay or cancel")


@test
def order_page_polls_without_a_stream(b):
    add(b, plenty()["sku"])
    page = to_payment(b)
    no_stream = """const real = window.fetch; window.fetch = (path, o) =>
        path.endsWith('/events') ? Promise.reject(new TypeError('no')) : real(path, o);"""
    with b.first_run(no_stream):
        b.click(LEAVE)
        status_is(b, "pending")
        pay_elsewhere(page)
        status_is(b, "confirmed")


@test
def checkout_tells_of_an_unpaid_order(b):
    add(b, plenty()["sku"])
    to_payment(b)
    b.go(f"{BASE}/checkout.html")
    b.wait_for(".notice a")
    b.click(".notice a")
    status_is(b, "pending")
    expect(b.shown("#pay"), "it can still be paid")


@test(refusals=("402",))
def declined_card_then_cancelled_order(b):
    add(b, plenty()["sku"])
    to_payment(b)
    b.click(DECLINE)
    b.wait_for("[role=alert]")
    b.click(LEAVE)
    status_is(b, "pending")
    expect("left before paying" in b.text(".notice"), "the page says what happened")
    b.click("#cancel")
    b.click("#sure [value=keep]")
    status_is(b, "pending")
    b.click("#cancel")
    shot(b, "cancel")
    b.click("#sure [value=cancel]")
    status_is(b, "cancelled")
    shot(b, "cancelled")


@test(refusals=("402",))
def declined_card_then_paid(b):
    add(b, plenty()["sku"])
    to_payment(b)
    b.click(DECLINE)
    b.wait_for("[role=alert]")
    b.click(PAY)
    status_is(b, "confirmed")


@test
def buys_by_keyboard_alone(b):
    item = plenty()
    b.go(f"{BASE}/?q=" + urllib.parse.quote(item["name"]))
    b.wait_for(".card a")
    b.press("Tab")
    equal(b.js("return document.activeElement.className"), "skip", "the first stop")
    b.press("Enter")
    b.tab_to(f".card a[href*='{item['sku']}']")
    b.press("Enter")
    b.wait_for("#add")
    b.tab_to("#add")
    b.press("Enter")
    b.wait_for(".said a")
    b.tab_to(".said a")
    b.press("Enter")
    b.wait_for("#total")
    b.tab_to(".lines [aria-label='One more']")
    b.press("Enter")
    b.wait(lambda: b.text("#total") == pounds(2 * item["price"]), "two of it")
    equal(b.js("return document.activeElement.getAttribute('aria-label')"), "One more",
          "focus kept")
    b.tab_to("a[href='/checkout.html']")
    b.press("Enter")
    b.wait_for(".bill")
    typed = {"email": "key@example.com", "name": "Kay Board", "address": "2 Tab Row"}
    for field, text in typed.items():
        b.tab_to(f"#{field}")
        b.type(text)
    b.tab_to("#pay")
    b.press("Enter")
    b.wait_for(PAY)
    b.tab_to(PAY)
    b.press("Enter")
    status_is(b, "confirmed")


@test
def focus_is_visible(b):
    product_page(b, plenty()["sku"])
    for css in (".logo", "#q", ".to-cart", ".crumb a", ".stepper input", "#add", ".foot a"):
        b.tab_to(css)
        equal(b.js("return getComputedStyle(document.activeElement).outlineStyle"), "solid",
              f"outline of {css}")


@test(refusals=("404",))
def phone_never_scrolls_sideways(b):
    b.phone()
    add(b, plenty()["sku"])
    wide = "return document.documentElement.scrollWidth"  # innerWidth grows with the page
    pages = ["/", "/?category=Pantry", f"/product.html?sku={plenty()['sku']}", "/cart.html",
             "/checkout.html", "/docs.html", "/order.html?id=nobody", "/404.html"]
    for page in pages:
        b.go(BASE + page)
        b.wait(lambda: b.js("return !document.querySelector('.waiting')"), f"{page} to load")
        equal(b.js(wide), PHONE_WIDTH, f"width of {page}")
        shot(b, "phone" + page.split("?")[0].replace("/", "-").removesuffix(".html"))
    to_payment(b)
    b.click(LEAVE)
    status_is(b, "pending")
    equal(b.js(wide), PHONE_WIDTH, "width of a pending order")
    shot(b, "phone-order-pending")


@test
def pages_are_light(b):
    loaded = """return performance.getEntriesByType('resource').map((e) => e.name)
      .filter((name) => /\\.(css|js)$/.test(new URL(name).pathname))"""
    for page in ("/", f"/product.html?sku={plenty()['sku']}", "/cart.html", "/checkout.html",
                 "/order.html?id=nobody", "/docs.html"):
        b.go(f"{BASE}{page}")
        parts = set(b.js(loaded))
        expect(len(parts) > 3, f"{page} loads its sheet and modules: {parts}")
        weight = sum(len(fetch(part).encode()) for part in parts | {f"{BASE}{page}"})
        expect(weight < WEIGHT_MAX, f"{page} weighs {weight} bytes")
    b.complaints()


@test
def nothing_jumps_while_loading(b):
    moved = """return new Promise((done) => { let sum = 0;
      new PerformanceObserver((list) => { for (const e of list.getEntries()) sum += e.value; })
        .observe({ type: 'layout-shift', buffered: true });
      requestAnimationFrame(() => setTimeout(() => done(sum))); })"""
    product = f"/product.html?sku={plenty()['sku']}"
    for page, ready in (("/", ".card img"), (product, ".related .card")):
        b.go(f"{BASE}{page}")
        b.wait_for(ready)
        shift = b.js(moved)
        expect(shift < 0.1, f"layout shift of {page} is {shift}")


@test
def policy_is_sent_and_holds(b):
    for page in ("/", "/checkout.html", "/docs.html"):
        with urllib.request.urlopen(BASE + page, timeout=30) as answer:
            sent = answer.headers.get("Content-Security-Policy") or ""
        missing = [part for part in POLICY if part not in [p.strip() for p in sent.split(";")]]
        equal(missing, [], f"policy of {page} lacks")
    b.go(f"{BASE}/")
    b.js("const s = document.createElement('script'); s.textContent = 'window.evil = 1';"
         "document.head.append(s)")
    expect(b.js("return window.evil === undefined"), "an inline script does not run")
    expect(b.complaints(), "and the browser reports it")


@test(refusals=("404",))
def strangers_see_no_order(b):
    b.go(f"{BASE}/order.html?id=00000000-0000-7000-8000-000000000000")
    b.wait_for(".empty")
    expect("browser that placed it" in b.text(".empty"), "it says why")


@test(refusals=("404",))
def missing_things_are_told_kindly(b):
    b.go(f"{BASE}/no/such/page")
    b.wait_for(".empty")
    equal(b.text("h1"), "Nothing on this shelf", "title")
    expect(b.js("return getComputedStyle(document.querySelector('.button')).borderRadius") != "0px",
           "the sheet is found from a deep address")
    b.go(f"{BASE}/product.html?sku=NO-SUCH-1")
    b.wait_for(".empty")
    expect("do not have this" in b.text(".empty"), "no product")


@test
def says_so_without_scripts(b):
    b.cdp("Emulation.setScriptExecutionDisabled", value=True)
    try:
        b.go(f"{BASE}/")
        page = b.cdp("DOMSnapshot.captureSnapshot", computedStyles=[])
        shown = [page["strings"][at] for at in page["documents"][0]["layout"]["text"] if at >= 0]
        expect("This shop needs JavaScript" in " ".join(shown), "the message is shown")
        shot(b, "no-script")
    finally:
        b.cdp("Emulation.setScriptExecutionDisabled", value=False)


@test
def api_page_lists_and_tries(b):
    paths = json.loads(fetch(f"{BASE}/openapi.json"))["paths"]
    verbs = sum(verb in item for item in paths.values()
                for verb in ("get", "post", "put", "delete", "patch"))
    b.go(f"{BASE}/docs.html")
    b.wait_for(".route")
    equal(len(b.texts(".route")), verbs, "routes listed")
    found = b.js("""const r = [...document.querySelectorAll('.route')].find((e) =>
        e.querySelector('.verb.get') && e.querySelector('code').textContent === arguments[0]);
        r.id = 'tried'; r.open = true; return true""", "/api/catalog/products")
    expect(found, "the product list is described")
    b.click("#tried form .button")
    b.wait(lambda: "200" in b.text("#tried .try [role=status]"), "an answer")
    expect(plenty()["currency"] in b.text("#tried .try pre"), "the answer's body is shown")
    shot(b, "api", whole=True)


@test
def dark_mode_is_dark(b):
    b.dark()
    b.go(f"{BASE}/")
    b.wait_for(".card img")
    shade = "return getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)"
    expect(max(b.js(shade)) < 50, "a dark ground")
    shot(b, "list-dark")
    product_page(b, plenty()["sku"])
    shot(b, "product-dark")


def run_one(b, run, refusals):
    fresh(b)
    run(b)
    said = [text for text in b.complaints() if not any(word in text for word in refusals)]
    equal(said, [], "console errors")


def main():
    word = sys.argv[1] if len(sys.argv) > 1 else ""
    chosen = [one for one in tests if word in one[0].__name__]
    failed = 0
    with Browser() as b:
        for run, refusals in chosen:
            try:
                run_one(b, run, refusals)
                print(f"ok    {run.__name__}", flush=True)
            except (AssertionError, DriverError, OSError, LookupError, ValueError) as error:
                failed += 1
                print(f"FAIL  {run.__name__}: {error}", flush=True)
                if not isinstance(error, (AssertionError, DriverError)):
                    traceback.print_exc()
    print(f"{len(chosen) - failed} passed, {failed} failed")
    return 1 if failed or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
