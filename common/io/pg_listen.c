#include "base/backoff.h"
#include "io/pg_private.h"
#include "obs/log.h"

#define LISTEN_MAX 4

#define START_MS 20

struct listener {
    struct pg_conn conn; /* first: the connection is the listener */
    char sql[80];        /* LISTEN "channel"; lives on in pg_stmt_find */
    void (*fn)(void *arg, const char *payload);
    void *arg;
    struct timer *retry;
    int attempt;
    bool used;
    bool listening; /* the server has answered LISTEN */
    struct arena *arena;
    struct req req; /* whose call LISTEN is */
    struct pg_call call;
};
static struct listener listeners[LISTEN_MAX];

static struct listener *of(struct pg_conn *c)
{
    return (struct listener *)(void *)c;
}

static void on_up(struct pg_conn *c)
{
    struct listener *l = of(c);
    l->call =
        (struct pg_call){ .req = &l->req, .stmt = pg_stmt_find(l->sql, false) };
    pipe_add(c, &l->call);
}

static void on_retry(void *arg)
{
    struct listener *l = arg;
    l->retry = NULL;
    conn_open(&l->conn);
}

static void on_down(struct pg_conn *c, const char *why)
{
    struct listener *l = of(c);
    (void)why;
    l->listening = false;
    l->retry = timer_start(backoff_ms(l->attempt++, 50, 2000), on_retry, l);
}

/* LISTEN has been answered. What was notified before is lost, so the owner
 * looks once. */
static void on_progress(struct pg_conn *c)
{
    struct listener *l = of(c);
    if (l->call.err != OK) {
        log_error(NULL, "listen refused", LOG_STR("statement", l->sql));
        return;
    }
    l->attempt = 0;
    l->listening = true;
    l->fn(l->arg, NULL);
}

static void on_notify(struct pg_conn *c, const char *payload)
{
    struct listener *l = of(c);
    if (l->listening)
        l->fn(l->arg, payload);
}

/* The channel as a quoted identifier. */
static void listen_sql(struct listener *l, const char *channel)
{
    char *to = l->sql, *end = l->sql + sizeof(l->sql) - 3;
    to += snprintf(l->sql, sizeof(l->sql), "LISTEN \"");
    for (const char *p = channel; *p && to < end; p++) {
        if (*p == '"')
            *to++ = '"';
        *to++ = *p;
    }
    *to++ = '"';
    *to = '\0';
}

void pg_listen(const char *channel, void (*fn)(void *arg, const char *payload),
               void *arg)
{
    for (int i = 0; i < LISTEN_MAX; i++) {
        struct listener *l = &listeners[i];
        if (l->used)
            continue;
        *l = (struct listener){ .used = true, .fn = fn, .arg = arg };
        l->arena = arena_new(0);
        req_init(&l->req, l->arena, 0, NULL);
        listen_sql(l, channel);
        conn_init(&l->conn);
        l->conn.on_up = on_up;
        l->conn.on_down = on_down;
        l->conn.on_progress = on_progress;
        l->conn.on_notify = on_notify;
        /* Not now: opening libpq takes milliseconds that the process's
         * first answer would have to wait. */
        l->retry = timer_start(START_MS, on_retry, l);
        return;
    }
    log_error(NULL, "too many channels", LOG_STR("channel", channel));
}

void listen_close(void)
{
    for (int i = 0; i < LISTEN_MAX; i++) {
        struct listener *l = &listeners[i];
        if (!l->used)
            continue;
        timer_cancel(l->retry);
        conn_close(&l->conn);
        arena_free(l->arena);
        l->used = false;
    }
}
