# Buy the first product there is. With the simulator it is paid and the order
# must come to "confirmed"; with a real payment gateway the test ends where a
# person would pay, and cancels the order.
set -eu
say() { printf '%s\n' "$*"; }
# METHOD URL [curl arguments]: the body of a success, after some patience: the
# functions may be asleep.
ask() {
    method=$1 url=$2
    shift 2
    curl --fail-with-body -sS -m 60 --retry 10 --retry-delay 2 \
        --retry-connrefused -X "$method" -H 'Content-Type: application/json' \
        "$@" "$url"
}
# The first string called $1 in a JSON text, by the shell alone: there is
# little else in the image.
field() {
    text=$(cat)
    case $text in
    *'"'"$1"'":"'*)
        text=${text#*'"'"$1"'":"'}
        printf '%s\n' "${text%%'"'*}"
        ;;
    esac
}
order() { ask GET "$SHOP/api/orders/$order" -H "$token"; }

sku=$(ask GET "$SHOP/api/catalog/products" | field sku)
[ -n "$sku" ] || { say "the catalog is empty: nothing to buy"; exit 1; }
cart=$(ask POST "$SHOP/api/carts" | field id)
say "product $sku into cart $cart"
ask PUT "$SHOP/api/carts/$cart/items/$sku" -d '{"quantity":1}' >/dev/null
key=$(cat /proc/sys/kernel/random/uuid)
answer=$(ask POST "$SHOP/api/checkout" -H "Idempotency-Key: $key" -d '{
    "cart_id":"'"$cart"'","email":"test@bodega.example",
    "name":"Helm Test","address":"1 Test Street\nLondon"}')
order=$(printf '%s' "$answer" | field id)
token="Authorization: Bearer $(printf '%s' "$answer" | field order_token)"
page=$(printf '%s' "$answer" | field payment_url)
[ -n "$order" ] || { say "no order: $answer"; exit 1; }
say "order $order"
tries=0
while [ -z "$page" ]; do
    page=$(order | field payment_url)
    tries=$((tries + 1))
    [ $tries -lt 60 ] || { say "no payment page after $tries looks"; exit 1; }
    sleep 2
done
if [ -z "$SIMULATOR" ]; then
    say "payment page $page"
    ask POST "$SHOP/api/orders/$order/cancel" -H "$token" >/dev/null
    say "cancelled: nobody pays in a test"
    exit 0
fi
ask POST "$SIMULATOR/c/pay/${page##*/}/pay" -H 'Accept: application/json' \
    >/dev/null
say "paid"
tries=0
until [ "$(order | field status)" = confirmed ]; do
    tries=$((tries + 1))
    [ $tries -lt 90 ] || { say "still $(order | field status)"; exit 1; }
    sleep 2
done
say "confirmed: bought one $sku"
