/* cart_client - what other functions may ask of cart. */
#ifndef BODEGA_CART_CLIENT_H
#define BODEGA_CART_CLIENT_H

#include "run/fn.h"

extern struct http_dest cart_dest;
extern const char *cart_url;
#define CART_CFG                                                               \
    CFG_STR("CART_URL", &cart_url, "http://cart", "where cart answers")

#define CART_LINES_MAX    50
#define CART_QUANTITY_MAX 999

struct cart_line {
    const char *sku;
    int64_t quantity; /* 1 .. CART_QUANTITY_MAX */
};
struct cart_lines {
    struct cart_line *items;
    size_t count;
};
extern const struct json_field cart_lines_fields[];

/* The lines of a cart, without prices; ERR_NOT_FOUND for an unknown or expired
 * one. GET /internal/carts/{id}. */
enum err cart_get(struct req *r, const char *cart_id, struct cart_lines *ret);

#endif
