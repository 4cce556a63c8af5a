"""webhooks - signs events as Stripe does and delivers them until they are
taken: `Stripe-Signature: t=<unix>,v1=HMAC-SHA256(secret, "<t>.<body>")`
(https://docs.stripe.com/webhooks/signature).
"""
import asyncio
import hashlib
import hmac
import json
import time

import web

FIRST_RETRY_S = 1
LONGEST_RETRY_S = 32
GIVE_UP_S = 180
TIMEOUT_S = 20
AT_ONCE = 32


def sign(secret, body, now):
    signed = f"{now}.".encode() + body
    mac = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    return f"t={now},v1={mac}"


class Webhooks:
    """Delivers to one URL. `switches` decide who gets it late, twice or
    never; `done` tells the ledger how it ended."""

    def __init__(self, url, secret, switches, rng, done):
        self.url, self.secret = url, secret
        self.switches, self.rng, self.done = switches, rng, done
        self.slots = asyncio.Semaphore(AT_ONCE)
        self.released = asyncio.Event()
        self.released.set()
        self.tasks = set()
        self.sent = 0

    def hold(self, held):
        if held:
            self.released.clear()
        else:
            self.released.set()

    def queue(self, events):
        for event in events:
            if self.rng.random() < self.switches["drop_webhooks"]:
                self.done(event, "dropped", 0)
                continue
            self.start(self.deliver(event))

    def start(self, coroutine):
        task = asyncio.create_task(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def deliver(self, event):
        await asyncio.sleep(self.shuffle_s())
        await self.released.wait()
        begun, wait, attempts = time.monotonic(), FIRST_RETRY_S, 0
        while True:
            attempts += 1
            if await self.attempt(event):
                self.done(event, "delivered", attempts)
                break
            if time.monotonic() + wait - begun > GIVE_UP_S:
                self.done(event, "failed", attempts)
                return
            await asyncio.sleep(wait)
            wait = min(wait * 2, LONGEST_RETRY_S)
            await self.released.wait()
        for _ in range(self.switches["duplicate_webhooks"]):
            self.start(self.again(event))

    async def again(self, event):
        await asyncio.sleep(self.rng.uniform(0, 2))
        await self.attempt(event)

    def shuffle_s(self):
        return self.rng.uniform(0, self.switches["reorder_ms"] / 1000)

    async def attempt(self, event):
        body = json.dumps(event, indent=2).encode()
        async with self.slots:
            self.sent += 1
            headers = {"Content-Type": "application/json; charset=utf-8",
                       "User-Agent": "Stripe/1.0 (test gateway)",
                       "Stripe-Signature": sign(self.secret, body,
                                                int(time.time()))}
            try:
                status = await web.post(self.url, body, headers, TIMEOUT_S)
            except (OSError, asyncio.TimeoutError, web.BadRequest):
                return False
        return 200 <= status < 300
