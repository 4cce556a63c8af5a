/* payment_gateway - the part of Stripe's API that payment speaks: Checkout
 * Sessions and Refunds (docs.stripe.com/api, version STRIPE_VERSION). The
 * idempotency key is made from the order id, so asking again can never make a
 * second page or a second refund. */
#ifndef BODEGA_PAYMENT_GATEWAY_H
#define BODEGA_PAYMENT_GATEWAY_H

#include "order/order_client.h"

#define STRIPE_VERSION "2024-06-20"

extern const char *gateway_api_base;
extern const char *gateway_api_key;
#define GATEWAY_CFG                                                            \
    CFG_STR("STRIPE_API_BASE", &gateway_api_base, "https://api.stripe.com",    \
            "the payment gateway's API"),                                      \
        CFG_SECRET("STRIPE_API_KEY", &gateway_api_key, NULL,                   \
                   "the gateway's secret key")

extern struct http_dest gateway_now;   /* for a shopper who waits */
extern struct http_dest gateway_later; /* for background work */

struct gateway_session {
    const char *id;
    const char *url;                 /* NULL once it is not open */
    const char *status;              /* open, complete, expired */
    const char *payment_status;      /* paid, unpaid, no_payment_required */
    const char *payment_intent;      /* NULL until somebody pays */
    const char *client_reference_id; /* our order id */
    int64_t amount_total;
    const char *currency; /* lower case */
};
extern const struct json_field gateway_session_fields[];

struct gateway_refund {
    const char *id;
    const char *status; /* pending, requires_action, succeeded, failed, ... */
};

/* What the last call did, for the attempt log. */
struct gateway_trace {
    int status; /* HTTP status, 0 when none came */
    const char *request_id;
};

struct gateway_page {
    const char *order_id;
    const char *currency;
    const struct order_line *lines;
    size_t line_count;
    int64_t expires_at_s; /* Unix time, UTC */
};

/* All: OK with *ret filled; ERR_CONFLICT when the gateway refuses for good
 * (4xx); ERR_UNAVAILABLE when it surely did nothing; ERR_UNCERTAIN when it may
 * have. */
enum err gateway_open(struct req *r, struct http_dest *d,
                      const struct gateway_page *page,
                      struct gateway_session *ret, struct gateway_trace *t);
enum err gateway_retrieve(struct req *r, const char *session_id,
                          struct gateway_session *ret, struct gateway_trace *t);
enum err gateway_expire(struct req *r, const char *session_id,
                        struct gateway_session *ret, struct gateway_trace *t);
enum err gateway_refund(struct req *r, const char *order_id,
                        const char *payment_intent, struct gateway_refund *ret,
                        struct gateway_trace *t);
enum err gateway_refund_retrieve(struct req *r, const char *refund_id,
                                 struct gateway_refund *ret,
                                 struct gateway_trace *t);

#endif
