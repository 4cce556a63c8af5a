#include "io/pg_private.h"
#include "base/backoff.h"
#include "base/clock.h"
#include "obs/metrics.h"

static struct {
    struct pg_conn conns[PG_POOL_MAX];
    int size;
    struct pg_calls waiting;
    int waiting_count;
    int attempt; /* failures since a connection last came up */
    struct timer *retry;
    char trouble[160];
    bool open; /* between pg_init and pg_close */
} pool;

static struct metric queries = {
    .name = "bodega_pg_queries_total",
    .help = "Statements by outcome.",
    .kind = METRIC_COUNTER,
    .labels = { "outcome" },
};
static struct metric seconds = {
    .name = "bodega_pg_query_seconds",
    .help = "Time from asking to having the answer.",
    .kind = METRIC_HISTOGRAM,
};
static struct metric connections = {
    .name = "bodega_pg_connections",
    .help = "Connections of the pool that are up.",
    .kind = METRIC_GAUGE,
};
static struct metric queue = {
    .name = "bodega_pg_waiting",
    .help = "Statements and transactions waiting for a connection.",
    .kind = METRIC_GAUGE,
};

void pool_count(enum err e, int64_t us)
{
    metric_add(&queries, 1, e == OK ? "ok" : err_info(e)->slug);
    metric_observe_us(&seconds, us);
}

static int count(enum pg_conn_state state)
{
    int n = 0;
    for (int i = 0; i < pool.size; i++)
        n += pool.conns[i].state == state;
    return n;
}

static void queue_add(struct pg_call *call, bool first)
{
    call->place = AT_QUEUE;
    call->conn = NULL;
    if (first)
        TAILQ_INSERT_HEAD(&pool.waiting, call, link);
    else
        TAILQ_INSERT_TAIL(&pool.waiting, call, link);
    metric_set(&queue, ++pool.waiting_count);
}

static void queue_remove(struct pg_call *call)
{
    TAILQ_REMOVE(&pool.waiting, call, link);
    metric_set(&queue, --pool.waiting_count);
}

/* --- growth --- */

static void open_one(void)
{
    for (int i = 0; i < pool.size; i++)
        if (pool.conns[i].state == CONN_CLOSED) {
            conn_open(&pool.conns[i]);
            return;
        }
}

/* While Postgres refuses, only the retry timer opens, one at a time. */
static bool can_grow(void)
{
    return pool.attempt == 0 && count(CONN_CLOSED) > 0;
}

/* As many on the way as there are callers waiting. */
static void grow(void)
{
    while (can_grow() && count(CONN_OPENING) < pool.waiting_count)
        open_one();
}

static void on_retry(void *arg)
{
    (void)arg;
    pool.retry = NULL;
    if (count(CONN_OPENING) == 0)
        open_one();
}

/* --- who gets which connection --- */

/* The least busy connection that others may join. */
static struct pg_conn *least_busy(void)
{
    struct pg_conn *best = NULL;
    for (int i = 0; i < pool.size; i++) {
        struct pg_conn *c = &pool.conns[i];
        if (c->state == CONN_UP && !c->owner && !c->ending && !c->claim &&
            (best == NULL || c->depth < best->depth))
            best = c;
    }
    return best;
}

static void grant(struct pg_conn *c, struct pg_call *call)
{
    c->owner = call->req;
    c->begin_due = true;
    call->conn = c;
    call_finish(call, OK);
}

/* Give the caller a place now if there is one. A statement queues behind
 * others only when the pool cannot grow, so a slow one stalls nobody while a
 * connection is to be had. A transaction then claims a connection: nothing
 * new joins it, so it comes free however busy the others keep the rest. */
static bool place(struct pg_call *call)
{
    struct pg_conn *c = least_busy();
    if (c == NULL)
        return false;
    bool may_wait = can_grow() || count(CONN_OPENING) > 0;
    if (c->depth > 0 && may_wait && pool.attempt == 0)
        return false;
    if (call->stmt) {
        if (c->depth >= PG_DEPTH_MAX)
            return false;
        pipe_add(c, call);
    } else if (c->depth == 0) {
        grant(c, call);
    } else {
        c->claim = call;
        call->conn = c;
        call->place = AT_CLAIM;
    }
    return true;
}

static void dispatch(void)
{
    struct pg_call *call;
    while ((call = TAILQ_FIRST(&pool.waiting))) {
        queue_remove(call);
        if (!place(call)) {
            queue_add(call, true);
            break;
        }
    }
    grow();
}

/* --- what connections tell --- */

static void on_up(struct pg_conn *c)
{
    (void)c;
    pool.attempt = 0;
    pool.trouble[0] = '\0';
    timer_cancel(pool.retry);
    pool.retry = NULL;
    metric_set(&connections, count(CONN_UP));
    dispatch();
}

static void on_down(struct pg_conn *c, const char *why)
{
    struct pg_call *call = c->claim;
    c->claim = NULL;
    if (call)
        queue_add(call, true);
    metric_set(&connections, count(CONN_UP));
    snprintf(pool.trouble, sizeof(pool.trouble), "%s", why);
    int64_t ms = backoff_ms(pool.attempt++, 50, 2000);
    if (pool.retry == NULL)
        pool.retry = timer_start(ms, on_retry, NULL);
    dispatch();
}

static void on_progress(struct pg_conn *c)
{
    if (c->depth == 0) {
        struct pg_call *call = c->claim;
        c->ending = false;
        c->claim = NULL;
        if (call)
            grant(c, call);
    }
    dispatch();
}

/* --- for pg.c --- */

enum err pool_submit(struct pg_call *call)
{
    if (!pool.open)
        return ERR_UNAVAILABLE;
    if (TAILQ_EMPTY(&pool.waiting) && place(call))
        return OK;
    if (pool.waiting_count >= PG_WAITING_MAX)
        return ERR_OVERLOAD;
    queue_add(call, false);
    grow();
    return OK;
}

bool pool_abandon(struct pg_call *call)
{
    if (call->place == AT_QUEUE) {
        queue_remove(call);
        return false;
    }
    if (call->place == AT_CLAIM) {
        call->conn->claim = NULL;
        dispatch();
        return false;
    }
    return pipe_abandon(call);
}

void pool_release(struct pg_conn *c)
{
    c->owner = NULL;
    c->begin_due = false;
    c->ending = c->depth > 0;
    if (!c->ending)
        on_progress(c);
}

void pg_init(const char *url_file, int size, const char *schema)
{
    conn_config(url_file, schema);
    TAILQ_INIT(&pool.waiting);
    pool.size = size < 1 ? 1 : size > PG_POOL_MAX ? PG_POOL_MAX : size;
    for (int i = 0; i < pool.size; i++) {
        struct pg_conn *c = &pool.conns[i];
        conn_init(c);
        c->on_up = on_up;
        c->on_down = on_down;
        c->on_progress = on_progress;
    }
    pool.open = true;
}

void pg_warm(void)
{
    if (pool.open && can_grow() && count(CONN_CLOSED) == pool.size)
        open_one();
}

const char *pg_trouble(void)
{
    bool up = count(CONN_UP) > 0;
    return up || pool.trouble[0] == '\0' ? NULL : pool.trouble;
}

void pg_close(void)
{
    pool.open = false;
    timer_cancel(pool.retry);
    pool.retry = NULL;
    listen_close();
    for (int i = 0; i < pool.size; i++) {
        struct pg_conn *c = &pool.conns[i];
        struct pg_call *call = c->claim;
        c->claim = NULL;
        if (call)
            call_finish(call, ERR_UNAVAILABLE);
        conn_close(c);
    }
    struct pg_call *call;
    while ((call = TAILQ_FIRST(&pool.waiting))) {
        queue_remove(call);
        call_finish(call, ERR_UNAVAILABLE);
    }
    pool.attempt = 0;
    pool.trouble[0] = '\0';
    pool.size = 0;
}
