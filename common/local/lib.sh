# lib.sh - what the local runner's scripts share: paths, ports, secrets,
# starting and stopping a supervised process, waiting with a named reason.
# Sourced by bash; needs `top` (the repository) to be set.

RUN=${BODEGA_RUN:-/var/tmp/bodega-$(id -u)}
BUS=${BUS:-nats}
FLAVOUR=${FLAVOUR:-release}
OUT=${OUT:-build/$FLAVOUR}
case $OUT in /*) BIN=$OUT/bin ;; *) BIN=$top/$OUT/bin ;; esac
LOCAL=$top/common/local

PORT_GATEWAY=${PORT_GATEWAY:-8080}
PORT_FUNCTIONS=${PORT_FUNCTIONS:-7100} # the first function is one above
PORT_SIM=${PORT_SIM:-7201}
PORT_PG=${PORT_PG:-7301}
PORT_REDIS=${PORT_REDIS:-7302}
PORT_NATS=${PORT_NATS:-7303}
PORT_NATS_MONITOR=${PORT_NATS_MONITOR:-7304}
PORT_KAFKA=${PORT_KAFKA:-7310} # and the one above for its controller
PORT_SMTP=${PORT_SMTP:-7306}
PORT_INBOX=${PORT_INBOX:-7307}
PUBLIC_URL=${PUBLIC_URL:-http://127.0.0.1:$PORT_GATEWAY}
GATEWAY_URL=http://127.0.0.1:$PORT_GATEWAY

# As root, nothing that listens runs as root.
if [ "$(id -u)" = 0 ]; then
    RUN_USER=www-data
    AS_USER=(setpriv --reuid=$RUN_USER --regid=$RUN_USER --clear-groups)
else
    RUN_USER=$(id -un)
    AS_USER=()
fi
as_user() { "${AS_USER[@]}" "$@"; }

say() { printf '%s\n' "$*"; }
die() {
    printf 'bodega: %s\n' "$*" >&2
    exit 1
}

# Directory owned by the user everything runs as. $1 path, $2 mode.
own_dir() {
    mkdir -p "$1"
    chmod "$2" "$1"
    [ "$(id -u)" != 0 ] || chown $RUN_USER: "$1"
}

# Standard input to file $1 (mode $2) in one step, owned by RUN_USER. A file
# that is as wanted already is left alone; returns 0 when it changed.
put() {
    local new=$1.new
    (umask 077 && cat >"$new")
    chmod "$2" "$new"
    [ "$(id -u)" != 0 ] || chown $RUN_USER: "$new"
    if [ -f "$1" ] && cmp -s "$new" "$1"; then
        rm -f "$new"
        return 1
    fi
    mv -f "$new" "$1"
}

# Path of secret $1, made up at random (256 bits) the first time.
secret() {
    local file=$RUN/secrets/$1
    if [ ! -f "$file" ]; then
        head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n' |
            put "$file" 0400 || true
    fi
    printf '%s' "$file"
}

functions() { (cd "$BIN" 2>/dev/null && ls) | sort; }

# Port of function $1: alphabetical, from PORT_FUNCTIONS + 1.
fn_port() {
    local i=$PORT_FUNCTIONS fn
    for fn in $(functions); do
        i=$((i + 1))
        [ "$fn" != "$1" ] || { printf %s "$i"; return; }
    done
    die "no function called $1"
}

pid_of() { cat "$RUN/pids/$1.pid" 2>/dev/null; }
# A zombie is gone: in a container nobody may be there to reap it.
alive() {
    local stat
    [ -n "$1" ] && { read -r stat <"/proc/$1/stat"; } 2>/dev/null &&
        [[ $stat != *') Z '* ]]
}
supervised() { alive "$(cat "$RUN/pids/$1.loop" 2>/dev/null)"; }

# start NAME [-r] COMMAND...: run it under supervise.sh with the environment of
# $RUN/env/NAME. One that runs already is started again only when what it is
# made of ($RUN/env/NAME, its command, the stamp in $STAMP) changed. -r keeps
# the caller's user (test tools that live in the tree).
start() {
    local name=$1 as=as_user stamp
    shift
    [ "$1" != -r ] || { as=''; shift; }
    touch "$RUN/env/$name" "$RUN/log/$name.log"
    [ -z "$as" ] || [ "$(id -u)" != 0 ] || chown $RUN_USER: "$RUN/log/$name.log"
    stamp=$(printf '%s\n' "$*" "${STAMP:-}" | cat - "$RUN/env/$name" | sha256sum)
    if supervised "$name"; then
        [ "$stamp" != "$(cat "$RUN/env/$name.stamp" 2>/dev/null)" ] || return 0
        stop "$name"
    fi
    printf '%s\n' "$stamp" >"$RUN/env/$name.stamp"
    printf '%q ' "${as:-env}" "$@" >"$RUN/env/$name.start"
    launch "$name"
}

# What `start` noted for NAME. Nothing of the caller is passed on: environment,
# terminal, descriptors (make's job server, the pipe of `make up | tee`).
launch() {
    local -a words as=()
    eval "words=($(cat "$RUN/env/$1.start"))"
    # The command itself, not the function: no shell of ours stays to wait.
    [ "${words[0]}" != as_user ] || as=("${AS_USER[@]}")
    env -i PATH="$PATH" HOME="$RUN" LANG=C.UTF-8 "${as[@]}" \
        setsid sh "$RUN/bin/supervise.sh" "$RUN" "$1" "${words[@]:1}" \
        </dev/null >>"$RUN/log/$1.log" 2>&1 3>&- 4>&- 5>&- 9>&- &
    disown
}

# Stop NAME: TERM, time to drain, then KILL.
stop() {
    local loop child i
    loop=$(cat "$RUN/pids/$1.loop" 2>/dev/null) || return 0
    child=$(pid_of "$1")
    if alive "$loop"; then
        kill -TERM "$loop" 2>/dev/null
        for i in $(seq 150); do
            alive "$loop" || break
            sleep 0.1
        done
        kill -KILL "$loop" 2>/dev/null
    fi
    ! alive "$child" || kill -KILL -- "-$child" 2>/dev/null
    rm -f "$RUN/pids/$1.loop" "$RUN/pids/$1.pid"
}

# wait_for NAME WHAT SECONDS COMMAND...: until the command succeeds; on time
# out the end of NAME's log says why.
wait_for() {
    local name=$1 what=$2 left=$(($3 * 20))
    shift 3
    until "$@" >/dev/null 2>&1; do
        left=$((left - 1))
        if [ $left -le 0 ]; then
            printf 'bodega: %s: waited in vain for: %s\n' "$name" "$what" >&2
            tail -n 20 "$RUN/log/$name.log" >&2
            exit 1
        fi
        sleep 0.05
    done
}

# True when something listens on 127.0.0.1:$1.
listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
http_ok() { curl -fsS -m 2 -o /dev/null "$1"; }
