#!/bin/sh
# A private Redis for tests:
#     private_redis.sh start|kill|stop DIR PORT [PASSWORD]
#   start  listen on 127.0.0.1:PORT, keep nothing on disk, return when it
#          answers
#   kill   SIGKILL
#   stop   end it and remove DIR
set -eu
. "$(dirname "$0")/alive.sh"
command=$1 dir=$2 port=$3 password=${4:-}

start() {
    mkdir -p "$dir"
    rm -f "$dir/pid"
    printf 'requirepass "%s"\n' "$password" >"$dir/conf"
    redis-server "$dir/conf" --port "$port" --bind 127.0.0.1 --save '' \
        --appendonly no --daemonize yes --dir "$dir" --pidfile "$dir/pid" \
        --logfile "$dir/log" </dev/null >/dev/null
    i=0
    until grep -q 'Ready to accept' "$dir/log" 2>/dev/null &&
        [ -s "$dir/pid" ]; do
        i=$((i + 1))
        [ $i -lt 200 ] || { cat "$dir/log" >&2; exit 1; }
        sleep 0.05
    done
}

finish() {
    pid=$(cat "$dir/pid" 2>/dev/null) || return 0
    kill -"$1" "$pid" 2>/dev/null || true
    kill -CONT "$pid" 2>/dev/null || true
    while alive "$pid"; do sleep 0.05; done
    rm -f "$dir/pid" "$dir/log"
}

case $command in
start) start ;;
kill) finish KILL ;;
stop)
    finish TERM
    rm -rf "$dir"
    ;;
*)
    echo "usage: private_redis.sh start|kill|stop DIR PORT [PASSWORD]" >&2
    exit 2
    ;;
esac
