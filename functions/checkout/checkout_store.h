/* checkout_store - idempotency keys in Postgres. */
#ifndef BODEGA_CHECKOUT_STORE_H
#define BODEGA_CHECKOUT_STORE_H

#include "run/fn.h"

#define KEY_KEPT_H 48 /* hours; after that the same key is a new request */

enum idem_state {
    IDEM_MINE,  /* go on: the key is ours now */
    IDEM_DONE,  /* answered before: replay `status` and `answer` */
    IDEM_TWIN,  /* another attempt is running */
    IDEM_REUSED /* the key belongs to another request */
};
struct idem {
    enum idem_state state;
    const char *order_id;
    bool again; /* IDEM_MINE: an attempt before this one did not end */
    int status;
    const char *answer;
};

/* Claim `key` for `lease_s` seconds. `fingerprint` tells requests apart. */
enum err idem_claim(struct req *r, const char *key, const char *fingerprint,
                    int64_t lease_s, struct idem *ret);
/* Keep the answer, for every later request with the key. If another attempt
 * kept one first, *ret_answer and *ret_status are that one's. */
enum err idem_finish(struct req *r, const char *key, int status,
                     const char *answer, int *ret_status,
                     const char **ret_answer);
/* This attempt failed in a way that may pass: let the next one in at once. */
enum err idem_release(struct req *r, const char *key);
/* Forget keys older than KEY_KEPT_H. */
enum err idem_forget(struct req *r);

#endif
