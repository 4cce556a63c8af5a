/* email_store - once per order and kind, in Postgres.
 *
 *   (none) -> sending -> sent       accepted by the mail server
 *                     -> waiting    it was not reached; tried again
 *                     -> refused    it refused for good; tried when replayed
 *                     -> unknown    all was handed over, no answer came back
 */
#ifndef BODEGA_EMAIL_STORE_H
#define BODEGA_EMAIL_STORE_H

#include "run/fn.h"

enum mail_claim {
    MAIL_MINE, /* send it */
    MAIL_BUSY, /* somebody else is sending it */
    MAIL_DONE  /* sent, or nobody can know and it must not be sent twice */
};

/* Take the mail for `lease_s` seconds. Who held it and died has lost it after
 * that: it is then sent again, under the same Message-ID. */
enum err mail_claim(struct req *r, const char *order_id, const char *kind,
                    const char *message_id, int64_t lease_s,
                    enum mail_claim *ret);
/* Write down what came of it: OK, ERR_UNCERTAIN, ERR_INVALID or another. */
enum err mail_settle(struct req *r, const char *order_id, const char *kind,
                     enum err e);

#endif
