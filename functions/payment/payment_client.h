/* payment_client - opening the hosted page, and what payment says. No card
 * number is ever here: the page belongs to the gateway, we hold its ids. */
#ifndef BODEGA_PAYMENT_CLIENT_H
#define BODEGA_PAYMENT_CLIENT_H

#include "order/order_client.h"
#include "run/fn.h"

extern struct http_dest payment_dest;
extern const char *payment_url;
#define PAYMENT_CFG                                                            \
    CFG_STR("PAYMENT_URL", &payment_url, "http://payment",                     \
            "where payment answers")

struct payment_page {
    const char *order_id;
    const char *url; /* of the gateway's hosted page */
};
extern const struct json_field payment_page_fields[];

/* The hosted page of an order: opens it at the gateway (idempotency key = order
 * id) or returns the one that is open. `in` is what order.placed carries.
 * ERR_UNAVAILABLE, ERR_UNCERTAIN, ERR_DEADLINE: not known yet; payment goes on
 * by itself and says payment.opened. POST /internal/payments. */
enum err payment_open(struct req *r, const struct order_placed_data *in,
                      struct payment_page *ret);

struct payment_event {
    const char *order_id;
    int64_t amount; /* minor units */
    const char *currency;
};
extern const struct json_field payment_event_fields[];
extern const struct topic payment_opened_topic;   /* payment_page */
extern const struct topic payment_captured_topic; /* payment_event */
extern const struct topic payment_expired_topic;  /* payment_event */
extern const struct topic payment_refunded_topic; /* payment_event */

#endif
