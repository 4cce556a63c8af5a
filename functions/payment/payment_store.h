/* payment_store - payments in Postgres. State only moves forward:
 *
 *   new --asked, no answer--> unknown --asked again, same key--> open
 *    \---------------------------opened------------------------>/
 *   new, unknown, open --paid--> captured --refund--> refunding --> refunded
 *                     \--over--> expired --paid after all--> captured
 *
 * Each move writes its ledger entries and its outbox row with it. */
#ifndef BODEGA_PAYMENT_STORE_H
#define BODEGA_PAYMENT_STORE_H

#include "payment/payment_client.h"

struct payment {
    const char *order_id;
    const char *state;
    int64_t amount;
    const char *currency;
    const char *lines; /* JSON of struct order_placed_data */
    bool cancelled;
    const char *session_id;
    const char *url;
    const char *payment_intent;
    const char *refund_id;
    int64_t expires_at_s;
    int64_t age_s;    /* since it was made */
    bool window_over; /* by the database's clock */
};

/* Make the row if it is not there: state new, first looked at by the poller
 * after `poll_after_s`. `e` (may be NULL) is taken into the inbox with it. */
enum err payment_store_make(struct req *r, const struct event *e,
                            const struct order_placed_data *placed,
                            int64_t window_s, int64_t poll_after_s);
/* ERR_NOT_FOUND when there is none. */
enum err payment_store_get(struct req *r, const char *order_id,
                           struct payment *ret);
/* The order of a session or payment intent; NULL when it is not ours. */
enum err payment_store_find(struct req *r, const char *session_id,
                            const char *payment_intent, const char **ret);

/* Up to `max` payments whose time has come; each is put off by 30 s, so that a
 * dead process gives its work back. */
enum err payment_store_due(struct req *r, int max, const char ***ret,
                           size_t *ret_count);
/* Ask again in `s` seconds; -1: never. */
enum err payment_store_poll_in(struct req *r, const char *order_id, int64_t s);
enum err payment_store_attempt(struct req *r, const char *order_id,
                               const char *operation, enum err e, int status,
                               const char *request_id);

/* Moves. OK also when the state was already past it. `event` or `webhook_id`
 * (either may be NULL) is noted in the same transaction; one seen before makes
 * the call do nothing. */
enum payment_move_to {
    PAYMENT_UNKNOWN,
    PAYMENT_OPEN,
    PAYMENT_CAPTURED,
    PAYMENT_EXPIRED,
    PAYMENT_REFUNDING,
    PAYMENT_REFUNDED
};
struct payment_move {
    const char *order_id;
    enum payment_move_to to;
    const char *session_id;
    const char *url;
    const char *payment_intent;
    const char *refund_id;
    const struct event *event;
    const char *webhook_id;
    const char *webhook_type;
};
enum err payment_store_move(struct req *r, const struct payment_move *m);
/* The order is cancelled: close the page (event taken in with it). */
enum err payment_store_cancel(struct req *r, const struct event *e,
                              const char *order_id);
/* A webhook that moves nothing: keep its id and type. */
enum err payment_store_webhook(struct req *r, const char *id, const char *type,
                               const char *order_id);

#endif
