/* inventory_client - what other functions may ask of inventory, and what it
 * says. Stock is held all or nothing per order, with a time to live: the undo
 * of a reservation is a timeout, or the order's end. */
#ifndef BODEGA_INVENTORY_CLIENT_H
#define BODEGA_INVENTORY_CLIENT_H

#include "catalog/catalog_client.h"
#include "run/fn.h"

extern struct http_dest inventory_dest;
extern const char *inventory_url;
#define INVENTORY_CFG                                                          \
    CFG_STR("INVENTORY_URL", &inventory_url, "http://inventory",               \
            "where inventory answers")

struct stock_line {
    const char *sku;
    int64_t quantity;
};
struct reserve_in {
    const char *order_id;
    int64_t ttl_s;            /* how long to hold, seconds */
    struct stock_line *lines; /* summed per sku by inventory */
    size_t line_count;
};
extern const struct json_field reserve_in_fields[];

/* Hold every line or none. Repeating it for one order with the same lines
 * renews the hold; with other lines it replaces the hold; after the stock was
 * committed it changes nothing and is OK. ERR_OUT_OF_STOCK: r->errors names the
 * lines ("/lines/0" in the order sent); how many are left is not told.
 * POST /internal/inventory/reservations. */
enum err inventory_reserve(struct req *r, const struct reserve_in *in);

/* Give back what the order still holds; OK also when it holds nothing.
 * DELETE /internal/inventory/reservations/{order_id}. */
enum err inventory_release(struct req *r, const char *order_id);

struct stock_level {
    const char *sku;
    int64_t available; /* on hand - reserved: what can be bought now */
};
struct stock_levels {
    struct stock_level *items;
    size_t count;
};
extern const struct json_field stock_levels_fields[];
/* Levels of the products asked for, in that order; unknown ones come back as 0.
 * Through `d`, the caller's own bulkhead with its own idea of patience.
 * POST /internal/inventory/availability. */
enum err inventory_levels(struct req *r, struct http_dest *d,
                          const struct sku_list *in, struct stock_levels *ret);

struct order_ref {
    const char *order_id;
};
extern const struct json_field order_ref_fields[];

/* The order's stock has left the shelf (after order.paid). */
extern const struct topic inventory_committed; /* struct order_ref */
/* A paid order's hold had run out and the stock is gone: refund it. */
extern const struct topic inventory_shortfall; /* struct order_ref */

#endif
