/* catalog_client - tables and calls shared by catalog and its callers. */
#include "catalog/catalog_client.h"

const char *catalog_url;
struct http_dest catalog_dest = { .name = "catalog",
                                  .url = &catalog_url,
                                  .max_inflight = 1000 };

static const struct json_field sku_ref_fields[] = {
    JSON_STR(struct sku_ref, sku, .required = true, .min = 1, .max = 64),
    JSON_END
};

const struct json_field sku_list_fields[] = {
    JSON_LIST(struct sku_list, items, count, struct sku_ref, sku_ref_fields,
              .required = true, .max = CATALOG_PRICES_MAX),
    JSON_END
};

static const struct json_field product_price_fields[] = {
    JSON_STR(struct product_price, sku, .required = true),
    JSON_STR(struct product_price, name, .required = true,
             .max = CATALOG_NAME_MAX),
    JSON_INT(struct product_price, price, .required = true, .min = 1,
             .max = MONEY_MAX, .help = "minor units"),
    JSON_STR(struct product_price, currency, .required = true, .min = 3,
             .max = 3),
    JSON_END
};

const struct json_field price_list_fields[] = {
    JSON_LIST(struct price_list, items, count, struct product_price,
              product_price_fields, .required = true),
    JSON_END
};

enum err catalog_prices(struct req *r, const struct sku_list *in,
                        struct price_list *ret)
{
    return http_json(r, &catalog_dest, "POST", "/internal/catalog/prices",
                     sku_list_fields, in, price_list_fields, ret);
}
