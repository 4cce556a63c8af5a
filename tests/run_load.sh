#!/bin/bash
# run_load.sh - each scenario of loadtest/ for a few seconds, on a shop that
# runs with the sample: is everything in the report that it promises, and does
# it notice a shop that sells what it does not have?
set -uo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
out=$(mktemp -d "${TMPDIR:-/tmp}/bodega-load.XXXXXX")
trap 'rm -rf "$out"' EXIT
export BASE_URL=$BODEGA_URL BODEGA_RUN=$SHOP LOAD_OUT=$out
# Sanitized and on a busy machine: what is fast enough is not the question.
export P95_MS=30000 P99_MS=30000 DURATION=4 STEP=10 BUYERS=100
passed=0 failed=0

fact() {
    local what=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
    else
        echo "FAIL $what"
        failed=$((failed + 1))
    fi
}
# Each of the names $2... is drawn in page $1.
draws() {
    local page=$1 name
    shift
    for name in "$@"; do
        grep -q "data-series=\"$name\"" "$page" || {
            echo "no series $name in $page"
            return 1
        }
    done
}
alone() { ! grep -Eq '(src|href)=|url\(|@import' "$1"; }
refuses() { ! "$@" >"$out/refused" 2>&1 && grep -q I_OWN_THIS_HOST "$out/refused"; }
# report.py on $1 units sold, where stock went from $2 to $3: it says $4 and,
# unless that is "Not oversold", ends with an error.
judges() {
    local status=0
    {
        echo time,name,ms,status,item,phase
        for i in $(seq "$1"); do
            echo "$((1000 + i)),POST checkout,5,201,limited,step"
        done
    } >"$out/sold.csv"
    printf 'time,name,kind,value\n1000,S,stock,%d\n1200,S,stock,%d\n' \
        "$2" "$3" >"$out/stock.csv"
    "$top/loadtest/report.py" --requests "$out/sold.csv" --sale S \
        --samples "$out/stock.csv" --out "$out/sold.html" \
        >"$out/told" || status=$?
    grep -q "^$4: " "$out/told" || return 1
    [ "$4" != 'Not oversold' ] || [ $status = 0 ] || return 1
    [ "$4" = 'Not oversold' ] || [ $status = 1 ]
}

# sampler.py on a cluster: a kubectl that proxies to canned answers. A pod that
# is leaving or not up yet does not count; lag is what KEDA says.
samples_cluster() {
    mkdir -p "$out/bin"
    cat >"$out/bin/kubectl" <<'EOF'
#!/usr/bin/env python3
import http.server, json, sys

def pod(name, phase, **meta):
    return {"metadata": {"labels": {"app.kubernetes.io/component": name},
                         **meta}, "status": {"phase": phase}}

ANSWERS = {
    "/api/v1/namespaces/shop/pods": [
        pod("cart", "Running"), pod("cart", "Running"), pod("cart", "Pending"),
        pod("order-worker", "Running", deletionTimestamp="now")],
    "/apis/keda.sh/v1alpha1/namespaces/shop/scaledobjects": [
        {"metadata": {"name": "shop-order"}, "status": {
            "externalMetricNames": ["s0-kafka-order", "s1-cron-due"]}}],
    "/apis/external.metrics.k8s.io/v1beta1/namespaces/shop/s0-kafka-order": [
        {"value": "12"}, {"value": "500m"}]}

class Api(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        items = ANSWERS.get(self.path.split("?")[0])
        self.send_response(404 if items is None else 200)
        self.end_headers()
        self.wfile.write(json.dumps({"items": items}).encode())

server = http.server.HTTPServer(("127.0.0.1", 0), Api)
print(f"Starting to serve on 127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
EOF
    chmod +x "$out/bin/kubectl"
    PATH=$out/bin:$PATH "$top/loadtest/sampler.py" "$out/cluster.csv" \
        --namespace shop 2>"$out/sampler.log" &
    local sampler=$!
    # The first row is there when its file is longer than the head.
    for _ in $(seq 100); do
        [ "$(cat "$out/cluster.csv" 2>/dev/null | wc -l)" -lt 4 ] || break
        sleep 0.1
    done
    kill $sampler
    wait $sampler || return 1
    cut -d, -f2- "$out/cluster.csv" | sort -u | diff - <(
        printf '%s\n' cart,pods,2 name,kind,value order-worker,pods,0 \
            shop-order,lag,12.5)
}

stock() {
    printf 'Authorization: Bearer %s\n' "$(cat "$ADMIN_TOKEN_FILE")" |
        curl -fsS -H @- -H 'Content-Type: application/json' -o /dev/null -d "{
            \"delta\":5,\"reason\":\"received\",\"reference\":\"load-$$\"}" \
            "$BODEGA_URL/api/admin/stock/SNK-001/adjust"
}

functions=$(cd "$SHOP/env" && grep -l '^PORT=' -- * | grep -v '[.]')
fact 'stock for the sale' stock
for scenario in browse cart checkout flash_sale; do
    series=$functions
    [ $scenario != flash_sale ] || series="$series SNK-001"
    fact "$scenario runs" env RATE=1 "$top/loadtest/run.sh" k6 $scenario
    page=$(ls "$out"/*-k6-"$scenario".html)
    fact "$scenario: series" draws "$page" answered p50 p95 p99 failed $series
    fact "$scenario: needs nothing else" alone "$page"
done
fact 'lag is drawn' grep -q 'data-series="order".*data-series="order"' \
    <(tr -d '\n' <"$page")
fact 'all there is' judges 100 100 0 'Not oversold'
fact 'one too many' judges 101 100 0 OVERSOLD
fact 'stock below nothing' judges 100 100 -1 OVERSOLD
fact 'a unit that nobody bought' judges 99 100 0 'stock and sales differ'
fact 'a sale that stock does not know' judges 100 100 1 'stock and sales differ'
fact 'nothing to sell' judges 1 0 0 'sold out before it began'
fact 'a cluster is sampled' samples_cluster
for address in http://shop.example http://10.0.0.1 http://127.0.0.1.example \
    http://127.0.0.1@shop.example; do
    fact "run.sh refuses $address" refuses \
        env BASE_URL=$address "$top/loadtest/run.sh" k6 browse
    fact "k6 refuses $address" refuses env BASE_URL=$address \
        "${XDG_CACHE_HOME:-$HOME/.cache}/bodega/bin/k6" run --quiet \
        --no-usage-report "$top/loadtest/k6/shop.js"
done
echo "$passed passed, $failed failed"
[ $failed = 0 ]
