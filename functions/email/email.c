/* email - the receipt and the refund note. Owns schema email; asks order for
 * the address and the lines.
 *
 * The event's handler sends the mail itself: a failure that may pass goes back
 * to the bus, which tries again and in the end keeps the event as a dead
 * letter, to be replayed. The row in Postgres makes it once per order. */
#include "email/email_store.h"
#include "email/email_text.h"
#include "order/order_client.h"

#define LEASE_S      45 /* longer than a handler's 30 s */
#define SETTLE_TRIES 6

static const char *smtp_url;
static const char *smtp_user;
static const char *smtp_password_file;
static const char *mail_from;
static const char *mail_from_name;

/* The domain of MAIL_FROM: a Message-ID's right side should be ours. */
static const char *mail_domain(void)
{
    const char *at = strrchr(mail_from, '@');

    return at ? at + 1 : "bodega";
}

static enum err compose(struct req *r, const struct order_info *o,
                        const char *kind, const char *reason, struct mail *ret)
{
    const struct letter l = {
        .order = o,
        .refund = !strcmp(kind, "refund"),
        .reason = reason,
        .shop = mail_from_name,
        .url = arena_printf(r->arena, "%s/order.html?id=%s", public_url(),
                            o->order_id),
    };

    ret->from = mail_from;
    ret->from_name = mail_from_name;
    ret->to = o->email;
    return letter_write(r->arena, &l, ret);
}

static enum err send_mail(struct req *r, const char *order_id, const char *kind,
                          const char *reason, struct mail *mail)
{
    struct order_info order = { 0 };

    enum err e = order_get(r, order_id, &order);
    if (e != OK) /* asking leaves nothing uncertain */
        return err_info(e)->cls == CLASS_UNCERTAIN ? ERR_DEADLINE : e;
    TRY(compose(r, &order, kind, reason, mail));
    return smtp_send(r, mail);
}

/* The mail is out and only Postgres does not know: worth some patience, because
 * without this row the mail would go out again. */
static enum err settle(struct req *r, const char *order_id, const char *kind,
                       enum err sent)
{
    enum err e = mail_settle(r, order_id, kind, sent);

    for (int i = 0; e != OK && i < SETTLE_TRIES && req_left_ms(r) > 0; i++) {
        task_sleep(backoff_ms(i, 100, 3000));
        e = mail_settle(r, order_id, kind, sent);
    }
    return e;
}

static enum err mail_once(struct req *r, const char *order_id, const char *kind,
                          const char *reason)
{
    struct mail mail = { .message_id =
                             arena_printf(r->arena, "%s.%s@%s", order_id, kind,
                                          mail_domain()) };
    enum mail_claim claim;

    note_str(r, "mail", kind);
    TRY(mail_claim(r, order_id, kind, mail.message_id, LEASE_S, &claim));
    if (claim == MAIL_DONE)
        return OK;
    if (claim == MAIL_BUSY)
        return fail(r, ERR_TWIN_RUNNING, "somebody else is sending it");
    enum err sent = send_mail(r, order_id, kind, reason, &mail);
    TRY(settle(r, order_id, kind, sent));
    if (err_info(sent)->cls != CLASS_UNCERTAIN || sent == OK)
        return sent;
    /* All of it was handed over and the answer was lost. Most likely it is on
     * its way; a second one would be the worse guess. */
    log_warn(r->trace.trace_id, "mail may or may not be out",
             LOG_STR("order", order_id), LOG_STR("mail", kind));
    return OK;
}

static enum err on_confirmed(struct req *r, const struct event *e)
{
    struct order_end end = { 0 };

    TRY(event_data(r, e, order_end_fields, &end));
    return mail_once(r, end.order_id, "receipt", NULL);
}

static enum err on_refunded(struct req *r, const struct event *e)
{
    struct order_end end = { 0 };

    TRY(event_data(r, e, order_end_fields, &end));
    return mail_once(r, end.order_id, "refund", end.reason);
}

/* ---- tables ------------------------------------------------------------ */

static void start(void)
{
    smtp_init(smtp_url, *smtp_user ? smtp_user : NULL, smtp_password_file);
}

static const struct route routes[] = { { 0 } };

static const struct cfg_field config[] = {
    ORDER_CFG,
    CFG_STR("SMTP_URL", &smtp_url, "smtp://127.0.0.1:25",
            "the mail server, smtp:// or smtps://"),
    CFG_STR("SMTP_USER", &smtp_user, "", "its user; empty: no login"),
    CFG_STR("SMTP_PASSWORD_FILE", &smtp_password_file,
            "/var/openfaas/secrets/smtp_password",
            "file with the user's password; read when there is a user"),
    CFG_STR("MAIL_FROM", &mail_from, "shop@bodega.example",
            "the sender's address"),
    CFG_STR("MAIL_FROM_NAME", &mail_from_name, "Bodega", "the sender's name"),
    { 0 }
};

static struct http_dest *const calls[] = { &order_dest, NULL };

static const struct subscription subs[] = {
    { &order_confirmed_topic, on_confirmed, "send the receipt" },
    { &order_refunded_topic, on_refunded, "say that the money went back" },
    { 0 }
};

static const struct function email = { .name = "email",
                                       .help = "receipts by mail",
                                       .routes = routes,
                                       .config = config,
                                       .uses = USES_PG | USES_BUS,
                                       .subs = subs,
                                       .calls = calls,
                                       .start = start };
FN_MAIN(email)
