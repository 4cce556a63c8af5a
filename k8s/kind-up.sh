#!/bin/bash
# kind-up.sh - a cluster in Docker with everything the shop can use, and the
# shop in it. Needs docker, kind, kubectl and helm, and a way to the internet.
# Can be run again: it goes on where it stopped. `kind-up.sh down` removes it.
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
KIND_NODE=kindest/node:v1.34.0
KNATIVE=knative-v1.23.0
KEDA=2.21.0
METRICS_SERVER=v0.8.0
serving=https://github.com/knative/serving/releases/download/$KNATIVE
kourier=https://github.com/knative-extensions/net-kourier/releases/download
version=$(sed -n 's/^appVersion: "\(.*\)"/\1/p' "$top/charts/bodega/Chart.yaml")

say() { printf '\n== %s\n' "$*"; }

# $1 namespace: every deployment in it is ready, or what hinders it is shown.
ready() {
    kubectl -n "$1" wait --for=condition=Available --timeout=300s \
        deployment --all || {
        kubectl -n "$1" get events --sort-by=.lastTimestamp | tail -n 5
        exit 1
    }
}

cluster() {
    kind get clusters | grep -qx bodega ||
        kind create cluster --config "$top/k8s/kind.yaml" --image "$KIND_NODE"
    kubectl config use-context kind-bodega
}

images() {
    local image
    make -C "$top" images
    for image in $(docker images --format '{{.Repository}}:{{.Tag}}' |
        grep "^dev.local/bodega-.*:$version\$"); do
        kind load docker-image --name bodega "$image"
    done
}

# Everything on one node, so requests for CPU are made small.
knative() {
    kubectl apply -f "$serving/serving-crds.yaml"
    kubectl apply -f "$serving/serving-core.yaml"
    kubectl apply -f "$kourier/$KNATIVE/kourier.yaml"
    kubectl -n knative-serving patch configmap config-network --type merge \
        -p '{"data":{"ingress-class":"kourier.ingress.networking.knative.dev","autocreate-cluster-domain-claims":"true"}}'
    kubectl -n kourier-system patch service kourier --type merge \
        -p '{"spec":{"type":"NodePort","ports":[{"name":"http2","port":80,"targetPort":8080,"nodePort":31080}]}}'
    ready knative-serving
    ready kourier-system
}

keda() {
    helm upgrade --install keda keda \
        --repo https://kedacore.github.io/charts --version "$KEDA" \
        -n keda --create-namespace
    ready keda
}

metrics() {
    kubectl apply -f "https://github.com/kubernetes-sigs/metrics-server/releases/download/$METRICS_SERVER/components.yaml"
    kubectl -n kube-system patch deployment metrics-server --type json -p \
        '[{"op":"add","path":"/spec/template/spec/containers/0/args/-","value":"--kubelet-insecure-tls"}]'
}

shop() {
    kubectl create namespace shop --dry-run=client -o yaml | kubectl apply -f -
    kubectl label namespace shop --overwrite \
        pod-security.kubernetes.io/enforce=restricted
    helm upgrade --install bodega "$top/charts/bodega" -n shop \
        -f "$top/k8s/kind-values.yaml" --timeout 15m
}

case ${1:-up} in
up)
    for tool in docker kind kubectl helm; do
        command -v $tool >/dev/null || { echo "$tool is missing"; exit 1; }
    done
    say "a cluster (about a minute)" && cluster
    say "our images" && images
    say "Knative Serving $KNATIVE with Kourier" && knative
    say "KEDA $KEDA" && keda
    say "metrics-server $METRICS_SERVER" && metrics
    say "the shop" && shop
    say "open http://shop.127.0.0.1.sslip.io:8080/"
    ;;
down) kind delete cluster --name bodega ;;
*) sed -n 's/^# //p' "$0" | head -n 4 ;;
esac
