/* email_store - see email_store.h. */
#include "email/email_store.h"

static const char claim_sql[] =
    "insert into mail as m (order_id, kind, state, message_id, lease_until)"
    " values ($1::uuid, $2, 'sending', $3,"
    "  now() + make_interval(secs => $4::bigint))"
    " on conflict (order_id, kind) do update set state = 'sending',"
    "  tries = m.tries + 1, lease_until = excluded.lease_until"
    " where m.state in ('waiting', 'refused')"
    "  or (m.state = 'sending' and m.lease_until < now())"
    " returning state";

enum err mail_claim(struct req *r, const char *order_id, const char *kind,
                    const char *message_id, int64_t lease_s,
                    enum mail_claim *ret)
{
    struct pg_rows row;

    TRY(pg_query(r, &row, claim_sql, "sssi", order_id, kind, message_id,
                 lease_s));
    if (row.count) {
        *ret = MAIL_MINE;
        return OK;
    }
    TRY(pg_read(r, &row,
                "select state = 'sending' from mail"
                " where order_id = $1::uuid and kind = $2",
                "ss", order_id, kind));
    *ret = row.count && !pg_bool(&row, 0, 0) ? MAIL_DONE : MAIL_BUSY;
    return OK;
}

static const char *state_of(enum err e)
{
    if (e == OK)
        return "sent";
    if (err_info(e)->cls == CLASS_UNCERTAIN)
        return "unknown";
    return err_info(e)->cls == CLASS_FINAL ? "refused" : "waiting";
}

enum err mail_settle(struct req *r, const char *order_id, const char *kind,
                     enum err e)
{
    return pg_query(r, NULL,
                    "update mail set state = $3, last_error = $4,"
                    " lease_until = now(),"
                    " sent_at = case when $3 = 'sent' then now() end"
                    " where order_id = $1::uuid and kind = $2",
                    "ssss", order_id, kind, state_of(e),
                    e == OK ? NULL : err_info(e)->slug);
}
