#include <unistd.h>
#include "base/backoff.h"
#include "base/clock.h"
#include "io/redis_private.h"
#include "io/resolve.h"
#include "obs/log.h"
#include "sched/loop.h"

#define CONNECT_MS 2000

enum state { AWAY, CONNECTING, UP };

static struct {
    char host[256];
    int port;
    int db;
    const char *password_file;
    bool open; /* between redis_init and redis_close */

    enum state state;
    redisAsyncContext *ac;
    uv_poll_t *poll;
    int events;      /* UV_* being watched */
    bool want_write; /* hiredis has bytes to write */
    bool scheduled;  /* flush is due */
    struct resolve *resolve;
    struct timer *timer; /* of the attempt, of the pause, or of the watch */
    int attempt;
    char trouble[128];
    struct arena *replies;           /* the reply being read or told */
    TAILQ_HEAD(, redis_batch) queue; /* while the first connection is made */

    int in_flight;     /* answers due */
    int64_t silent_us; /* since when they are due and nothing came */
} rc = { .queue = TAILQ_HEAD_INITIALIZER(rc.queue) };

static void down(const char *why);
static void attempt_start(void);

/* --- hiredis on the loop --- */

static void on_poll(uv_poll_t *h, int status, int events)
{
    (void)h;
    /* Errors are found by reading. Either call may end the connection, and
     * with it rc.ac. */
    if (rc.ac && (status < 0 || events & (UV_READABLE | UV_DISCONNECT)))
        redisAsyncHandleRead(rc.ac);
    if (rc.ac && events & UV_WRITABLE)
        redisAsyncHandleWrite(rc.ac);
    if (rc.ac && status < 0)
        redisAsyncFree(rc.ac);
}

static void watch(int events)
{
    if (rc.poll && rc.events != events &&
        uv_poll_start(rc.poll, events, on_poll) == 0)
        rc.events = events;
}

/* Everything the turn has queued leaves in one write; only when the socket is
 * full does the loop watch for room. */
static void flush(void *arg)
{
    (void)arg;
    rc.scheduled = false;
    if (rc.state != UP || !rc.want_write)
        return;
    redisAsyncHandleWrite(rc.ac);
    if (rc.ac && rc.want_write)
        watch(UV_READABLE | UV_WRITABLE);
}

static void add_write(void *arg)
{
    (void)arg;
    rc.want_write = true;
    if (rc.state == CONNECTING)
        watch(UV_READABLE | UV_WRITABLE);
    else if (!rc.scheduled) {
        rc.scheduled = true;
        loop_defer(flush, NULL);
    }
}

static void del_write(void *arg)
{
    (void)arg;
    rc.want_write = false;
    watch(UV_READABLE);
}

static void ignore(void *arg)
{
    (void)arg;
}

static void on_closed(uv_handle_t *h)
{
    free(h);
}

/* hiredis is about to close the socket; whatever the reason, this is the one
 * place that hears of it. */
static void cleanup(void *arg)
{
    (void)arg;
    if (rc.ac == NULL)
        return; /* hiredis may say it twice */
    char why[sizeof(rc.trouble)];
    snprintf(why, sizeof(why), "%s",
             rc.ac->c.errstr[0] ? rc.ac->c.errstr : "connection lost");
    if (rc.poll)
        uv_close((uv_handle_t *)rc.poll, on_closed);
    rc.poll = NULL;
    rc.ac = NULL;
    down(why);
}

/* --- replies --- */

/* hiredis has one reply at a time: it is built, handed to on_reply and freed.
 * So its pieces come from one arena instead of two mallocs for each. */
static redisReply *new_reply(const redisReadTask *task)
{
    redisReply *r = arena_alloc(rc.replies, sizeof(*r));
    r->type = task->type;
    if (task->parent) {
        redisReply *list = task->parent->obj;
        list->element[task->idx] = r;
    }
    return r;
}

static void *new_string(const redisReadTask *task, char *s, size_t len)
{
    redisReply *r = new_reply(task);
    r->str = arena_alloc(rc.replies, len + 1);
    memcpy(r->str, s, len);
    r->len = len;
    return r;
}

static void *new_list(const redisReadTask *task, int n)
{
    redisReply *r = new_reply(task);
    r->elements = (size_t)n;
    r->element = arena_calloc(rc.replies, r->elements, sizeof(r->element[0]));
    return r;
}

static void *new_integer(const redisReadTask *task, long long v)
{
    redisReply *r = new_reply(task);
    r->integer = v;
    return r;
}

static void *new_nil(const redisReadTask *task)
{
    redisReply *r = new_reply(task);
    r->type = REDIS_REPLY_NIL; /* the task says what it would have been */
    return r;
}

static void free_reply(void *reply)
{
    (void)reply;
    arena_reset(rc.replies);
}

static redisReplyObjectFunctions in_arena = { .createString = new_string,
                                              .createArray = new_list,
                                              .createInteger = new_integer,
                                              .createNil = new_nil,
                                              .freeObject = free_reply };

/* --- life of the connection --- */

static void on_pause_over(void *arg)
{
    (void)arg;
    rc.timer = NULL;
    attempt_start();
}

static void down(const char *why)
{
    timer_cancel(rc.timer);
    rc.timer = NULL;
    resolve_cancel(rc.resolve);
    rc.resolve = NULL;
    rc.state = AWAY;
    rc.want_write = false;
    rc.events = 0;
    rc.in_flight = 0;
    struct redis_batch *b;
    while ((b = TAILQ_FIRST(&rc.queue))) {
        TAILQ_REMOVE(&rc.queue, b, link);
        b->queued = false;
        redis_refused(b);
    }
    if (!rc.open)
        return;
    if (rc.trouble[0] == '\0')
        snprintf(rc.trouble, sizeof(rc.trouble), "%s", why);
    log_warn(NULL, "redis connection down", LOG_STR("reason", rc.trouble));
    rc.timer =
        timer_start(backoff_ms(rc.attempt++, 50, 2000), on_pause_over, NULL);
}

static void give_up(const char *why)
{
    snprintf(rc.trouble, sizeof(rc.trouble), "%s", why);
    if (rc.ac)
        redisAsyncFree(rc.ac);
    else
        down(why);
}

static void on_connect_timeout(void *arg)
{
    (void)arg;
    rc.timer = NULL;
    give_up("connecting took too long");
}

/* A server that is stopped, or a network that swallows packets, shows only as
 * silence. */
static void on_watch(void *arg)
{
    (void)arg;
    int64_t silent_ms = (clock_us() - rc.silent_us) / 1000;
    rc.timer = NULL;
    if (rc.in_flight == 0)
        return;
    if (silent_ms < REDIS_HUNG_MS)
        rc.timer = timer_start(REDIS_HUNG_MS - silent_ms, on_watch, NULL);
    else
        give_up("no answer from redis");
}

static void expect_answers(int n)
{
    if (rc.in_flight == 0)
        rc.silent_us = clock_us();
    rc.in_flight += n;
    if (rc.timer == NULL)
        rc.timer = timer_start(REDIS_HUNG_MS, on_watch, NULL);
}

static void answered(void)
{
    rc.in_flight--;
    rc.silent_us = clock_us();
}

/* --- opening --- */

/* AUTH and SELECT must both say OK before anything else is sent. */
static void on_hello(redisAsyncContext *ac, void *reply, void *last);

/* False when hiredis would not take it. */
static bool hello(int argc, const char **argv, bool last)
{
    return redisAsyncCommandArgv(rc.ac, on_hello, last ? &rc : NULL, argc, argv,
                                 NULL) == REDIS_OK;
}

static void send_batch(struct redis_batch *b);

static void ready(void)
{
    timer_cancel(rc.timer);
    rc.timer = NULL;
    rc.state = UP;
    rc.attempt = 0;
    rc.trouble[0] = '\0';
    struct redis_batch *b;
    while ((b = TAILQ_FIRST(&rc.queue))) {
        TAILQ_REMOVE(&rc.queue, b, link);
        b->queued = false;
        send_batch(b);
    }
}

static void on_hello(redisAsyncContext *ac, void *reply, void *last)
{
    const redisReply *r = reply;
    if (r == NULL)
        return; /* cleanup tells */
    if (r->type == REDIS_REPLY_ERROR) {
        snprintf(rc.trouble, sizeof(rc.trouble), "%s", r->str);
        redisAsyncFree(ac);
    } else if (last && rc.state == CONNECTING) {
        ready();
    }
}

/* The password, at most `size` - 1 bytes; "" when there is none. */
static void read_password(char *out, size_t size)
{
    FILE *f = rc.password_file ? fopen(rc.password_file, "re") : NULL;
    size_t n = f ? fread(out, 1, size - 1, f) : 0;
    if (f)
        fclose(f);
    while (n > 0 && strchr(" \t\r\n", out[n - 1]))
        n--;
    out[n] = '\0';
}

/* Queued in hiredis until the socket is connected. */
static bool say_hello(void)
{
    char password[512], db[16];
    read_password(password, sizeof(password));
    snprintf(db, sizeof(db), "%d", rc.db);
    bool ok = true;
    if (password[0])
        ok = hello(2, (const char *[]){ "AUTH", password }, false);
    explicit_bzero(password, sizeof(password));
    return ok && hello(2, (const char *[]){ "SELECT", db }, true);
}

static bool attach(redisAsyncContext *ac)
{
    rc.poll = calloc(1, sizeof(*rc.poll));
    if (rc.poll == NULL || uv_poll_init(loop_get(), rc.poll, ac->c.fd) != 0) {
        free(rc.poll);
        rc.poll = NULL;
        return false;
    }
    rc.ac = ac;
    rc.events = 0;
    ac->c.reader->fn = &in_arena;
    ac->ev.data = &rc;
    ac->ev.addRead = ignore;
    ac->ev.delRead = ignore;
    ac->ev.addWrite = add_write;
    ac->ev.delWrite = del_write;
    ac->ev.cleanup = cleanup;
    return true;
}

static void on_resolved(void *arg, const char *const *addresses, int n)
{
    (void)arg;
    rc.resolve = NULL;
    if (n == 0) {
        give_up("host name not found");
        return;
    }
    redisAsyncContext *ac =
        redisAsyncConnect(addresses[rc.attempt % n], rc.port);
    if (ac == NULL || ac->err || !attach(ac)) {
        if (ac)
            redisAsyncFree(ac);
        give_up("no socket");
        return;
    }
    if (!say_hello())
        give_up("no memory");
}

static void attempt_start(void)
{
    rc.state = CONNECTING;
    rc.timer = timer_start(CONNECT_MS, on_connect_timeout, NULL);
    struct resolve *q = resolve_start(rc.host, on_resolved, NULL);
    if (q)
        rc.resolve = q;
}

/* --- batches --- */

static void on_reply(redisAsyncContext *ac, void *reply, void *arg)
{
    struct redis_flight *f = arg;
    (void)ac;
    if (reply)
        answered();
    if (f->batch)
        redis_answer(f->batch, reply);
    if (--f->left == 0)
        free(f);
}

static void send_batch(struct redis_batch *b)
{
    struct redis_flight *f = malloc(sizeof(*f));
    if (f == NULL)
        abort();
    *f = (struct redis_flight){ .batch = b };
    b->flight = f;
    struct redis_cmd *cmd;
    STAILQ_FOREACH(cmd, &b->cmds, link)
    if (redisAsyncFormattedCommand(rc.ac, on_reply, f, b->text.data + cmd->at,
                                   cmd->len) == REDIS_OK)
        f->left++;
    if (f->left > 0) {
        expect_answers(f->left);
        return;
    }
    free(f);
    redis_refused(b);
}

enum err redis_submit(struct redis_batch *b)
{
    if (!rc.open || rc.trouble[0])
        return ERR_UNAVAILABLE;
    if (rc.state == UP) {
        send_batch(b);
        return OK;
    }
    b->queued = true;
    TAILQ_INSERT_TAIL(&rc.queue, b, link);
    redis_warm();
    return OK;
}

void redis_abandon(struct redis_batch *b)
{
    if (b->queued)
        TAILQ_REMOVE(&rc.queue, b, link);
    else if (b->flight)
        b->flight->batch = NULL;
}

/* --- for the outside --- */

/* redis://host[:port][/db]; the defaults are Redis's own. */
static void parse_url(const char *url)
{
    const char *p = url;
    if (strncmp(p, "redis://", 8) == 0)
        p += 8;
    size_t n = strcspn(p, ":/");
    snprintf(rc.host, sizeof(rc.host), "%.*s", (int)n, p);
    p += n;
    rc.port = *p == ':' ? (int)strtol(p + 1, NULL, 10) : 6379;
    p += strcspn(p, "/");
    rc.db = *p == '/' ? (int)strtol(p + 1, NULL, 10) : 0;
}

void redis_init(const char *url, const char *password_file)
{
    parse_url(url);
    rc.password_file = password_file;
    rc.replies = arena_new(0);
    rc.open = true;
}

void redis_warm(void)
{
    if (rc.open && rc.state == AWAY && rc.timer == NULL)
        attempt_start();
}

const char *redis_trouble(void)
{
    return rc.trouble[0] ? rc.trouble : NULL;
}

void redis_close(void)
{
    rc.open = false;
    give_up("closed");
    arena_free(rc.replies);
    rc.replies = NULL;
    rc.trouble[0] = '\0';
    rc.attempt = 0;
}
