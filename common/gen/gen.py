#!/usr/bin/env python3
"""gen.py BIN_DIR - write what follows from the functions' own tables.

Asks every function in BIN_DIR for `--describe` (JSON) and writes stack.yml,
functions/gateway/ (upstreams, routes, problems, system, functions.json,
openapi.yaml),
charts/bodega/ (the functions in values.yaml, files/) and the tables in each
function's README.md. The same tables always give the same bytes; `make gen`
followed by `git diff --exit-code` shows whether the tree is stale.
"""
import json
import pathlib
import subprocess
import sys

import chart
import gateway
import openapi
import openfaas
import readme
import stack

CHART_FILES = {".conf", ".template", ".json", ".yaml", ".csv"}
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


def write_chart(functions):
    """A chart is packed from its own folder, so it has copies of the gateway's
    files and of the sample catalog."""
    out = "charts/bodega/"
    values, due = ((TOP / out / name).read_text(encoding="utf-8")
                   for name in ("values.yaml", "files/due.yaml"))
    write(out + "values.yaml", chart.values(values, due, functions))
    write(out + "files/functions.json", chart.render(functions))
    for source, kind in (("functions/gateway", "gateway"),
                         ("functions/storefront/sample", "sample")):
        files = (p for p in sorted((TOP / source).iterdir())
                 if p.suffix in CHART_FILES)
        for path in files:
            write(f"{out}files/{kind}/{path.name}",
                  path.read_text(encoding="utf-8"))


def main():
    functions = describe(sys.argv[1])
    errors = gateway.error_table(
        (TOP / "common/base/err.h").read_text(encoding="utf-8"))
    write("stack.yml", stack.render(functions))
    out = "functions/gateway/"
    write(out + "upstreams.conf.template", gateway.upstreams(functions))
    write(out + "routes.conf.template", gateway.routes(functions))
    write(out + "problems.conf.template", gateway.problems(errors))
    write(out + "system.conf.template", gateway.system(functions, errors))
    write(out + "functions.json", openfaas.functions_json(functions))
    write(out + "openapi.yaml", openapi.as_yaml(functions))
    write(out + "openapi.json", openapi.as_json(functions))
    write_chart(functions)
    for function in functions:
        path = TOP / "functions" / function["name"] / "README.md"
        if path.exists():
            write(path, readme.fill(path.read_text(encoding="utf-8"),
                                    function))


main()
