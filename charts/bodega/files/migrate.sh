# Bring the database to the functions' schemas, as soon as it answers. The
# functions' passwords are in their URLs; they never become arguments.
set -eu
umask 077
PGUSER=$(cat /etc/bodega/admin/username 2>/dev/null || echo postgres)
PGPASSWORD=$(cat /etc/bodega/admin/password)
export PGUSER PGPASSWORD PGCONNECT_TIMEOUT=5
for file in /etc/bodega/urls/database_url_*; do
    fn=${file##*_}
    mkdir -p "/tmp/secrets/$fn"
    sed -E 's#^[a-z]+://[^:]+:([^@]+)@.*$#\1#' "$file" \
        >"/tmp/secrets/$fn/pg_password"
done
until pg_isready -q -t 2; do
    echo "waiting for PostgreSQL at $PGHOST:$PGPORT"
    sleep 2
done
exec bash /opt/bodega/migrate.sh /opt/bodega/functions /tmp/secrets
