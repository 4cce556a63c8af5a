#include <assert.h>
#include "base/backoff.h"
#include "base/clock.h"
#include "io/pg_private.h"

/* Wait for what was submitted; give up at the req's deadline. */
static enum err finish(struct pg_call *call)
{
    if (await_until(&call->await, call->req->deadline_us))
        return call->err;
    bool never_sent = call->place == AT_QUEUE || call->place == AT_CLAIM;
    if (pool_abandon(call)) {
        detail(call->req, "postgres did not answer in time");
        return ERR_UNCERTAIN;
    }
    detail(call->req, never_sent ? "no postgres connection in time"
                                 : "postgres did not answer in time");
    return never_sent ? ERR_UNAVAILABLE : ERR_DEADLINE;
}

static bool tx_alive(const struct req *r)
{
    return r->tx->owner == r;
}

static enum err submit(struct req *r, struct pg_call *call)
{
    call->in_tx = r->tx && strcmp(call->stmt->sql, "COMMIT") != 0;
    if (req_left_ms(r) == 0)
        return ERR_DEADLINE;
    if (r->tx == NULL) {
        TRY(pool_submit(call));
    } else if (tx_alive(r)) {
        pipe_add(r->tx, call);
    } else {
        detail(r, "the transaction's connection was lost");
        return ERR_UNAVAILABLE;
    }
    return finish(call);
}

/* Run a statement; *again tells of a deadlock or serialization failure. */
static enum err run(struct req *r, struct pg_call *call)
{
    int64_t start_us = clock_us();
    if (call->stmt == NULL) {
        detail(r, "more than %d different statements", PG_STMT_MAX);
        return ERR_INTERNAL;
    }
    enum err e = submit(r, call);
    pool_count(e, clock_us() - start_us);
    if (r->tx && tx_alive(r) && call->again)
        r->tx->again = true;
    return e;
}

static const char **read_values(struct req *r, const char *types, va_list ap)
{
    size_t n = strlen(types);
    assert(n <= PG_PARAMS_MAX);
    const char **values = arena_calloc(r->arena, n, sizeof(*values));
    for (size_t i = 0; i < n; i++)
        switch (types[i]) {
        case 's':
            values[i] = va_arg(ap, const char *);
            break;
        case 'i':
            values[i] =
                arena_printf(r->arena, "%lld", (long long)va_arg(ap, int64_t));
            break;
        case 'b':
            values[i] = va_arg(ap, int) ? "t" : "f";
            break;
        default:
            assert(!"a letter of pg_query's types");
        }
    return values;
}

static enum err start(struct req *r, struct pg_rows *ret,
                      const struct pg_stmt *stmt, const char *types, va_list ap)
{
    struct pg_call call = { .req = r,
                            .rows = ret,
                            .stmt = stmt,
                            .values = read_values(r, types, ap),
                            .params = (int)strlen(types) };
    return run(r, &call);
}

enum err pg_query(struct req *r, struct pg_rows *ret, const char *sql,
                  const char *types, ...)
{
    va_list ap;
    va_start(ap, types);
    enum err e = start(r, ret, pg_stmt_find(sql, false), types, ap);
    va_end(ap);
    return e;
}

enum err pg_read(struct req *r, struct pg_rows *ret, const char *sql,
                 const char *types, ...)
{
    va_list ap;
    va_start(ap, types);
    enum err e = start(r, ret, pg_stmt_find(sql, true), types, ap);
    va_end(ap);
    return e;
}

enum err pg_begin(struct req *r)
{
    assert(r->tx == NULL);
    if (req_left_ms(r) == 0)
        return ERR_DEADLINE;
    struct pg_call call = { .req = r };
    TRY(pool_submit(&call));
    TRY(finish(&call));
    r->tx = call.conn;
    return OK;
}

/* Commit; *again as for run. The transaction is over however it ends. */
static enum err commit(struct req *r, bool *again)
{
    assert(r->tx);
    struct pg_call call = { .req = r, .stmt = pg_stmt_find("COMMIT", false) };
    bool empty = tx_alive(r) && r->tx->begin_due;
    enum err e = empty ? OK : run(r, &call);
    *again = call.again;
    if (tx_alive(r) && e != OK && !call.sent)
        pg_rollback(r);
    else if (tx_alive(r))
        pool_release(r->tx);
    r->tx = NULL;
    return e;
}

enum err pg_commit(struct req *r)
{
    bool again;
    return commit(r, &again);
}

void pg_rollback(struct req *r)
{
    struct pg_conn *c = r->tx;
    r->tx = NULL;
    if (c == NULL || c->owner != r)
        return;
    if (!c->begin_due)
        pipe_rollback(c);
    pool_release(c);
}

void pg_end(struct req *r)
{
    if (r->tx)
        pg_rollback(r);
}

static enum err attempt(struct req *r, enum err (*fn)(struct req *, void *),
                        void *arg, bool *again)
{
    *again = false;
    TRY(pg_begin(r));
    enum err e = fn(r, arg);
    if (e == OK)
        return commit(r, again);
    *again = r->tx && tx_alive(r) && r->tx->again;
    pg_rollback(r);
    return e;
}

enum err pg_transaction(struct req *r, enum err (*fn)(struct req *, void *),
                        void *arg)
{
    const char *words = r->detail;
    struct json_errors errors = r->errors;
    for (int i = 0;; i++) {
        bool again;
        enum err e = attempt(r, fn, arg, &again);
        if (e == OK || !again || i + 1 == PG_TRIES)
            return e;
        int64_t ms = backoff_ms(i, 10, 200);
        if (ms >= req_left_ms(r))
            return e;
        task_sleep(ms);
        r->detail = words;
        r->errors = errors;
    }
}
