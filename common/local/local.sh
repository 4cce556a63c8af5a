#!/bin/bash
# local.sh COMMAND - the whole shop as processes on this machine; `make up`,
# `make down` and friends call it.
#
#   up             start what is missing, start again what changed
#   down           stop everything and remove it
#   stop           stop everything, keep the data
#   status         one line per function
#   logs NAME      follow the log of a function or part
#   restart NAME   stop and start it with its new environment file
#   kill NAME      kill -9; it comes back by itself
#   pause NAME     stop and stay away, until `resume NAME`
#   reset-sample   load the sample catalog again
#
# Everything lives in $BODEGA_RUN (/var/tmp/bodega-<uid>): bin, env, log, pids,
# secrets and the data of PostgreSQL, Redis and the bus.
set -uo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/common/local/lib.sh"
. "$top/common/local/parts.sh"
. "$top/common/local/gateway.sh"

prepare() {
    own_dir "$RUN" 0755
    local d
    for d in bin env log pids; do own_dir "$RUN/$d" 0755; done
    own_dir "$RUN/secrets" 0700
    if [ -f "$RUN/bus" ] && [ "$(cat "$RUN/bus")" != "$BUS" ]; then
        die "this shop runs on $(cat "$RUN/bus"): make down first"
    fi
    echo "$BUS" >"$RUN/bus"
    put "$RUN/bin/supervise.sh" 0755 <"$LOCAL/supervise.sh" || true
}

# A port that somebody else holds is named before anything is started.
check_ports() {
    local name port
    while read -r name port; do
        supervised "$name" || ! listening "$port" ||
            die "port $port, which $name needs, is in use by another program"
    done <<EOF
gateway $PORT_GATEWAY
postgres $PORT_PG
redis $PORT_REDIS
$BUS $([ "$BUS" = kafka ] && echo "$PORT_KAFKA" || echo "$PORT_NATS")
EOF
}

migrate() {
    local fn url
    for fn in $(cd "$top/functions" && ls -d */schema.sql 2>/dev/null |
        cut -d/ -f1; functions); do
        own_dir "$RUN/secrets/$fn" 0700
        secret "$fn/pg_password" >/dev/null
        url="postgresql://bodega_$fn:$(cat "$RUN/secrets/$fn/pg_password")"
        put "$RUN/secrets/$fn/database_url" 0400 \
            <<<"$url@127.0.0.1:$PORT_PG/bodega" || true
    done
    put "$RUN/secrets/database_admin_url" 0400 <<EOF || true
postgresql://postgres:$(cat "$(secret postgres)")@127.0.0.1:$PORT_PG/bodega
EOF
    PGHOST=127.0.0.1 PGPORT=$PORT_PG PGUSER=postgres \
        PGPASSWORD=$(cat "$(secret postgres)") \
        bash "$LOCAL/migrate.sh" "$top/functions" "$RUN/secrets" \
        >"$RUN/log/migrate.log" 2>&1 || {
        tail -n 20 "$RUN/log/migrate.log" >&2
        die "the database could not be migrated"
    }
}

# The simulator stands in for the payment gateway until a key for the real one
# is given.
payment_settings() {
    if [ -z "${STRIPE_API_KEY_FILE:-}" ]; then
        export STRIPE_API_BASE=http://127.0.0.1:$PORT_SIM
        start_simulator
    elif [ -z "${STRIPE_WEBHOOK_SECRET_FILE:-}" ]; then
        die "STRIPE_API_KEY_FILE is set, STRIPE_WEBHOOK_SECRET_FILE is not"
    fi
}

start_functions() {
    local fn peers=''
    for fn in $(functions); do peers="$peers $fn=$(fn_port "$fn")"; done
    export PEERS=$peers SECRETS=$RUN/secrets
    export BUS BUS_URL PUBLIC_URL REDIS_URL SMTP_URL GATEWAY_URL
    BUS_URL=$(bus_url)
    REDIS_URL=redis://127.0.0.1:$PORT_REDIS
    SMTP_URL=${SMTP_URL:-smtp://127.0.0.1:$PORT_SMTP}
    for fn in $(functions); do
        start_function "$fn" || die "$fn: could not be started"
    done
    # A function that is gone from the tree is gone from the shop.
    for fn in "$RUN"/pids/*.loop; do
        fn=$(basename "$fn" .loop)
        [ ! -e "$RUN/bin/$fn" ] || [ -e "$BIN/$fn" ] || stop "$fn"
    done
    for fn in $(functions); do
        wait_for "$fn" "ready on port $(fn_port "$fn")" 30 \
            http_ok "http://127.0.0.1:$(fn_port "$fn")/readyz"
    done
}

# $1 name. Runs a copy, so that a build in the tree disturbs nobody.
start_function() {
    local env
    put "$RUN/bin/$1" 0755 <"$BIN/$1" || true
    env=$("$RUN/bin/$1" --describe |
        python3 "$LOCAL/env.py" "$1" "$(fn_port "$1")") || return 1
    put "$RUN/env/$1" 0644 <<<"$env" || true
    [ "$(id -u)" != 0 ] || find "$RUN/secrets" ! -user $RUN_USER \
        -exec chown $RUN_USER: {} +
    STAMP=$(sha256sum <"$RUN/bin/$1") start "$1" "$RUN/bin/$1"
}

# What tests and scripts need to know of this shop, for `. $RUN/shop.env`.
write_shop_env() {
    put "$RUN/shop.env" 0644 <<EOF || true
BODEGA_RUN=$RUN
BODEGA_URL=$GATEWAY_URL
BUS=$BUS
BUS_URL=$(bus_url)
SIM_URL=http://127.0.0.1:$PORT_SIM
INBOX_URL=http://127.0.0.1:$PORT_INBOX
REDIS_PORT=$PORT_REDIS
REDIS_PASSWORD_FILE=$RUN/secrets/redis_password
DATABASE_URL_FILE=$RUN/secrets/database_admin_url
ADMIN_TOKEN_FILE=$RUN/secrets/admin_token
INTERNAL_TOKEN_FILE=$RUN/secrets/internal_token
EOF
}

# POST a CSV file to an admin route, token from a file. $1 path, $2 file.
admin_import() {
    printf 'Authorization: Bearer %s\n' "$(cat "$(secret admin_token)")" |
        curl --fail-with-body -sS -m 60 -o "$RUN/log/import.json" -H @- \
            -H 'Content-Type: text/csv' --data-binary "@$2" "$GATEWAY_URL$1" ||
        die "importing $2 through $1 failed: $(tail -c 600 "$RUN/log/import.json")"
}

load_sample() {
    local sample=$top/functions/storefront/sample
    [ -f "$sample/products.csv" ] && [ ! -f "$RUN/sample.loaded" ] || return 0
    # The tests bring their own catalog.
    [ "${SAMPLE:-yes}" = yes ] || return 0
    supervised catalog && supervised inventory || return 0
    admin_import /api/admin/products/import "$sample/products.csv"
    admin_import "/api/admin/stock/import?reference=sample" "$sample/stock.csv"
    touch "$RUN/sample.loaded"
}

up() {
    prepare
    check_ports
    start_postgres
    start_redis
    start_bus
    start_mail
    migrate
    payment_settings
    write_shop_env
    start_functions
    start_gateway
    load_sample
    cat <<EOF

Bodega is open.
  shop        $PUBLIC_URL/
  API page    $PUBLIC_URL/docs
  payments    $(supervised sim && echo "simulated, http://127.0.0.1:$PORT_SIM/" || echo "at ${STRIPE_API_BASE:-https://api.stripe.com}")
  inbox       http://127.0.0.1:$PORT_INBOX/  (mail the shop sent)
  admin token $RUN/secrets/admin_token
Look inside with: make status, make logs FN=order. Stop with: make down
EOF
}

# Front to back, so that nobody loses what it is still working on.
stop_all() {
    [ -d "$RUN/pids" ] || return 0
    local name part
    local parts=' gateway sim smtp postgres redis nats kafka '
    stop gateway
    for name in "$RUN"/pids/*.loop; do
        name=$(basename "$name" .loop)
        case $parts in *" $name "*) ;; *) stop "$name" & ;; esac
    done
    wait
    for part in $parts; do stop "$part"; done
}

down() {
    stop_all
    case $RUN in /?*/?*) rm -rf "$RUN" ;; esac
}

status() {
    [ -d "$RUN/pids" ] || { say "not running; make up starts it"; return; }
    python3 "$LOCAL/status.py" "$RUN"
}

command=${1:-help} name=${2:-}
case $command in
restart | kill | pause | resume)
    [ -e "$RUN/env/$name" ] || die "nothing called '$name' is known here"
    ;;
esac
case $command in
up | down | status) "$command" ;;
stop) stop_all ;;
logs) exec tail -n 50 -F "$RUN/log/${name:?which one?}.log" ;;
kill) kill -KILL "$(pid_of "$name")" ;;
# The loop starts it again, with the environment file as it is now.
restart) kill -TERM "$(pid_of "$name")" ;;
pause) stop "$name" ;;
resume) supervised "$name" || launch "$name" ;;
reset-sample) rm -f "$RUN/sample.loaded"; load_sample ;;
*) sed -n '/^#   /s/^#   //p' "$0" ;;
esac
