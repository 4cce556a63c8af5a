#!/usr/bin/env python3
"""env.py NAME PORT - the environment of one function for a local run.

Reads `<bin> --describe` on standard input and writes KEY='value' lines. Every
configuration row that the caller's environment sets is passed on; every secret
row becomes <ENV>_FILE, a file of $SECRETS that is made up when it is missing.
Peers' addresses come from $PEERS ("cart=7101 catalog=7102 ...").
"""
import json
import os
import secrets
import shlex
import sys


def secret_file(fn, env):
    """A file with a random secret; one that has a file of its own for this
    function (database_url) wins over the shared one."""
    base = os.environ["SECRETS"]
    own = os.path.join(base, fn, env.lower())
    if os.path.exists(own):
        return own
    shared = os.path.join(base, env.lower())
    if not os.path.exists(shared):
        with open(os.open(shared, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400),
                  "w", encoding="ascii") as out:
            out.write(secrets.token_hex(32))
    return shared


def environment(fn, port, fields):
    peers = dict(p.split("=") for p in os.environ["PEERS"].split())
    own = {"PORT": port, "HOST": "127.0.0.1"}
    given = os.environ
    env = dict(own)
    for field in fields:
        name = field["env"]
        peer = name.removesuffix("_URL").lower()
        if field["kind"] == "secret":
            key = name + "_FILE"
            env[key] = given.get(key) or secret_file(fn, name)
        elif name in own:
            continue
        elif given.get(name):
            env[name] = given[name]
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
