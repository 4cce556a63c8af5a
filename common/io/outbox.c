/* outbox - one INSERT next to the change it tells of, one next to the change
 * it causes. A trigger on relay.outbox does the NOTIFY; the source is the
 * schema, which has the function's name. */
#include "base/id.h"
#include "io/outbox.h"

static const char add_sql[] =
    "INSERT INTO relay.outbox (id, topic, key, source, data, traceparent) "
    "VALUES ($1, $2, $3, current_schema(), $4, $5)";

enum err outbox_add(struct req *r, const struct topic *topic, const char *key,
                    const void *obj)
{
    char id[ID_UUID_LEN + 1];
    char traceparent[TRACEPARENT_LEN + 1];
    struct buf data;

    id_uuid7(id);
    trace_format(&r->trace, traceparent);
    buf_init(&data, r->arena);
    json_encode(&data, topic->fields, obj);
    return pg_query(r, NULL, add_sql, "sssss", id, topic->name, key, data.data,
                    traceparent);
}

static const char inbox_sql[] =
    "INSERT INTO inbox (event_id) VALUES ($1) ON CONFLICT DO NOTHING";

enum err inbox_once(struct req *r, const struct event *e, bool *ret_first)
{
    struct pg_rows rows = { 0 };

    TRY(pg_query(r, &rows, inbox_sql, "s", e->id));
    *ret_first = rows.affected == 1;
    return OK;
}
