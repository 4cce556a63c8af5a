#!/bin/bash
# bench.sh - measure the shop that `make up` runs, against peers that do the
# same work on the same Redis and Postgres. Prints a report in Markdown.
# Installs what it needs: wrk, valgrind, strace, Go and Node peers.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/bodega/bench
mkdir -p "$cache"

missing=()
for tool in wrk valgrind strace gcc; do
    command -v "$tool" >/dev/null || missing+=("$tool")
done
if [ ${#missing[@]} -gt 0 ]; then
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
fi
command -v go >/dev/null || { echo "bench: go is needed" >&2; exit 1; }
command -v npm >/dev/null || { echo "bench: npm is needed" >&2; exit 1; }

(cd "$here/bench/go" &&
    CGO_ENABLED=0 go build -ldflags '-s -w' -o "$cache/go-peer" .) >&2
gcc -O2 -static -o "$cache/static" "$here/bench/static/hello.c"
cp "$here"/bench/node/* "$cache/"
(cd "$cache" && { [ -d node_modules ] || npm install --silent; }) >&2

exec python3 "$here/bench/bench.py" "$cache"
