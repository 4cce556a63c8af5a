/* order_client - tables and calls shared by order and those who use it. */
#include "order/order_client.h"

const char *order_url;
struct http_dest order_dest = { .name = "order", .url = &order_url };

const struct json_field order_line_fields[] = {
    JSON_STR(struct order_line, sku, .required = true, .min = 1, .max = 64),
    JSON_STR(struct order_line, name, .required = true, .max = 500),
    JSON_INT(struct order_line, quantity, .required = true, .min = 1,
             .max = 1000000),
    JSON_INT(struct order_line, unit_price, .required = true, .min = 1,
             .max = MONEY_MAX, .help = "minor units"),
    JSON_INT(struct order_line, line_total, .min = 0, .max = MONEY_MAX,
             .help = "minor units"),
    JSON_END
};

const struct json_field order_create_fields[] = {
    JSON_STR(struct order_create, order_id, .required = true, .format = "uuid"),
    JSON_STR(struct order_create, cart_id, .required = true, .max = 100),
    JSON_STR(struct order_create, email, .required = true, .max = 254),
    JSON_STR(struct order_create, name, .required = true, .max = 200),
    JSON_STR(struct order_create, address, .required = true, .max = 1000),
    JSON_STR(struct order_create, currency, .required = true, .min = 3,
             .max = 3),
    JSON_LIST(struct order_create, lines, line_count, struct order_line,
              order_line_fields, .required = true, .min = 1, .max = 200),
    JSON_END
};

const struct json_field order_info_fields[] = {
    JSON_STR(struct order_info, order_id, .required = true, .format = "uuid"),
    JSON_STR(struct order_info, status, .required = true),
    JSON_INT(struct order_info, total, .required = true),
    JSON_STR(struct order_info, currency, .required = true),
    JSON_STR(struct order_info, payment_url),
    JSON_STR(struct order_info, email, .required = true),
    JSON_STR(struct order_info, name, .required = true),
    JSON_STR(struct order_info, address, .required = true),
    JSON_LIST(struct order_info, lines, line_count, struct order_line,
              order_line_fields),
    JSON_END
};

const struct json_field order_placed_fields[] = {
    JSON_STR(struct order_placed_data, order_id, .required = true,
             .format = "uuid"),
    JSON_STR(struct order_placed_data, cart_id, .required = true),
    JSON_INT(struct order_placed_data, total, .required = true, .min = 1,
             .max = MONEY_MAX),
    JSON_STR(struct order_placed_data, currency, .required = true, .min = 3,
             .max = 3),
    JSON_LIST(struct order_placed_data, lines, line_count, struct order_line,
              order_line_fields, .required = true),
    JSON_END
};

const struct json_field order_paid_fields[] = {
    JSON_STR(struct order_paid_data, order_id, .required = true,
             .format = "uuid"),
    JSON_STR(struct order_paid_data, cart_id, .required = true),
    JSON_LIST(struct order_paid_data, lines, line_count, struct order_line,
              order_line_fields, .required = true),
    JSON_END
};

const struct json_field order_end_fields[] = {
    JSON_STR(struct order_end, order_id, .required = true, .format = "uuid"),
    JSON_STR(struct order_end, reason), JSON_BOOL(struct order_end, restock),
    JSON_END
};

const struct topic order_placed_topic = {
    "order.placed", "an order exists and waits for its payment",
    order_placed_fields
};
const struct topic order_paid_topic = { "order.paid", "the money is there",
                                        order_paid_fields };
const struct topic order_confirmed_topic = {
    "order.confirmed", "paid, and its stock has left the shelf",
    order_end_fields
};
const struct topic order_cancelled_topic = { "order.cancelled",
                                             "it ended unpaid",
                                             order_end_fields };
const struct topic order_refund_requested_topic = {
    "order.refund_requested", "the whole payment must go back", order_end_fields
};
const struct topic order_refunded_topic = { "order.refunded",
                                            "the whole payment went back",
                                            order_end_fields };

enum err order_create(struct req *r, const struct order_create *in,
                      struct order_info *ret)
{
    return http_json(r, &order_dest, "POST", "/internal/orders",
                     order_create_fields, in, order_info_fields, ret);
}

enum err order_get(struct req *r, const char *order_id, struct order_info *ret)
{
    const char *path = arena_printf(r->arena, "/internal/orders/%s", order_id);

    return http_json(r, &order_dest, "GET", path, NULL, NULL, order_info_fields,
                     ret);
}

void order_token(const char *key, const char *order_id,
                 char out[ID_HASH_LEN + 1])
{
    id_hmac_hex(key, strlen(key), order_id, strlen(order_id), out);
}
