#!/bin/sh
# run_metrics.sh - Prometheus' own checker reads every function's /metrics.
passed=0 failed=0
for env in "$SHOP"/env/*; do
    case $env in *.*) continue ;; esac
    port=$(sed -n 's/^PORT=//p' "$env")
    [ -n "$port" ] || continue
    if curl -fsS "http://127.0.0.1:$port/metrics" | promtool check metrics; then
        passed=$((passed + 1))
    else
        echo "FAIL $(basename "$env")"
        failed=$((failed + 1))
    fi
done
echo "$passed passed, $failed failed"
[ $failed = 0 ] && [ $passed != 0 ]
