/* payment_work - see payment_work.h. */
#include "payment/payment_work.h"
#include <strings.h>

/* The gateway forgets idempotency keys after 24 hours and wants a page to live
 * at least 30 minutes: a page that could not be opened in the first half of its
 * window is given up, long before its key could be forgotten. */
static bool too_late_to_open(const struct payment *p)
{
    int64_t window_s = p->expires_at_s - clock_wall_us() / 1000000 + p->age_s;

    return p->age_s > window_s / 2;
}

static enum err log_attempt(struct req *r, const struct payment *p,
                            const char *operation, enum err e,
                            const struct gateway_trace *t)
{
    if (e != OK)
        log_warn(r->trace.trace_id, "gateway", LOG_STR("operation", operation),
                 LOG_STR("outcome", err_info(e)->slug),
                 LOG_INT("status", t->status), LOG_STR("order", p->order_id));
    return payment_store_attempt(r, p->order_id, operation, e, t->status,
                                 t->request_id);
}

static enum err move(struct req *r, const struct payment *p,
                     enum payment_move_to to)
{
    return payment_store_move(
        r, &(struct payment_move){ .order_id = p->order_id, .to = to });
}

/* ---- open ---------------------------------------------------------------- */

static enum err read_lines(struct req *r, const struct payment *p,
                           struct gateway_page *page)
{
    struct order_placed_data placed = { 0 };
    struct json_errors errs = { 0 };

    TRY(json_decode(r->arena, p->lines, strlen(p->lines), order_placed_fields,
                    JSON_LENIENT, &placed, &errs));
    char *currency = arena_strdup(r->arena, p->currency);
    for (char *c = currency; *c; c++)
        *c = (char)(*c | 0x20); /* the gateway writes codes in lower case */
    *page = (struct gateway_page){ .order_id = p->order_id,
                                   .currency = currency,
                                   .lines = placed.lines,
                                   .line_count = placed.line_count,
                                   .expires_at_s = p->expires_at_s };
    return OK;
}

static enum err open_page(struct req *r, struct http_dest *d, struct payment *p)
{
    struct gateway_page page;
    struct gateway_session s = { 0 };
    struct gateway_trace t;

    TRY(read_lines(r, p, &page));
    enum err e = gateway_open(r, d, &page, &s, &t);
    TRY(log_attempt(r, p, "open", e, &t));
    if (e == ERR_UNCERTAIN)
        TRY(move(r, p, PAYMENT_UNKNOWN));
    if (e == ERR_CONFLICT)
        TRY(move(r, p, PAYMENT_EXPIRED));
    if (e != OK)
        return e;
    p->session_id = s.id;
    p->url = s.url;
    p->state = "open";
    return payment_store_move(r,
                              &(struct payment_move){ .order_id = p->order_id,
                                                      .to = PAYMENT_OPEN,
                                                      .session_id = s.id,
                                                      .url = s.url });
}

enum err payment_work_open(struct req *r, struct http_dest *d,
                           struct payment *p, const char **ret_url)
{
    bool unopened = !strcmp(p->state, "new") || !strcmp(p->state, "unknown");

    if (unopened && p->cancelled)
        return fail(r, ERR_CONFLICT, "the order is cancelled");
    if (unopened)
        TRY(open_page(r, d, p));
    if (strcmp(p->state, "open") != 0 || !p->url)
        return fail(r, ERR_CONFLICT, "the order can no longer be paid");
    *ret_url = p->url;
    return OK;
}

/* ---- what became of a page ------------------------------------------------
 */

static bool amounts_agree(const struct payment *p,
                          const struct gateway_session *s)
{
    return s->amount_total == p->amount && s->currency &&
           !strcasecmp(s->currency, p->currency);
}

enum err payment_work_adopt(struct req *r, const struct payment *p,
                            const struct gateway_session *s,
                            const char *webhook_id, const char *webhook_type)
{
    bool paid = s->payment_status && !strcmp(s->payment_status, "paid");
    bool over = s->status && !strcmp(s->status, "expired");
    struct payment_move m = { .order_id = p->order_id,
                              .session_id = s->id,
                              .payment_intent = s->payment_intent,
                              .webhook_id = webhook_id,
                              .webhook_type = webhook_type };

    if (paid && !amounts_agree(p, s)) {
        log_error(r->trace.trace_id, "paid amount is not the order's",
                  LOG_STR("order", p->order_id), LOG_STR("session", s->id));
        return fail(r, ERR_CONFLICT, "amount or currency differ");
    }
    if (!paid && !over)
        return webhook_id ? payment_store_webhook(r, webhook_id, webhook_type,
                                                  p->order_id)
                          : OK;
    m.to = paid ? PAYMENT_CAPTURED : PAYMENT_EXPIRED;
    return payment_store_move(r, &m);
}

/* Later and later: a webhook is the rule, this is for the ones that miss. */
static int64_t next_look_s(const struct payment *p)
{
    int64_t left_s = p->expires_at_s - clock_wall_us() / 1000000;
    int64_t wait_s = p->age_s < 60 ? 10 : p->age_s / 3;

    if (wait_s > left_s + 1)
        wait_s = left_s + 1;
    return wait_s < 1 ? 1 : wait_s;
}

static enum err look(struct req *r, const struct payment *p)
{
    struct gateway_session s = { 0 };
    struct gateway_trace t;
    enum err e = gateway_retrieve(r, p->session_id, &s, &t);

    TRY(log_attempt(r, p, "retrieve", e, &t));
    TRY(e);
    TRY(payment_store_poll_in(r, p->order_id, next_look_s(p)));
    return payment_work_adopt(r, p, &s, NULL, NULL);
}

/* Close the page. The gateway refuses when somebody has just paid, or when it
 * is over by itself: then look what it is. */
static enum err close_page(struct req *r, const struct payment *p)
{
    struct gateway_session s = { 0 };
    struct gateway_trace t;
    enum err e = gateway_expire(r, p->session_id, &s, &t);

    TRY(log_attempt(r, p, "expire", e, &t));
    if (e == ERR_CONFLICT || e == ERR_UNCERTAIN)
        return look(r, p);
    TRY(e);
    return payment_work_adopt(r, p, &s, NULL, NULL);
}

/* ---- refund -----------------------------------------------------------------
 */

static enum err refund(struct req *r, const struct payment *p)
{
    struct gateway_refund g = { 0 };
    struct gateway_trace t;
    enum err e = p->refund_id ? gateway_refund_retrieve(r, p->refund_id, &g, &t)
                              : gateway_refund(r, p->order_id,
                                               p->payment_intent, &g, &t);

    TRY(log_attempt(r, p, "refund", e, &t));
    TRY(e);
    if (!strcmp(g.status, "failed") || !strcmp(g.status, "canceled")) {
        log_error(r->trace.trace_id, "refund failed, staff must act",
                  LOG_STR("order", p->order_id), LOG_STR("refund", g.id));
        return payment_store_poll_in(r, p->order_id, 3600);
    }
    return payment_store_move(
        r, &(struct payment_move){ .order_id = p->order_id,
                                   .to = strcmp(g.status, "succeeded") == 0
                                             ? PAYMENT_REFUNDED
                                             : PAYMENT_REFUNDING,
                                   .refund_id = g.id });
}

/* ---- one step
 * ----------------------------------------------------------------- */

static enum err advance_unopened(struct req *r, struct payment *p)
{
    bool never_asked = !strcmp(p->state, "new");
    const char *url;

    /* An unknown page is asked for again even to close it: it may be open. */
    if (never_asked && (p->cancelled || too_late_to_open(p)))
        return move(r, p, PAYMENT_EXPIRED);
    if (p->window_over)
        return move(r, p, PAYMENT_EXPIRED);
    if (!p->cancelled)
        return payment_work_open(r, &gateway_later, p, &url);
    TRY(open_page(r, &gateway_later, p));
    return close_page(r, p);
}

enum err payment_work_advance(struct req *r, const char *order_id)
{
    struct payment p;

    TRY(payment_store_get(r, order_id, &p));
    if (!strcmp(p.state, "new") || !strcmp(p.state, "unknown"))
        return advance_unopened(r, &p);
    if (!strcmp(p.state, "open"))
        return p.cancelled || p.window_over ? close_page(r, &p) : look(r, &p);
    if (!strcmp(p.state, "refunding"))
        return refund(r, &p);
    return payment_store_poll_in(r, order_id, -1);
}
