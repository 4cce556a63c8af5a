#!/bin/bash
# local.sh [up|images|run [ARGUMENT...]|down]... - a real Kubernetes on this
# machine, alone, with Knative and KEDA, and the shop's end-to-end test on it.
#   up      build what it is made of, once (about half an hour on two cores,
#           kept in ~/.cache/testcluster), start it, install the platform
#   images  build the images (docker) and hand them to it
#   run     e2e.py with the arguments that follow
#   down    end and remove all of it
# Without arguments: all four, down whatever happens; $E2E are run's arguments.
# Needs root, Debian 12, Go, and $BODEGA_SHARED/cluster (../shared). A Docker
# daemon that is not running is started, and stopped again by down.
set -euo pipefail
shopt -s inherit_errexit
cd "$(dirname "$0")/../.."
cluster=$(realpath "${BODEGA_SHARED:-../shared}/cluster")
cache=${TESTCLUSTER_CACHE:-$HOME/.cache/testcluster}
state=${CLUSTER_DIR:-/var/lib/testcluster}
export KUBECONFIG=$state/etc/admin.conf
export PATH=$cache/bin:$PATH
docker_pid=/run/bodega-dockerd.pid
values=$state/etc/bodega-values.yaml

packages() {
    local missing=() name
    for name in docker.io containerd runc containernetworking-plugins \
        etcd-server iptables conntrack openssl nginx-light debootstrap \
        postgresql-client maven openjdk-17-jre-headless npm; do
        dpkg -s "$name" >/dev/null 2>&1 || missing+=("$name")
    done
    # What is there already, from elsewhere, need not come again.
    ! command -v dockerd >/dev/null || missing=("${missing[@]/docker.io/}")
    ! command -v nginx >/dev/null || missing=("${missing[@]/nginx-light/}")
    ! command -v npm >/dev/null || missing=("${missing[@]/npm/}")
    ! command -v psql >/dev/null || missing=("${missing[@]/postgresql-client/}")
    ! command -v mvn >/dev/null || missing=("${missing[@]/maven/}")
    ! command -v java >/dev/null ||
        missing=("${missing[@]/openjdk-17-jre-headless/}")
    # shellcheck disable=SC2068 # the empty ones go
    set -- ${missing[@]}
    [ $# -eq 0 ] || {
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -qq -y \
            --no-install-recommends "$@" >/dev/null
    }
}

# Kubernetes' own kubectl and Helm, where the machine has none.
tools() {
    command -v kubectl >/dev/null ||
        (cd "$cache/kube" && CGO_ENABLED=0 go build -mod=mod \
            -o "$cache/bin/kubectl" k8s.io/kubernetes/cmd/kubectl)
    command -v helm >/dev/null ||
        GOBIN=$cache/bin go install helm.sh/helm/v3/cmd/helm@v3.22.0
}

docker_up() {
    docker info >/dev/null 2>&1 && return
    setsid nohup dockerd >/var/log/bodega-dockerd.log 2>&1 &
    echo $! >$docker_pid
    local tries=0
    until docker info >/dev/null 2>&1; do
        tries=$((tries + 1))
        [ $tries -lt 60 ] || { echo "dockerd does not start" >&2; return 1; }
        sleep 1
    done
}

# The cluster has no provisioner: disks that survive their pods.
disks() {
    local n dir
    for n in 1 2 3 4 5 6; do
        dir=$state/disks/$n
        mkdir -p "$dir"
        chmod 777 "$dir"
        cat <<EOY
apiVersion: v1
kind: PersistentVolume
metadata: { name: disk-$n }
spec:
  capacity: { storage: 8Gi }
  accessModes: [ReadWriteOnce]
  persistentVolumeReclaimPolicy: Retain
  hostPath: { path: $dir }
---
EOY
    done | kubectl apply -f - >/dev/null
}

# The platform's pods are limited to a hundredth of a processor as installed,
# which is too little for an activator: probes fail and webhooks time out.
unlimit() {
    local name
    for name in activator autoscaler controller webhook; do
        kubectl -n knative-serving patch deploy $name --type=json -p '[{
            "op": "remove",
            "path": "/spec/template/spec/containers/0/resources/limits/cpu"
            }]' >/dev/null
        kubectl -n knative-serving rollout status deploy/$name --timeout=180s
    done
    # Else every Service is cluster-local, the gateway too.
    kubectl -n knative-serving patch cm config-domain --type=merge \
        -p '{"data":{"example.com":""}}' >/dev/null
}

up() {
    packages
    "$cluster/build"
    "$cluster/platform" build
    tools
    docker_up
    "$cluster/up"
    "$cluster/platform" install
    unlimit
    disks
}

images() {
    docker_up
    tests/cluster/images.sh build load
    peers
}

# The bench's cart in Go and in Node, to wake beside ours.
peers() {
    local work socket=/run/testcluster-containerd.sock
    work=$(mktemp -d)
    cp -r loadtest/bench/go loadtest/bench/node "$work"
    (cd "$work/go" && CGO_ENABLED=0 go build -trimpath -ldflags=-s -o peer .)
    (cd "$work/node" && npm install --silent --no-audit --no-fund) >/dev/null
    docker build -q -t dev.local/peer-go:1 -f - "$work/go" <<'EOD' >/dev/null
FROM scratch
COPY peer /peer
USER 10001:10001
ENTRYPOINT ["/peer"]
EOD
    docker build -q -t dev.local/peer-node:1 -f - "$work/node" <<'EOD' >/dev/null
FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends nodejs && \
    rm -rf /var/lib/apt/lists/*
COPY . /app
USER 10001:10001
ENTRYPOINT ["node", "/app/server.js"]
EOD
    docker save dev.local/peer-go:1 dev.local/peer-node:1 |
        ctr -a $socket -n k8s.io images import - >/dev/null
    rm -rf "$work"
}

run() {
    local python=${XDG_CACHE_HOME:-$HOME/.cache}/bodega/venv/bin/python
    sh tests/run_tools.sh
    {
        tests/cluster/images.sh values
        cat <<'EOY'
knative:
  gatewayHost: kingress.kingress-system.svc.cluster.local
  namespaces: [knative-serving, kingress-system]
EOY
    } >"$values"
    mkdir -p build
    "$python" tests/cluster/e2e.py --values "$values" \
        --ingress 127.0.0.1:8880 --kubelet "$state/run/kubelet.pid" \
        --peer go=dev.local/peer-go:1 --peer node=dev.local/peer-node:1 \
        --table build/cold.md "$@"
}

down() {
    "$cluster/down" >/dev/null 2>&1 || true
    if [ -s $docker_pid ]; then
        kill "$(cat $docker_pid)" 2>/dev/null || true
        rm -f $docker_pid
    fi
}

case ${1:-all} in
up | images | down) "$1" ;;
run) shift; run "$@" ;;
all)
    trap down EXIT
    up
    images
    # shellcheck disable=SC2086 # arguments
    run ${E2E:-}
    ;;
*) sed -n 2,14p "$0"; exit 2 ;;
esac
