"""Drive Chromium through chromedriver: the W3C WebDriver protocol over urllib.

Only what the shop's tests need. A Browser is a context manager; leaving it ends
the browser and the driver. Elements are found by CSS selector at every use, so
that no test holds on to something the page has redrawn.
"""
import base64
import contextlib
import json
import re
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # WebDriver, section 12.2
KEYS = {"Tab": "\ue004", "Enter": "\ue007", "Escape": "\ue00c", "Space": " "}
PHONE_WIDTH = 360
WAIT_S = 30  # how long something may take before a test gives up on it
FLAGS = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", "--force-color-profile=srgb", "--lang=en-GB",
]


class DriverError(Exception):
    pass


def start_driver():
    """Start chromedriver on a free port; returns (process, url)."""
    process = subprocess.Popen(["chromedriver", "--port=0"], text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    for text in process.stdout:
        found = re.search(r"started successfully on port (\d+)", text)
        if found:
            return process, f"http://127.0.0.1:{found[1]}"
    raise DriverError("chromedriver did not start")


class Browser:
    def __init__(self, width=1280, height=900):
        self.profile = tempfile.mkdtemp(prefix="bodega-browser-")
        self.process, self.url = start_driver()
        args = FLAGS + [f"--user-data-dir={self.profile}", f"--window-size={width},{height}"]
        wanted = {"browserName": "chrome", "goog:chromeOptions": {"args": args},
                  "goog:loggingPrefs": {"browser": "ALL"}}
        self.session = ""
        try:
            made = self.call("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        except DriverError:
            self.close()
            raise
        self.session = f"/session/{made['sessionId']}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        try:
            if self.session:
                self.call("DELETE", "")
        finally:
            self.process.terminate()
            self.process.wait()
            self.process.stdout.close()
            shutil.rmtree(self.profile, ignore_errors=True)

    def call(self, method, path, body=None):
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self.url + self.session + path, data, method=method,
                                         headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            value = json.load(error)["value"]
            raise DriverError(f"{value['error']}: {value['message'].splitlines()[0]}") from None

    def cdp(self, command, **params):
        return self.call("POST", "/goog/cdp/execute", {"cmd": command, "params": params})

    @contextlib.contextmanager
    def first_run(self, script):
        """Run `script` in every page before the page's own scripts."""
        made = self.cdp("Page.addScriptToEvaluateOnNewDocument", source=script)
        try:
            yield
        finally:
            self.cdp("Page.removeScriptToEvaluateOnNewDocument", **made)

    def go(self, url):
        self.call("POST", "/url", {"url": url})

    def js(self, script, *args):
        """What the script returns; a promise is waited for."""
        return self.call("POST", "/execute/sync", {"script": script, "args": list(args)})

    @property
    def address(self):
        return self.call("GET", "/url")

    def _find(self, css):
        return self.call("POST", "/element", {"using": "css selector", "value": css})[ELEMENT]

    def has(self, css):
        return self.js("return document.querySelector(arguments[0]) !== null", css)

    def shown(self, css):
        return self.js("const e = document.querySelector(arguments[0]);"
                       "return e !== null && e.checkVisibility()", css)

    def text(self, css):
        return self.js("return document.querySelector(arguments[0])?.innerText ?? ''", css)

    def texts(self, css):
        return self.js("return [...document.querySelectorAll(arguments[0])]"
                       ".map((e) => e.innerText)", css)

    def wait(self, ready, what):
        """The first true answer of ready(); an error naming `what` if none comes."""
        until = time.monotonic() + WAIT_S
        while True:
            try:
                found = ready()
                if found:
                    return found
            except DriverError:
                pass  # the page is changing under the question
            if time.monotonic() > until:
                raise DriverError(f"waited in vain for {what} at {self.address}")
            time.sleep(0.05)

    def wait_for(self, css):
        return self.wait(lambda: self.shown(css), css)

    def click(self, css):
        self.wait_for(css)
        self.wait(lambda: self._click_now(css), f"a click on {css}")

    def _click_now(self, css):
        """False when the page redrew the element before the click arrived."""
        try:
            self.call("POST", f"/element/{self._find(css)}/click", {})
        except DriverError as error:
            if not str(error).startswith(("stale element", "no such element")):
                raise
            return False
        return True

    def fill(self, css, text):
        self.wait_for(css)
        self.call("POST", f"/element/{self._find(css)}/clear", {})
        self.call("POST", f"/element/{self._find(css)}/value", {"text": text})

    def type(self, text):
        """Type into whatever has the focus."""
        steps = [step for char in text for step in
                 ({"type": "keyDown", "value": char}, {"type": "keyUp", "value": char})]
        self.call("POST", "/actions", {"actions": [
            {"type": "key", "id": "keyboard", "actions": steps}]})

    def press(self, key):
        self.type(KEYS[key])

    def tab_to(self, css, limit=120):
        """Press Tab until the element that matches has the focus."""
        for _ in range(limit):
            if self.js("return document.activeElement.matches(arguments[0])", css):
                return
            self.press("Tab")
        raise DriverError(f"{css} cannot be reached with Tab at {self.address}")

    def complaints(self):
        """What the console said since the last time: errors and CSP reports."""
        rows = self.call("POST", "/se/log", {"type": "browser"})
        return [row["message"] for row in rows if row["level"] == "SEVERE"
                or "Content Security Policy" in row["message"]]

    def phone(self):
        self.cdp("Emulation.setDeviceMetricsOverride", width=PHONE_WIDTH, height=740,
                 deviceScaleFactor=2, mobile=True)

    def desktop(self):
        self.cdp("Emulation.clearDeviceMetricsOverride")

    def dark(self, on=True):
        self.cdp("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if on else "light"}])

    def screenshot(self, file, whole=True):
        shot = self.cdp("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        with open(file, "wb") as out:
            out.write(base64.b64decode(shot["data"]))
