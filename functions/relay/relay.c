/* relay - moves the outbox to the bus and keeps the dead letters. Owns
 * relay.outbox (others insert) and relay.dead_letter. Calls nobody.
 *
 * A batch is one transaction: rows are locked, published together, and marked
 * once the bus has confirmed them. A crash in between publishes them again
 * under the same ids, which the inboxes of the consumers know. Relays side by
 * side share the work. */
#include "relay/relay_store.h"

#define BATCH_MAX  200
#define BATCH_MS   15000
#define SWEEP_MAX  1000
#define REPLAY_MAX 1000
#define GROUPS_MAX 32

static const char *dead_groups;

static struct metric waiting_metric = {
    .name = "bodega_outbox_batch",
    .help = "Events in the last batch taken from the outbox.",
    .kind = METRIC_GAUGE,
};

/* ---- publishing many ----------------------------------------------------- */

struct many {
    struct req *r;
    struct await all;
    size_t left;
    enum err (*publish)(struct req *r, const struct event *e);
};

struct one {
    struct many *many;
    const struct relay_row *row;
    enum err err;
};

static void publish_one(void *arg)
{
    struct one *o = arg;

    o->err = o->many->publish(o->many->r, &o->row->event);
    if (--o->many->left == 0)
        await_done(&o->many->all);
}

/* Publish all at once, each by a task of its own, started in order so that
 * events of one key keep theirs. ret_places gets those that arrived; the
 * first error is returned. */
static enum err publish_all(struct req *r, const struct relay_batch *b,
                            enum err (*publish)(struct req *,
                                                const struct event *),
                            const char **ret_places, size_t *ret_n)
{
    struct many m = { .r = r, .left = b->count, .publish = publish };
    struct one *ones = arena_calloc(r->arena, b->count, sizeof(*ones));
    enum err first = OK;

    for (size_t i = 0; i < b->count; i++) {
        ones[i] = (struct one){ &m, &b->rows[i], OK };
        if (!task_start(publish_one, &ones[i])) {
            ones[i].err = ERR_OVERLOAD;
            m.left--;
        }
    }
    /* each of them ends by r's deadline */
    if (m.left > 0)
        (void)await_until(&m.all, 0);
    *ret_n = 0;
    for (size_t i = 0; i < b->count; i++) {
        if (ones[i].err == OK)
            ret_places[(*ret_n)++] = b->rows[i].place;
        else if (first == OK)
            first = ones[i].err;
    }
    return first;
}

/* ---- outbox -------------------------------------------------------------- */

/* One batch. The error of a publish is returned after the others are marked
 * and committed. */
static enum err relay_one_batch(struct req *r, size_t *ret_count)
{
    struct relay_batch b = { 0 };
    const char **places;
    size_t n = 0;
    enum err published;

    TRY(pg_begin(r));
    TRY(relay_take(r, BATCH_MAX, &b));
    *ret_count = b.count;
    metric_set(&waiting_metric, (int64_t)b.count);
    if (b.count == 0) {
        pg_rollback(r);
        return OK;
    }
    places = arena_calloc(r->arena, b.count, sizeof(*places));
    published = publish_all(r, &b, bus_publish, places, &n);
    if (n > 0)
        TRY(relay_mark(r, places, n));
    TRY(pg_commit(r));
    return published;
}

static bool pumping, more;

/* Empty the outbox; stops at the first trouble, the next tick goes on. */
static void pump(void *arg)
{
    struct arena *a = arena_new(0);
    size_t count = 0;
    enum err e = OK;

    (void)arg;
    pumping = true;
    do {
        struct req r;

        more = false;
        req_init(&r, a, BATCH_MS, NULL);
        e = relay_one_batch(&r, &count);
        pg_end(&r);
        if (e != OK)
            log_warn(r.trace.trace_id, "outbox waits",
                     LOG_STR("error", err_info(e)->slug),
                     LOG_STR("detail", r.log_detail));
        arena_reset(a);
    } while (e == OK && (count > 0 || more) && !draining());
    arena_free(a);
    pumping = false;
}

static void wake(void *arg, const char *payload)
{
    (void)payload;
    (void)arg;
    if (pumping)
        more = true;
    else if (!draining() && bus_trouble() == NULL)
        (void)task_start(pump, NULL); /* refused: the next tick */
}

/* A notification can be missed, a tick can not. */
static enum err tick(struct req *r)
{
    (void)r;
    wake(NULL, NULL);
    return OK;
}

static enum err sweep(struct req *r)
{
    int deleted;

    do
        TRY(relay_sweep(r, SWEEP_MAX, &deleted));
    while (deleted == SWEEP_MAX);
    return OK;
}

/* ---- dead letters -------------------------------------------------------- */

struct dead_page {
    struct dead_letter *items;
    size_t count;
    const char *next;
};
static const struct json_field dead_letter_fields[] = {
    JSON_STR(struct dead_letter, id, .required = true, .format = "uuid"),
    JSON_STR(struct dead_letter, group, .required = true),
    JSON_STR(struct dead_letter, topic, .required = true),
    JSON_STR(struct dead_letter, key, .required = true),
    JSON_STR(struct dead_letter, event_id, .required = true),
    JSON_STR(struct dead_letter, error, .required = true),
    JSON_INT(struct dead_letter, attempt, .required = true,
             .help = "tries made"),
    JSON_STR(struct dead_letter, at, .required = true, .format = "date-time"),
    JSON_STR(struct dead_letter, replayed_at, .format = "date-time",
             .nullable = true),
    JSON_RAW(struct dead_letter, data, .help = "the event's data"),
    JSON_END
};
static const struct json_field dead_page_fields[] = {
    JSON_LIST(struct dead_page, items, count, struct dead_letter,
              dead_letter_fields, .required = true),
    JSON_STR(struct dead_page, next, .nullable = true,
             .help = "cursor of the next page"),
    JSON_END
};

static enum err list_dead(struct req *r)
{
    const char *cursor = req_query(r, "cursor");
    int64_t limit = req_query_int(r, "limit", 50);
    struct dead_page page = { 0 };

    if (cursor != NULL && !id_is_uuid(cursor))
        return fail_at(r, ERR_INVALID, "/cursor", "must come from a page");
    /* one more than asked tells whether there is a next page */
    TRY(dead_list(r, req_query(r, "group"), cursor, limit + 1, &page.items,
                  &page.count));
    if (page.count > (size_t)limit) {
        page.count = (size_t)limit;
        page.next = page.items[limit - 1].id;
    }
    return reply_json(r, 200, dead_page_fields, &page);
}

struct replay_in {
    const char *group;
};
static const struct json_field replay_in_fields[] = {
    JSON_STR(struct replay_in, group, .required = true, .min = 1, .max = 64),
    JSON_END
};
struct replay_out {
    int64_t replayed;
    int64_t waiting;
};
static const struct json_field replay_out_fields[] = {
    JSON_INT(struct replay_out, replayed, .required = true),
    JSON_INT(struct replay_out, waiting, .required = true,
             .help = "dead letters of the group not replayed yet"),
    JSON_END
};
struct replay_one_out {
    int64_t replayed;
};
static const struct json_field replay_one_fields[] = {
    JSON_INT(struct replay_one_out, replayed, .required = true,
             .help = "0 when it had been and has not come back"),
    JSON_END
};

/* Publish to the topics they came from and commit what arrived. */
static enum err replay(struct req *r, const struct relay_batch *b,
                       int64_t *ret_replayed)
{
    const char **places = arena_calloc(r->arena, b->count, sizeof(*places));
    size_t n = 0;
    enum err e = publish_all(r, b, bus_republish, places, &n);

    if (n > 0)
        TRY(dead_mark(r, places, n));
    TRY(pg_commit(r));
    *ret_replayed = (int64_t)n;
    return n > 0 ? OK : e;
}

static enum err replay_one(struct req *r)
{
    struct replay_one_out out = { 0 };
    struct relay_batch b = { 0 };

    if (!id_is_uuid(req_param(r, "id")))
        return ERR_NOT_FOUND;
    TRY(pg_begin(r));
    TRY(dead_take(r, req_param(r, "id"), &b));
    TRY(replay(r, &b, &out.replayed));
    return reply_json(r, 200, replay_one_fields, &out);
}

static enum err replay_group(struct req *r)
{
    struct replay_in in = { 0 };
    struct replay_out out = { 0 };
    struct relay_batch b = { 0 };

    TRY(req_json(r, replay_in_fields, &in));
    TRY(pg_begin(r));
    TRY(dead_take_group(r, in.group, REPLAY_MAX, &b));
    TRY(replay(r, &b, &out.replayed));
    TRY(dead_waiting(r, in.group, &out.waiting));
    return reply_json(r, 200, replay_out_fields, &out);
}

/* ---- tables -------------------------------------------------------------- */

/* Split "order,email" in place of a copy that lives for ever. */
static const char *const *split_groups(void)
{
    static const char *groups[GROUPS_MAX + 1];
    char *copy = strdup(dead_groups), *rest = copy, *word;
    size_t n = 0;

    while (copy != NULL && (word = strsep(&rest, ",")) != NULL)
        if (word[0] != '\0' && n < GROUPS_MAX)
            groups[n++] = word;
    return groups;
}

static void work(void)
{
    pg_listen("bodega_outbox", wake, NULL);
    bus_subscribe_dead(split_groups(), dead_keep);
}

static const struct query_param list_query[] = {
    { "group", "only of this consumer group", .max = 64 },
    { "limit", "items per page", .integer = true, .min = 1, .max = 100 },
    { "cursor", "next of the page before", .max = ID_UUID_LEN },
    { 0 }
};

static const enum err may_be_unknown[] = { ERR_NOT_FOUND, OK };

static const struct route routes[] = {
    { GET, "/api/admin/dead-letters", list_dead,
      "events no handler could deal with, newest first", .auth = AUTH_ADMIN,
      .query = list_query, .out = dead_page_fields },
    { POST, "/api/admin/dead-letters/replay", replay_group,
      "publish a group's dead letters again, at most 1,000", .auth = AUTH_ADMIN,
      .max_body = 1024, .timeout_ms = 30000, .in = replay_in_fields,
      .out = replay_out_fields },
    { POST, "/api/admin/dead-letters/{id}/replay", replay_one,
      "publish one dead letter again", .auth = AUTH_ADMIN, .timeout_ms = 15000,
      .out = replay_one_fields, .errors = may_be_unknown },
    { 0 }
};

static const struct cfg_field config[] = {
    CFG_STR("DEAD_GROUPS", &dead_groups,
            "order,inventory,payment,email,cart,async",
            "consumer groups whose dead letters are kept"),
    { 0 }
};

static const struct job jobs[] = {
    { "publish", 1000, tick, "look at the outbox, should a wake-up be lost" },
    { "sweep", 60000, sweep, "forget events published a day ago" },
    { 0 }
};

static const struct function relay = {
    .name = "relay",
    .help = "moves the outbox to the bus, keeps and replays dead letters",
    .routes = routes,
    .config = config,
    .uses = USES_PG | USES_BUS,
    .jobs = jobs,
    .work = work,
};
FN_MAIN(relay)
