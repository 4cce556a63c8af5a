#!/usr/bin/env python3
"""prove - do the invariants hold? Reads the shop from outside and shares no
code with it.

  prove.py --from DIR [--expect-revenue FILE] [--kills] [--json]
  prove.py --history F --ledger F --db URL --topics URL --mail SOURCE [...]

The second form dumps everything into a folder first (dump.py tells the forms
of URL and SOURCE) and then proves that. A table on stdout; exit 1 on any
violation, 2 when something could not be read.
"""
import argparse
import json
import sys
import tempfile

import dump
import facts
from invariants import check_all

EXAMPLES = 5


def table(results):
    lines = [f"{'':4}{'invariant':46}{'facts':>8}{'violations':>12}"]
    for name, result in results.items():
        lines.append(f"{name:4}{result.title:46}{result.checked:8}"
                     f"{len(result.violations):12}")
        lines += [f"      {text}" for text in result.violations[:EXAMPLES]]
        more = len(result.violations) - EXAMPLES
        if more > 0:
            lines.append(f"      and {more} more")
    return "\n".join(lines)


def as_json(results):
    return json.dumps({name: {
        "title": r.title, "checked": r.checked, "violations": r.violations}
        for name, r in results.items()}, indent=1)


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--from", dest="folder", help="a folder of dumps")
    dump.add_sources(parser)
    parser.add_argument("--expect-revenue", metavar="FILE",
                        help="JSON: currency, total, orders: {purchase: "
                             "minor units}")
    parser.add_argument("--kills", action="store_true",
                        help="functions were killed: a mail may have been "
                             "sent again with the same Message-ID")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def prove(folder, args):
    options = {"kills": args.kills}
    if args.expect_revenue:
        with open(args.expect_revenue, encoding="utf-8") as file:
            options["revenue"] = json.load(file)
    return check_all(facts.load(folder), options)


def main():
    args = arguments()
    try:
        if args.folder:
            results = prove(args.folder, args)
        else:
            with tempfile.TemporaryDirectory() as folder:
                dump.dump(args, folder)
                results = prove(folder, args)
    except (OSError, ValueError, KeyError, ImportError) as error:
        print(f"can't read: {type(error).__name__}: {error}",
              file=sys.stderr)
        return 2
    print(as_json(results) if args.json else table(results))
    wrong = sum(len(r.violations) for r in results.values())
    empty = [name for name, r in results.items() if not r.checked]
    if empty:
        print("nothing to check for", ", ".join(empty), file=sys.stderr)
    return 1 if wrong or empty else 0


if __name__ == "__main__":
    sys.exit(main())
