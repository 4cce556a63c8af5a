#!/usr/bin/env python3
"""smtp_sink - a mailbox for development and tests: takes every mail over SMTP
(RFC 5321) and shows it over HTTP. Standard library only.

  smtp_sink.py [--host ADDRESS] [--smtp PORT] [--http PORT] [--file PATH]
               [--fail-next N]

Listens on 127.0.0.1 unless told otherwise. Prints "<smtp port> <http port>"
once it does (port 0, the default, picks one). With --file, mails are appended
there as JSON lines and read again at the start. Ends on SIGTERM, and when its
standard input is a pipe that is closed.

  GET /            the inbox, for people
  GET /messages    JSON list of {from, to, subject, text, html, raw}
  DELETE /messages empty it
  POST /fail       {"code": 451, "count": 2, "at": "rcpt"}: answer the next 2
                   mails so; at: mail, rcpt, data (after the final dot), or
                   drop (hang up after the final dot, code is not used)
"""
import argparse
import asyncio
import email
import email.policy
import html
import json
import os
import signal
import stat
import sys

SIZE_MAX = 10 << 20
STYLE = ("body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;"
         "margin:2rem auto;padding:0 1rem}article{border-top:1px solid #ccc;"
         "padding:1rem 0}pre{white-space:pre-wrap;font:inherit}"
         "small{color:#666}")


class Mailbox:
    def __init__(self, path):
        self.path = path
        self.mails = []
        self.fail = {"code": 451, "count": 0, "at": "rcpt"}
        if path and os.path.exists(path):
            with open(path, encoding="utf-8") as f:
                self.mails = [json.loads(line) for line in f if line.strip()]

    def should_fail(self, at):
        if self.fail["count"] < 1 or self.fail["at"] != at:
            return False
        self.fail["count"] -= 1
        return True

    def add(self, sender, to, raw):
        m = email.message_from_bytes(raw, policy=email.policy.default)
        mail = {"from": sender, "to": to, "subject": str(m["Subject"] or ""),
                "text": part(m, "plain"), "html": part(m, "html"),
                "raw": raw.decode("utf-8", "replace")}
        if self.path:  # on disk before the sender hears 250
            with open(self.path, "a", encoding="utf-8") as f:
                f.write(json.dumps(mail) + "\n")
                f.flush()
                os.fsync(f.fileno())
        self.mails.append(mail)

    def clear(self):
        self.mails = []
        if self.path:
            open(self.path, "w", encoding="utf-8").close()


def part(message, subtype):
    body = message.get_body(preferencelist=(subtype,))
    return body.get_content().replace("\r\n", "\n") if body else None


class Smtp:
    """One SMTP session."""

    def __init__(self, box, reader, writer):
        self.box, self.reader, self.writer = box, reader, writer
        self.sender, self.to = None, []

    def say(self, line):
        self.writer.write(line.encode() + b"\r\n")

    async def run(self):
        self.say("220 smtp_sink ready")
        while True:
            await self.writer.drain()
            line = await self.reader.readline()
            if not line.endswith(b"\n"):
                return
            verb, _, arg = line.decode("utf-8", "replace").strip().partition(
                " ")
            handler = getattr(self, "on_" + verb.lower(), None)
            if handler is None:
                self.say("502 5.5.1 not known here")
            elif await handler(arg) == "bye":
                return

    async def on_ehlo(self, arg):
        self.say("250-smtp_sink\r\n250-8BITMIME\r\n250 SIZE %d" % SIZE_MAX)

    async def on_helo(self, arg):
        self.say("250 smtp_sink")

    async def on_noop(self, arg):
        self.say("250 ok")

    async def on_rset(self, arg):
        self.sender, self.to = None, []
        self.say("250 ok")

    async def on_quit(self, arg):
        self.say("221 bye")
        await self.writer.drain()
        return "bye"

    def refuse(self):
        self.say("%d 4.0.0 told to fail" % self.box.fail["code"])

    async def on_mail(self, arg):
        if self.box.should_fail("mail"):
            return self.refuse()
        self.sender, self.to = address(arg), []
        self.say("250 ok")

    async def on_rcpt(self, arg):
        if self.sender is None:
            return self.say("503 5.5.1 MAIL first")
        if self.box.should_fail("rcpt"):
            return self.refuse()
        self.to.append(address(arg))
        self.say("250 ok")

    async def on_data(self, arg):
        if not self.to:
            return self.say("503 5.5.1 RCPT first")
        self.say("354 end with a dot")
        await self.writer.drain()
        raw = await self.read_data()
        if raw is None or self.box.should_fail("drop"):
            return "bye"
        if self.box.should_fail("data"):
            return self.refuse()
        self.box.add(self.sender, self.to, raw)
        self.sender, self.to = None, []
        self.say("250 ok")

    async def read_data(self):
        lines, size = [], 0
        while True:
            line = await self.reader.readline()
            if not line.endswith(b"\n"):
                return None
            if line in (b".\r\n", b".\n"):
                return b"".join(lines)
            size += len(line)
            if size > SIZE_MAX:
                return None
            lines.append(line[1:] if line.startswith(b".") else line)


def address(arg):
    """FROM:<a@b> SIZE=1 -> a@b"""
    return arg.partition("<")[2].partition(">")[0]


def inbox(box):
    rows = []
    for m in reversed(box.mails):
        rows.append("<article><h2>%s</h2><small>%s to %s</small><pre>%s</pre>"
                    "</article>" % tuple(html.escape(s) for s in (
                        m["subject"], m["from"], ", ".join(m["to"]),
                        m["text"] or "")))
    return ("<!doctype html><html lang=en><meta charset=utf-8><meta "
            "name=viewport content='width=device-width'><title>Inbox</title>"
            "<style>%s</style><h1>Inbox (%d)</h1>%s" % (
                STYLE, len(rows), "".join(rows)))


def set_fail(box, body):
    want = json.loads(body)
    at = want.get("at", "rcpt")
    if at not in ("mail", "rcpt", "data", "drop"):
        raise ValueError("at")
    box.fail = {"code": int(want.get("code", 451)),
                "count": int(want.get("count", 1)), "at": at}


def http_answer(box, method, path, body):
    """-> status line, content type, body"""
    if (method, path) == ("GET", "/"):
        return "200 OK", "text/html; charset=utf-8", inbox(box)
    if (method, path) == ("GET", "/messages"):
        return "200 OK", "application/json", json.dumps(box.mails)
    if (method, path) == ("DELETE", "/messages"):
        box.clear()
        return "204 No Content", None, ""
    if (method, path) == ("POST", "/fail"):
        try:
            set_fail(box, body)
        except (ValueError, TypeError, AttributeError):
            return "400 Bad Request", "text/plain", "not understood\n"
        return "204 No Content", None, ""
    return "404 Not Found", "text/plain", "no such page\n"


async def serve_http(box, reader, writer):
    head = await reader.readuntil(b"\r\n\r\n")
    first, _, rest = head.decode("latin-1").partition("\r\n")
    method, path = first.split(" ")[:2]
    length = 0
    for line in rest.split("\r\n"):
        name, _, value = line.partition(":")
        if name.lower() == "content-length":
            length = int(value)
    body = await reader.readexactly(min(length, SIZE_MAX))
    status, kind, text = http_answer(box, method, path.partition("?")[0],
                                     body)
    data = text.encode()
    lines = ["HTTP/1.1 " + status, "Connection: close"]
    if kind:
        lines += ["Content-Type: " + kind, "Content-Length: %d" % len(data)]
    writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + data)
    await writer.drain()


def guarded(serve):
    """A peer that goes away ends its connection, not the sink."""
    async def run(reader, writer):
        try:
            await serve(reader, writer)
        except (OSError, ValueError, asyncio.IncompleteReadError,
                asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()
    return run


def stdin_is_pipe():
    try:
        return stat.S_ISFIFO(os.fstat(0).st_mode)
    except OSError:
        return False


async def main():
    args = argparse.ArgumentParser()
    args.add_argument("--host", default="127.0.0.1")
    args.add_argument("--smtp", type=int, default=0)
    args.add_argument("--http", type=int, default=0)
    args.add_argument("--file")
    args.add_argument("--fail-next", type=int, default=0)
    opt = args.parse_args()
    box = Mailbox(opt.file)
    box.fail["count"] = opt.fail_next
    smtp = await asyncio.start_server(
        guarded(lambda r, w: Smtp(box, r, w).run()), opt.host, opt.smtp)
    http = await asyncio.start_server(
        guarded(lambda r, w: serve_http(box, r, w)), opt.host, opt.http)
    print(smtp.sockets[0].getsockname()[1], http.sockets[0].getsockname()[1],
          flush=True)
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    if stdin_is_pipe():
        loop.add_reader(0, lambda: os.read(0, 4096) or stop.set())
    await stop.wait()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        sys.exit(0)
