/* email_text - what the mails say, as text and as HTML. */
#ifndef BODEGA_EMAIL_TEXT_H
#define BODEGA_EMAIL_TEXT_H

#include "io/smtp.h"
#include "order/order_client.h"

struct letter {
    const struct order_info *order;
    bool refund;        /* else a receipt */
    const char *reason; /* of a refund, or NULL */
    const char *shop;   /* the sender's name */
    const char *url;    /* of the order's page */
};

/* Subject, text and HTML of the mail, in the arena. Whatever the order holds
 * comes out as text: HTML is escaped, control characters are dropped, and no
 * part of it reaches the subject but the order's number. ERR_AMOUNT for a
 * currency that is none. */
enum err letter_write(struct arena *a, const struct letter *l,
                      struct mail *ret);

#endif
