/* relay_store - see relay_store.h. */
#include "relay/relay_store.h"

/* place, id, topic, key, source, data, traceparent, time */
static enum err read_batch(struct req *r, const struct pg_rows *rows,
                           struct relay_batch *ret)
{
    ret->count = (size_t)rows->count;
    ret->rows = arena_calloc(r->arena, ret->count, sizeof(*ret->rows));
    for (int i = 0; i < rows->count; i++)
        ret->rows[i] = (struct relay_row){
            .place = pg_str(rows, i, 0),
            .event = { .id = pg_str(rows, i, 1),
                       .type = pg_str(rows, i, 2),
                       .key = pg_str(rows, i, 3),
                       .source = pg_str(rows, i, 4),
                       .data = pg_str(rows, i, 5),
                       .data_len = strlen(pg_str(rows, i, 5)),
                       .traceparent = pg_str(rows, i, 6),
                       .time = pg_str(rows, i, 7) },
        };
    return OK;
}

/* ---- outbox -------------------------------------------------------------- */

#define RFC3339(column)                                                        \
    "to_char(" column " at time zone 'UTC', "                                  \
    "'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"

/* Not "seq > the last one seen": numbers are given before the commit, so a
 * smaller one may become visible later. */
static const char take_sql[] =
    "select seq, id, topic, key, source, data, traceparent, " RFC3339(
        "at") "  from outbox o"
              " where published_at is null"
              "   and not exists (select from outbox older"
              "                    where older.key = o.key and older.seq < "
              "o.seq"
              "                      and older.published_at is null)"
              " order by seq limit $1 for update skip locked";

enum err relay_take(struct req *r, int64_t limit, struct relay_batch *ret)
{
    struct pg_rows rows = { 0 };

    TRY(pg_query(r, &rows, take_sql, "i", limit));
    return read_batch(r, &rows, ret);
}

static const char mark_sql[] =
    "update outbox set published_at = now() where seq = any($1::bigint[])";

enum err relay_mark(struct req *r, const char *const *places, size_t n)
{
    return pg_query(r, NULL, mark_sql, "s", pg_text_array(r, places, n));
}

static const char sweep_sql[] =
    "delete from outbox where seq in"
    " (select seq from outbox where published_at < now() - interval '1 day'"
    "   order by published_at limit $1 for update skip locked)";

enum err relay_sweep(struct req *r, int64_t limit, int *ret_deleted)
{
    struct pg_rows rows = { 0 };

    TRY(pg_query(r, &rows, sweep_sql, "i", limit));
    *ret_deleted = rows.affected;
    return OK;
}

/* ---- dead letters -------------------------------------------------------- */

static const char keep_sql[] =
    "insert into dead_letter (id, group_name, topic, key, event_id, source,"
    " event_time, traceparent, data, error, attempt)"
    " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
    " on conflict (group_name, event_id) do update"
    " set replayed_at = null, at = now(), error = excluded.error,"
    "     attempt = excluded.attempt"
    " where dead_letter.replayed_at is not null";

enum err dead_keep(struct req *r, const struct event *e)
{
    char id[ID_UUID_LEN + 1];

    id_uuid7(id);
    return pg_query(r, NULL, keep_sql, "ssssssssssi", id,
                    e->group != NULL ? e->group : "",
                    e->origin_topic != NULL ? e->origin_topic : e->type, e->key,
                    e->id, e->source, e->time, e->traceparent, e->data,
                    e->error != NULL ? e->error : "", (int64_t)e->attempt);
}

static const char list_sql[] =
    "select id, group_name, topic, key, event_id, error, attempt,"
    " " RFC3339("at") ", " RFC3339(
        "replayed_at") ", data"
                       "  from dead_letter"
                       " where ($1::text is null or group_name = $1)"
                       "   and ($2::uuid is null or id < $2)"
                       " order by id desc limit $3";

enum err dead_list(struct req *r, const char *group, const char *before,
                   int64_t limit, struct dead_letter **ret, size_t *ret_count)
{
    struct pg_rows rows = { 0 };
    struct dead_letter *d;

    TRY(pg_read(r, &rows, list_sql, "ssi", group, before, limit));
    d = arena_calloc(r->arena, (size_t)rows.count, sizeof(*d));
    for (int i = 0; i < rows.count; i++)
        d[i] = (struct dead_letter){
            .id = pg_str(&rows, i, 0),
            .group = pg_str(&rows, i, 1),
            .topic = pg_str(&rows, i, 2),
            .key = pg_str(&rows, i, 3),
            .event_id = pg_str(&rows, i, 4),
            .error = pg_str(&rows, i, 5),
            .attempt = pg_int(&rows, i, 6),
            .at = pg_str(&rows, i, 7),
            .replayed_at = pg_str(&rows, i, 8),
            .data = pg_str(&rows, i, 9),
        };
    *ret = d;
    *ret_count = (size_t)rows.count;
    return OK;
}

#define DEAD_COLUMNS                                                           \
    "id, event_id, topic, key, source, data, traceparent, event_time"

static const char lock_sql[] = "select " DEAD_COLUMNS ", replayed_at is null"
                               "  from dead_letter where id = $1 for update";

enum err dead_take(struct req *r, const char *id, struct relay_batch *ret)
{
    struct pg_rows rows = { 0 };

    TRY(pg_query(r, &rows, lock_sql, "s", id));
    if (rows.count == 0)
        return ERR_NOT_FOUND;
    TRY(read_batch(r, &rows, ret));
    if (!pg_bool(&rows, 0, 8))
        ret->count = 0;
    return OK;
}

static const char lock_group_sql[] =
    "select " DEAD_COLUMNS " from dead_letter"
    " where group_name = $1 and replayed_at is null"
    " order by id limit $2 for update skip locked";

enum err dead_take_group(struct req *r, const char *group, int64_t limit,
                         struct relay_batch *ret)
{
    struct pg_rows rows = { 0 };

    TRY(pg_query(r, &rows, lock_group_sql, "si", group, limit));
    return read_batch(r, &rows, ret);
}

static const char replayed_sql[] =
    "update dead_letter set replayed_at = now() where id = any($1::uuid[])";

enum err dead_mark(struct req *r, const char *const *places, size_t n)
{
    return pg_query(r, NULL, replayed_sql, "s", pg_text_array(r, places, n));
}

static const char waiting_sql[] =
    "select count(*) from dead_letter"
    " where group_name = $1 and replayed_at is null";

enum err dead_waiting(struct req *r, const char *group, int64_t *ret)
{
    struct pg_rows rows = { 0 };

    TRY(pg_read(r, &rows, waiting_sql, "s", group));
    *ret = pg_int(&rows, 0, 0);
    return OK;
}
