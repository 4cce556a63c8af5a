#!/bin/sh
# A private NATS server with JetStream on 127.0.0.1.
#   nats.sh start DIR PORT    data, log and pid go to DIR; returns when it is up
#   nats.sh stop DIR
set -eu
. "$(dirname "$0")/alive.sh"

usage() {
    echo "usage: nats.sh start DIR PORT | stop DIR" >&2
    exit 2
}

running() { [ -s "$1/nats.pid" ] && alive "$(cat "$1/nats.pid")"; }

config() {
    cat <<EOF
listen: "127.0.0.1:$2"
jetstream {
    store_dir: "$1/jetstream"
    $3
}
EOF
}

start() {
    dir=$1 port=$2
    mkdir -p "$dir"
    running "$dir" && return
    rm -f "$dir/nats.log"
    # What was acknowledged should survive a power cut. Servers before 2.10
    # do not know the setting and write to disk every two minutes.
    config "$dir" "$port" "sync_interval: always" >"$dir/nats.conf"
    nats-server -t -c "$dir/nats.conf" >/dev/null 2>&1 ||
        config "$dir" "$port" "" >"$dir/nats.conf"
    nats-server -c "$dir/nats.conf" -l "$dir/nats.log" >/dev/null 2>&1 &
    echo $! >"$dir/nats.pid"
    tries=0
    until grep -q "Server is ready" "$dir/nats.log" 2>/dev/null; do
        tries=$((tries + 1))
        if [ $tries -gt 100 ] || ! running "$dir"; then
            echo "nats.sh: no server, see $dir/nats.log" >&2
            exit 1
        fi
        sleep 0.1
    done
}

stop() {
    running "$1" || return 0
    kill "$(cat "$1/nats.pid")"
    while running "$1"; do sleep 0.1; done
    rm -f "$1/nats.pid"
}

case "${1:-} $#" in
"start 3") start "$2" "$3" ;;
"stop 2") stop "$2" ;;
*) usage ;;
esac
