#!/bin/bash
# run_new.sh - `make new` in a copy of the tree: the new function builds, its
# test passes, it describes itself, and nothing else had to be edited.
set -eu
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
git ls-files -co --exclude-standard Makefile common functions |
    while read -r f; do [ -f "$f" ] && echo "$f"; done |
    tar -cf - -T - | tar -xf - -C "$copy"
cd "$copy"
make new FN=wishlist
make -j2 FLAVOUR=san OUT=build/san build/san/bin/wishlist \
    build/san/unit/functions/wishlist/wishlist_test
build/san/unit/functions/wishlist/wishlist_test
build/san/bin/wishlist --describe | python3 -c '
import json, sys
assert json.load(sys.stdin)["routes"][0]["path"] == "/api/wishlist/{name}"'
