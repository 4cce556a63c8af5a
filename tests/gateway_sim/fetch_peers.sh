#!/bin/sh
# What check_api.py compares with, and the Kafka reader of tests/prover, into
# the cache: bin/stripe-mock and venv/. Quick when it is all there.
set -eu
cache=${XDG_CACHE_HOME:-$HOME/.cache}/bodega

[ -x "$cache/bin/stripe-mock" ] ||
    GOBIN=$cache/bin go install github.com/stripe/stripe-mock@v0.203.0
[ -x "$cache/venv/bin/python" ] || python3 -m venv "$cache/venv"
"$cache/venv/bin/python" -c 'import stripe, kafka' 2>/dev/null ||
    "$cache/venv/bin/pip" install -q stripe==16.1.0 kafka-python-ng==2.2.3
