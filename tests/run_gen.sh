#!/bin/sh
# run_gen.sh - are the generated files what the functions' tables say now?
set -eu
before=$(mktemp)
after=$(mktemp)
trap 'rm -f "$before" "$after"' EXIT
state() {
    find stack.yml charts functions -type f | sort | xargs sha256sum
}
state >"$before"
python3 common/gen/gen.py build/release/bin
state >"$after"
diff "$before" "$after" || { echo "stale: commit what make gen wrote"; exit 1; }
