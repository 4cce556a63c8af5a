#!/bin/bash
# kafka.sh RUN HARNESS PORT - the broker as one process of the supervisor's:
# started by tests/harness/kafka.sh, ends when the broker ends.
run=$1 harness=$2 port=$3
alive() { # a zombie is gone: in a container nobody may be there to reap it
    local stat
    { read -r stat <"/proc/$1/stat"; } 2>/dev/null && [[ $stat != *') Z '* ]]
}
trap 'sh "$harness" stop "$run/kafka"; exit 0' TERM INT
sh "$harness" start "$run/kafka" "$port" || exit 1
broker=$(cat "$run/kafka/kafka.pid")
# `kill kafka` is meant for the broker, not for this watch.
echo "$broker" >"$run/pids/kafka.pid"
while alive "$broker"; do
    sleep 0.2 &
    wait $!
done
