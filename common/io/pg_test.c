/* Against a real PostgreSQL that the test starts for itself. Run from the
 * root of the repository. */
#include <criterion/criterion.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/arena.h"
#include "base/clock.h"
#include "io/pg.h"
#include "sched/loop.h"
#include "sched/task.h"

#define PORT       21401 /* shared by the tests that leave the server alone */
#define CRASH_PORT 21402 /* of the one that kills it */

static void shell(const char *command, int port)
{
    char line[256];
    snprintf(line, sizeof(line),
             "tests/harness/private_pg.sh %s %s/bodega-pg-%d %d", command,
             P_tmpdir, port, port);
    cr_assert_eq(system(line), 0, "%s", line);
}

/* Making a cluster takes a second, so most tests share one. */
ReportHook(PRE_ALL)(struct criterion_test_set *tests)
{
    (void)tests;
    shell("stop", PORT); /* left by a run that was killed */
    shell("start", PORT);
}

ReportHook(POST_ALL)(struct criterion_global_stats *stats)
{
    (void)stats;
    shell("stop", PORT);
}

/* --- a task with a req, on a loop that ends with it --- */

static char url_file[] = P_tmpdir "/bodega-pg-url-XXXXXX";
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

static void write_url(const char *host, int port)
{
    FILE *f = fopen(url_file, "we");
    cr_assert_not_null(f);
    fprintf(f, "postgresql://postgres@%s:%d/postgres\n", host, port);
    fclose(f);
}

static void run(int port, int pool, void (*fn)(struct req *r))
{
    int fd = mkstemp(url_file);
    cr_assert_geq(fd, 0);
    close(fd);
    write_url("127.0.0.1", port);
    pg_init(url_file, pool, "public");
    body = fn;
    cr_assert(task_start(main_task, NULL));
    loop_run();
    unlink(url_file);
}

/* Many tasks; the one that starts them waits for all. */
static struct await all_done;
static int running;

struct worker {
    int n;
    int64_t timeout_ms;
    void (*fn)(struct req *r, struct worker *w);
    enum err err;
    int64_t answer;
};

static void worker_task(void *arg)
{
    struct worker *w = arg;
    struct req r;
    struct arena *a = arena_new(0);
    req_init(&r, a, w->timeout_ms, NULL);
    w->fn(&r, w);
    pg_end(&r);
    arena_free(a);
    if (--running == 0)
        await_done(&all_done);
}

static void start_workers(struct worker *ws, int n,
                          void (*fn)(struct req *, struct worker *))
{
    all_done = (struct await){ 0 };
    running = n;
    for (int i = 0; i < n; i++) {
        ws[i] = (struct worker){ .n = i, .timeout_ms = 30000, .fn = fn };
        cr_assert(task_start(worker_task, &ws[i]));
    }
}

static void wait_workers(void)
{
    if (running > 0)
        cr_assert(await_until(&all_done, 0));
}

static void must(struct req *r, enum err e)
{
    cr_assert_eq(e, OK, "%s: %s", err_info(e)->slug,
                 r->log_detail ? r->log_detail : "");
}

static int holding, holders;

static void hold(struct req *r, struct worker *w)
{
    if ((w->err = pg_begin(r)) != OK)
        return;
    holding++;
    while (holding < holders)
        task_sleep(1);
}

/* Have every connection of the pool up and free: each is held once while the
 * others are. */
static void open_all(int n)
{
    struct worker ws[8];
    holding = 0;
    holders = n;
    start_workers(ws, n, hold);
    wait_workers();
    for (int i = 0; i < n; i++)
        cr_assert_eq(ws[i].err, OK);
}

/* --- values --- */

static void values_round_trip(struct req *r)
{
    static const char odd[] = "it's \"odd\" \\ \xe2\x82\xac $1 %s\n";
    struct pg_rows v;
    must(r, pg_query(r, &v,
                     "SELECT $1::text, $2::bigint, $3::bool, $4::bool, "
                     "$5::text, ''::text",
                     "sibbs", odd, INT64_MIN, 1, 0, NULL));
    cr_assert_eq(v.count, 1);
    cr_assert_eq(v.columns, 6);
    cr_assert_str_eq(pg_str(&v, 0, 0), odd);
    cr_assert_eq(pg_int(&v, 0, 1), INT64_MIN);
    cr_assert(pg_bool(&v, 0, 2));
    cr_assert(!pg_bool(&v, 0, 3));
    cr_assert_null(pg_str(&v, 0, 4));
    cr_assert_str_eq(pg_str(&v, 0, 5), "");
}

Test(pg, values_round_trip)
{
    run(PORT, 1, values_round_trip);
}

static void arrays_round_trip(struct req *r)
{
    static const char *const in[] = { "plain", "a,b",  "\"q\"", "back\\slash",
                                      "{x}",   "NULL", "",      " lead" };
    static const int64_t numbers[] = { 1, -7, INT64_MAX };
    size_t n = sizeof(in) / sizeof(in[0]);
    struct pg_rows v;
    must(r, pg_read(r, &v, "SELECT unnest($1::text[])", "s",
                    pg_text_array(r, in, n)));
    cr_assert_eq(v.count, (int)n);
    for (size_t i = 0; i < n; i++)
        cr_assert_str_eq(pg_str(&v, (int)i, 0), in[i]);
    must(r, pg_read(r, &v, "SELECT unnest($1::bigint[])", "s",
                    pg_int_array(r, numbers, 3)));
    cr_assert_eq(v.count, 3);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(pg_int(&v, i, 0), numbers[i]);
    must(r, pg_read(r, &v, "SELECT cardinality($1::text[])", "s",
                    pg_text_array(r, NULL, 0)));
    cr_assert_eq(pg_int(&v, 0, 0), 0);
}

Test(pg, arrays_round_trip)
{
    run(PORT, 1, arrays_round_trip);
}

static void session_settings(struct req *r)
{
    struct pg_rows v;
    must(r, pg_query(r, &v,
                     "SELECT current_setting('search_path'), "
                     "current_setting('statement_timeout'), "
                     "current_setting('lock_timeout'), "
                     "current_setting('idle_in_transaction_session_timeout'), "
                     "current_setting('application_name')",
                     ""));
    static const char *const want[] = { "public", "5s", "2s", "10s", "public" };
    for (int i = 0; i < 5; i++)
        cr_assert_str_eq(pg_str(&v, 0, i), want[i]);
}

Test(pg, session_settings)
{
    run(PORT, 1, session_settings);
}

/* --- many at once --- */

static void square(struct req *r, struct worker *w)
{
    struct pg_rows v;
    int64_t n = w->n;
    w->err = pg_read(r, &v, "SELECT $1::bigint * $1::bigint", "i", n);
    w->answer = w->err == OK ? pg_int(&v, 0, 0) : -1;
}

static struct worker crowd[1000];

/* Two connections take 32 each and 256 wait; the rest is told at once. */
static void thousand_at_once(struct req *r)
{
    (void)r;
    open_all(2);
    start_workers(crowd, 1000, square);
    wait_workers();
    int served = 0;
    for (int64_t i = 0; i < 1000; i++) {
        if (crowd[i].err == OK) {
            cr_assert_eq(crowd[i].answer, i * i);
            served++;
        } else {
            cr_assert_eq(crowd[i].err, ERR_OVERLOAD);
        }
    }
    cr_assert_eq(served, 2 * 32 + 256);
}

Test(pg, thousand_at_once)
{
    run(PORT, 2, thousand_at_once);
}

/* Every kind at once: reads share a Sync, writes do not, and one in ten
 * fails. Each caller gets its own answer. */
static void mixed_five(struct req *r, struct worker *w)
{
    for (int64_t k = 0; k < 5 && w->err == OK; k++) {
        struct pg_rows v;
        int64_t n = w->n * 5 + k;
        enum err e;
        if (n % 10 == 3) {
            e = pg_read(r, &v, "SELECT 1 / ($1::bigint - $1)", "i", n);
            w->err = e == ERR_INTERNAL ? OK : ERR_CONFLICT;
            continue;
        }
        if (n % 3)
            e = pg_read(r, &v, "SELECT $1::bigint + 7", "i", n);
        else
            e = pg_query(r, &v, "INSERT INTO crowd VALUES ($1) RETURNING n + 7",
                         "i", n);
        w->err = e;
        if (e == OK && pg_int(&v, 0, 0) != n + 7)
            w->err = ERR_MALFORMED;
    }
}

static void thousand_over_two(struct req *r)
{
    must(r, pg_query(r, NULL, "DROP TABLE IF EXISTS crowd", ""));
    must(r, pg_query(r, NULL, "CREATE TABLE crowd (n bigint PRIMARY KEY)", ""));
    start_workers(crowd, 200, mixed_five);
    wait_workers();
    for (int i = 0; i < 200; i++)
        cr_assert_eq(crowd[i].err, OK, "%d: %s", i,
                     err_info(crowd[i].err)->slug);
    struct pg_rows v;
    must(r, pg_read(r, &v, "SELECT count(*) FROM crowd", ""));
    int64_t want = 0;
    for (int n = 0; n < 1000; n++)
        want += n % 3 == 0 && n % 10 != 3;
    cr_assert_eq(pg_int(&v, 0, 0), want);
}

Test(pg, thousand_over_two)
{
    run(PORT, 2, thousand_over_two);
}

static int finished_first;

static void slow_or_quick(struct req *r, struct worker *w)
{
    if (w->n == 0)
        w->err = pg_read(r, NULL, "SELECT pg_sleep(1)", "");
    else
        w->err = pg_read(r, NULL, "SELECT 2", "");
    if (finished_first == 0)
        finished_first = w->n;
}

/* With one connection up and a slow statement on it, the next ones open a
 * second connection instead of queueing behind. */
static void slow_stalls_nobody(struct req *r)
{
    must(r, pg_read(r, NULL, "SELECT 1", ""));
    finished_first = 0;
    start_workers(crowd, 4, slow_or_quick);
    wait_workers();
    for (int i = 0; i < 4; i++)
        cr_assert_eq(crowd[i].err, OK);
    cr_assert_neq(finished_first, 0);
}

Test(pg, slow_stalls_nobody)
{
    run(PORT, 2, slow_stalls_nobody);
}

/* --- transactions --- */

static void make_table(struct req *r, const char *drop, const char *create)
{
    must(r, pg_query(r, NULL, drop, ""));
    must(r, pg_query(r, NULL, create, ""));
}

static void count_iso(struct req *r, struct worker *w)
{
    struct pg_rows v;
    w->err = pg_read(r, &v, "SELECT count(*) FROM iso", "");
    w->answer = w->err == OK ? pg_int(&v, 0, 0) : -1;
}

/* Nobody else's statement lands on the transaction's connection. */
static void tx_is_isolated(struct req *r)
{
    struct pg_rows v;
    make_table(r, "DROP TABLE IF EXISTS iso", "CREATE TABLE iso (n bigint)");
    must(r, pg_begin(r));
    must(r, pg_query(r, NULL, "INSERT INTO iso VALUES (1)", ""));
    start_workers(crowd, 40, count_iso);
    wait_workers();
    for (int i = 0; i < 40; i++)
        cr_assert_eq(crowd[i].answer, 0);
    must(r, pg_read(r, &v, "SELECT count(*) FROM iso", ""));
    cr_assert_eq(pg_int(&v, 0, 0), 1);
    must(r, pg_commit(r));
    cr_assert_null(r->tx);
    start_workers(crowd, 1, count_iso);
    wait_workers();
    cr_assert_eq(crowd[0].answer, 1);
}

Test(pg, tx_is_isolated)
{
    run(PORT, 2, tx_is_isolated);
}

static void insert_and_leave(struct req *r, struct worker *w)
{
    w->err = pg_begin(r);
    if (w->err == OK)
        w->err = pg_query(r, NULL, "INSERT INTO ends VALUES (1)", "");
}

static void begin_and_leave(struct req *r, struct worker *w)
{
    w->err = pg_begin(r);
}

/* What is still open when the req ends is undone, and the connection serves
 * others again. */
static void rolled_back_at_end(struct req *r)
{
    struct pg_rows v;
    make_table(r, "DROP TABLE IF EXISTS ends", "CREATE TABLE ends (n bigint)");
    start_workers(crowd, 5, insert_and_leave);
    wait_workers();
    start_workers(&crowd[5], 5, begin_and_leave);
    wait_workers();
    for (int i = 0; i < 10; i++)
        cr_assert_eq(crowd[i].err, OK);
    must(r, pg_read(r, &v, "SELECT count(*) FROM ends", ""));
    cr_assert_eq(pg_int(&v, 0, 0), 0);
}

Test(pg, rolled_back_at_end)
{
    run(PORT, 1, rolled_back_at_end);
}

static void tx_insert(struct req *r, struct worker *w)
{
    if ((w->err = pg_begin(r)) != OK)
        return;
    w->err =
        pg_query(r, NULL, "INSERT INTO busy VALUES ($1)", "i", (int64_t)w->n);
    if (w->err == OK)
        w->err = pg_commit(r);
}

static void busy_mix(struct req *r, struct worker *w)
{
    if (w->n % 4 == 0)
        tx_insert(r, w);
    else
        for (int i = 0; i < 10 && w->err == OK; i++)
            w->err = pg_read(r, NULL, "SELECT count(*) FROM busy", "");
}

/* A transaction gets its turn however busy the others keep the pool. */
static void tx_is_not_starved(struct req *r)
{
    struct pg_rows v;
    make_table(r, "DROP TABLE IF EXISTS busy", "CREATE TABLE busy (n bigint)");
    start_workers(crowd, 120, busy_mix);
    wait_workers();
    for (int i = 0; i < 120; i++)
        cr_assert_eq(crowd[i].err, OK, "%d: %s", i,
                     err_info(crowd[i].err)->slug);
    must(r, pg_read(r, &v, "SELECT count(DISTINCT n) FROM busy", ""));
    cr_assert_eq(pg_int(&v, 0, 0), 30);
}

Test(pg, tx_is_not_starved)
{
    run(PORT, 2, tx_is_not_starved);
}

static int turn, began, read_done;

static void four_kinds(struct req *r, struct worker *w)
{
    struct pg_rows v;
    if (w->n == 0)
        w->err = pg_read(r, &v, "SELECT pg_sleep(2)", "");
    if (w->n == 1)
        w->err = pg_read(r, &v, "SELECT pg_sleep(0.2)", "");
    if (w->n == 2) {
        w->err = pg_begin(r);
        began = ++turn;
    }
    if (w->n == 3) {
        w->err = pg_read(r, &v, "SELECT 4", "");
        read_done = ++turn;
    }
}

/* A transaction waiting for a busy connection holds up only that one. */
static void waiting_tx_lets_others_pass(struct req *r)
{
    (void)r;
    open_all(2);
    start_workers(crowd, 4, four_kinds);
    wait_workers();
    for (int i = 0; i < 4; i++)
        cr_assert_eq(crowd[i].err, OK);
    cr_assert_eq(read_done, 1);
    cr_assert_eq(began, 2);
}

Test(pg, waiting_tx_lets_others_pass)
{
    run(PORT, 2, waiting_tx_lets_others_pass);
}

/* --- errors --- */

static void errors_are_told_apart(struct req *r)
{
    make_table(r, "DROP TABLE IF EXISTS rules",
               "CREATE TABLE rules (n int CONSTRAINT rules_key UNIQUE, "
               "m int CONSTRAINT rules_positive CHECK (m > 0))");
    static const char insert[] = "INSERT INTO rules VALUES ($1, $2)";
    int64_t one = 1, zero = 0;
    must(r, pg_query(r, NULL, insert, "ii", one, one));
    cr_assert_eq(pg_query(r, NULL, insert, "ii", one, one), ERR_CONFLICT);
    cr_assert_str_eq(r->log_detail, "sqlstate 23505 constraint rules_key");
    cr_assert_eq(pg_query(r, NULL, insert, "ii", zero, zero), ERR_CONFLICT);
    cr_assert_str_eq(r->log_detail, "sqlstate 23514 constraint rules_positive");
    cr_assert_eq(pg_query(r, NULL, "SELECT nonsense", ""), ERR_INTERNAL);
    cr_assert_str_eq(r->log_detail, "sqlstate 42703");
    must(r, pg_query(r, NULL, "SET statement_timeout = 50", ""));
    cr_assert_eq(pg_read(r, NULL, "SELECT pg_sleep(60)", ""), ERR_DEADLINE);
    must(r, pg_query(r, NULL, "SET statement_timeout = 5000", ""));
    must(r, pg_begin(r));
    cr_assert_eq(pg_query(r, NULL, insert, "ii", one, one), ERR_CONFLICT);
    cr_assert_eq(pg_commit(r), ERR_INTERNAL);
    struct pg_rows v;
    must(r, pg_query(r, &v, "UPDATE rules SET m = 5", ""));
    cr_assert_eq(v.affected, 1);
}

Test(pg, errors_are_told_apart)
{
    run(PORT, 1, errors_are_told_apart);
}

/* A table changes under a prepared statement; callers do not notice. */
static void plans_go_stale(struct req *r)
{
    static const char all[] = "SELECT * FROM plans";
    struct pg_rows v;
    make_table(r, "DROP TABLE IF EXISTS plans", "CREATE TABLE plans (a int)");
    must(r, pg_read(r, &v, all, ""));
    cr_assert_eq(v.columns, 1);
    must(r, pg_query(r, NULL, "ALTER TABLE plans ADD b int", ""));
    must(r, pg_read(r, &v, all, ""));
    cr_assert_eq(v.columns, 2);
    must(r, pg_query(r, NULL, "DEALLOCATE ALL", ""));
    must(r, pg_read(r, &v, all, ""));
    cr_assert_eq(v.columns, 2);
}

Test(pg, plans_go_stale)
{
    run(PORT, 1, plans_go_stale);
}

/* --- deadlines --- */

static void too_slow(struct req *r, struct worker *w)
{
    r->deadline_us = clock_us() + 100000;
    if (w->n == 0)
        w->err = pg_read(r, NULL, "SELECT pg_sleep(0.5)", "");
    if (w->n == 1)
        w->err = pg_query(r, NULL,
                          "INSERT INTO slow SELECT 1 FROM pg_sleep(0.5)", "");
    if (w->n == 2 && (w->err = pg_begin(r)) == OK)
        w->err = pg_query(r, NULL,
                          "INSERT INTO slow SELECT 2 FROM pg_sleep(0.5)", "");
    if (w->n == 3)
        w->err = pg_read(r, NULL, "SELECT 3", "");
}

/* Three take the three connections and outlive their callers: a read, a write
 * that may still happen, and one in a transaction, which may not. A fourth
 * waits in line. What comes after finds clean connections. */
static void given_up_in_flight(struct req *r)
{
    struct pg_rows v;
    make_table(r, "DROP TABLE IF EXISTS slow", "CREATE TABLE slow (n int)");
    open_all(3);
    start_workers(crowd, 4, too_slow);
    wait_workers();
    cr_assert_eq(crowd[0].err, ERR_DEADLINE);
    cr_assert_eq(crowd[1].err, ERR_UNCERTAIN);
    cr_assert_eq(crowd[2].err, ERR_DEADLINE);
    cr_assert(crowd[3].err == OK || crowd[3].err == ERR_DEADLINE);
    start_workers(crowd, 60, square);
    wait_workers();
    for (int64_t i = 0; i < 60; i++)
        cr_assert_eq(crowd[i].answer, i * i);
    must(r, pg_begin(r));
    must(r, pg_read(r, &v, "SELECT n FROM slow", ""));
    cr_assert_eq(v.count, 1);
    cr_assert_eq(pg_int(&v, 0, 0), 1);
    must(r, pg_commit(r));
}

Test(pg, given_up_in_flight)
{
    run(PORT, 3, given_up_in_flight);
}

/* --- deadlock --- */

static int met;
static int attempts[2];
static struct await both_locked;

/* Each locks its own row, waits until the other has too, then wants the
 * other's. Only the first attempts meet. */
static enum err cross(struct req *r, void *arg)
{
    struct worker *w = arg;
    static const char add[] = "UPDATE cross_rows SET v = v + 1 WHERE n = $1";
    TRY(pg_query(r, NULL, add, "i", (int64_t)w->n));
    if (attempts[w->n]++ == 0) {
        if (++met == 2)
            await_done(&both_locked);
        else
            await_until(&both_locked, r->deadline_us);
    }
    return pg_query(r, NULL, add, "i", (int64_t)(1 - w->n));
}

static void cross_in_tx(struct req *r, struct worker *w)
{
    w->err = pg_transaction(r, cross, w);
}

static void deadlock_is_retried(struct req *r)
{
    struct pg_rows v;
    make_table(r, "DROP TABLE IF EXISTS cross_rows",
               "CREATE TABLE cross_rows AS SELECT n, 0 AS v "
               "FROM generate_series(0, 1) n");
    start_workers(crowd, 2, cross_in_tx);
    wait_workers();
    cr_assert_eq(crowd[0].err, OK);
    cr_assert_eq(crowd[1].err, OK);
    cr_assert_eq(attempts[0] + attempts[1], 3);
    must(r, pg_read(r, &v, "SELECT sum(v) FROM cross_rows", ""));
    cr_assert_eq(pg_int(&v, 0, 0), 4);
}

Test(pg, deadlock_is_retried)
{
    run(PORT, 2, deadlock_is_retried);
}

/* --- notifications --- */

static int connects, notes;
static char last_note[32];
static struct await heard;

static void on_note(void *arg, const char *payload)
{
    (void)arg;
    if (payload) {
        notes++;
        snprintf(last_note, sizeof(last_note), "%s", payload);
    } else {
        connects++;
    }
    await_done(&heard);
}

static void wait_heard(void)
{
    cr_assert(await_until(&heard, 0));
    heard = (struct await){ 0 };
}

static void listens_again(struct req *r)
{
    pg_listen("odd \"name\"", on_note, NULL);
    wait_heard();
    cr_assert_eq(connects, 1);
    must(r, pg_query(r, NULL, "NOTIFY \"odd \"\"name\"\"\", 'first'", ""));
    wait_heard();
    cr_assert_eq(notes, 1);
    cr_assert_str_eq(last_note, "first");
    must(r, pg_query(r, NULL,
                     "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                     "WHERE query LIKE 'LISTEN \"odd%'",
                     ""));
    wait_heard();
    cr_assert_eq(connects, 2);
    must(r, pg_query(r, NULL, "NOTIFY \"odd \"\"name\"\"\", 'second'", ""));
    wait_heard();
    cr_assert_str_eq(last_note, "second");
}

Test(pg, listens_again)
{
    run(PORT, 1, listens_again);
}

/* --- the server dies --- */

static void in_flight(struct req *r, struct worker *w)
{
    if (w->n == 0)
        w->err = pg_read(r, NULL, "SELECT pg_sleep(4)", "");
    if (w->n == 1)
        w->err =
            pg_query(r, NULL, "INSERT INTO dies SELECT 1 FROM pg_sleep(4)", "");
    if (w->n == 2 && (w->err = pg_begin(r)) == OK) {
        w->err =
            pg_query(r, NULL, "INSERT INTO dies SELECT 2 FROM pg_sleep(4)", "");
        cr_assert_eq(pg_commit(r), ERR_UNAVAILABLE);
    }
    /* COMMIT is slow because of the trigger. */
    if (w->n == 3 && (w->err = pg_begin(r)) == OK) {
        must(r, pg_query(r, NULL, "INSERT INTO slow_commit VALUES (1)", ""));
        w->err = pg_commit(r);
    }
}

static void wait_asleep(struct req *r, int64_t sessions)
{
    struct pg_rows v;
    do {
        task_sleep(20);
        must(r, pg_query(r, &v,
                         "SELECT count(*) FROM pg_stat_activity "
                         "WHERE wait_event = 'PgSleep'",
                         ""));
    } while (pg_int(&v, 0, 0) < sessions);
}

static void make_dying_tables(struct req *r)
{
    must(r, pg_query(r, NULL, "CREATE TABLE dies (n int)", ""));
    must(r, pg_query(r, NULL, "CREATE TABLE slow_commit (n int)", ""));
    must(r, pg_query(r, NULL,
                     "CREATE FUNCTION nap() RETURNS trigger LANGUAGE plpgsql "
                     "AS 'BEGIN PERFORM pg_sleep(4); RETURN NULL; END'",
                     ""));
    must(r, pg_query(r, NULL,
                     "CREATE CONSTRAINT TRIGGER nap AFTER INSERT ON "
                     "slow_commit DEFERRABLE INITIALLY DEFERRED "
                     "FOR EACH ROW EXECUTE FUNCTION nap()",
                     ""));
}

static void server_dies(struct req *r)
{
    cr_assert_null(pg_trouble());
    make_dying_tables(r);
    start_workers(crowd, 4, in_flight);
    wait_asleep(r, 4);
    shell("kill", CRASH_PORT);
    wait_workers();
    cr_assert_eq(crowd[0].err, ERR_UNAVAILABLE);
    cr_assert_eq(crowd[1].err, ERR_UNCERTAIN);
    cr_assert_eq(crowd[2].err, ERR_UNAVAILABLE);
    cr_assert_eq(crowd[3].err, ERR_UNCERTAIN);
    struct pg_rows v;
    int64_t deadline_us = r->deadline_us;
    r->deadline_us = clock_us() + 300000;
    cr_assert_eq(pg_read(r, &v, "SELECT 1", ""), ERR_UNAVAILABLE);
    cr_assert_not_null(pg_trouble());
    r->deadline_us = deadline_us;
    shell("start", CRASH_PORT);
    must(r, pg_read(r, &v, "SELECT count(*) FROM dies", ""));
    cr_assert_eq(pg_int(&v, 0, 0), 0);
    cr_assert_null(pg_trouble());
}

Test(pg, server_dies)
{
    signal(SIGPIPE, SIG_IGN);
    shell("stop", CRASH_PORT);
    shell("start", CRASH_PORT);
    run(CRASH_PORT, 5, server_dies);
    shell("stop", CRASH_PORT);
}

/* Nothing listens there; then the file names another place. */
static void url_is_read_again(struct req *r)
{
    int64_t deadline_us = r->deadline_us;
    r->deadline_us = clock_us() + 200000;
    cr_assert_eq(pg_begin(r), ERR_UNAVAILABLE);
    cr_assert_not_null(pg_trouble());
    write_url("no.such.host.invalid", 1);
    task_sleep(200);
    write_url("localhost", PORT);
    r->deadline_us = deadline_us;
    must(r, pg_read(r, NULL, "SELECT 1", ""));
    cr_assert_null(pg_trouble());
}

Test(pg, url_is_read_again)
{
    run(1, 2, url_is_read_again);
}
