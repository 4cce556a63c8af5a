#!/bin/sh
# run_fuzz.sh TARGET - the kept corpus once, then new inputs for FUZZ_S
# seconds. An input that breaks it is left in tests/fuzz/corpus/TARGET/, to be
# kept with the fix.
set -eu
target=$1
corpus=tests/fuzz/corpus/$target
found=$(mktemp -d)
trap 'rm -rf "$found"' EXIT
mkdir -p "$corpus"
build/fuzz/fuzz/"$target" -runs=0 "$corpus"
build/fuzz/fuzz/"$target" -max_total_time="${FUZZ_S:-60}" -timeout=10 \
    -rss_limit_mb=1024 -artifact_prefix="$corpus/crash-" -print_final_stats=1 \
    "$found" "$corpus"
