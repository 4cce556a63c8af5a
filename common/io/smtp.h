/* smtp - send one message over SMTP (RFC 5321) with libcurl on the loop. */
#ifndef BODEGA_IO_SMTP_H
#define BODEGA_IO_SMTP_H

#include "sched/req.h"

struct mail {
    const char *from;      /* address only */
    const char *from_name; /* display name or NULL */
    const char *to;        /* address only */
    const char *subject;
    const char *message_id; /* without <>; the same for every try of one mail */
    const char *text;       /* UTF-8 */
    const char *html;       /* UTF-8, or NULL */
};

/* `url`: smtps:// is TLS from the start, smtp:// takes STARTTLS when it is
 * offered and insists on it when there is a user. `user` and `password_file`
 * (read for each mail) may be NULL. The strings must live on. */
void smtp_init(const char *url, const char *user, const char *password_file);
/* The message as bytes (RFC 5322, multipart/alternative, quoted-printable,
 * encoded words): ERR_INVALID when a header part holds CR, LF or NUL, or an
 * address is not one. In the arena. */
enum err mail_compose(struct req *r, const struct mail *m, const char **ret,
                      size_t *ret_len);
/* ERR_INVALID (as above, or a 5xx for this recipient), ERR_UNAVAILABLE (not
 * reachable or a 4xx), ERR_UNCERTAIN (lost after the data was sent). */
enum err smtp_send(struct req *r, const struct mail *m);

#endif
