/* cart - what a shopper means to buy: sku -> quantity, nothing else, in Redis.
 * Owns keys cart:*. Prices and names are catalog's and are joined when the cart
 * is read, so a cart can't lie about money. Putting a line in asks nobody
 * whether the product exists: an unknown one is shown as unavailable and
 * refused at checkout, and the most frequent request stays one round trip. */
#include "cart/cart_store.h"
#include "cart/cart_view.h"

static int64_t ttl_s;

struct cart_made {
    const char *id;
};
static const struct json_field cart_made_fields[] = {
    JSON_STR(struct cart_made, id, .required = true), JSON_END
};

static enum err create_cart(struct req *r)
{
    char id[ID_TOKEN_LEN + 1];

    TRY(cart_store_create(r, ttl_s, id));
    return reply_json(r, 201, cart_made_fields, &(struct cart_made){ id });
}

static enum err get_cart(struct req *r)
{
    struct cart_lines lines;
    struct cart_view view;

    TRY(cart_store_lines(r, req_param(r, "id"), ttl_s, &lines));
    TRY(cart_view_make(r, req_param(r, "id"), &lines, &view));
    return reply_json(r, 200, cart_view_fields, &view);
}

struct set_in {
    int64_t quantity;
};
static const struct json_field set_in_fields[] = {
    JSON_INT(struct set_in, quantity, .required = true, .min = 1,
             .max = CART_QUANTITY_MAX,
             .help = "absolute, so repeating is harmless"),
    JSON_END
};

static const struct json_field set_out_fields[] = {
    JSON_STR(struct cart_line, sku, .required = true),
    JSON_INT(struct cart_line, quantity, .required = true), JSON_END
};

static enum err set_item(struct req *r)
{
    const char *sku = req_param(r, "sku");
    struct set_in in = { 0 };

    TRY(req_json(r, set_in_fields, &in));
    if (!cart_sku_ok(sku))
        return fail(r, ERR_NOT_FOUND, "no such product");
    TRY(cart_store_set(r, req_param(r, "id"), ttl_s, sku, in.quantity));
    return reply_json(r, 200, set_out_fields,
                      &(struct cart_line){ sku, in.quantity });
}

/* 204 also when the line is not there: repeating is harmless. */
static enum err remove_item(struct req *r)
{
    const char *sku = req_param(r, "sku");

    if (!cart_sku_ok(sku))
        return fail(r, ERR_NOT_FOUND, "no such product");
    TRY(cart_store_remove(r, req_param(r, "id"), ttl_s, sku));
    return reply_empty(r, 204);
}

static enum err get_lines(struct req *r)
{
    struct cart_lines lines;

    TRY(cart_store_lines(r, req_param(r, "id"), ttl_s, &lines));
    return reply_json(r, 200, cart_lines_fields, &lines);
}

static enum err on_paid(struct req *r, const struct event *e)
{
    struct order_paid_data paid = { 0 };

    TRY(event_data(r, e, order_paid_fields, &paid));
    return cart_store_paid(r, &paid);
}

/* ---- tables ------------------------------------------------------------ */

static const enum err may_exceed[] = { ERR_AMOUNT, OK };

static const struct route routes[] = {
    { POST, "/api/carts", create_cart, "open a cart", .out = cart_made_fields,
      .status = 201 },
    { GET, "/api/carts/{id}", get_cart, "a cart with names, prices and sums",
      .out = cart_view_fields, .errors = may_exceed },
    { PUT, "/api/carts/{id}/items/{sku}", set_item,
      "put so many of a product into the cart", .max_body = 1024,
      .in = set_in_fields, .out = set_out_fields },
    { DELETE, "/api/carts/{id}/items/{sku}", remove_item,
      "take a product out of the cart", .status = 204 },
    { GET, "/internal/carts/{id}", get_lines, "the lines of a cart",
      .auth = AUTH_INTERNAL, .out = cart_lines_fields, .internal_doc = true },
    { 0 }
};

static const struct cfg_field config[] = {
    CATALOG_CFG,
    CFG_INT("CART_TTL_S", &ttl_s, "604800", 1, 31536000,
            "how long an untouched cart is kept, seconds"),
    { 0 }
};

static struct http_dest *const calls[] = { &prices_dest, NULL };

static const struct subscription subs[] = {
    { &order_paid_topic, on_paid, "drop the lines that were ordered" }, { 0 }
};

static const struct function cart = { .name = "cart",
                                      .help = "shopping carts",
                                      .routes = routes,
                                      .config = config,
                                      .uses = USES_REDIS | USES_BUS,
                                      .subs = subs,
                                      .calls = calls };
FN_MAIN(cart)
