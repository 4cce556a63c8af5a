/* payment_store - see payment_store.h. */
#include "payment/payment_store.h"

#define PUT_OFF_S "30"

/* ---- make and read ----------------------------------------------------- */

struct make {
    const struct event *event;
    const struct order_placed_data *placed;
    int64_t window_s;
    int64_t poll_after_s;
};

static enum err make_tx(struct req *r, void *arg)
{
    const struct make *m = arg;
    const struct order_placed_data *p = m->placed;
    bool first = true;
    struct buf lines;

    if (m->event)
        TRY(inbox_once(r, m->event, &first));
    if (!first)
        return OK;
    buf_init(&lines, r->arena);
    json_encode(&lines, order_placed_fields, p);
    return pg_query(r, NULL,
                    "insert into payment (order_id, amount, currency, lines,"
                    " expires_at, poll_at) values ($1::uuid, $2::bigint, $3,"
                    " $4, now() + make_interval(secs => $5::bigint),"
                    " now() + make_interval(secs => $6::bigint))"
                    " on conflict (order_id) do nothing",
                    "sissii", p->order_id, p->total, p->currency, lines.data,
                    m->window_s, m->poll_after_s);
}

enum err payment_store_make(struct req *r, const struct event *e,
                            const struct order_placed_data *placed,
                            int64_t window_s, int64_t poll_after_s)
{
    struct make m = { e, placed, window_s, poll_after_s };

    return pg_transaction(r, make_tx, &m);
}

static const char get_sql[] =
    "select state, amount, currency, lines, cancelled, session_id, url,"
    " payment_intent, refund_id, extract(epoch from expires_at)::bigint,"
    " extract(epoch from now() - created_at)::bigint, expires_at < now()"
    " from payment where order_id = $1::uuid";

enum err payment_store_get(struct req *r, const char *order_id,
                           struct payment *ret)
{
    struct pg_rows p;

    TRY(pg_read(r, &p, get_sql, "s", order_id));
    if (p.count == 0)
        return fail(r, ERR_NOT_FOUND, "no such payment");
    *ret = (struct payment){ .order_id = order_id,
                             .state = pg_str(&p, 0, 0),
                             .amount = pg_int(&p, 0, 1),
                             .currency = pg_str(&p, 0, 2),
                             .lines = pg_str(&p, 0, 3),
                             .cancelled = pg_bool(&p, 0, 4),
                             .session_id = pg_str(&p, 0, 5),
                             .url = pg_str(&p, 0, 6),
                             .payment_intent = pg_str(&p, 0, 7),
                             .refund_id = pg_str(&p, 0, 8),
                             .expires_at_s = pg_int(&p, 0, 9),
                             .age_s = pg_int(&p, 0, 10),
                             .window_over = pg_bool(&p, 0, 11) };
    return OK;
}

enum err payment_store_find(struct req *r, const char *session_id,
                            const char *payment_intent, const char **ret)
{
    struct pg_rows p;

    TRY(pg_read(r, &p,
                "select order_id from payment where session_id = $1"
                " or payment_intent = $2",
                "ss", session_id, payment_intent));
    *ret = p.count ? pg_str(&p, 0, 0) : NULL;
    return OK;
}

enum err payment_store_due(struct req *r, int max, const char ***ret,
                           size_t *ret_count)
{
    struct pg_rows p;

    TRY(pg_query(r, &p,
                 "update payment set poll_at = now() + interval '" PUT_OFF_S
                 " s', polls = polls + 1 where order_id in (select order_id"
                 " from payment where poll_at <= now() order by poll_at"
                 " limit $1::bigint for update skip locked)"
                 " returning order_id",
                 "i", (int64_t)max));
    *ret = arena_calloc(r->arena, (size_t)p.count, sizeof(**ret));
    *ret_count = (size_t)p.count;
    for (int i = 0; i < p.count; i++)
        (*ret)[i] = pg_str(&p, i, 0);
    return OK;
}

enum err payment_store_poll_in(struct req *r, const char *order_id, int64_t s)
{
    return pg_query(r, NULL,
                    "update payment set poll_at = case when $2::bigint < 0"
                    " then null else now() + make_interval(secs =>"
                    " $2::bigint) end where order_id = $1::uuid",
                    "si", order_id, s);
}

enum err payment_store_attempt(struct req *r, const char *order_id,
                               const char *operation, enum err e, int status,
                               const char *request_id)
{
    return pg_query(r, NULL,
                    "insert into attempt (order_id, operation, outcome,"
                    " status, request_id) values ($1::uuid, $2, $3,"
                    " nullif($4::bigint, 0), $5)",
                    "sssis", order_id, operation,
                    e == OK ? "ok" : err_info(e)->slug, (int64_t)status,
                    request_id);
}

/* ---- moves ------------------------------------------------------------- */

static const struct move_rule {
    enum payment_move_to to;
    const char *state;
    const char *from; /* states it may leave, each between spaces */
    const struct topic *emit;
    const char *ledger; /* kind of entry, or NULL */
    int sign;           /* of the gateway's side */
    int64_t poll_in_s;  /* ask again after; -1: never */
} move_rules[] = {
    { PAYMENT_UNKNOWN, "unknown", " new ", NULL, NULL, 0, 1 },
    { PAYMENT_OPEN, "open", " new unknown ", &payment_opened_topic, NULL, 0,
      60 },
    { PAYMENT_CAPTURED, "captured", " new unknown open expired ",
      &payment_captured_topic, "capture", 1, -1 },
    { PAYMENT_EXPIRED, "expired", " new unknown open ", &payment_expired_topic,
      NULL, 0, -1 },
    { PAYMENT_REFUNDING, "refunding", " captured ", NULL, NULL, 0, 0 },
    { PAYMENT_REFUNDED, "refunded", " captured refunding ",
      &payment_refunded_topic, "refund", -1, -1 },
};

static const struct move_rule *rule_of(enum payment_move_to to)
{
    for (size_t i = 0; i < sizeof(move_rules) / sizeof(move_rules[0]); i++) {
        if (move_rules[i].to == to)
            return &move_rules[i];
    }
    abort();
}

static bool rule_allows(const struct move_rule *rule, const char *state)
{
    char word[16];

    snprintf(word, sizeof(word), " %s ", state);
    return strstr(rule->from, word) != NULL;
}

static enum err seen_before(struct req *r, const struct payment_move *m,
                            bool *ret_first)
{
    struct pg_rows rows;

    *ret_first = true;
    if (m->event)
        return inbox_once(r, m->event, ret_first);
    if (!m->webhook_id)
        return OK;
    TRY(pg_query(r, &rows,
                 "insert into webhook_event (id, type, order_id) values"
                 " ($1, $2, $3) on conflict (id) do nothing",
                 "sss", m->webhook_id, m->webhook_type, m->order_id));
    *ret_first = rows.affected == 1;
    return OK;
}

static enum err book(struct req *r, const struct move_rule *rule,
                     const char *order_id, int64_t amount, const char *currency)
{
    if (!rule->ledger)
        return OK;
    return pg_query(r, NULL,
                    "insert into ledger (order_id, kind, account, amount,"
                    " currency) values"
                    " ($1::uuid, $2, 'gateway', $3::bigint, $4),"
                    " ($1::uuid, $2, 'sales', -$3::bigint, $4)",
                    "ssis", order_id, rule->ledger,
                    rule->sign < 0 ? -amount : amount, currency);
}

static enum err say(struct req *r, const struct move_rule *rule,
                    const struct payment_move *m, int64_t amount,
                    const char *currency)
{
    if (!rule->emit)
        return OK;
    if (rule->to == PAYMENT_OPEN) {
        struct payment_page page = { m->order_id, m->url };
        return outbox_add(r, rule->emit, m->order_id, &page);
    }
    struct payment_event p = { m->order_id, amount, currency };
    return outbox_add(r, rule->emit, m->order_id, &p);
}

static const char lock_sql[] =
    "select state, amount, currency from payment where order_id = $1::uuid"
    " for update";
static const char move_sql[] =
    "update payment set state = $2,"
    " session_id = coalesce($3, session_id), url = coalesce($4, url),"
    " payment_intent = coalesce($5, payment_intent),"
    " refund_id = coalesce($6, refund_id), updated_at = now(),"
    " poll_at = case when $7::bigint < 0 then null"
    "  else now() + make_interval(secs => $7::bigint) end"
    " where order_id = $1::uuid";

static enum err move_tx(struct req *r, void *arg)
{
    const struct payment_move *m = arg;
    const struct move_rule *rule = rule_of(m->to);
    struct pg_rows row;
    bool first;

    TRY(seen_before(r, m, &first));
    if (!first)
        return OK;
    TRY(pg_query(r, &row, lock_sql, "s", m->order_id));
    if (row.count == 0)
        return fail(r, ERR_NOT_FOUND, "no such payment");
    note_str(r, "payment", rule->state);
    if (!rule_allows(rule, pg_str(&row, 0, 0)))
        return OK;
    int64_t amount = pg_int(&row, 0, 1);
    const char *currency = pg_str(&row, 0, 2);
    TRY(pg_query(r, NULL, move_sql, "ssssssi", m->order_id, rule->state,
                 m->session_id, m->url, m->payment_intent, m->refund_id,
                 rule->poll_in_s));
    TRY(book(r, rule, m->order_id, amount, currency));
    return say(r, rule, m, amount, currency);
}

enum err payment_store_move(struct req *r, const struct payment_move *m)
{
    struct payment_move copy = *m;

    return pg_transaction(r, move_tx, &copy);
}

/* ---- cancel, webhooks ---------------------------------------------------- */

struct cancel {
    const struct event *event;
    const char *order_id;
};

static enum err cancel_tx(struct req *r, void *arg)
{
    const struct cancel *c = arg;
    bool first;

    TRY(inbox_once(r, c->event, &first));
    if (!first)
        return OK;
    return pg_query(r, NULL,
                    "update payment set cancelled = true, poll_at = now()"
                    " where order_id = $1::uuid"
                    " and state in ('new', 'unknown', 'open')",
                    "s", c->order_id);
}

enum err payment_store_cancel(struct req *r, const struct event *e,
                              const char *order_id)
{
    struct cancel c = { e, order_id };

    return pg_transaction(r, cancel_tx, &c);
}

enum err payment_store_webhook(struct req *r, const char *id, const char *type,
                               const char *order_id)
{
    return pg_query(r, NULL,
                    "insert into webhook_event (id, type, order_id)"
                    " values ($1, $2, $3) on conflict (id) do nothing",
                    "sss", id, type, order_id);
}
