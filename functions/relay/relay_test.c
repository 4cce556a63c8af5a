/* The outbox and the dead letters against a real PostgreSQL that the test
 * starts for itself. Run from the root of the repository. */
#include <criterion/criterion.h>
#include <unistd.h>
#include "relay/relay_store.c"
#include "io/outbox.h"
#include "sched/loop.h"

#define PORT 21630
#define DIR  "/tmp/bodega-relay-test"
#define PSQL "psql -q -v ON_ERROR_STOP=1 -h 127.0.0.1 -p 21630 -U postgres "

static void shell(const char *command)
{
    cr_assert_eq(system(command), 0, "%s", command);
}

ReportHook(PRE_ALL)(struct criterion_test_set *tests)
{
    (void)tests;
    shell("tests/harness/private_pg.sh stop " DIR " 21630");
    shell("tests/harness/private_pg.sh start " DIR " 21630");
}

ReportHook(POST_ALL)(struct criterion_global_stats *stats)
{
    (void)stats;
    shell("tests/harness/private_pg.sh stop " DIR " 21630");
}

/* Every test starts from the schema, applied twice because that must do no
 * harm, in a database of its own. */
static char url_file[] = "/tmp/bodega-relay-url-XXXXXX";
static char database[32];
static void (*body)(struct req *r);

static void main_task(void *arg)
{
    struct req r;
    struct arena *a = arena_new(0);

    (void)arg;
    req_init(&r, a, 60000, NULL);
    body(&r);
    pg_end(&r);
    pg_close();
    arena_free(a);
    loop_stop();
}

static void run(void (*fn)(struct req *r))
{
    char command[1024];
    int fd = mkstemp(url_file);

    (void)snprintf(database, sizeof(database), "t%d", (int)getpid());
    (void)snprintf(command, sizeof(command),
                   PSQL "postgres -c 'create database %s' && "
                        "(" PSQL
                        "%s -c 'create role bodega_fn' 2>/dev/null; " PSQL
                        "%s -c 'create schema relay' && for i in 1 2; do "
                        "PGOPTIONS='-c search_path=relay -c "
                        "client_min_messages=warning' " PSQL
                        "%s -f functions/relay/schema.sql || exit 1; done)",
                   database, database, database, database);
    shell(command);
    dprintf(fd, "postgresql://postgres@127.0.0.1:%d/%s\n", PORT, database);
    close(fd);
    pg_init(url_file, 4, "relay");
    body = fn;
    cr_assert(task_start(main_task, NULL));
    loop_run();
    unlink(url_file);
}

struct number {
    int64_t n;
};
static const struct json_field number_fields[] = { JSON_INT(struct number, n),
                                                   JSON_END };
static const struct topic topic = { "order.placed", "", number_fields };

static void add(struct req *r, const char *key, int64_t n)
{
    struct number data = { n };

    cr_assert_eq(outbox_add(r, &topic, key, &data), OK);
}

/* What may leave now, as the n of each, in order. */
static const char *take(struct req *r, struct relay_batch *b)
{
    struct buf text;

    cr_assert_eq(relay_take(r, 10, b), OK);
    buf_init(&text, r->arena);
    for (size_t i = 0; i < b->count; i++)
        buf_str(&text, b->rows[i].event.data);
    return text.data;
}

static void oldest_of_each_key(struct req *r)
{
    struct relay_batch b;
    const char *places[2];

    add(r, "a", 1);
    add(r, "a", 2);
    add(r, "b", 3);
    add(r, "a", 4);
    cr_assert_eq(pg_begin(r), OK);
    cr_assert_str_eq(take(r, &b), "{\"n\":1}{\"n\":3}");
    cr_assert_str_eq(b.rows[0].event.key, "a");
    cr_assert_str_eq(b.rows[0].event.source, "relay");
    cr_assert_str_eq(b.rows[0].event.type, "order.placed");
    cr_assert_eq(strlen(b.rows[0].event.traceparent), TRACEPARENT_LEN);
    cr_assert_eq(
        strncmp(b.rows[0].event.traceparent + 3, r->trace.trace_id, 32), 0);
    cr_assert(id_is_uuid(b.rows[0].event.id));
    /* publishing 1 failed, publishing 3 worked */
    places[0] = b.rows[1].place;
    cr_assert_eq(relay_mark(r, places, 1), OK);
    cr_assert_eq(pg_commit(r), OK);
    cr_assert_eq(pg_begin(r), OK);
    cr_assert_str_eq(take(r, &b), "{\"n\":1}", "2 may not overtake 1");
    places[0] = b.rows[0].place;
    cr_assert_eq(relay_mark(r, places, 1), OK);
    cr_assert_eq(pg_commit(r), OK);
    cr_assert_eq(pg_begin(r), OK);
    cr_assert_str_eq(take(r, &b), "{\"n\":2}");
}

Test(relay, of_each_key_only_the_oldest_leaves)
{
    run(oldest_of_each_key);
}

static void another_relay(struct req *r)
{
    struct req other;
    struct relay_batch b;

    add(r, "a", 1);
    add(r, "a", 2);
    cr_assert_eq(pg_begin(r), OK);
    cr_assert_str_eq(take(r, &b), "{\"n\":1}");
    req_init(&other, r->arena, 10000, NULL);
    cr_assert_eq(pg_begin(&other), OK);
    cr_assert_str_eq(take(&other, &b), "", "1 is on its way, 2 must wait");
    add(r, "b", 3); /* not committed yet */
    cr_assert_str_eq(take(&other, &b), "");
    pg_rollback(r);
    cr_assert_str_eq(take(&other, &b), "{\"n\":1}", "the first relay died");
    pg_end(&other);
}

Test(relay, another_relay_does_not_overtake)
{
    run(another_relay);
}

static void late_commit(struct req *r)
{
    struct req other;
    struct relay_batch b;
    const char *place;

    req_init(&other, r->arena, 10000, NULL);
    cr_assert_eq(pg_begin(&other), OK);
    add(&other, "a", 1); /* has the smaller number, commits last */
    add(r, "b", 2);
    cr_assert_eq(pg_begin(r), OK);
    cr_assert_str_eq(take(r, &b), "{\"n\":2}");
    place = b.rows[0].place;
    cr_assert_eq(relay_mark(r, &place, 1), OK);
    cr_assert_eq(pg_commit(r), OK);
    cr_assert_eq(pg_commit(&other), OK);
    cr_assert_eq(pg_begin(r), OK);
    cr_assert_str_eq(take(r, &b), "{\"n\":1}");
}

Test(relay, a_number_committed_late_is_not_skipped)
{
    run(late_commit);
}

static int woken;

static void on_wake(void *arg, const char *payload)
{
    (void)arg;
    woken += payload != NULL;
}

static void wakes(struct req *r)
{
    pg_listen("bodega_outbox", on_wake, NULL);
    for (int i = 0; woken == 0 && i < 200; i++) {
        add(r, "a", 1); /* again, in case the listener was not there yet */
        task_sleep(50);
    }
    cr_assert_gt(woken, 0);
}

Test(relay, an_insert_wakes_the_relay)
{
    run(wakes);
}

static void swept(struct req *r)
{
    struct pg_rows rows;
    int deleted;

    for (int i = 0; i < 3; i++)
        add(r, "a", i);
    cr_assert_eq(pg_query(r, NULL,
                          "update outbox set published_at = now() - case "
                          "when data = '{\"n\":0}' then interval '25 hours' "
                          "else interval '1 hour' end where data <> "
                          "'{\"n\":2}'",
                          ""),
                 OK);
    cr_assert_eq(relay_sweep(r, 10, &deleted), OK);
    cr_assert_eq(deleted, 1);
    cr_assert_eq(pg_query(r, &rows, "select data from outbox order by seq", ""),
                 OK);
    cr_assert_eq(rows.count, 2);
    cr_assert_str_eq(pg_str(&rows, 0, 0), "{\"n\":1}");
}

Test(relay, only_what_left_a_day_ago_is_forgotten)
{
    run(swept);
}

static void dead_letters(struct req *r)
{
    struct event e = { .id = "e1",
                       .source = "order",
                       .type = "order.paid",
                       .key = "k",
                       .time = "2026-11-24T11:00:00.000Z",
                       .data = "{\"n\":1}",
                       .data_len = 7,
                       .attempt = 8,
                       .origin_topic = "order.paid",
                       .group = "email",
                       .error = "unavailable" };
    struct dead_letter *d;
    struct relay_batch b;
    size_t n;
    int64_t waiting;

    cr_assert_eq(dead_keep(r, &e), OK);
    cr_assert_eq(dead_keep(r, &e), OK, "delivered twice");
    e.group = "cart";
    cr_assert_eq(dead_keep(r, &e), OK);
    cr_assert_eq(dead_list(r, "email", NULL, 10, &d, &n), OK);
    cr_assert_eq(n, 1);
    cr_assert_str_eq(d[0].error, "unavailable");
    cr_assert_eq(d[0].attempt, 8);
    cr_assert_null(d[0].replayed_at);

    cr_assert_eq(pg_begin(r), OK);
    cr_assert_eq(dead_take(r, d[0].id, &b), OK);
    cr_assert_eq(b.count, 1);
    cr_assert_str_eq(b.rows[0].event.id, "e1");
    cr_assert_str_eq(b.rows[0].event.type, "order.paid");
    cr_assert_eq(dead_mark(r, &d[0].id, 1), OK);
    cr_assert_eq(dead_take(r, d[0].id, &b), OK);
    cr_assert_eq(b.count, 0, "replayed once is enough");
    cr_assert_eq(pg_commit(r), OK);
    cr_assert_eq(dead_waiting(r, "email", &waiting), OK);
    cr_assert_eq(waiting, 0);

    e.group = "email";
    e.error = "conflict";
    cr_assert_eq(dead_keep(r, &e), OK, "it failed again");
    cr_assert_eq(dead_waiting(r, "email", &waiting), OK);
    cr_assert_eq(waiting, 1);
    cr_assert_eq(dead_take(r, "0190b5a0-0000-7000-8000-000000000001", &b),
                 ERR_NOT_FOUND);
}

Test(relay, a_dead_letter_is_kept_once_and_comes_back)
{
    run(dead_letters);
}

static void pages(struct req *r)
{
    struct event e = { .source = "order",
                       .type = "order.paid",
                       .key = "k",
                       .time = "",
                       .data = "1",
                       .data_len = 1,
                       .group = "email" };
    struct dead_letter *d;
    size_t n;

    for (int i = 0; i < 5; i++) {
        e.id = arena_printf(r->arena, "e%d", i);
        cr_assert_eq(dead_keep(r, &e), OK);
    }
    cr_assert_eq(dead_list(r, NULL, NULL, 2, &d, &n), OK);
    cr_assert_eq(n, 2);
    cr_assert_str_eq(d[0].event_id, "e4");
    cr_assert_eq(dead_list(r, NULL, d[1].id, 10, &d, &n), OK);
    cr_assert_eq(n, 3);
    cr_assert_str_eq(d[0].event_id, "e2");
    cr_assert_eq(dead_list(r, "cart", NULL, 10, &d, &n), OK);
    cr_assert_eq(n, 0);
}

Test(relay, pages_begin_where_the_last_ended)
{
    run(pages);
}
