#!/bin/sh
# A private PostgreSQL for tests: private_pg.sh start|kill|stop DIR PORT
#   start  make DIR's cluster if there is none, listen on 127.0.0.1:PORT and
#          return when it answers; user postgres, no password, nothing fsynced
#   kill   end the server as a crash does (SIGKILL to all of it)
#   stop   end it and remove DIR
# Never run it on data that matters. As root the server runs as the postgres
# user, because PostgreSQL refuses root.
set -eu
. "$(dirname "$0")/alive.sh"
command=$1 dir=$2 port=$3
bin=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1)

as_postgres() {
    if [ "$(id -u)" = 0 ]; then
        setpriv --reuid=postgres --regid=postgres --init-groups "$@"
    else
        "$@"
    fi
}

start() {
    if [ ! -e "$dir/data/PG_VERSION" ]; then
        mkdir -p "$dir"
        [ "$(id -u)" != 0 ] || chown postgres "$dir"
        as_postgres "$bin/initdb" -D "$dir/data" -U postgres -A trust -E UTF8 \
            --locale=C.UTF-8 -N >"$dir/initdb.log" 2>&1 ||
            { cat "$dir/initdb.log" >&2; exit 1; }
    fi
    as_postgres "$bin/pg_ctl" -D "$dir/data" -w -t 60 -s -l "$dir/log" \
        -o "-p $port -h 127.0.0.1 -k '' -c fsync=off -c full_page_writes=off" \
        -o "-c max_connections=100 -c shared_buffers=16MB" \
        -o "-c deadlock_timeout=100ms" start </dev/null >/dev/null ||
        { cat "$dir/log" >&2; exit 1; }
}

# The children lead process groups of their own, so they are listed first.
crash() {
    pid=$(head -n 1 "$dir/data/postmaster.pid")
    children=$(ps -o pid= --ppid "$pid")
    kill -9 $pid $children 2>/dev/null || true
    while alive "$pid"; do sleep 0.05; done
    rm -f "$dir/data/postmaster.pid"
}

case $command in
start) start ;;
kill) crash ;;
stop)
    as_postgres "$bin/pg_ctl" -D "$dir/data" -s -w -m immediate stop \
        >/dev/null 2>&1 || true
    rm -rf "$dir"
    ;;
*)
    echo "usage: private_pg.sh start|kill|stop DIR PORT" >&2
    exit 2
    ;;
esac
