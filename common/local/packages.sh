#!/bin/sh
# packages.sh KIND... - install what packages.txt lists for these kinds and is
# missing. Services that come with the packages are not started: the shop runs
# its own, on its own ports.
set -eu
list=$(dirname "$0")/packages.txt
missing=''
for kind in "$@"; do
    for package in $(sed -n "s/^$kind //p" "$list"); do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null |
            grep -q '^install ok installed' || missing="$missing $package"
    done
done
[ -n "$missing" ] || exit 0

echo "installing:$missing"
sudo=''
[ "$(id -u)" = 0 ] || sudo=sudo
# invoke-rc.d asks this script; 101 means "do not start".
policy=/usr/sbin/policy-rc.d
mine=''
if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' | $sudo tee $policy >/dev/null
    $sudo chmod 755 $policy
    mine=1
fi
leave() { [ -z "$mine" ] || $sudo rm -f $policy; }
trap leave EXIT
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
install() {
    # shellcheck disable=SC2086
    $sudo apt-get install -y -q --no-install-recommends $missing >"$log" 2>&1
}
if ! install; then
    $sudo apt-get update -q >"$log" 2>&1 || true
    install || { tail -n 20 "$log" >&2; exit 1; }
fi
rm -f "$log"
