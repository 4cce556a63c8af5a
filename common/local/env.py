#!/usr/bin/env python3
"""env.py NAME PORT - the environment of one function for a local run.

Reads `<bin> --describe` on standard input and writes KEY='value' lines. Every
configuration row that the caller's environment sets is passed on; every secret
row becomes <ENV>_FILE, a file below $SECRETS.
Peers' addresses come from $PEERS ("cart=7101 catalog=7102 ...").
"""
import json
import os
import secrets
import shlex
import sys


def write_secret(path, text):
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o400),
              "w", encoding="utf-8") as out:
        out.write(text)


def secret_file(fn, env, optional):
    """The file that holds a secret: a copy of the one the caller names in
    <ENV>_FILE (which only the caller may be able to read), else the function's
    own, else the one all functions share, made up unless it is optional."""
    base = os.environ["SECRETS"]
    own = os.path.join(base, fn, env.lower())
    shared = os.path.join(base, env.lower())
    given = os.environ.get(env + "_FILE")
    if given:
        with open(given, encoding="utf-8") as file:
            write_secret(own, file.read())
    if os.path.exists(own):
        return own
    if not os.path.exists(shared):
        if optional:
            return None
        write_secret(shared, secrets.token_hex(32))
    return shared


def environment(fn, port, fields):
    peers = dict(p.split("=") for p in os.environ["PEERS"].split())
    env = {"PORT": port, "HOST": "127.0.0.1"}
    for field in fields:
        name = field["env"]
        peer = name.removesuffix("_URL").lower()
        if field["kind"] == "secret":
            path = secret_file(fn, name, field["default"] is not None)
            if path:
                env[name + "_FILE"] = path
        elif name in env:
            continue
        elif os.environ.get(name):
            env[name] = os.environ[name]
        elif name.endswith("_URL") and peer in peers:
            env[name] = "http://127.0.0.1:" + peers[peer]
    return env


def main():
    fn, port = sys.argv[1:]
    description = json.load(sys.stdin)
    env = environment(fn, port, description["config"])
    # Not in the tables, but of use under sanitizers and in tests.
    for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"):
        if name in os.environ:
            env[name] = os.environ[name]
    for name in sorted(env):
        print(f"{name}={shlex.quote(env[name])}")


main()
