#!/bin/sh
# run_tools.sh - what the tests take from elsewhere than Debian, once, into
# ~/.cache/bodega: Python packages (requirements.txt), stripe-mock, Kafka.
set -eu
cd "$(dirname "$0")"
cache=${XDG_CACHE_HOME:-$HOME/.cache}/bodega
venv=$cache/venv
mkdir -p "$cache/bin"

[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
if ! cmp -s requirements.txt "$venv/.installed"; then
    "$venv/bin/pip" install -q -r requirements.txt
    cp requirements.txt "$venv/.installed"
fi
if [ ! -x "$cache/bin/stripe-mock" ]; then
    . ./go.sh
    need_go
    GOBIN=$cache/bin go install github.com/stripe/stripe-mock@v0.203.0
fi
sh harness/kafka.sh fetch
