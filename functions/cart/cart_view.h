/* cart_view - a cart as the shopper sees it: lines with names, prices and
 * sums. */
#ifndef BODEGA_CART_VIEW_H
#define BODEGA_CART_VIEW_H

#include "cart/cart_client.h"
#include "catalog/catalog_client.h"

struct cart_view_line {
    const char *sku;
    const char *name;
    int64_t unit_price;
    int64_t quantity;
    int64_t line_total;
    bool unavailable;
};
struct cart_view {
    const char *id;
    struct cart_view_line *items;
    size_t count;
    int64_t total;
    const char *currency;
    int64_t items_count;
    bool partial;
};
extern const struct json_field cart_view_fields[];

/* To declare among the function's calls. */
extern struct http_dest prices_dest;

/* What catalog says of one product. */
struct cart_price {
    bool for_sale;
    int64_t price;
    char currency[4];
    char name[CATALOG_NAME_MAX + 1];
};

/* The view of `lines`, with catalog's prices of at most a second ago. When
 * catalog is away it is partial: what is not known is missing, what was known
 * last is shown. ERR_AMOUNT when a sum is out of range. */
enum err cart_view_make(struct req *r, const char *id,
                        const struct cart_lines *lines, struct cart_view *ret);

#endif
