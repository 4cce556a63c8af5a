/* payment_work - bringing one payment a step further at the gateway: open its
 * page, close it, find out what became of it, give the money back. Safe to run
 * twice at once for one payment: the gateway's idempotency keys and the moves
 * in payment_store make the second run change nothing. */
#ifndef BODEGA_PAYMENT_WORK_H
#define BODEGA_PAYMENT_WORK_H

#include "payment/payment_gateway.h"
#include "payment/payment_store.h"

/* Open the page of a new payment and give its address; the one that is open is
 * given at once. ERR_CONFLICT when it can no longer be paid. */
enum err payment_work_open(struct req *r, struct http_dest *d,
                           struct payment *p, const char **ret_url);
/* One step for whatever state it is in. */
enum err payment_work_advance(struct req *r, const char *order_id);
/* What a session at the gateway says about our payment; `webhook_id` may be
 * NULL. ERR_CONFLICT when amount or currency are not the order's. */
enum err payment_work_adopt(struct req *r, const struct payment *p,
                            const struct gateway_session *s,
                            const char *webhook_id, const char *webhook_type);

#endif
