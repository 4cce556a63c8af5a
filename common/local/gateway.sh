# gateway.sh - nginx in front, from functions/gateway's templates. Sourced.

# The templates' ${NAME}s, for a shop of local processes.
gateway_settings() {
    local fn
    cat <<EOF
RUN_DIR=$RUN/gateway
CONF_DIR=$RUN/gateway/conf
SITE_DIR=$RUN/gateway/site
LISTEN=127.0.0.1:$PORT_GATEWAY
TRUSTED_PROXY=unix:
RATE_PER_IP=${RATE_PER_IP:-20000r/s}
EOF
    for fn in $(functions); do
        echo "HOST_${fn^^}=127.0.0.1:$(fn_port "$fn")"
    done
}

start_gateway() {
    local gateway=$top/functions/gateway g=$RUN/gateway
    own_dir "$g" 0755
    own_dir "$g/cache" 0700
    gateway_settings | python3 "$LOCAL/render.py" "$gateway" "$g/conf" ||
        die "the gateway's configuration could not be written"
    cp "$gateway"/*.json "$gateway/openapi.yaml" "$g/conf/"
    rm -rf "$g/site.new"
    mkdir "$g/site.new"
    [ ! -d "$top/functions/storefront/site" ] ||
        cp -a "$top/functions/storefront/site/." "$g/site.new/"
    chmod -R a+rX "$g/conf" "$g/site.new"
    rm -rf "$g/site"
    mv "$g/site.new" "$g/site"
    STAMP=$(cat "$g/conf"/* | sha256sum) start gateway nginx \
        -c "$g/conf/nginx.conf" -p "$g" -e stderr
    wait_for gateway "answers on port $PORT_GATEWAY" 20 \
        http_ok "$GATEWAY_URL/healthz"
}
