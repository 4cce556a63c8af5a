#!/bin/bash
# images.sh [check] [FN...] - build the images (all, or those named) as
# $REGISTRY/bodega-<fn>:<version>, and say how large each is and what fills it.
# With `check`: build them a second time without any cache and compare.
# Beside each image, build/images/<fn>.spdx.json is its bill of materials.
#
# REGISTRY (dev.local), DOCKER (docker). BASE: the Debian to build from.
set -euo pipefail
shopt -s inherit_errexit
top=$(cd "$(dirname "$0")/.." && pwd)
cd "$top"
registry=${REGISTRY:-dev.local}
docker=${DOCKER:-docker}
version=$(sed -n 's/^appVersion: *"\(.*\)"$/\1/p' charts/bodega/Chart.yaml)
revision=$(git rev-parse HEAD)
epoch=$(git log -1 --format=%ct)
out=build/images
check=
[ "${1:-}" != check ] || { check=yes; shift; }

# As the Makefile finds functions: functions/x/x.c.
functions() {
    local file
    for file in functions/*/*.c; do
        [ "$(basename "$file" .c)" != "$(basename "$(dirname "$file")")" ] ||
            basename "$file" .c
    done
}

# The id of what the recipe makes. Docker's own words only when it fails.
recipe() {
    "$docker" build -q ${BASE:+--build-arg BASE="$BASE"} "$@" . \
        2>"$out/build.log" || {
        cat "$out/build.log" >&2
        return 1
    }
}

# Image $1, under the name $2.
build() {
    local id
    id=$(recipe --build-arg FN="$1" --build-arg VERSION="$version" \
        --build-arg REVISION="$revision" --build-arg SOURCE_DATE_EPOCH="$epoch")
    "$docker" save "$id" | python3 k8s/images-same.py "$2" "$epoch" |
        "$docker" load -q >/dev/null
    "$docker" image inspect -f '{{.Id}}' "$2"
}

# The files of image $1, as a tar.
files() {
    local container
    container=$("$docker" create "$1")
    "$docker" export "$container"
    "$docker" rm "$container" >/dev/null
}

# Size, digest and what fills it; keep the bill of materials.
report() {
    local fn=$1 name=$2 id=$3
    files "$name" | python3 k8s/images-report.py "$fn" "$id" \
        "$out/$fn.spdx.json"
}

mkdir -p "$out"
[ $# -gt 0 ] || mapfile -t all < <(functions; printf '%s\n' gateway migrate simulator)
[ $# -eq 0 ] || all=("$@")
declare -A first
for fn in "${all[@]}"; do
    name=$registry/bodega-$fn:$version
    first[$fn]=$(build "$fn" "$name")
    report "$fn" "$name" "${first[$fn]}"
done
[ -n "$check" ] || exit 0

recipe --no-cache --target build >/dev/null
failed=0
for fn in "${all[@]}"; do
    second=$(build "$fn" "$registry/bodega-$fn:$version")
    if [ "${first[$fn]}" = "$second" ]; then
        echo "$fn: the second build is the same, $second"
    else
        echo "$fn: two builds differ: ${first[$fn]} and $second" >&2
        failed=1
    fi
done
exit $failed
