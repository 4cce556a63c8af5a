#!/bin/bash
# migrate.sh FUNCTIONS_DIR SECRETS_DIR - bring the database `bodega` to what
# the functions' schema.sql files say. Safe to repeat and to run twice at once.
#
# Connects with libpq's own variables (PGHOST, PGPORT, PGUSER, PGPASSFILE or
# PGPASSWORD) as a role that may create roles and databases. The password of
# role bodega_<fn> is read from SECRETS_DIR/<fn>/pg_password (letters and
# digits) and goes through a pipe, never through arguments. Schema = function
# name. Tables belong to bodega_owner; a function's role may read and write
# its own rows and nothing else.
set -euo pipefail
dir=$1 secrets=$2
export PGOPTIONS='-c client_min_messages=warning'
sql() { psql -X -q -v ON_ERROR_STOP=1 "$@"; }

with_schema() {
    local file
    for file in "$dir"/*/schema.sql; do
        [ ! -f "$file" ] || basename "$(dirname "$file")"
    done
}

roles() {
    local fn password
    cat <<'EOF'
SELECT format('CREATE ROLE %I NOLOGIN', r)
  FROM unnest(ARRAY['bodega_owner', 'bodega_fn']) r
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = r) \gexec
GRANT bodega_owner TO CURRENT_USER;
ALTER DATABASE bodega OWNER TO bodega_owner;
REVOKE ALL ON DATABASE bodega FROM PUBLIC;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT CONNECT ON DATABASE bodega TO bodega_fn;
EOF
    for fn in "$@"; do
        password=$(cat "$secrets/$fn/pg_password")
        [[ $password =~ ^[A-Za-z0-9]{16,}$ ]] ||
            die "$fn: pg_password is not 16 or more letters and digits"
        cat <<EOF
SELECT 'CREATE ROLE bodega_$fn'
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'bodega_$fn') \\gexec
ALTER ROLE bodega_$fn LOGIN PASSWORD '$password';
GRANT bodega_fn TO bodega_$fn;
CREATE SCHEMA IF NOT EXISTS "$fn" AUTHORIZATION bodega_owner;
EOF
    done
}

tables() {
    local fn
    for fn in "$@"; do
        cat <<EOF
\\echo schema $fn
BEGIN;
SET LOCAL ROLE bodega_owner;
SET LOCAL search_path = "$fn";
\\i '$dir/$fn/schema.sql'
COMMIT;
EOF
    done
}

grants() {
    local fn
    for fn in "$@"; do
        cat <<EOF
GRANT USAGE ON SCHEMA "$fn" TO bodega_$fn;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA "$fn" TO bodega_$fn;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA "$fn" TO bodega_$fn;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA "$fn" TO bodega_$fn;
EOF
    done
    # Every function may say something; only relay reads it.
    cat <<'EOF'
SELECT s FROM unnest(ARRAY[
    'GRANT USAGE ON SCHEMA relay TO bodega_fn',
    'GRANT INSERT ON relay.outbox TO bodega_fn',
    'GRANT USAGE ON ALL SEQUENCES IN SCHEMA relay TO bodega_fn']) s
 WHERE to_regclass('relay.outbox') IS NOT NULL \gexec
EOF
}

die() {
    printf 'migrate: %s\n' "$*" >&2
    exit 1
}

mapfile -t fns < <(with_schema)
for fn in "${fns[@]}"; do
    [[ $fn =~ ^[a-z][a-z0-9]{0,30}$ ]] || die "no name for a schema: $fn"
    [ -r "$secrets/$fn/pg_password" ] || die "no $secrets/$fn/pg_password"
done

exists="SELECT count(*) FROM pg_database WHERE datname = 'bodega'"
if [ "$(sql -At -d postgres <<<"$exists")" = 0 ]; then
    # Two first deployments at once: one of them loses here, and goes on.
    sql -d postgres <<<"CREATE DATABASE bodega" ||
        [ "$(sql -At -d postgres <<<"$exists")" = 1 ]
fi
{
    echo "SELECT pg_advisory_lock(hashtext('bodega migration')) \\g /dev/null"
    roles "${fns[@]}"
    tables "${fns[@]}"
    grants "${fns[@]}"
} | sql -d bodega
