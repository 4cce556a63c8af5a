#!/bin/sh
# supervise.sh RUN NAME COMMAND... - keep one process alive. Its environment is
# read from RUN/env/NAME at every start, its pid is in RUN/pids/NAME.pid, the
# loop's own in NAME.loop. TERM stops the process and then the loop.
run=$1 name=$2
shift 2
child='' stop=''
trap 'stop=1; [ -z "$child" ] || kill -TERM "$child" 2>/dev/null' TERM INT
echo $$ >"$run/pids/$name.loop"

while [ -z "$stop" ]; do
    started=$(date +%s)
    (
        set -a
        . "$run/env/$name"
        set +a
        exec setsid "$@" # a group of its own
    ) &
    child=$!
    echo "$child" >"$run/pids/$name.pid"
    # A trap cuts wait short: wait again until the process is really gone.
    while wait "$child"; status=$?; kill -0 "$child" 2>/dev/null; do :; done
    # Helpers of a killed process (nginx's workers) would hold its port.
    kill -9 "-$child" 2>/dev/null
    child=''
    [ -z "$stop" ] || break
    echo "$name ended with status $status, starting it again"
    # One that cannot start must not spin.
    [ $(($(date +%s) - started)) -ge 2 ] || sleep 0.4
done
rm -f "$run/pids/$name.pid" "$run/pids/$name.loop"
