/* catalog_client - what other functions may ask of catalog. */
#ifndef BODEGA_CATALOG_CLIENT_H
#define BODEGA_CATALOG_CLIENT_H

#include "run/fn.h"

extern struct http_dest catalog_dest;
extern const char *catalog_url; /* for a CFG_STR("CATALOG_URL", ...) row */
#define CATALOG_CFG                                                            \
    CFG_STR("CATALOG_URL", &catalog_url, "http://catalog",                     \
            "where catalog answers")

#define CATALOG_PRICES_MAX 200 /* products asked for in one call */
#define CATALOG_NAME_MAX   200 /* bytes of a product's name */

struct sku_ref {
    const char *sku;
};
struct sku_list {
    struct sku_ref *items;
    size_t count;
};
extern const struct json_field sku_list_fields[]; /* {"items":[{"sku"}]} */

struct product_price {
    const char *sku;
    const char *name;
    int64_t price; /* minor units, > 0 */
    const char *currency;
};
struct price_list {
    struct product_price *items;
    size_t count;
};
extern const struct json_field price_list_fields[];

/* Name and today's price of each product that exists and is for sale; unknown
 * ones are left out. In the order asked. POST /internal/catalog/prices. */
enum err catalog_prices(struct req *r, const struct sku_list *in,
                        struct price_list *ret);

#endif
