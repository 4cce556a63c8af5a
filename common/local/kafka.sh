#!/bin/bash
# kafka.sh RUN HARNESS PORT - the broker as one process of the supervisor's:
# started by tests/harness/kafka.sh, ends when the broker ends.
run=$1 harness=$2 port=$3
trap 'sh "$harness" stop "$run/kafka"; exit 0' TERM INT
sh "$harness" start "$run/kafka" "$port" || exit 1
broker=$(cat "$run/kafka/kafka.pid")
# `kill kafka` is meant for the broker, not for this watch.
echo "$broker" >"$run/pids/kafka.pid"
while kill -0 "$broker" 2>/dev/null; do
    sleep 0.2 &
    wait $!
done
