/* order_client - the order's states, events and what others may ask of it.
 *
 *   pending --captured--> paid --committed--> confirmed --refund--> refunding
 *      |                   \--shortfall--> refunding --refunded--> refunded
 *      |--window over--> expired   --captured late--> paid (if stock is left)
 *      \--customer-----> cancelled --captured late--> refunding
 */
#ifndef BODEGA_ORDER_CLIENT_H
#define BODEGA_ORDER_CLIENT_H

#include "run/fn.h"

extern struct http_dest order_dest;
extern const char *order_url;
#define ORDER_CFG                                                              \
    CFG_STR("ORDER_URL", &order_url, "http://order", "where order answers")

struct order_line {
    const char *sku;
    const char *name;
    int64_t quantity;
    int64_t unit_price; /* minor units */
    int64_t line_total; /* quantity * unit_price; order computes it */
};
extern const struct json_field order_line_fields[];

struct order_create {
    const char *order_id;
    const char *cart_id;
    const char *email;
    const char *name;
    const char *address;
    const char *currency;
    struct order_line *lines;
    size_t line_count;
};
extern const struct json_field order_create_fields[];

struct order_info {
    const char *order_id;
    const char *status;
    int64_t total;
    const char *currency;
    const char *payment_url; /* NULL until the hosted page exists */
    const char *email;
    const char *name;
    const char *address;
    struct order_line *lines;
    size_t line_count;
};
extern const struct json_field order_info_fields[];

/* Write the order (pending) with its outbox row; repeating it returns the order
 * as it is. ERR_AMOUNT when a sum is out of range. POST /internal/orders. */
enum err order_create(struct req *r, const struct order_create *in,
                      struct order_info *ret);
/* ERR_NOT_FOUND when there is none. GET /internal/orders/{id}. */
enum err order_get(struct req *r, const char *order_id, struct order_info *ret);

/* The order token is HMAC-SHA256(ORDER_TOKEN_KEY, order id) as hex: nobody can
 * guess it, nobody has to store it, and a replayed checkout makes it again. */
void order_token(const char *key, const char *order_id,
                 char out[ID_HASH_LEN + 1]);

struct order_placed_data {
    const char *order_id;
    const char *cart_id;
    int64_t total;
    const char *currency;
    struct order_line *lines;
    size_t line_count;
};
struct order_end {
    const char *order_id;
    const char *reason; /* "customer", "expired", or staff's words */
    bool restock;       /* order.refunded: sold stock goes back on the shelf */
};
struct order_paid_data {
    const char *order_id;
    const char *cart_id;
    struct order_line *lines;
    size_t line_count;
};
extern const struct topic order_placed_topic;           /* order_placed_data */
extern const struct topic order_paid_topic;             /* order_paid_data */
extern const struct topic order_confirmed_topic;        /* order_end */
extern const struct topic order_cancelled_topic;        /* order_end */
extern const struct topic order_refund_requested_topic; /* order_end */
extern const struct topic order_refunded_topic;         /* order_end */
extern const struct json_field order_placed_fields[];
extern const struct json_field order_paid_fields[];
extern const struct json_field order_end_fields[];

#endif
