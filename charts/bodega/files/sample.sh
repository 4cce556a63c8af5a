# Fill the catalog and the shelves, once: stock with this reference is booked
# only the first time. The token goes through a pipe, not into an argument.
set -eu
import() {
    printf 'Authorization: Bearer %s\n' "$(cat /etc/bodega/token/admin_token)" |
        curl --fail-with-body -sS -m 90 --retry 20 --retry-delay 3 \
            --retry-connrefused -H @- -H 'Content-Type: text/csv' \
            --data-binary "@/etc/bodega/sample/$2" "$1"
    echo
}
import "$CATALOG_URL/api/admin/products/import" products.csv
import "$INVENTORY_URL/api/admin/stock/import?reference=sample" stock.csv
