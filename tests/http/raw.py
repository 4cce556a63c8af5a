#!/usr/bin/env python3
"""raw - bytes on a socket against one running function.

Whatever a client may send has one expected status, a problem+json body with
the right code, and an expected end of the connection. Uses only paths that
every function has (/healthz, /) and paths that none has, plus, with --route,
one POST route of the function that takes application/json.

usage: raw.py HOST PORT [--route PATH --max-body N] [--pid PID]
With --pid the process is sent SIGTERM at the end and must drain.
"""
import argparse
import json
import os
import select
import signal
import socket
import time

H = b"Host: shop.example\r\n"
GET = b"GET /healthz HTTP/1.1\r\n"
OK = GET + H + b"\r\n"


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body


class Peer:
    """One connection, read answer by answer."""

    def __init__(self, host, port, rcvbuf=0):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.sock = socket.socket(family)
        if rcvbuf:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        self.sock.connect((host, port))
        self.sock.settimeout(20)
        self.buf = b""

    def send(self, data):
        try:
            self.sock.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused early; the answer is still to be read

    def fill(self):
        more = self.sock.recv(65536)
        self.buf += more
        return more != b""

    def until(self, mark):
        while mark not in self.buf:
            if not self.fill():
                raise AssertionError("closed in the middle of an answer")
        part, self.buf = self.buf.split(mark, 1)
        return part

    def answer(self, head=False):
        lines = self.until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        assert lines[0].startswith("HTTP/1.1 "), lines[0]
        status = int(lines[0].split(" ")[1])
        headers = {}
        for line in lines[1:]:
            name, value = line.split(": ", 1)
            assert name.lower() not in headers, "twice: " + name
            headers[name.lower()] = value
        need = int(headers.get("content-length", "0"))
        if head or status in (100, 204, 304):
            need = 0
        while len(self.buf) < need:
            assert self.fill(), "closed in the middle of a body"
        body, self.buf = self.buf[:need], self.buf[need:]
        return Answer(status, headers, body)

    def closed(self):
        """The server ends the connection and says nothing more."""
        try:
            while self.fill():
                pass
        except ConnectionResetError:
            pass
        return self.buf == b""

    def open(self):
        """Nothing is waiting and the other side has not closed."""
        ready, _, _ = select.select([self.sock], [], [], 0.05)
        return not ready and self.buf == b""

    def close(self):
        self.sock.close()


def field(name, value):
    return GET + H + name + b":" + value + b"\r\n\r\n"


def post(path, *fields, body=b""):
    head = b"POST " + path + b" HTTP/1.1\r\n" + H
    return head + b"".join(f + b"\r\n" for f in fields) + b"\r\n" + body


# name, bytes, status, code, connection closes
BAD = "malformed-request"
ROWS = [
    ("no version", b"GET /healthz\r\n\r\n", 400, BAD, True),
    ("two spaces", b"GET  /healthz HTTP/1.1\r\n" + H + b"\r\n", 400, BAD,
     True),
    ("space in the target", b"GET /a b HTTP/1.1\r\n" + H + b"\r\n", 400, BAD,
     True),
    ("trailing space", b"GET /healthz HTTP/1.1 \r\n" + H + b"\r\n", 400, BAD,
     True),
    ("lower-case version", b"GET /healthz http/1.1\r\n" + H + b"\r\n", 400,
     BAD, True),
    ("TLS hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", 400, BAD, True),
    ("bare LF after the request line",
     b"GET /healthz HTTP/1.1\n" + H + b"\r\n", 400, BAD, True),
    ("bare LF after a field", GET + b"Host: a\n\r\n", 400, BAD, True),
    ("bare CR in a field", field(b"X", b" a\rb"), 400, BAD, True),
    ("NUL in a field", field(b"X", b" a\0b"), 400, BAD, True),
    ("control byte", field(b"X", b" \x1b[31m"), 400, BAD, True),
    ("DEL", field(b"X", b" \x7f"), 400, BAD, True),
    ("obs-fold", GET + H + b"X: a\r\n b\r\n\r\n", 400, BAD, True),
    ("obs-fold in the first field", GET + b" X: a\r\n" + H + b"\r\n", 400,
     BAD, True),
    ("space before the colon", GET + H + b"X : a\r\n\r\n", 400, BAD, True),
    ("tab before the colon", GET + H + b"X\t: a\r\n\r\n", 400, BAD, True),
    ("bad field name", GET + H + b"X(): a\r\n\r\n", 400, BAD, True),
    ("empty field name", GET + H + b": a\r\n\r\n", 400, BAD, True),
    ("no colon", GET + H + b"X\r\n\r\n", 400, BAD, True),
    ("no Host", GET + b"\r\n", 400, BAD, True),
    ("two Hosts", GET + H + H + b"\r\n", 400, BAD, True),
    ("Host list", GET + b"Host: a, b\r\n\r\n", 400, BAD, True),
    ("Host with userinfo", GET + b"Host: u@a\r\n\r\n", 400, BAD, True),
    ("Host and target differ",
     b"GET http://other/ HTTP/1.1\r\n" + H + b"\r\n", 400, BAD, True),
    ("CL and TE", post(b"/healthz", b"Content-Length: 4",
                       b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
     400, BAD, True),
    ("CL twice", GET + H + b"Content-Length: 0\r\n" * 2 + b"\r\n", 400, BAD,
     True),
    ("CL list", field(b"Content-Length", b" 0, 0"), 400, BAD, True),
    ("CL signed", field(b"Content-Length", b" +1"), 400, BAD, True),
    ("CL negative", field(b"Content-Length", b" -1"), 400, BAD, True),
    ("CL hex", field(b"Content-Length", b" 0x1"), 400, BAD, True),
    ("CL underscore", field(b"Content-Length", b" 1_0"), 400, BAD, True),
    ("CL overflow", field(b"Content-Length", b" 18446744073709551617"), 400,
     BAD, True),
    ("CL empty", field(b"Content-Length", b""), 400, BAD, True),
    ("TE and coding list", field(b"Transfer-Encoding", b" gzip, chunked"),
     400, BAD, True),
    ("TE identity", field(b"Transfer-Encoding", b" identity"), 400, BAD,
     True),
    ("TE obscured", field(b"Transfer-Encoding", b" \x0bchunked"), 400, BAD,
     True),
    ("TE twice", GET + H + b"Transfer-Encoding: chunked\r\n" * 2 + b"\r\n",
     400, BAD, True),
    ("TE unknown", field(b"Transfer-Encoding", b" gzip"), 501,
     "not-implemented", True),
    ("TE in HTTP/1.0", b"GET /healthz HTTP/1.0\r\n" + H +
     b"Transfer-Encoding: chunked\r\n\r\n", 400, BAD, True),
    ("unknown method", b"BREW /healthz HTTP/1.1\r\n" + H + b"\r\n", 501,
     "not-implemented", True),
    ("lower-case method", b"get /healthz HTTP/1.1\r\n" + H + b"\r\n", 501,
     "not-implemented", True),
    ("CONNECT", b"CONNECT a:1 HTTP/1.1\r\n" + H + b"\r\n", 501,
     "not-implemented", True),
    ("wrong method", b"DELETE /healthz HTTP/1.1\r\n" + H + b"\r\n", 405,
     "method-not-allowed", False),
    ("TRACE", b"TRACE /healthz HTTP/1.1\r\n" + H + b"\r\n", 405,
     "method-not-allowed", False),
    ("HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505,
     "http-version", True),
    ("HTTP/2.0", b"GET /healthz HTTP/2.0\r\n" + H + b"\r\n", 505,
     "http-version", True),
    ("long target", b"GET /" + b"a" * 8000 + b" HTTP/1.1\r\n" + H + b"\r\n",
     414, "uri-too-long", True),
    ("endless target", b"GET /" + b"a" * 60000, 414, "uri-too-long", True),
    ("large field", field(b"X", b"a" * 16384), 431, "head-too-large", True),
    ("many fields", GET + H + b"X: a\r\n" * 100 + b"\r\n", 431,
     "head-too-large", True),
    ("NUL in the path", b"GET /%00 HTTP/1.1\r\n" + H + b"\r\n", 400,
     "bad-path", False),
    ("CR LF in the path", b"GET /%0d%0a HTTP/1.1\r\n" + H + b"\r\n", 400,
     "bad-path", False),
    ("dots in the path", b"GET /a/../healthz HTTP/1.1\r\n" + H + b"\r\n", 400,
     "bad-path", False),
    ("hidden dots", b"GET /a/%2e%2e/b HTTP/1.1\r\n" + H + b"\r\n", 400,
     "bad-path", False),
    ("overlong UTF-8", b"GET /%c0%af HTTP/1.1\r\n" + H + b"\r\n", 400,
     "bad-path", False),
    ("bad escape", b"GET /%zz HTTP/1.1\r\n" + H + b"\r\n", 400, "bad-path",
     False),
    ("backslash", b"GET /a\\b HTTP/1.1\r\n" + H + b"\r\n", 400, "bad-path",
     False),
    ("unknown path", b"GET /no/such/path HTTP/1.1\r\n" + H + b"\r\n", 404,
     "not-found", False),
    ("unknown path with a body", post(b"/no/such/path", b"Content-Length: 2",
                                      body=b"{}"), 404, "not-found", False),
    ("unknown path whose body never comes",
     post(b"/no/such/path", b"Content-Length: 2"), 404, "not-found", True),
]


def chunked(data):
    return post(b"/", b"Transfer-Encoding: chunked", body=data)


CHUNKS = [
    ("0x prefix", b"0x2\r\n{}\r\n0\r\n\r\n"),
    ("plus", b"+2\r\n{}\r\n0\r\n\r\n"),
    ("minus", b"-2\r\n{}\r\n0\r\n\r\n"),
    ("underscore", b"0_2\r\n{}\r\n0\r\n\r\n"),
    ("space", b"2 \r\n{}\r\n0\r\n\r\n"),
    ("no size", b"\r\n{}\r\n0\r\n\r\n"),
    ("overflow", b"10000000000000002\r\n{}\r\n0\r\n\r\n"),
    ("spill", b"2\r\n{}x\r\n0\r\n\r\n"),
    ("missing CR LF", b"2\r\n{}0\r\n\r\n"),
    ("bare LF after the size", b"2\n{}\r\n0\r\n\r\n"),
    ("bare LF after the data", b"2\r\n{}\n0\r\n\r\n"),
    ("bare LF at the end", b"2\r\n{}\r\n0\r\n\n"),
    ("bare CR in an extension", b"2;a\rb\r\n{}\r\n0\r\n\r\n"),
]
ROWS += [("chunk: " + n, chunked(b), 400, BAD, True) for n, b in CHUNKS]


def check_problem(got, status, code):
    assert got.status == status, "status %d" % got.status
    kind = got.headers.get("content-type")
    assert kind == "application/problem+json", "type %s" % kind
    assert got.headers.get("cache-control") == "no-store"
    assert got.headers.get("x-content-type-options") == "nosniff"
    body = json.loads(got.body)
    assert body["code"] == code, "code " + body["code"]
    assert body["status"] == status
    assert body["type"].endswith("/problems/" + code)
    assert body["instance"] == got.headers["request-id"]
    assert body["title"] and body["detail"]
    if status == 405:
        assert "GET" in got.headers["allow"]


def check_row(new, data, status, code, closes):
    peer = new()
    peer.send(data)
    got = peer.answer()
    check_problem(got, status, code)
    if closes:
        assert got.headers.get("connection") == "close", "no close header"
        assert peer.closed(), "bytes after the last answer"
    else:
        peer.send(OK)
        assert peer.answer().status == 200, "connection was not usable"
    peer.close()


# ---- conversations ----------------------------------------------------------

def keep_alive(new, _):
    peer = new()
    for _ in range(3):
        peer.send(OK)
        assert peer.answer().status == 200
        assert peer.open()
    peer.send(GET + H + b"Connection: close\r\n\r\n")
    assert peer.answer().headers["connection"] == "close"
    assert peer.closed()


def http_1_0(new, _):
    peer = new()
    peer.send(b"GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    assert peer.answer().headers["connection"] == "keep-alive"
    peer.send(b"GET /healthz HTTP/1.0\r\n\r\n")
    assert peer.answer().headers["connection"] == "close"
    assert peer.closed()


def pipelined(new, _):
    peer = new()
    peer.send(OK + b"GET /a HTTP/1.1\r\n" + H + b"\r\n" + OK + b"\r\n" + OK)
    assert [peer.answer().status for _ in range(4)] == [200, 404, 200, 200]
    assert peer.open()


def pipelined_behind_an_error(new, _):
    peer = new()
    peer.send(OK + GET + b"\r\n" + OK)
    assert [peer.answer().status for _ in range(2)] == [200, 400]
    assert peer.closed(), "a request behind a framing error was answered"


def byte_by_byte(new, _):
    peer = new()
    for byte in OK:
        peer.send(bytes([byte]))
    assert peer.answer().status == 200


def head_request(new, _):
    peer = new()
    peer.send(OK)
    size = peer.answer().headers["content-length"]
    peer.send(b"HEAD /healthz HTTP/1.1\r\n" + H + b"\r\n" + OK)
    assert peer.answer(head=True).headers["content-length"] == size
    assert peer.answer().body == b"ok\n"


def half_closed(new, _):
    peer = new()
    peer.send(OK + OK)
    peer.sock.shutdown(socket.SHUT_WR)
    assert [peer.answer().status for _ in range(2)] == [200, 200]
    assert peer.closed()


def absolute_form(new, _):
    peer = new()
    peer.send(b"GET http://SHOP.example/healthz HTTP/1.1\r\n" + H + b"\r\n")
    assert peer.answer().status == 200


def options(new, _):
    peer = new()
    peer.send(b"OPTIONS /healthz HTTP/1.1\r\n" + H + b"\r\n")
    got = peer.answer()
    assert got.status == 204 and "GET" in got.headers["allow"]
    assert "content-length" not in got.headers
    peer.send(b"OPTIONS * HTTP/1.1\r\n" + H + b"\r\n")
    assert peer.answer().status == 204
    peer.send(b"OPTIONS /no/such HTTP/1.1\r\n" + H + b"\r\n")
    assert peer.answer().status == 404


def trace_is_kept(new, _):
    peer = new()
    one = b"traceparent: 00-%032x-%016x-01\r\n" % (0xabc, 1)
    peer.send(GET + H + one + b"\r\n")
    assert peer.answer().headers["request-id"] == "%032x" % 0xabc
    peer.send(GET + H + b"traceparent: nonsense\r\n\r\n")
    assert len(peer.answer().headers["request-id"]) == 32


def names_itself(new, _):
    peer = new()
    for method in (b"GET", b"POST"):
        peer.send(method + b" / HTTP/1.1\r\n" + H + b"\r\n")
        body = json.loads(peer.answer().body)
        assert body["name"] and body["routes"]


def metrics(new, _):
    peer = new()
    peer.send(b"GET /metrics HTTP/1.1\r\n" + H + b"\r\n")
    text = peer.answer().body.decode()
    assert 'bodega_http_requests_total{route="/healthz",status="200"}' in text


def slow_head(new, _):
    peer = new()
    peer.send(GET)
    for _ in range(60):
        peer.send(b"X: y\r\n")
        if select.select([peer.sock], [], [], 0.25)[0]:
            break
    check_problem(peer.answer(), 408, "request-timeout")
    assert peer.closed()


def slow_body(new, a):
    peer = new()
    peer.send(post(a.route, b"Content-Type: application/json",
                   b"Content-Length: %d" % a.max_body))
    for _ in range(60):
        peer.send(b" ")
        if select.select([peer.sock], [], [], 0.25)[0]:
            break
    check_problem(peer.answer(), 408, "request-timeout")
    assert peer.closed()


def slow_reader(new, _):
    """A client that asks and never reads is cut off, others are served."""
    peer = new(4096)
    peer.sock.setblocking(False)
    lost = False
    end = time.monotonic() + 30
    ask = b"GET /metrics HTTP/1.1\r\n" + H + b"\r\n"
    while not lost and time.monotonic() < end:
        try:
            peer.sock.send(ask * 50)
        except BlockingIOError:
            other = new()
            other.send(OK)
            assert other.answer().status == 200
            other.close()
            time.sleep(0.3)
        except (BrokenPipeError, ConnectionResetError):
            lost = True
    assert lost, "still connected"


def continue_100(new, a):
    peer = new()
    fields = (b"Content-Type: application/json", b"Content-Length: 2",
              b"Expect: 100-continue")
    peer.send(post(a.route, *fields))
    assert peer.answer().status == 100
    peer.send(b"{}")
    assert peer.answer().status not in (100, 408, 417)


def no_continue_when_refused(new, a):
    peer = new()
    peer.send(post(a.route, b"Content-Type: application/json",
                   b"Content-Length: %d" % (a.max_body + 1),
                   b"Expect: 100-continue"))
    check_problem(peer.answer(), 413, "body-too-large")
    assert peer.closed()


def expectation(new, a):
    peer = new()
    peer.send(post(a.route, b"Expect: 200-maybe"))
    check_problem(peer.answer(), 417, "expectation-failed")


def route_rows(a):
    kind = b"Content-Type: application/json"
    two = b"Content-Length: 2"
    return [
        ("body over the limit", post(a.route, kind, b"Content-Length: %d" %
                                     (a.max_body + 1)), 413,
         "body-too-large", True),
        ("huge body", post(a.route, kind, b"Content-Length: 1" + b"0" * 15),
         413, "body-too-large", True),
        ("chunked body over the limit",
         post(a.route, kind, b"Transfer-Encoding: chunked",
              body=b"%x\r\n" % (a.max_body + 1)), 413, "body-too-large",
         True),
        ("no content type", post(a.route, two, body=b"{}"), 415,
         "unsupported-media-type", False),
        ("other content type", post(a.route, two, b"Content-Type: text/xml",
                                    body=b"{}"), 415,
         "unsupported-media-type", False),
        ("other charset", post(a.route, two, kind + b"; charset=latin1",
                               body=b"{}"), 415, "unsupported-media-type",
         False),
        ("compressed body", post(a.route, two, kind,
                                 b"Content-Encoding: gzip", body=b"{}"), 415,
         "unsupported-media-type", False),
        ("Accept without a match", post(a.route, two, kind,
                                        b"Accept: text/html", body=b"{}"),
         406, "not-acceptable", False),
        ("not JSON", post(a.route, two, kind, body=b"{,"), 400,
         "invalid-json", False),
        ("duplicate member", post(a.route, b"Content-Length: 13", kind,
                                  body=b'{"a":1,"a":2}'), 400,
         "invalid-json", False),
        ("unknown member", post(a.route, b"Content-Length: 13", kind,
                                body=b'{"zzzzz":"1"}'), 422, "invalid",
         False),
    ]


TALKS = [keep_alive, http_1_0, pipelined, pipelined_behind_an_error,
         byte_by_byte, head_request, half_closed, absolute_form, options,
         trace_is_kept, names_itself, metrics, slow_head, slow_reader]
ROUTE_TALKS = [continue_100, no_continue_when_refused, expectation,
               slow_body]


def drain(new, a):
    """SIGTERM: who is served stays served, who is idle is let go."""
    idle, half = new(), new()
    idle.send(OK)
    assert idle.answer().status == 200
    half.send(GET)
    time.sleep(0.1)
    os.kill(a.pid, signal.SIGTERM)
    assert idle.closed()
    half.send(H + b"\r\n")
    got = half.answer()
    assert got.status == 200 and got.headers["connection"] == "close"
    assert half.closed()
    for _ in range(100):
        try:
            new().close()
        except ConnectionRefusedError:
            return
        time.sleep(0.1)
    raise AssertionError("still listening")


def main():
    p = argparse.ArgumentParser()
    p.add_argument("host")
    p.add_argument("port", type=int)
    p.add_argument("--route", type=str.encode)
    p.add_argument("--max-body", type=int)
    p.add_argument("--pid", type=int)
    a = p.parse_args()

    def new(rcvbuf=0):
        return Peer(a.host, a.port, rcvbuf)

    cases = [(r[0], check_row, r[1:]) for r in ROWS]
    talks = list(TALKS)
    if a.route:
        cases += [(r[0], check_row, r[1:]) for r in route_rows(a)]
        talks += ROUTE_TALKS
    cases += [(t.__name__, t, (a,)) for t in talks]
    if a.pid:
        cases.append(("drain", drain, (a,)))
    failed = 0
    for name, fn, args in cases:
        try:
            fn(new, *args)
        except (AssertionError, OSError, KeyError, ValueError) as e:
            failed += 1
            print("FAILED %s: %s: %s" % (name, type(e).__name__, e))
    print("%d passed, %d failed" % (len(cases) - failed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
