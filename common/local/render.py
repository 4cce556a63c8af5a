#!/usr/bin/env python3
"""render.py TEMPLATES OUT - fill ${UPPER_CASE} names in *.template files.

Settings are NAME=value lines on standard input; a name without a setting is an
error. nginx's own $variables are lower case and stay as they are. Files named
*.conf are copied unchanged.
"""
import pathlib
import re
import sys


def main():
    source, out = map(pathlib.Path, sys.argv[1:])
    settings = dict(line.rstrip("\n").split("=", 1) for line in sys.stdin)
    out.mkdir(parents=True, exist_ok=True)
    for path in sorted(source.glob("*.conf*")):
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".template":
            text = re.sub(r"\$\{([A-Z][A-Z0-9_]*)\}",
                          lambda m: settings[m[1]], text)
        (out / path.name.removesuffix(".template")).write_text(
            text, encoding="utf-8")


main()
