#!/bin/bash
# chart.sh - everything about the chart that can be known without a cluster: it
# renders in every mode with Helm 3 and 4, both the same; every object has the
# form its API asks for; every pod is allowed under Pod Security "restricted";
# what chart_test.py says holds; what is wrong is refused in words. Needs
# python3; builds what else it needs once (tools.sh). Ends with
# "N passed, N failed".
set -uo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/tests/cluster/tools.sh"
chart=$top/charts/bodega
passed=0 failed=0
chart_tools || { echo "0 passed, 1 failed"; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# $1 what, rest: a command that says nothing when all is well.
check() {
    local what=$1
    shift
    if "$@" >"$work/log" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $what"
        tail -n 20 "$work/log"
    fi
}

# The last line "N passed, N failed" of a check that counts by itself.
counted() {
    local what=$1 line
    shift
    "$@" >"$work/log" 2>&1
    line=$(grep -E '^[0-9]+ passed, [0-9]+ failed$' "$work/log" | tail -n 1)
    if [[ $line =~ ^([0-9]+)\ passed,\ ([0-9]+) ]]; then
        passed=$((passed + BASH_REMATCH[1]))
        failed=$((failed + BASH_REMATCH[2]))
        [ "${BASH_REMATCH[2]}" = 0 ] || tail -n 30 "$work/log"
    else
        failed=$((failed + 1))
        echo "FAILED: $what"
        tail -n 20 "$work/log"
    fi
}

render() {
    "$1" template bodega "$chart" -n shop --kube-version 1.34.0 "${@:2}"
}

# Secrets are made up anew by every rendering.
without_secrets() {
    python3 -c '
import sys, yaml
objects = [o for o in yaml.safe_load_all(sys.stdin) if o]
for o in objects:
    if o["kind"] == "Secret":
        o["data"] = sorted(o["data"])
objects.sort(key=lambda o: (o["kind"], o["metadata"]["name"]))
print(yaml.dump(objects))'
}

# $1 name, rest: values.
mode() {
    local name=$1 out=$work/modes/$1.yaml
    shift
    if ! render helm3 "$@" >"$out" 2>"$work/error"; then
        failed=$((failed + 1))
        echo "FAILED: $name does not render: $(cat "$work/error")"
        rm -f "$out"
        return
    fi
    render helm4 "$@" >"$work/four.yaml"
    check "$name is the same with Helm 3 and 4" diff \
        <(without_secrets <"$out") <(without_secrets <"$work/four.yaml")
}

outside=(
    --set postgres.mode=external,external.postgres.host=db.example
    --set external.postgres.existingSecret=db,external.postgres.maxConnections=500
    --set redis.mode=external,external.redis.host=redis.example
    --set bus.mode=external,external.nats.url=nats://nats.example:4222
    --set external.nats.monitor=nats.example:8222
    --set external.kafka.bootstrapServers=kafka.example:9092
    --set secrets.existingSecret=shop,payment.existingSecret=stripe
    --set mail.url=smtp://mail.example:587,mail.user=shop
    --set mail.existingSecret=smtp
)

modes() {
    local http bus where preset place
    mkdir "$work/modes"
    for http in knative none; do
        for bus in nats kafka; do
            for where in inside outside; do
                place=()
                [ $where = inside ] || place=("${outside[@]}")
                for preset in idle warm sale; do
                    mode "$http-$bus-$where-$preset" "${place[@]}" \
                        --set scaling.http=$http,scaling.workers=keda \
                        --set bus.kind=$bus,preset=$preset
                done
            done
        done
    done
    mode plain
    mode pairs --set scaling.http=knative,scaling.workers=keda \
        --set functions.cart.scale.min=2,functions.order.worker.min=2 \
        --set gateway.replicas.min=2,preset=warm
    mode ingress --set gateway.expose=ingress,gateway.host=shop.example \
        --set gateway.tls.enabled=true,gateway.tls.secretName=tls
    mode httproute --set gateway.expose=httproute,gateway.host=shop.example \
        --set 'gateway.parentRefs[0].name=public' --set scaling.http=knative
    mode watched --set monitoring.podMonitor=true,monitoring.dashboard=true
    mode own-disk --set postgres.storage=,nats.storage=,redis.storage=
    mode kind -f "$top/k8s/kind-values.yaml"
    mode production -f "$top/k8s/production-values.yaml"
    mode region -f "$top/k8s/region-values.yaml"
}

# Strimzi's definitions are in no registry this can ask; a cluster checks them.
forms() {
    kubeconform -strict -summary -skip Kafka,KafkaNodePool,KafkaTopic \
        -schema-location \
        "$SCHEMAS/{{ .ResourceKind }}{{ .KindSuffix }}.json" \
        "$work"/modes/*.yaml
}

# Two renderings must not share a made-up secret, or it would not be one.
fresh_secrets() {
    render helm3 -s templates/secrets.yaml >"$work/one"
    render helm3 -s templates/secrets.yaml >"$work/two"
    ! diff "$work/one" "$work/two" >/dev/null
}

# The sentence per value, and a value per sentence.
sentences() {
    python3 - "$chart" <<'PY'
import json, sys, yaml
chart = sys.argv[1]
schema = json.load(open(chart + "/values.schema.json"))
values = yaml.safe_load(open(chart + "/values.yaml"))
bad = []
def walk(path, s):
    if "$ref" in s:
        return
    if not s.get("description", "").endswith(".") and path:
        bad.append(path + " has no sentence")
    if s.get("type") == "object" and "properties" in s:
        if s.get("additionalProperties") is not False:
            bad.append(path + " takes anything")
        for name, item in s["properties"].items():
            walk(f"{path}.{name}".strip("."), item)
def known(path, v, s):
    for name, item in (v or {}).items():
        if name not in s.get("properties", {}):
            if not s.get("additionalProperties"):
                bad.append(f"{path}.{name} is not in the schema")
        elif isinstance(item, dict):
            known(f"{path}.{name}", item, s["properties"][name])
walk("", schema)
walk("function", schema["$defs"]["function"])
known("", {k: v for k, v in values.items() if k != "functions"}, schema)
for name, fn in values["functions"].items():
    known(name, fn, schema["$defs"]["function"])
sys.exit("\n".join(bad) or 0)
PY
}

# The queries that wake workers, against the schemas they are about: every
# table and column is there.
due_columns() {
    python3 - "$top" <<'PY'
import re, sys, yaml
top = sys.argv[1]
due = yaml.safe_load(open(top + "/charts/bodega/files/due.yaml"))
for fn, query in due.items():
    text = open(f"{top}/functions/{fn}/schema.sql").read()
    owner, table = re.search(r"FROM (\w+)\.(\w+)", query).groups()
    body = re.search(rf"create table if not exists {table} \((.*?)\n\);",
                     text, re.S)
    if owner != fn or not body:
        sys.exit(f"{fn}: no table {table} of its own")
    where = query.partition("WHERE")[2]
    for column in re.findall(r"\b([a-z_]+)\b(?! *\()", re.sub(
            r"'[^']*'|IS NULL|AND", "", where)):
        if not re.search(rf"^\s+{column}\s", body[1], re.M):
            sys.exit(f"{fn}: {table} has no {column}")
PY
}

scripts() {
    local file
    for file in "$chart"/files/*.sh; do sh -n "$file" || return 1; done
    bash -n "$top/k8s/kind-up.sh" "$chart/files/migrate.sh"
}

# nginx reads what the chart makes of its configuration; names of hosts that
# only a cluster knows are replaced.
gateway_starts() {
    local mode dir nginx
    nginx=$(command -v nginx || echo /usr/sbin/nginx)
    for mode in none-nats-inside-idle knative-kafka-outside-warm; do
        dir=$work/nginx
        rm -rf "$dir"
        python3 - "$work/modes/$mode.yaml" "$dir" <<'PY'
import os, re, sys, yaml
source, out = sys.argv[1:]
for o in yaml.safe_load_all(open(source)):
    if o and o["kind"] == "ConfigMap" and "nginx.conf" in o["data"]:
        os.makedirs(out + "/run")
        for name, text in o["data"].items():
            text = text.replace("/etc/bodega/gateway", out)
            text = text.replace("/run/gateway", out + "/run")
            text = text.replace("/srv/site", out)
            text = re.sub(r"[a-z-]+\.shop\.svc\.cluster\.local", "127.0.0.1",
                          text)
            open(f"{out}/{name}", "w").write(text)
PY
        "$nginx" -t -e stderr -c "$dir/nginx.conf" -p "$dir" || return 1
    done
}

check "helm 3 lint" helm3 lint "$chart" --kube-version 1.34.0 --strict
check "helm 4 lint" helm4 lint "$chart" --kube-version 1.34.0 --strict
modes
check "every object has the form its API asks for" forms
check "every pod is allowed under Pod Security restricted" \
    "$TOOLS/psa" "$work"/modes/*.yaml
counted "what holds in every mode" python3 "$top/tests/cluster/chart_test.py" \
    "$work"/modes/*.yaml
check "helm-unittest" unittest --strict "$chart"
check "secrets are made up anew" fresh_secrets
check "a sentence per value" sentences
check "due.yaml asks for columns that are there" due_columns
check "scripts are whole" scripts
check "nginx takes the gateway's configuration" gateway_starts
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
