#!/usr/bin/env python3
"""dump - from the living shop to a folder of files that prove.py reads.

  dump.py --history F --ledger F --db URL --topics URL --mail SOURCE DIR

  --db      postgres://user:password@host:port/database, or @FILE that holds
            it (host may be a socket folder: ?host=/run/...)
  --topics  nats://host:port or kafka://host:port[,host:port]
  --mail    http://host:port/messages of the mail sink, or its file

The database is read in one repeatable-read transaction by psql.
"""
import argparse
import os
import shutil
import subprocess
import sys
import urllib.parse

import facts
import mailbox
import topics

SOURCES = ("history", "ledger", "db", "topics", "mail")


def add_sources(parser):
    for name in SOURCES:
        parser.add_argument("--" + name)


def connection(url):
    """libpq's environment for a URL: no password on a command line."""
    if url.startswith("@"):
        with open(url[1:], encoding="utf-8") as file:
            url = file.read().strip()
    parts = urllib.parse.urlsplit(url)
    query = dict(urllib.parse.parse_qsl(parts.query))
    unquote = urllib.parse.unquote
    wanted = {
        "PGHOST": query.get("host") or unquote(parts.hostname or ""),
        "PGPORT": query.get("port") or str(parts.port or ""),
        "PGUSER": query.get("user") or unquote(parts.username or ""),
        "PGPASSWORD": unquote(parts.password or ""),
        "PGDATABASE": parts.path.lstrip("/")}
    return {name: value for name, value in wanted.items() if value}


def dump_database(url, folder):
    os.makedirs(os.path.join(folder, "db"))
    script = ["begin isolation level repeatable read read only;"]
    for name in facts.TABLES:
        schema, table = name.split(".")
        path = os.path.join(folder, "db", name + ".csv")
        script.append(f'\\copy (select * from "{schema}"."{table}") to '
                      f"'{path}' with (format csv, header)")
    script.append("commit;")
    done = subprocess.run(
        ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1"], text=True,
        input="\n".join(script), capture_output=True, check=False,
        env={**os.environ, **connection(url), "PGCLIENTENCODING": "UTF8"})
    if done.returncode:
        raise OSError("psql: " + done.stderr.strip())


def dump(args, folder):
    missing = [name for name in SOURCES if not getattr(args, name)]
    if missing:
        raise ValueError("no --" + ", --".join(missing))
    shutil.copy(args.history, os.path.join(folder, "history.jsonl"))
    shutil.copy(args.ledger, os.path.join(folder, "gateway.jsonl"))
    dump_database(args.db, folder)
    topics.dump(args.topics, os.path.join(folder, "topics.jsonl"))
    mailbox.dump(args.mail, os.path.join(folder, "mail.jsonl"))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    add_sources(parser)
    parser.add_argument("folder", help="made anew")
    args = parser.parse_args()
    os.makedirs(args.folder)
    try:
        dump(args, args.folder)
    except (OSError, ValueError) as error:
        sys.exit(f"can't read: {error}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
