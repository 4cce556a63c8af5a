/* order_store - orders in Postgres, and the only way their status moves. */
#ifndef BODEGA_ORDER_STORE_H
#define BODEGA_ORDER_STORE_H

#include "order/order_client.h"

/* What can happen to an order. */
enum order_trigger {
    ORDER_CAPTURED, /* payment.captured */
    ORDER_PAYMENT_EXPIRED,
    ORDER_CANCEL,    /* by its customer */
    ORDER_COMMITTED, /* inventory.committed */
    ORDER_SHORTFALL, /* inventory.shortfall */
    ORDER_REFUND,    /* by staff */
    ORDER_REFUNDED   /* payment.refunded */
};

struct order_step {
    enum order_trigger on;
    const char *from;
    const char *to;
    const struct topic *emit;
    const char *note; /* for the customer's history */
};

/* The step for a trigger in a status; NULL: nothing changes (it came twice,
 * late or out of turn, all harmless). */
const struct order_step *order_step_find(enum order_trigger on,
                                         const char *status);

struct order_event {
    const char *status;
    const char *at; /* RFC 3339 */
    const char *note;
};
struct order_view {
    const char *id;
    const char *status;
    int64_t total;
    const char *currency;
    const char *payment_url;
    struct order_line *lines;
    size_t line_count;
    struct order_event *history;
    size_t history_count;
};
extern const struct json_field order_view_fields[];

/* One transaction: order, lines, history and order.placed. Does nothing when
 * the order exists. ERR_AMOUNT when a sum leaves the range. */
enum err order_store_create(struct req *r, struct order_create *in);
/* ERR_NOT_FOUND when there is none. */
enum err order_store_info(struct req *r, const char *id,
                          struct order_info *ret);
enum err order_store_view(struct req *r, const char *id,
                          struct order_view *ret);

struct order_move {
    const char *id;
    enum order_trigger on;
    const struct event *event; /* taken into the inbox with it, or NULL */
    const char *reason;        /* for ends and refunds */
    bool restock;
    bool *ret_moved; /* may be NULL */
};
/* One transaction: inbox, status, history, outbox. OK also when nothing moved;
 * ERR_NOT_FOUND when there is no such order. */
enum err order_store_move(struct req *r, const struct order_move *m);
/* Note the hosted page's address (payment.opened). */
enum err order_store_opened(struct req *r, const struct event *e,
                            const char *id, const char *url);

#endif
