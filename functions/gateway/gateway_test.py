#!/usr/bin/env python3
"""gateway_test.py - the gateway of a running shop, from outside.

Needs BODEGA_URL, SHOP (its folder) and ADMIN_TOKEN_FILE in the environment.
Ends with `N passed, N failed`.
"""
import http.client
import json
import os
import pathlib
import socket
import subprocess
import sys
import time
import traceback
import urllib.parse

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parents[1]
NETLOC = urllib.parse.urlsplit(os.environ["BODEGA_URL"]).netloc
HOST, PORT = NETLOC.split(":")
LIST = "/api/catalog/products?limit=1"


def ask(method, path, body=None, headers=None):
    conn = http.client.HTTPConnection(NETLOC, timeout=30)
    try:
        conn.request(method, path, body=body, headers=headers or {})
        answer = conn.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        conn.close()


def raw(text):
    """Status of what is answered to these bytes."""
    with socket.create_connection((HOST, int(PORT)), timeout=30) as sock:
        sock.sendall(text)
        head = sock.makefile("rb").read()
    status = int(head.split(b" ", 2)[1])
    check_problem(status, head.split(b"\r\n\r\n", 1)[1])
    return status


def equal(got, wanted, what=""):
    if got != wanted:
        raise AssertionError(f"{what} {got!r} is not {wanted!r}")


def holds(fact, what):
    if not fact:
        raise AssertionError(what)


def check_problem(status, body):
    problem = json.loads(body)
    equal(problem["status"], status)
    for name in ("type", "title", "detail", "instance", "code"):
        holds(problem[name], name)
    equal(problem["type"].rsplit("/", 1)[1], problem["code"])


def refused(wanted, method, path, body=None, headers=None):
    status, fields, text = ask(method, path, body, headers)
    equal(status, wanted, path)
    equal(fields["Content-Type"].split(";")[0], "application/problem+json")
    check_problem(status, text)
    return fields


def local(*words):
    subprocess.run([TOP / "common/local/local.sh", *words], check=True,
                   env={**os.environ, "BODEGA_RUN": os.environ["SHOP"]})


def until(fact, what):
    for _ in range(600):
        if fact():
            return
        time.sleep(0.05)
    raise AssertionError("never: " + what)


# ---- its own answers ---------------------------------------------------
def test_own_errors_are_problems():
    refused(404, "GET", "/api/nothing")
    refused(404, "GET", "/function/nosuch/x")
    refused(405, "POST", "/")
    refused(414, "GET", "/" + "a" * 9000)
    refused(431, "GET", "/", headers={"X": "a" * 9000})
    refused(413, "POST", "/api/carts", b"x" * 100_000)


def test_wrong_method_is_told_the_right_ones():
    for method in ("GET", "QUERY", "TRACE"):
        fields = refused(405, method, "/api/carts")
        equal(fields["Allow"], "POST", method)


def test_malformed_heads_are_refused():
    equal(raw(b"GET / HTTP/1.1\r\n\r\n"), 400, "no Host")
    equal(raw(b"G\x01T / HTTP/1.1\r\nHost: a\r\n\r\n"), 400, "control byte")
    equal(raw(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"), 400, "2 Hosts")
    equal(raw(b"POST /api/carts HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n"
              b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400, "CL and TE")
    equal(raw(b"GET / HTTP/9.1\r\nHost: a\r\n\r\n"), 505, "version")


def test_internal_routes_are_out_of_reach():
    for path in ("/internal/orders", "/internal/catalog/prices",
                 "/function/order/internal/orders",
                 "/function/order.openfaas-fn/%69nternal/orders",
                 "/function/order/x/../internal/orders",
                 "/function/order//internal/orders",
                 "/function/order/metrics"):
        refused(404, "GET", path)


def test_says_nothing_of_its_version():
    _, fields, _ = ask("GET", "/")
    equal(fields["Server"], "nginx")


# ---- pages -------------------------------------------------------------
def test_pages_have_a_strict_policy():
    for path in ("/", "/docs"):
        status, fields, _ = ask("GET", path)
        equal(status, 200, path)
        policy = fields["Content-Security-Policy"]
        holds("default-src 'none'" in policy, policy)
        holds("unsafe" not in policy and "*" not in policy, policy)
        equal(fields["X-Content-Type-Options"], "nosniff")


def test_page_is_not_sent_twice():
    _, fields, _ = ask("GET", "/")
    status, _, body = ask("GET", "/", headers={
        "If-None-Match": fields["ETag"]})
    equal((status, body), (304, b""))


def test_unknown_page_is_a_page():
    status, fields, _ = ask("GET", "/no-such-page")
    equal(status, 404)
    equal(fields["Content-Type"].split(";")[0], "text/html")


# ---- functions ---------------------------------------------------------
def test_openfaas_names_reach_functions():
    for head in ("/function/catalog", "/function/catalog.openfaas-fn"):
        status, _, body = ask("GET", head + LIST)
        equal(status, 200, head)
        equal(len(json.loads(body)["items"]), 1)
        status, _, body = ask("GET", head)
        equal((status, json.loads(body)["name"]), (200, "catalog"))
    # As faas-cli sends it: a body without a type of its own.
    status, _, _ = ask("POST", "/function/cart/api/carts", b"",
                       {"Content-Type": "text/plain"})
    equal(status, 201)


def test_functions_are_listed():
    status, _, body = ask("GET", "/system/functions")
    equal(status, 200)
    running = {path.name for path in pathlib.Path(os.environ["SHOP"],
                                                  "secrets").iterdir()
               if path.is_dir()}
    listed = json.loads(body)
    equal({row["name"] for row in listed}, running)
    holds(all({"image", "replicas", "labels"} <= row.keys() for row in listed),
          "fields")
    refused(405, "POST", "/system/functions", b"{}")


def test_description_lists_only_public_routes():
    status, _, body = ask("GET", "/openapi.yaml")
    equal(status, 200)
    holds(b'openapi: "3.1' in body, "version")
    holds(b"/api/checkout" in body and b"/internal" not in body, "paths")


def test_answers_carry_the_name_in_the_logs():
    _, fields, _ = ask("GET", "/api/orders/0", headers={
        "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-"
                       "00f067aa0ba902b7-01"})
    equal(fields["Request-Id"], "4bf92f3577b34da6a3ce929d0e0e4736")


# ---- the catalog when what is behind it dies -----------------------------
def test_catalog_is_cached_and_served_stale():
    status, fields, fresh = ask("GET", LIST)
    equal(status, 200)
    holds("max-age" in fields["Cache-Control"] and fields["ETag"], "headers")
    local("pause", "catalog")
    try:
        time.sleep(2)  # older than its max-age
        status, fields, stale = ask("GET", LIST)
        equal((status, stale), (200, fresh))
        holds(fields["X-Cache"] in ("STALE", "UPDATING"), fields["X-Cache"])
        fields = refused(502, "GET", "/api/catalog/products/not-cached")
    finally:
        local("resume", "catalog")
    until(lambda: ask("GET", "/api/catalog/products/none")[0] == 404,
          "catalog is back")


def test_killed_function_is_back():
    local("kill", "cart")
    until(lambda: ask("POST", "/api/carts")[0] == 201, "a cart again")


def main():
    tests = [(name, run) for name, run in globals().items()
             if name.startswith("test_")]
    failed = 0
    for name, run in tests:
        try:
            run()
            print("ok   ", name, flush=True)
        except (AssertionError, KeyError, ValueError, OSError) as error:
            failed += 1
            print("FAIL ", name, error, flush=True)
            traceback.print_exc(file=sys.stdout)
    print(f"{len(tests) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
