#!/bin/bash
# images_run.sh - run every function's image for real, as a cluster would (read
# only, no capabilities, its own user), against a private PostgreSQL that takes
# only TLS and passwords, Redis and NATS; then the gateway, the migration and
# the simulator. Needs the images (make images) and Docker. PORT: the first of
# 30 ports that are free (23100).
set -euo pipefail
cd "$(dirname "$0")/../.."
harness=tests/harness
port=${PORT:-23100}
registry=${REGISTRY:-dev.local}
version=$(sed -n 's/^appVersion: *"\(.*\)"$/\1/p' charts/bodega/Chart.yaml)
dir=$(mktemp -d)
chmod 755 "$dir"
passed=0 failed=0
containers=() collector=

finish() {
    [ -z "$collector" ] || kill "$collector"
    [ ${#containers[@]} -eq 0 ] || docker rm -f "${containers[@]}" >/dev/null
    sh $harness/private_redis.sh stop "$dir/redis" $((port + 1))
    sh $harness/nats.sh stop "$dir/nats"
    sh $harness/private_pg.sh stop "$dir/pg" $((port + 2))
    rm -rf "$dir"
}
trap finish EXIT

# check WHAT COMMAND...
check() {
    local what=$1
    shift
    if "$@" >"$dir/said" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $what" >&2
        tail -n 20 "$dir/said" >&2
    fi
}

image() { echo "$registry/bodega-$1:$version"; }

# contain NAME ARGUMENT...: as restricted as in a cluster.
contain() {
    docker run --network host --read-only --cap-drop ALL \
        --security-opt no-new-privileges --tmpfs /tmp:mode=1777 "$@"
}

random() { head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n'; }

# A server's certificate for 127.0.0.1 that nobody's authority has signed.
certificate() {
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=bodega-test \
        -addext 'subjectAltName=IP:127.0.0.1' -keyout "$1/server.key" \
        -out "$1/server.crt" 2>/dev/null
    chmod 600 "$1/server.key"
}

stores() {
    local data=$dir/pg/data
    sh $harness/private_redis.sh start "$dir/redis" $((port + 1)) "$redis"
    sh $harness/nats.sh start "$dir/nats" $((port + 3))
    sh $harness/private_pg.sh start "$dir/pg" $((port + 2))
    certificate "$data"
    [ "$(id -u)" != 0 ] || chown postgres: "$data"/server.*
    printf 'host postgres postgres 127.0.0.1/32 trust\n%s\n%s\n' \
        'hostssl bodega postgres 127.0.0.1/32 trust' \
        'hostssl bodega +bodega_fn 127.0.0.1/32 scram-sha-256' \
        >"$data/pg_hba.conf"
    psql -qAt -h 127.0.0.1 -p $((port + 2)) -U postgres \
        -c 'ALTER SYSTEM SET ssl = on' -c 'SELECT pg_reload_conf()' >/dev/null
}

# Every secret that function $1 says it must have, made up.
secrets() {
    local fn=$1 s=$dir/secrets/$1 name
    mkdir -p "$s"
    for name in $(docker run --rm "$(image "$fn")" --describe | python3 -c '
import json, sys
for row in json.load(sys.stdin)["config"]:
    if row["kind"] == "secret" and row["default"] is None:
        print(row["env"].lower())'); do
        random >"$s/$name"
    done
    random >"$s/pg_password"
    printf 'postgres://bodega_%s:%s@127.0.0.1:%s/bodega?%s' "$fn" \
        "$(cat "$s/pg_password")" $((port + 2)) \
        'sslmode=verify-full&sslrootcert=/etc/bodega/secrets/ca.crt' \
        >"$s/database_url"
    cp "$dir/pg/data/server.crt" "$s/ca.crt"
    printf %s "$token" >"$s/internal_token"
    printf %s "$token" >"$s/admin_token"
    printf %s "$redis" >"$s/redis_password"
    chmod -R a+rX "$dir" "$s"
}

# What a container did not find: nothing, one hopes.
complete() {
    ! docker logs "$1" 2>&1 |
        grep -E 'library not found|lacks a function|error while loading'
}

answers() { # STATUS URL CURL_ARGUMENT...
    local want=$1 got
    shift
    for _ in $(seq 50); do
        got=$(curl -s -m 5 -o "$dir/body" -w '%{http_code}' "$@") || true
        [[ $got != $want ]] || return 0
        sleep 0.2
    done
    echo "status $got, not $want: $*"
    cat "$dir/body"
    return 1
}

# run NAME FN PORT [-e NAME=VALUE]...
run() {
    local name=$1 fn=$2 at=$3
    shift 3
    containers+=("$(contain -d -v "$dir/secrets/$fn:/etc/bodega/secrets:ro" \
        -e HOST=127.0.0.1 -e PORT="$at" -e BUS=nats \
        -e BUS_URL="nats://127.0.0.1:$((port + 3))" \
        -e REDIS_URL="redis://127.0.0.1:$((port + 1))" \
        -e SMTP_URL=smtp://127.0.0.1:9 -e MAIL_FROM=shop@bodega.example \
        "$@" "$(image "$fn")")")
    last=${containers[-1]}
}

asked() { # FN PORT: one request that needs what the function stands on
    local url=http://127.0.0.1:$2 auth="Authorization: Bearer $token"
    local nobody=00000000-0000-7000-8000-000000000000
    case $1 in
    cart) answers 201 -X POST "$url/api/carts" ;;
    catalog) answers 200 "$url/api/catalog/products" ;;
    checkout) answers 4?? -H 'Idempotency-Key: images-run' -d '{}' \
        -H 'Content-Type: application/json' "$url/api/checkout" ;;
    inventory) answers 404 -H "$auth" "$url/api/admin/stock/none" ;;
    order) answers 40? -H "$auth" "$url/api/orders/$nobody" ;;
    payment) answers 400 -d '{}' -H 'Content-Type: application/json' \
        "$url/webhooks/payment" ;;
    relay) answers 200 -H "$auth" "$url/api/admin/dead-letters" ;;
    *) answers 200 "$url/readyz" ;;
    esac
}

no_shell() { ! docker run --rm --entrypoint sh "$(image "$1")" -c true; }
own_user() {
    [ "$(docker image inspect -f '{{.Config.User}}' "$(image "$1")")" = 10001:10001 ]
}

# What of the migration is there, told by the database.
migrated() {
    contain --rm -v "$dir/secrets:/run/fns:ro" -e PGHOST=127.0.0.1 \
        -e PGPORT=$((port + 2)) -e PGUSER=postgres -e PGSSLMODE=prefer \
        "$(image migrate)" /opt/bodega/functions /run/fns
}

# A collector of spans over https; its log has "got" for a request, and why a
# client went away.
collect() {
    python3 -u - "$1" "$dir/pg/data" >"$dir/collected" 2>&1 <<'EOF' &
import http.server, ssl, sys
class Collector(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        print("got")
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
tls.load_cert_chain(sys.argv[2] + "/server.crt", sys.argv[2] + "/server.key")
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])),
                                         Collector)
server.socket = tls.wrap_socket(server.socket, server_side=True)
server.handle_error = lambda *_: print(sys.exc_info()[1])
def accept():
    try:
        return server.socket.accept()
    except OSError as reason:
        print(reason)
        raise
server.get_request = accept
server.serve_forever()
EOF
    collector=$!
}

collected() { # PATTERN
    for _ in $(seq 100); do
        ! grep -i "$1" "$dir/collected" || return 0
        sleep 0.2
    done
    cat "$dir/collected"
    return 1
}

# https is checked against the authorities in the image, and against no others.
spans() { # PORT, and one more
    collect $(($1 + 1))
    run refusing catalog "$1" -e OTLP_URL="https://127.0.0.1:$(($1 + 1))/v1/traces"
    check "spans go out" answers 200 "http://127.0.0.1:$1/api/catalog/products"
    check "https: an unknown authority" collected 'unknown ca'
    docker stop "$last" >/dev/null
    check "https: nothing was said" bash -c "! grep got '$dir/collected'"
    run trusting catalog "$1" -e OTLP_URL="https://127.0.0.1:$(($1 + 1))/v1/traces" \
        -v "$dir/secrets/catalog/ca.crt:/etc/ssl/certs/ca-certificates.crt:ro"
    check "spans go out, again" answers 200 "http://127.0.0.1:$1/api/catalog/products"
    check "https: a known authority" collected '^got$'
    docker stop "$last" >/dev/null
}

# The gateway with the configuration of local processes.
gateway() { # PORT
    local fn at=$((port + 4))
    {
        printf '%s\n' RUN_DIR=/run/gateway CONF_DIR=/etc/bodega/gateway \
            SITE_DIR=/srv/site LISTEN=127.0.0.1:"$1" TRUSTED_PROXY=unix: \
            RATE_PER_IP=1000r/s
        for fn in $functions; do
            echo "HOST_${fn^^}=127.0.0.1:$at"
            at=$((at + 1))
        done
    } | python3 common/local/render.py functions/gateway "$dir/gateway"
    chmod -R a+rX "$dir/gateway"
    containers+=("$(contain -d -v "$dir/gateway:/etc/bodega/gateway:ro" \
        --tmpfs /run/gateway:mode=1777 "$(image gateway)")")
    check "gateway: the shop's page" answers 200 "http://127.0.0.1:$1/"
    check "gateway: catalog behind it" \
        answers 200 "http://127.0.0.1:$1/api/catalog/products"
    check "gateway: no shell" no_shell gateway
    check "gateway: user" own_user gateway
}

simulator() { # PORT
    printf sk_test_%s "$token" >"$dir/key"
    printf whsec_%s "$token" >"$dir/webhook"
    chmod a+r "$dir/key" "$dir/webhook"
    containers+=("$(contain -d -v "$dir/key:/key:ro" -v "$dir/webhook:/wh:ro" \
        "$(image simulator)" /opt/bodega/gateway_sim/sim.py --port "$1" \
        --ledger /tmp/ledger --key-file /key --webhook-secret-file /wh \
        --webhook-url http://127.0.0.1:9/)")
    check "simulator: asks for its key" \
        answers 401 "http://127.0.0.1:$1/v1/checkout/sessions/none"
    containers+=("$(contain -d "$(image simulator)" /opt/bodega/smtp_sink.py \
        --smtp $(($1 + 1)) --http $(($1 + 2)) --file /tmp/mail)")
    check "mailbox: takes mail" curl -s --retry 20 --retry-connrefused \
        --retry-delay 1 --mail-from a@bodega.example --mail-rcpt \
        b@bodega.example -T charts/bodega/Chart.yaml "smtp://127.0.0.1:$(($1 + 1))"
}

functions=$(for f in functions/*/*.c; do
    [ "$(basename "$f" .c)" != "$(basename "$(dirname "$f")")" ] ||
        basename "$f" .c
done)
token=$(random) redis=$(random)
stores
for fn in $functions; do secrets "$fn"; done
check "the migration" migrated
check "the migration, again" migrated
at=$((port + 4))
for fn in $functions; do
    run "$fn" "$fn" $at
    check "$fn: ready" answers 200 "http://127.0.0.1:$at/readyz"
    check "$fn: one request" asked "$fn" $at
    check "$fn: has its libraries" complete "$last"
    check "$fn: no shell" no_shell "$fn"
    check "$fn: user" own_user "$fn"
    at=$((at + 1))
done
gateway $at
simulator $((at + 1))
spans $((at + 4))
for container in "${containers[@]}"; do
    check "stops when told" docker stop -t 20 "$container"
    check "ends well" [ "$(docker inspect -f '{{.State.ExitCode}}' "$container")" = 0 ]
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
