/* payment_signature - Stripe's webhook signature scheme:
 * header `t=<unix>,v1=<hex>[,v1=<hex>]`, v1 = HMAC-SHA256(secret, "t.body")
 * over the raw bytes (docs.stripe.com/webhooks, "Verify manually"). */
#ifndef BODEGA_PAYMENT_SIGNATURE_H
#define BODEGA_PAYMENT_SIGNATURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIGNATURE_TOLERANCE_S 300

/* True when any v1 matches any of the secrets (NULL or "" entries are
 * skipped) and t lies within the tolerance of now_s, before or after. */
bool signature_ok(const char *header, const char *body, size_t len,
                  const char *const *secrets, size_t secret_count,
                  int64_t now_s);

#endif
