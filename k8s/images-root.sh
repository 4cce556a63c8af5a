#!/bin/bash
# images-root.sh FN VERSION EPOCH DIR - the whole root of image FN, into DIR.
# Runs in the Dockerfile, where Debian's packages are installed and the
# functions compiled (/out/bin). What is not asked for by name below, or by
# ldd(1), does not get in.
set -euo pipefail
export LC_ALL=C
fn=$1 version=$2 epoch=$3 root=$4
here=$(cd "$(dirname "$0")" && pwd)
lib=$(dirname "$(ldconfig -p | sed -n 's/.*libc\.so\.6 .*=> //p' | head -n 1)")
lib=$(readlink -f "$lib")

# Libraries that Debian's libpq and libcurl are linked with and that no function
# asks for: Kerberos, LDAP, HTTP/2, IDN, RTMP, SSH, cookies' public suffixes,
# compression. Each becomes a file with the same symbols that say no
# (common/doc/0005). librdkafka does compress.
refused=
never='libgssapi_krb5 libldap- liblber- libnghttp2 libidn2 librtmp libssh2
       libpsl libbrotlidec'
without_kafka='libz. libzstd'
answers() {
    case $1 in
    libssh2_init) echo 'return 0;' ;; # libcurl gives up without it
    gss_* | idn2_*) echo 'return -1;' ;;
    *) echo '__builtin_trap();' ;;
    esac
}

refuses() {
    local r
    for r in $refused; do
        [[ $1 != "$r"* ]] || return 0
    done
    return 1
}

# put FILE...: it, what its links lead to, and the libraries it is linked with.
put() {
    local file
    for file; do
        [ ! -e "$root$file" ] && [ ! -L "$root$file" ] || continue
        mkdir -p "$root$(dirname "$file")"
        if [ -L "$file" ]; then
            cp -P "$file" "$root$file"
            put "$(readlink -m "$(dirname "$file")/$(readlink "$file")")"
            continue
        fi
        cp "$file" "$root$file"
        dpkg -S "$(owner_path "$file")" 2>/dev/null | sed 's/: .*//' \
            >>"$work/packages" || true
        [[ $file != */bin/* && $file != */sbin/* ]] || interpreter "$file"
        libraries "$file"
    done
}

# dpkg knows /usr/lib/... of today as /lib/... of before.
owner_path() {
    dpkg -S "$1" >/dev/null 2>&1 && echo "$1" || echo "${1#/usr}"
}

needed() { readelf -d "$1" 2>/dev/null | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'; }

libraries() {
    local name
    for name in $(needed "$1"); do
        case $name in
        ld-linux*) ;; # the program's own, see interpreter
        *)
            if refuses "$name"; then
                echo "$name" >>"$work/refused"
            else
                put_library "$name"
            fi
            ;;
        esac
    done
}

# A program comes with the linker that it names.
interpreter() {
    local file
    file=$(readelf -lW "$1" | sed -n 's/.*program interpreter: \(.*\)\]/\1/p')
    [ ! -e "$root$file" ] || return 0
    mkdir -p "$root$(dirname "$file")"
    cp "$file" "$root$file"
    echo libc6 >>"$work/packages"
}

# Under the name it is asked for, as a file and not a link to one.
put_library() {
    local file
    file=$(readlink -f "$lib/$1")
    [ -f "$file" ] || { echo "no library $1" >&2; exit 1; }
    [ ! -e "$root$lib/$1" ] || return 0
    mkdir -p "$root$lib"
    cp "$file" "$root$lib/$1"
    dpkg -S "$(owner_path "$file")" | sed 's/: .*//' >>"$work/packages"
    libraries "$file"
}

# name@VERSION of what the files of the image miss.
missing() {
    find "$root" -name '*.so*' -type f -exec readelf -W --dyn-syms {} + |
        awk '$7 == "UND" { print $8 }' | sort -u
}

# The stand-in for library $1, with what of it is missing in the image.
refuse() {
    local file=$work/$1
    readelf -W --dyn-syms "$(readlink -f "$lib/$1")" |
        awk '$7 != "UND" && $8 != "" { sub("@@", "@", $8); print $8, $4 }' |
        sort -u | join - "$work/missing" >"$file.symbols"
    local symbol kind name version
    while read -r symbol kind; do
        name=${symbol%@*}
        if [ "$kind" = OBJECT ]; then
            echo "void *$name;"
        else
            echo "int $name(void); int $name(void) { $(answers "$name") }"
        fi
    done <"$file.symbols" >"$file.c"
    for version in $(sed -n 's/^[^ ]*@\([^ ]*\) .*/\1/p' "$file.symbols" |
        sort -u); do
        echo "$version {"
        sed -n "s/^\([^ ]*\)@$version .*/\1;/p" "$file.symbols"
        echo "};"
    done >"$file.map"
    [ -s "$file.map" ] || echo '{ global: *; };' >"$file.map"
    gcc -O1 -fPIC -shared -nostdlib -s -Wl,-z,noseparate-code,-z,noexecstack \
        -Wl,--build-id=none -Wl,-soname,"$1" -Wl,--version-script="$file.map" \
        -o "$root$lib/$1" "$file.c"
}

# ---- what is in which image ---------------------------------------------------
people() {
    mkdir -p "$root/etc" "$root/tmp"
    chmod 1777 "$root/tmp"
    echo 'bodega:x:10001:10001::/:/nonexistent' >"$root/etc/passwd"
    echo 'bodega:x:10001:' >"$root/etc/group"
    echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
}

authorities() {
    put /etc/ssl/certs/ca-certificates.crt
    echo ca-certificates >>"$work/packages"
}

uses() {
    "/out/bin/$fn" --describe | python3 -c '
import json, sys
sys.exit(sys.argv[1] not in json.load(sys.stdin)["uses"])' "$1"
}

# The libraries that common/io opens on first use.
function_root() {
    refused=$never
    uses bus || refused="$never $without_kafka"
    strip -o "$root/bodega" "/out/bin/$fn"
    interpreter "$root/bodega"
    libraries "$root/bodega"
    printf '%s\n' libuv1-dev libhiredis-dev libsodium-dev >>"$work/packages"
    put_library libcurl.so.4
    authorities
    ! uses postgres || put_library libpq.so.5
    ! uses bus || { put_library libnats.so.3.4; put_library librdkafka.so.1; }
}

gateway_root() {
    put /usr/sbin/nginx /etc/nginx/mime.types
    mkdir -p "$root/srv" "$root/var/log/nginx" "$root/var/lib/nginx"
    cp -r functions/storefront/site "$root/srv/site"
    # Where it looks without being told otherwise.
    ln -s /etc/bodega/gateway/nginx.conf "$root/etc/nginx/nginx.conf"
    ln -s /dev/stderr "$root/var/log/nginx/error.log"
    ln -s usr/sbin/nginx "$root/bodega"
}

# Shell scripts with psql and curl: the one image with a shell, for Jobs.
migrate_root() {
    local file psql
    psql=$(ls /usr/lib/postgresql/*/bin/psql | sort -V | tail -n 1)
    put /usr/bin/{bash,sh,basename,cat,dirname,env,mkdir,sed,sleep,curl}
    put "$psql" "$(dirname "$psql")/pg_isready"
    ln -s "$psql" "$root/usr/bin/psql"
    ln -s "$(dirname "$psql")/pg_isready" "$root/usr/bin/pg_isready"
    authorities
    ln -s usr/bin "$root/bin"
    mkdir -p "$root/opt/bodega"
    cp common/local/migrate.sh "$root/opt/bodega/"
    for file in functions/*/schema.sql; do
        mkdir -p "$root/opt/bodega/$(dirname "$file")"
        cp "$file" "$root/opt/bodega/$file"
    done
    ln -s opt/bodega/migrate.sh "$root/bodega"
}

# Python and its library, without what is for people at a terminal.
simulator_root() {
    local file python packages
    python=$(basename "$(readlink -f /usr/bin/python3)")
    packages="lib$python-stdlib lib$python-minimal"
    echo "$packages" >>"$work/packages"
    put /usr/bin/python3
    # shellcheck disable=SC2086 # two words
    dpkg -L $packages | grep "^/usr/lib/$python/.*\." |
        grep -Ev '/(ensurepip|idlelib|lib2to3|pydoc_data|turtledemo)/' |
        while read -r file; do
            [ ! -f "$file" ] || [ -L "$file" ] || echo "$file"
        done >"$work/files"
    # the mail server and what it stands on
    for file in python3-aiosmtpd python3-attr python3-public \
        python3-typing-extensions; do
        dpkg -s "$file" >/dev/null 2>&1 || continue
        echo "$file" >>"$work/packages"
        dpkg -L "$file" | grep '/dist-packages/.*\.py$' |
            grep -Ev '/(tests|testing|qa)/' >>"$work/files"
    done
    xargs cp --parents -t "$root" <"$work/files"
    for file in $(grep '\.so$' "$work/files"); do
        libraries "$file"
    done
    mkdir -p "$root/opt/bodega"
    cp -r tests/gateway_sim "$root/opt/bodega/gateway_sim"
    cp tests/harness/smtp_sink.py "$root/opt/bodega/"
    ln -s usr/bin/python3 "$root/bodega"
}

work=$(mktemp -d)
rm -rf "$root"
mkdir -p "$root"
: >"$work/refused"
: >"$work/packages"
people
case $fn in
gateway | migrate | simulator) "${fn}_root" ;;
*)
    [ -x "/out/bin/$fn" ] || {
        echo "FN='$fn' is no function, nor gateway, migrate, simulator" >&2
        exit 1
    }
    function_root
    ;;
esac
missing >"$work/missing"
for name in $(sort -u "$work/refused"); do
    refuse "$name"
done
python3 "$here/images-sbom.py" "$fn" "$version" "$epoch" "$root" \
    "$work/packages" >"$work/sbom"
mv "$work/sbom" "$root/sbom.spdx.json"
chmod -R u=rwX,go=rX "$root"
chmod 1777 "$root/tmp"
find "$root" -exec touch -h -d "@$epoch" {} +
