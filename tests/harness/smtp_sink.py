#!/usr/bin/python3
"""smtp_sink - a mailbox for development and tests: takes every mail over SMTP
(Debian's python3-aiosmtpd) and shows it over HTTP.

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

from aiosmtpd.smtp import SMTP

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


class Handler:
    """What aiosmtpd asks of us; the protocol is its own."""

    def __init__(self, box):
        self.box = box

    def refusal(self):
        return "%d 4.0.0 told to fail" % self.box.fail["code"]

    async def handle_MAIL(self, server, session, envelope, address, options):
        if self.box.should_fail("mail"):
            return self.refusal()
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 ok"

    async def handle_RCPT(self, server, session, envelope, address, options):
        if self.box.should_fail("rcpt"):
            return self.refusal()
        envelope.rcpt_tos.append(address)
        return "250 ok"

    async def handle_DATA(self, server, session, envelope):
        if self.box.should_fail("drop"):
            server.transport.abort()
            return "250 never heard"
        if self.box.should_fail("data"):
            return self.refusal()
        self.box.add(envelope.mail_from, envelope.rcpt_tos,
                     envelope.original_content)
        return "250 ok"


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
    smtp = await asyncio.get_running_loop().create_server(
        lambda: SMTP(Handler(box), data_size_limit=SIZE_MAX, ident="smtp_sink",
                     hostname="localhost"), opt.host, opt.smtp)
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
