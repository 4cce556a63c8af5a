/* inventory_store - stock in Postgres. Every change is one SQL function that
 * locks its rows in sku order (schema.sql) and writes the ledger with it. */
#ifndef BODEGA_INVENTORY_STORE_H
#define BODEGA_INVENTORY_STORE_H

#include "inventory/inventory_client.h"
#include "order/order_client.h"

/* ERR_OUT_OF_STOCK with the lines in r->errors. */
enum err store_reserve(struct req *r, const struct reserve_in *in);
enum err store_levels(struct req *r, const struct sku_list *in,
                      struct stock_levels *ret);

/* Each takes the event in with its effect and says what came of it;
 * store_give_back is a release without an event. */
enum err store_commit(struct req *r, const struct event *e,
                      const struct order_paid_data *paid);
enum err store_release(struct req *r, const struct event *e,
                       const char *order_id);
enum err store_give_back(struct req *r, const char *order_id);
enum err store_return(struct req *r, const struct event *e,
                      const char *order_id);
/* Release holds whose time is over, at most `max` orders. */
enum err store_expire(struct req *r, int max);

struct stock_info {
    const char *sku;
    int64_t on_hand;
    int64_t reserved;
    int64_t available;
};
extern const struct json_field stock_info_fields[];
/* ERR_NOT_FOUND for a product that was never received. */
enum err store_info(struct req *r, const char *sku, struct stock_info *ret);
/* *ret_booked: lines that were not booked under this reference before. */
enum err store_receive(struct req *r, const char *reference,
                       const struct stock_line *lines, size_t n,
                       int64_t *ret_booked);
/* ERR_CONFLICT when less would be left than is reserved. `reference` may be
 * NULL: then every call counts. */
enum err store_adjust(struct req *r, const char *sku, int64_t delta,
                      const char *reason, const char *reference);

#endif
