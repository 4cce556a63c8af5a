#!/bin/bash
# run.sh [k6|locust] [SCENARIO] - load on a shop of your own, and a page about
# it: build/load/<time>.html. SCENARIO is browse, cart, checkout or flash_sale.
#
#   BASE_URL    the shop; without it the one that `make up` runs
#   NAMESPACE   it is in a cluster: pods and lag are asked of $KUBECONFIG
#   ADMIN_TOKEN_FILE  for flash_sale: shows the stock, and that none was sold
#               twice
#   LOAD_OUT    where the page goes (build/load)
# How much load: RATE, STEP, DURATION, BUYERS, SALE_SKU ... in k6/shop.js, USERS
# in locust/locustfile.py. Other machines than this: I_OWN_THIS_HOST=yes.
# Exits 0; 1 when report.py finds the sale wrong; else what k6 or Locust
# ended with (k6: 99 when a threshold was crossed).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=$(dirname "$here")
cache=${XDG_CACHE_HOME:-$HOME/.cache}/bodega
tool=${1:-k6}
export SCENARIO=${2:-browse}
K6_VERSION=v1.8.1

die() {
    printf 'load: %s\n' "$*" >&2
    exit 2
}

need_k6() {
    [ ! -x "$cache/bin/k6" ] || return 0
    . "$top/tests/go.sh"
    need_go || die "go is needed to build k6"
    echo "building k6 $K6_VERSION, once; takes minutes" >&2
    mkdir -p "$cache/bin"
    GOBIN=$cache/bin nice go install "go.k6.io/k6@$K6_VERSION"
}

need_locust() {
    local wanted=$here/locust/requirements.txt venv=$cache/venv
    [ -x "$venv/bin/python" ] || python3 -m venv "$venv"
    cmp -s "$wanted" "$venv/.installed-locust" && return 0
    "$venv/bin/pip" install -q -r "$wanted"
    cp "$wanted" "$venv/.installed-locust"
}

# The shop of `make up` says where it is; what the caller says comes first.
find_shop() {
    local run=${BODEGA_RUN:-/var/tmp/bodega-$(id -u)}
    where=(--run "$run")
    if [ -n "${NAMESPACE:-}" ]; then
        where=(--namespace "$NAMESPACE")
        [ -n "${BASE_URL:-}" ] || die "BASE_URL is needed with NAMESPACE"
    elif [ -f "$run/shop.env" ]; then
        BASE_URL=${BASE_URL:-$(sed -n 's/^BODEGA_URL=//p' "$run/shop.env")}
        ADMIN_TOKEN_FILE=${ADMIN_TOKEN_FILE:-$run/secrets/admin_token}
    else
        die "no shop runs in $run: make up, or set BASE_URL and NAMESPACE"
    fi
    export BASE_URL ADMIN_TOKEN_FILE=${ADMIN_TOKEN_FILE:-}
    PYTHONPATH=$here python3 -c 'import sys, target
target.must_be_ours(sys.argv[1])' "$BASE_URL"
}

run_k6() {
    K6_CSV_TIME_FORMAT=unix_milli "$cache/bin/k6" run --quiet \
        --no-usage-report --out "csv=$out.requests.csv" "$here/k6/shop.js" \
        >"$out.log" 2>&1
}

run_locust() {
    ROWS=$out.requests.csv "$cache/venv/bin/locust" --headless --only-summary \
        --stop-timeout 40 -f "$here/locust/locustfile.py" >"$out.log" 2>&1
}

case $tool in k6 | locust) ;; *) die "no tool called $tool" ;; esac
case $SCENARIO in
browse | cart | checkout) ;;
flash_sale) export SALE_SKU=${SALE_SKU:-SNK-001} ;;
*) die "no scenario called $SCENARIO" ;;
esac
find_shop
"need_$tool"
folder=${LOAD_OUT:-$top/build/load}
mkdir -p "$folder"
out=$folder/$(date +%Y-%m-%dT%H-%M-%S)-$tool-$SCENARIO

sale=()
if [ "$SCENARIO" = flash_sale ] && [ -r "$ADMIN_TOKEN_FILE" ]; then
    sale=(--stock "$SALE_SKU")
fi
: >"$out.samples.csv"
python3 "$here/sampler.py" "$out.samples.csv" "${where[@]}" \
    "${sale[@]}" 2>"$out.sampler.log" &
sampler=$!
trap 'kill $sampler 2>/dev/null || true' EXIT
# A first sample from before the first visitor.
for _ in $(seq 100); do
    [ "$(wc -l <"$out.samples.csv")" -lt 2 ] || break
    kill -0 $sampler 2>/dev/null || die "sampler: $(cat "$out.sampler.log")"
    sleep 0.1
done

status=0
"run_$tool" || status=$?
kill $sampler
wait $sampler || true
[ -s "$out.requests.csv" ] || {
    tail -n 20 "$out.log" >&2
    exit "$((status ? status : 1))"
}
python3 "$here/report.py" --requests "$out.requests.csv" \
    --samples "$out.samples.csv" --out "$out.html" \
    --title "Bodega under load: ${SCENARIO/_/ }" \
    --about "$tool on $BASE_URL, $(date '+%-d %B %Y, %H:%M')" \
    ${sale:+--sale "$SALE_SKU"} || status=1
if [ $status = 99 ]; then
    echo "thresholds crossed:"
    grep '✗' "$out.log" || true
fi
echo "page: $out.html"
exit $status
