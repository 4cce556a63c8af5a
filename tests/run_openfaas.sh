#!/bin/sh
# run_openfaas.sh - OpenFaaS's own client library against the running shop.
# Ends with `N passed, N failed`.
cd "$(dirname "$0")/openfaas" || exit 1
log=$(mktemp)
trap 'rm -f "$log"' EXIT
go test -mod=readonly -count=1 -timeout 800s -v . 2>&1 | tee "$log"
passed=$(grep -c '^ *--- PASS: ' "$log")
failed=$(grep -c '^ *--- FAIL: ' "$log")
grep -q '^ok ' "$log" || [ "$failed" -gt 0 ] || failed=1
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
