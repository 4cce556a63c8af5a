/* cart_client - tables and calls shared by cart and its callers. */
#include "cart/cart_client.h"

const char *cart_url;
struct http_dest cart_dest = { .name = "cart",
                               .url = &cart_url,
                               .max_inflight = 1000 };

static const struct json_field cart_line_fields[] = {
    JSON_STR(struct cart_line, sku, .required = true, .min = 1, .max = 64),
    JSON_INT(struct cart_line, quantity, .required = true, .min = 1,
             .max = CART_QUANTITY_MAX),
    JSON_END
};

const struct json_field cart_lines_fields[] = {
    JSON_LIST(struct cart_lines, items, count, struct cart_line,
              cart_line_fields, .required = true, .max = CART_LINES_MAX),
    JSON_END
};

enum err cart_get(struct req *r, const char *cart_id, struct cart_lines *ret)
{
    struct buf path;

    buf_init(&path, r->arena);
    buf_str(&path, "/internal/carts/");
    url_encode(&path, cart_id); /* it comes from a client */
    return http_json(r, &cart_dest, "GET", path.data, NULL, NULL,
                     cart_lines_fields, ret);
}
