/* cart_store - carts in Redis: one hash per cart, sku -> quantity, and an empty
 * field so that an empty cart exists too. A hash of at most 51 short fields is
 * stored as a list, so lines keep the order in which they came. Every call is
 * one round trip, and all but cart_store_lines are one atomic script. */
#ifndef BODEGA_CART_STORE_H
#define BODEGA_CART_STORE_H

#include "cart/cart_client.h"
#include "order/order_client.h"

/* 1 to 64 of A-Z a-z 0-9 . _ - : the codes that catalog takes in. */
bool cart_sku_ok(const char *sku);

/* A new, empty cart; `ttl_s` seconds from the last use it is gone. */
enum err cart_store_create(struct req *r, int64_t ttl_s,
                           char ret_id[ID_TOKEN_LEN + 1]);
/* Each: ERR_NOT_FOUND for an unknown or expired cart, and the time to live
 * begins again. */
enum err cart_store_set(struct req *r, const char *id, int64_t ttl_s,
                        const char *sku, int64_t quantity);
enum err cart_store_remove(struct req *r, const char *id, int64_t ttl_s,
                           const char *sku);
enum err cart_store_lines(struct req *r, const char *id, int64_t ttl_s,
                          struct cart_lines *ret);
/* Take what was ordered out of the cart, once per order. */
enum err cart_store_paid(struct req *r, const struct order_paid_data *paid);

#endif
