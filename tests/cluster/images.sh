#!/bin/bash
# images.sh [build|stores|load|values]... - the images of a shop in a cluster that
# reaches no registry.
#   build   the shop's own (make images), and the stores' that users pull:
#           PostgreSQL, Redis and Kafka from Debian's packages and Kafka's jars,
#           NATS from its Go module (Debian's does not know sync_interval)
#   stores  only those
#   load    hand them to the test cluster's containerd
#   values  print the chart's values that name the stores' images
# Without arguments: build and load. Needs Docker's daemon, git, debootstrap if
# there is no debian:bookworm-slim, maven and go; keeps what it downloads under
# ~/.cache/bodega. CONTAINERD: the socket
# (/run/testcluster-containerd.sock).
set -euo pipefail
shopt -s inherit_errexit
cd "$(dirname "$0")/../.."
cache=${XDG_CACHE_HOME:-$HOME/.cache}/bodega
socket=${CONTAINERD:-/run/testcluster-containerd.sock}
base=debian:bookworm-slim
nats=2.10.27
kafka=3.9.1
stores=(postgres:15 redis:7 nats:$nats kafka:$kafka)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Users get it from Docker Hub.
debian() {
    local root=$cache/debian.tar sources=$work/debian/etc/apt/sources.list mirror
    ! docker image inspect $base >/dev/null 2>&1 || return 0
    if [ ! -f "$root" ]; then
        mkdir -p "$cache"
        debootstrap --variant=minbase bookworm "$work/debian" \
            >"$work/debootstrap" 2>&1 ||
            { tail -n 20 "$work/debootstrap" >&2; return 1; }
        mirror=$(awk '/^deb/ { print $2; exit }' "$sources")
        printf 'deb %s main\n' "$mirror bookworm" "$mirror bookworm-updates" \
            "$mirror-security bookworm-security" >"$sources"
        rm -rf "$work/debian"/var/{cache/apt,lib/apt/lists}/*
        tar -C "$work/debian" -cf "$root.new" .
        mv "$root.new" "$root"
    fi
    docker import - $base <"$root" >/dev/null
}

# store NAME DIR: image from DIR, with a Dockerfile on standard input.
store() {
    docker build -q -t "dev.local/store-$1" -f - "$2" 2>"$work/log" ||
        { cat "$work/log" >&2; return 1; }
}

# As the upstream image behaves, as far as the chart knows it.
postgres() {
    mkdir "$work/pg"
    cat >"$work/pg/start" <<'EOF'
#!/bin/sh
set -eu
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    initdb -D "$PGDATA" -U postgres -E UTF8 --auth=scram-sha-256 \
        --pwfile="$POSTGRES_PASSWORD_FILE" ${POSTGRES_INITDB_ARGS:-}
    echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
fi
exec postgres -D "$PGDATA" -c 'listen_addresses=*' "$@"
EOF
    chmod 755 "$work/pg/start"
    store postgres:15 "$work/pg" <<EOF
FROM $base
RUN apt-get update && apt-get install -y --no-install-recommends postgresql && \
    usermod -u 999 postgres && groupmod -g 999 postgres && \
    chown -R 999:999 /var/run/postgresql && rm -rf /var/lib/apt/lists/*
COPY start /usr/local/bin/start
ENV PATH=/usr/lib/postgresql/15/bin:/usr/local/bin:/usr/bin:/bin
ENV PGDATA=/var/lib/postgresql/data
USER 999:999
STOPSIGNAL SIGINT
ENTRYPOINT ["start"]
EOF
}

redis() {
    mkdir "$work/redis"
    store redis:7 "$work/redis" <<EOF
FROM $base
RUN apt-get update && \
    apt-get install -y --no-install-recommends redis-server && \
    rm -rf /var/lib/apt/lists/*
USER 999:999
ENTRYPOINT ["redis-server"]
EOF
}

nats() {
    local bin=$cache/nats-server-$nats
    mkdir "$work/nats"
    [ -x "$bin" ] || CGO_ENABLED=0 GOBIN=$work/nats GOFLAGS= \
        nice go install -trimpath -ldflags=-s \
        "github.com/nats-io/nats-server/v2@v$nats"
    [ -x "$bin" ] || cp "$work/nats/nats-server" "$bin"
    cp "$bin" "$work/nats/nats-server"
    store nats:$nats "$work/nats" <<EOF
FROM scratch
COPY nats-server /nats-server
USER 1000:1000
ENTRYPOINT ["/nats-server"]
EOF
}

kafka() {
    mkdir -p "$work/kafka/bin"
    sh tests/harness/kafka.sh fetch
    cp -r "$cache/kafka/lib-$kafka" "$work/kafka/libs"
    printf '#!/bin/sh\nexec java %s %s -cp "%s" %s "$@"\n' \
        '$KAFKA_HEAP_OPTS -XX:+UseSerialGC' \
        '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn' \
        '/opt/kafka/libs/*' kafka.Kafka >"$work/kafka/bin/kafka-server-start.sh"
    sed 's/kafka\.Kafka/kafka.tools.StorageTool/' \
        "$work/kafka/bin/kafka-server-start.sh" \
        >"$work/kafka/bin/kafka-storage.sh"
    chmod 755 "$work/kafka/bin"/*
    store kafka:$kafka "$work/kafka" <<EOF
FROM $base
RUN apt-get update && \
    apt-get install -y --no-install-recommends openjdk-17-jre-headless && \
    rm -rf /var/lib/apt/lists/*
COPY bin /opt/kafka/bin
COPY libs /opt/kafka/libs
USER 1000:1000
ENTRYPOINT ["/opt/kafka/bin/kafka-server-start.sh"]
EOF
}

names() {
    docker images --format '{{.Repository}}:{{.Tag}}' |
        grep "^dev.local/bodega-.*:$(sed -n 's/^appVersion: *"\(.*\)"$/\1/p' \
            charts/bodega/Chart.yaml)\$"
    printf 'dev.local/store-%s\n' "${stores[@]}"
}

build() {
    debian
    k8s/images.sh
    stores
}

stores() {
    local name
    debian
    for name in "${stores[@]}"; do
        "${name%:*}" >/dev/null
    done
}

load() {
    local all
    mapfile -t all < <(names)
    docker save "${all[@]}" | ctr -a "$socket" -n k8s.io images import - \
        >/dev/null
    printf 'loaded %s\n' "${all[@]}"
}

values() {
    local name
    for name in "${stores[@]}"; do
        printf '%s:\n  image: dev.local/store-%s\n' "${name%:*}" "$name"
    done
}

[ $# -gt 0 ] || set -- build load
for word; do
    case $word in
    build | stores | load | values) "$word" ;;
    *) echo "usage: images.sh [build|stores|load|values]..." >&2; exit 2 ;;
    esac
done
