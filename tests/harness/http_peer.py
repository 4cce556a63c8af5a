#!/usr/bin/env python3
"""http_peer - an HTTP/1.1 server that behaves well or badly by path.

Prints "<port>" on a line once it listens on 127.0.0.1, and ends when its
standard input is closed.

  /echo          200, JSON: method, headers (lower case), body, serial number
                 of the request on its connection
  /status/N      N with a text body
  /problem       409 problem+json (out-of-stock) with two errors
  /sleep/MS      200 after MS milliseconds
  /reset         reads the request, then resets the connection
  /close         reads the request, then closes without an answer
  /half          promises 100 bytes, sends 10 and closes
  /garbage       answers with something that is not HTTP
  /big/N         200 with N bytes
  /seen/PATH     200, JSON: how often /PATH was asked for
  /body/PATH     200 with the body that /PATH was last asked with
  /v1/traces     200, as a collector of spans answers
"""
import collections
import http.server
import json
import os
import socket
import struct
import sys
import threading
import time

seen = collections.Counter()
bodies = {}
PROBLEM = {
    "type": "https://bodega.example/problems/out-of-stock",
    "title": "Not enough in stock", "status": 409, "code": "out-of-stock",
    "detail": "2 lines cannot be had",
    "errors": [{"pointer": "/lines/0", "detail": "1 left"},
               {"pointer": "/lines/3", "detail": "sold out"}],
    "something_new": {"a": 1},
}


class Peer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    serial = 0

    def answer(self, status, body, kind="application/json"):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Request-Id", "peer-%d" % self.serial)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def any_method(self):
        self.serial += 1
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length).decode()
        seen[self.path] += 1
        bodies[self.path] = body
        verb, _, arg = self.path[1:].partition("/")
        getattr(self, "on_" + verb, self.on_unknown)(arg, body)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = any_method

    def on_unknown(self, arg, body):
        self.answer(404, b"no such path", "text/plain")

    def on_echo(self, arg, body):
        headers = {k.lower(): v for k, v in self.headers.items()}
        self.answer(200, json.dumps({
            "method": self.command, "body": body, "serial": self.serial,
            "headers": headers}).encode())

    def on_status(self, arg, body):
        self.answer(int(arg), b"so be it", "text/plain")

    def on_problem(self, arg, body):
        self.answer(409, json.dumps(PROBLEM).encode(),
                    "application/problem+json")

    def on_sleep(self, arg, body):
        time.sleep(int(arg) / 1000)
        self.answer(200, b"{}")

    def on_reset(self, arg, body):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                   struct.pack("ii", 1, 0))
        self.rfile.close()
        self.wfile.close()
        self.connection.close()
        self.close_connection = True

    def on_close(self, arg, body):
        self.close_connection = True

    def on_half(self, arg, body):
        self.send_response(200)
        self.send_header("Content-Length", "100")
        self.end_headers()
        self.wfile.write(b"0123456789")
        self.close_connection = True

    def on_garbage(self, arg, body):
        self.wfile.write(b"\x00\x01\x02 this is not HTTP\r\n\r\n")
        self.close_connection = True

    def on_big(self, arg, body):
        self.answer(200, b"x" * int(arg), "text/plain")

    def on_seen(self, arg, body):
        self.answer(200, json.dumps({"count": seen["/" + arg]}).encode())

    def on_body(self, arg, body):
        self.answer(200, bodies.get("/" + arg, "").encode())

    def on_v1(self, arg, body):
        self.answer(200, b"{}")

    def log_message(self, *args):
        pass

    def handle(self):
        try:
            super().handle()
        except (OSError, ValueError):
            pass  # the client went away, or on_reset did


def leave_with_parent():
    sys.stdin.read()
    os._exit(0)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


if __name__ == "__main__":
    server = Server(("127.0.0.1", 0), Peer)
    threading.Thread(target=leave_with_parent, daemon=True).start()
    print(server.server_address[1], flush=True)
    server.serve_forever()
