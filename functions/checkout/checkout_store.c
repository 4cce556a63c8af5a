/* checkout_store - see checkout_store.h. */
#include "checkout/checkout_store.h"

/* One statement decides who owns the key: insert it, or take over a lease that
 * ran out, or read what is there. The row lock makes twins take turns. */
static const char claim_sql[] =
    "insert into idempotency (key, fingerprint, order_id, lease_until)"
    " values ($1, $2, $3::uuid, now() + make_interval(secs => $4::bigint))"
    " on conflict (key) do update set lease_until ="
    "  case when idempotency.status is null"
    "       and idempotency.fingerprint = excluded.fingerprint"
    "       and idempotency.lease_until < now()"
    "  then excluded.lease_until else idempotency.lease_until end"
    " returning fingerprint = $2, order_id, order_id = $3::uuid,"
    " lease_until = now() + make_interval(secs => $4::bigint), status, answer";

enum err idem_claim(struct req *r, const char *key, const char *fingerprint,
                    int64_t lease_s, struct idem *ret)
{
    char fresh[ID_UUID_LEN + 1];
    struct pg_rows row;

    id_uuid7(fresh);
    TRY(pg_query(r, &row, claim_sql, "sssi", key, fingerprint, fresh, lease_s));
    *ret = (struct idem){ .order_id = pg_str(&row, 0, 1),
                          .again = !pg_bool(&row, 0, 2),
                          .status = (int)pg_int(&row, 0, 4),
                          .answer = pg_str(&row, 0, 5) };
    if (!pg_bool(&row, 0, 0))
        ret->state = IDEM_REUSED;
    else if (ret->answer)
        ret->state = IDEM_DONE;
    else
        ret->state = pg_bool(&row, 0, 3) ? IDEM_MINE : IDEM_TWIN;
    return OK;
}

enum err idem_finish(struct req *r, const char *key, int status,
                     const char *answer, int *ret_status,
                     const char **ret_answer)
{
    struct pg_rows row;

    TRY(pg_query(r, &row,
                 "update idempotency set status = coalesce(status,"
                 " $2::bigint), answer = coalesce(answer, $3)"
                 " where key = $1 returning status, answer",
                 "sis", key, (int64_t)status, answer));
    if (row.count == 0)
        return ERR_INTERNAL;
    *ret_status = (int)pg_int(&row, 0, 0);
    *ret_answer = pg_str(&row, 0, 1);
    return OK;
}

enum err idem_release(struct req *r, const char *key)
{
    return pg_query(r, NULL,
                    "update idempotency set lease_until = now()"
                    " where key = $1 and status is null",
                    "s", key);
}

enum err idem_forget(struct req *r)
{
    return pg_query(r, NULL,
                    "delete from idempotency where created_at <"
                    " now() - make_interval(hours => $1::integer)",
                    "i", (int64_t)KEY_KEPT_H);
}
