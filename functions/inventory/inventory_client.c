/* inventory_client - tables and calls shared by inventory and its callers. */
#include "inventory/inventory_client.h"

const char *inventory_url;
struct http_dest inventory_dest = { .name = "inventory",
                                    .url = &inventory_url,
                                    .max_inflight = 1000,
                                    .timeout_ms = 5000 };

static const struct json_field stock_line_fields[] = {
    JSON_STR(struct stock_line, sku, .required = true, .min = 1, .max = 64),
    JSON_INT(struct stock_line, quantity, .required = true, .min = 1,
             .max = 1000000),
    JSON_END
};

const struct json_field reserve_in_fields[] = {
    JSON_STR(struct reserve_in, order_id, .required = true, .format = "uuid"),
    JSON_INT(struct reserve_in, ttl_s, .required = true, .min = 1,
             .max = 100000),
    JSON_LIST(struct reserve_in, lines, line_count, struct stock_line,
              stock_line_fields, .required = true, .min = 1, .max = 200),
    JSON_END
};

static const struct json_field stock_level_fields[] = {
    JSON_STR(struct stock_level, sku, .required = true),
    JSON_INT(struct stock_level, available, .required = true), JSON_END
};

const struct json_field stock_levels_fields[] = {
    JSON_LIST(struct stock_levels, items, count, struct stock_level,
              stock_level_fields, .required = true),
    JSON_END
};

const struct json_field order_ref_fields[] = {
    JSON_STR(struct order_ref, order_id, .required = true, .format = "uuid"),
    JSON_END
};

const struct topic inventory_committed = {
    "inventory.committed", "a paid order's stock has left the shelf",
    order_ref_fields
};
const struct topic inventory_shortfall = { "inventory.shortfall",
                                           "a paid order can't be had any more",
                                           order_ref_fields };

enum err inventory_reserve(struct req *r, const struct reserve_in *in)
{
    return http_json(r, &inventory_dest, "POST",
                     "/internal/inventory/reservations", reserve_in_fields, in,
                     NULL, NULL);
}

enum err inventory_release(struct req *r, const char *order_id)
{
    const char *path =
        arena_printf(r->arena, "/internal/inventory/reservations/%s", order_id);

    return http_json(r, &inventory_dest, "DELETE", path, NULL, NULL, NULL,
                     NULL);
}

enum err inventory_levels(struct req *r, struct http_dest *d,
                          const struct sku_list *in, struct stock_levels *ret)
{
    return http_json(r, d, "POST", "/internal/inventory/availability",
                     sku_list_fields, in, stock_levels_fields, ret);
}
