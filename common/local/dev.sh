#!/bin/bash
# dev.sh NAME - build and restart one function whenever a source is saved. The
# rest of the shop is started first when it is not running.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
cd "$top" || exit 1
fn=$1
[ -d "functions/$fn" ] || { echo "no functions/$fn" >&2; exit 1; }

newest() {
    find common "functions/$fn" -name '*.[ch]' -printf '%T@\n' | sort -n |
        tail -n 1
}

make up || exit 1
seen=$(newest)
echo "watching common/ and functions/$fn; Ctrl-C ends (the shop stays up)"
while sleep 0.5; do
    now=$(newest)
    [ "$now" != "$seen" ] || continue
    seen=$now
    echo "--- $(date +%T) saved"
    # `up` restarts what changed: here, this function's process.
    make build && common/local/local.sh up >/dev/null && echo "--- running"
done
