#!/usr/bin/env python3
"""gen.py BIN_DIR - write what follows from the functions' own tables.

Asks every function in BIN_DIR for `--describe` (JSON) and writes stack.yml,
charts/bodega/values.generated.yaml, functions/gateway/ (upstreams, routes,
problems, functions.json, openapi.yaml) and the tables in each function's
README.md. The same tables always give the same bytes; `make gen` followed by
`git diff --exit-code` shows whether the tree is stale.
"""
import json
import pathlib
import subprocess
import sys

import chart
import gateway
import openapi
import readme
import stack

TOP = pathlib.Path(__file__).resolve().parents[2]


def describe(bin_dir):
    """Descriptions of all functions, in alphabetical order."""
    found = []
    for path in sorted(pathlib.Path(bin_dir).iterdir()):
        out = subprocess.run([path, "--describe"], check=True,
                             capture_output=True, text=True).stdout
        found.append(json.loads(out))
    return found


def write(path, text):
    """Write only what changed, so that timestamps mean something."""
    path = TOP / path
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
        print("gen:", path.relative_to(TOP))


def main():
    functions = describe(sys.argv[1])
    errors = gateway.error_table(
        (TOP / "common/base/err.h").read_text(encoding="utf-8"))
    write("stack.yml", stack.render(functions))
    write("charts/bodega/values.generated.yaml", chart.render(functions))
    out = "functions/gateway/"
    write(out + "upstreams.conf.template", gateway.upstreams(functions))
    write(out + "routes.conf.template", gateway.routes(functions))
    write(out + "problems.conf.template", gateway.problems(errors))
    write(out + "functions.json", gateway.functions_json(functions))
    write(out + "openapi.yaml", openapi.render(functions))
    for function in functions:
        path = TOP / "functions" / function["name"] / "README.md"
        if path.exists():
            write(path, readme.fill(path.read_text(encoding="utf-8"),
                                    function))


main()
