/* payment_webhook - what the gateway tells us by itself. */
#ifndef BODEGA_PAYMENT_WEBHOOK_H
#define BODEGA_PAYMENT_WEBHOOK_H

#include "run/fn.h"

extern const char *webhook_secret;
extern const char *webhook_secret_old; /* still valid while rotating */
#define WEBHOOK_CFG                                                            \
    CFG_SECRET("STRIPE_WEBHOOK_SECRET", &webhook_secret, NULL,                 \
               "signs the gateway's webhooks"),                                \
        CFG_SECRET("STRIPE_WEBHOOK_SECRET_OLD", &webhook_secret_old, "",       \
                   "the one before, still accepted while rotating")

enum err webhook_receive(struct req *r);

#endif
