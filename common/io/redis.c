#include <assert.h>
#include "base/clock.h"
#include "io/redis_private.h"
#include "obs/metrics.h"

static struct metric commands = {
    .name = "bodega_redis_batches_total",
    .help = "Commands, or groups of commands sent together, by outcome.",
    .kind = METRIC_COUNTER,
    .labels = { "outcome" },
};
static struct metric seconds = {
    .name = "bodega_redis_batch_seconds",
    .help = "Time from asking to having every answer.",
    .kind = METRIC_HISTOGRAM,
};

/* --- building --- */

struct redis_batch *redis_batch(struct req *r)
{
    struct redis_batch *b = arena_alloc(r->arena, sizeof(*b));
    b->req = r;
    buf_init(&b->text, r->arena);
    STAILQ_INIT(&b->cmds);
    return b;
}

/* A command of so many words; they follow. RESP: a command is an array of bulk
 * strings (https://redis.io/docs/latest/develop/reference/protocol-spec). */
static struct redis_cmd *begin(struct redis_batch *b, size_t words)
{
    struct redis_cmd *cmd = arena_alloc(b->req->arena, sizeof(*cmd));
    cmd->at = b->text.len;
    buf_char(&b->text, '*');
    buf_int(&b->text, (int64_t)words);
    buf_str(&b->text, "\r\n");
    STAILQ_INSERT_TAIL(&b->cmds, cmd, link);
    b->count++;
    return cmd;
}

static void word(struct redis_batch *b, const void *p, size_t len)
{
    if (len > REDIS_BULK_MAX) {
        if (b->err == OK)
            detail(b->req, "a redis word of more than %d bytes",
                   REDIS_BULK_MAX);
        b->err = ERR_TOO_LARGE;
        return;
    }
    buf_char(&b->text, '$');
    buf_int(&b->text, (int64_t)len);
    buf_str(&b->text, "\r\n");
    buf_add(&b->text, p, len);
    buf_str(&b->text, "\r\n");
}

static void words(struct redis_batch *b, const char *types, va_list ap)
{
    char number[INT_TEXT_MAX + 1];
    const char *p;
    for (; *types; types++) {
        switch (*types) {
        case 's':
            p = va_arg(ap, const char *);
            word(b, p, strlen(p));
            break;
        case 'i':
            word(b, number, int_text(va_arg(ap, int64_t), number));
            break;
        case 'b':
            p = va_arg(ap, const void *);
            word(b, p, va_arg(ap, size_t));
            break;
        default:
            assert(!"a letter of redis_call's types");
        }
    }
}

static void add(struct redis_batch *b, const char *types, va_list ap)
{
    struct redis_cmd *cmd = begin(b, strlen(types));
    words(b, types, ap);
    cmd->len = b->text.len - cmd->at;
}

void redis_add(struct redis_batch *b, const char *types, ...)
{
    va_list ap;
    va_start(ap, types);
    add(b, types, ap);
    va_end(ap);
}

/* --- answers --- */

/* An error reply begins with a word that tells its kind. */
static enum err error_of(struct redis_batch *b, const redisReply *reply)
{
    static const char *const passing[] = { "LOADING ",    "OOM ",
                                           "READONLY ",   "MISCONF ",
                                           "MASTERDOWN ", "BUSY " };
    /* "unknown command" would quote the command's words. */
    const char *words = strstr(reply->str, ", with args");
    size_t len = words ? (size_t)(words - reply->str) : reply->len;
    detail(b->req, "redis: %.*s", (int)(len < 200 ? len : 200), reply->str);
    for (size_t i = 0; i < sizeof(passing) / sizeof(passing[0]); i++)
        if (strncmp(reply->str, passing[i], strlen(passing[i])) == 0)
            return ERR_UNAVAILABLE;
    return ERR_INTERNAL;
}

static enum err copy(struct redis_batch *b, const redisReply *reply,
                     struct redis_val *to)
{
    struct arena *a = b->req->arena;
    *to = (struct redis_val){ .kind = REDIS_NIL };
    switch (reply->type) {
    case REDIS_REPLY_ERROR:
        return error_of(b, reply);
    case REDIS_REPLY_INTEGER:
        to->kind = REDIS_INT;
        to->num = reply->integer;
        return OK;
    case REDIS_REPLY_ARRAY: {
        struct redis_val *items =
            arena_calloc(a, reply->elements, sizeof(*items));
        for (size_t i = 0; i < reply->elements; i++)
            TRY(copy(b, reply->element[i], &items[i]));
        to->kind = REDIS_LIST;
        to->items = items;
        to->count = reply->elements;
        return OK;
    }
    case REDIS_REPLY_NIL:
        return OK;
    default:
        if (reply->len > REDIS_BULK_MAX) {
            detail(b->req, "a redis answer of more than %d bytes",
                   REDIS_BULK_MAX);
            return ERR_INTERNAL;
        }
        to->kind = REDIS_STR;
        /* hiredis ends every string with a NUL, and there may be others. */
        to->str = arena_memdup(a, reply->str, reply->len + 1);
        to->len = reply->len;
        return OK;
    }
}

static void note(struct redis_batch *b, enum err e)
{
    if (b->err == OK)
        b->err = e;
}

void redis_answer(struct redis_batch *b, const redisReply *reply)
{
    struct redis_val ignored;
    bool wanted = b->ret && b->next < b->room;
    if (reply == NULL) {
        detail(b->req, "redis connection lost");
        note(b, ERR_UNAVAILABLE);
    } else {
        note(b, copy(b, reply, wanted ? &b->ret[b->next] : &ignored));
    }
    b->next++;
    if (b->flight->left == 1)
        await_done(&b->await);
}

void redis_refused(struct redis_batch *b)
{
    detail(b->req, "redis is away");
    note(b, ERR_UNAVAILABLE);
    b->flight = NULL;
    await_done(&b->await);
}

/* --- calls --- */

static enum err run(struct redis_batch *b)
{
    if (b->err != OK)
        return b->err;
    if (b->count == 0)
        return OK;
    if (req_left_ms(b->req) == 0)
        return ERR_DEADLINE;
    enum err e = redis_submit(b);
    if (e != OK) {
        detail(b->req, "redis is away");
        return e;
    }
    if (await_until(&b->await, b->req->deadline_us))
        return b->err;
    redis_abandon(b);
    detail(b->req, "redis did not answer in time");
    return ERR_DEADLINE;
}

enum err redis_run(struct redis_batch *b, struct redis_val *ret, size_t n)
{
    int64_t start_us = clock_us();
    b->ret = ret;
    b->room = n;
    enum err e = run(b);
    metric_add(&commands, 1, e == OK ? "ok" : err_info(e)->slug);
    metric_observe_us(&seconds, clock_us() - start_us);
    return e;
}

enum err redis_call(struct req *r, struct redis_val *ret, const char *types,
                    ...)
{
    va_list ap;
    struct redis_batch *b = redis_batch(r);
    va_start(ap, types);
    add(b, types, ap);
    va_end(ap);
    return redis_run(b, ret, ret ? 1 : 0);
}

/* EVALSHA or EVAL with the caller's keys and words. */
static void add_eval(struct redis_batch *b, const char *verb, const char *what,
                     int keys, const char *types, va_list ap)
{
    struct redis_cmd *cmd = begin(b, 3 + strlen(types));
    char number[INT_TEXT_MAX + 1];
    word(b, verb, strlen(verb));
    word(b, what, strlen(what));
    word(b, number, int_text(keys, number));
    words(b, types, ap);
    cmd->len = b->text.len - cmd->at;
}

static enum err by_sha(struct req *r, struct redis_val *ret,
                       const struct redis_lua *script, int keys,
                       const char *types, va_list ap)
{
    struct redis_batch *b = redis_batch(r);
    add_eval(b, "EVALSHA", script->sha, keys, types, ap);
    return redis_run(b, ret, ret ? 1 : 0);
}

/* The source goes twice in one write: the answer to SCRIPT LOAD tells the SHA
 * and EVAL does the work. */
static enum err whole(struct req *r, struct redis_val *ret,
                      struct redis_lua *script, int keys, const char *types,
                      va_list ap)
{
    struct redis_val both[2];
    struct redis_batch *b = redis_batch(r);
    redis_add(b, "sss", "SCRIPT", "LOAD", script->source);
    add_eval(b, "EVAL", script->source, keys, types, ap);
    TRY(redis_run(b, both, 2));
    if (both[0].kind == REDIS_STR && both[0].len == 40)
        memcpy(script->sha, both[0].str, sizeof(script->sha));
    if (ret)
        *ret = both[1];
    return OK;
}

static bool is_noscript(const struct req *r)
{
    static const char words[] = "redis: NOSCRIPT";
    return r->log_detail &&
           strncmp(r->log_detail, words, sizeof(words) - 1) == 0;
}

enum err redis_script(struct req *r, struct redis_val *ret,
                      struct redis_lua *script, int keys, const char *types,
                      ...)
{
    va_list ap, again;
    va_start(ap, types);
    va_copy(again, ap);
    enum err e = ERR_INTERNAL;
    bool known = script->sha[0] != '\0';
    const char *before = r->log_detail;
    if (known)
        e = by_sha(r, ret, script, keys, types, ap);
    if (!known || (e == ERR_INTERNAL && is_noscript(r))) {
        r->log_detail = before;
        e = whole(r, ret, script, keys, types, again);
    }
    va_end(again);
    va_end(ap);
    return e;
}
