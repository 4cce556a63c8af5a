#!/bin/sh
# run_gen.sh - are the generated files what the functions' tables say now?
set -eu
before=$(mktemp)
after=$(mktemp)
trap 'rm -f "$before" "$after"' EXIT
state() {
    cat stack.yml charts/bodega/values.yaml charts/bodega/files/*.json \
        charts/bodega/files/*/* functions/gateway/* \
        functions/*/README.md | sha256sum
}
state >"$before"
python3 common/gen/gen.py build/release/bin
state >"$after"
cmp "$before" "$after" || { echo "stale: commit what make gen wrote"; exit 1; }
