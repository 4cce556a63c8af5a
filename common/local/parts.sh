# parts.sh - the real parts the functions stand on, private to this shop:
# PostgreSQL, Redis, the bus, and what stands in for the outside world (mail
# server, payment gateway). Sourced by local.sh.

start_postgres() {
    local bin data=$RUN/pg
    bin=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
    secret postgres >/dev/null
    if [ ! -f "$data/PG_VERSION" ]; then
        own_dir "$data" 0700
        as_user "$bin/initdb" -D "$data" -U postgres -E UTF8 --locale=C.UTF-8 \
            --auth=scram-sha-256 --pwfile="$RUN/secrets/postgres" \
            >"$RUN/log/postgres.log" 2>&1 ||
            { tail -n 20 "$RUN/log/postgres.log" >&2; die "initdb failed"; }
    fi
    start postgres "$bin/postgres" -D "$data" -p "$PORT_PG" \
        -c listen_addresses=127.0.0.1 -c unix_socket_directories= \
        -c max_connections=120 -c shared_buffers=64MB \
        -c log_min_messages=warning -c timezone=UTC
    wait_for postgres "answers on port $PORT_PG" 60 \
        "$bin/pg_isready" -q -h 127.0.0.1 -p "$PORT_PG"
}

start_redis() {
    own_dir "$RUN/redis" 0700
    # The password is in a file, not in the arguments everybody can read.
    {
        echo "bind 127.0.0.1"
        echo "port $PORT_REDIS"
        echo "dir $RUN/redis"
        echo "appendonly yes"
        echo "requirepass $(cat "$(secret redis_password)")"
    } | put "$RUN/secrets/redis.conf" 0400 || true
    start redis redis-server "$RUN/secrets/redis.conf"
    wait_for redis "listens on port $PORT_REDIS" 30 listening "$PORT_REDIS"
}

nats_conf() {
    cat <<EOF
listen: 127.0.0.1:$PORT_NATS
http: 127.0.0.1:$PORT_NATS_MONITOR
jetstream {
    store_dir: "$RUN/nats"
    max_memory_store: 64MB
    max_file_store: 4GB
    $1
}
EOF
}

# What was acknowledged should survive a power cut. Servers before 2.10 (Debian
# 12 has 2.9) do not know the setting and sync to disk every two minutes; a
# killed process loses nothing with either.
start_nats() {
    local conf=$RUN/nats/nats.conf
    own_dir "$RUN/nats" 0700
    nats_conf "sync_interval: always" | put "$conf.try" 0400 || true
    nats-server -t -c "$conf.try" >/dev/null 2>&1 ||
        nats_conf "" | put "$conf.try" 0400 || true
    put "$conf" 0400 <"$conf.try" || true
    start nats nats-server -c "$conf"
    wait_for nats "JetStream answers on port $PORT_NATS_MONITOR" 30 \
        http_ok "http://127.0.0.1:$PORT_NATS_MONITOR/healthz"
}

start_bus() {
    case $BUS in
    nats) start_nats ;;
    kafka) start_kafka ;;
    *) die "BUS is nats or kafka, not '$BUS'" ;;
    esac
}

bus_url() {
    [ "$BUS" = kafka ] && echo "127.0.0.1:$PORT_KAFKA" ||
        echo "nats://127.0.0.1:$PORT_NATS"
}

start_kafka() {
    local kafka=$top/tests/harness/kafka.sh
    sh "$kafka" fetch || die "Kafka could not be fetched from Maven Central"
    printf 'XDG_CACHE_HOME=%q\n' "${XDG_CACHE_HOME:-$HOME/.cache}" |
        put "$RUN/env/kafka" 0644 || true
    start kafka -r bash "$LOCAL/kafka.sh" "$RUN" "$kafka" "$PORT_KAFKA"
    wait_for kafka "listens on port $PORT_KAFKA" 120 listening "$PORT_KAFKA"
}

# The simulator's key and signing secret are made up here; payment reads the
# same files.
start_simulator() {
    mkdir -p "$RUN/sim"
    start sim -r python3 "$top/tests/gateway_sim/sim.py" --port "$PORT_SIM" \
        --ledger "$RUN/sim/ledger.jsonl" \
        --key-file "$(secret stripe_api_key)" \
        --webhook-url "$GATEWAY_URL/webhooks/payment" \
        --webhook-secret-file "$(secret stripe_webhook_secret)" \
        ${SIM_RECORD:+--record "$SIM_RECORD"}
    wait_for sim "listens on port $PORT_SIM" 30 listening "$PORT_SIM"
}

start_mail() {
    start smtp -r /usr/bin/python3 "$top/tests/harness/smtp_sink.py" \
        --smtp "$PORT_SMTP" --http "$PORT_INBOX" --file "$RUN/mail.jsonl"
    wait_for smtp "listens on port $PORT_SMTP" 30 listening "$PORT_SMTP"
}
