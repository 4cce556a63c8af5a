#include "io/pg_private.h"
#include <assert.h>

/* --- statements --- */

static struct pg_stmt known[PG_STMT_MAX];
static int known_count;

const struct pg_stmt *pg_stmt_find(const char *sql, bool read)
{
    for (int i = 0; i < known_count; i++)
        if (known[i].sql == sql)
            return &known[i];
    if (known_count == PG_STMT_MAX)
        return NULL;
    known[known_count] = (struct pg_stmt){ sql, known_count, read };
    return &known[known_count++];
}

/* --- sending --- */

static void push(struct pg_conn *c, enum pg_op_kind kind, struct pg_call *call,
                 const struct pg_stmt *stmt)
{
    assert(c->op_count < PG_OPS_MAX);
    int at = (c->op_first + c->op_count++) % PG_OPS_MAX;
    c->ops[at] = (struct pg_op){ kind, call, stmt };
}

static void stmt_name(const struct pg_conn *c, const struct pg_stmt *stmt,
                      char name[32])
{
    snprintf(name, 32, "s%d.%u", stmt->id, c->prepared[stmt->id]);
}

/* Queue one statement in libpq; its words stay in libpq's buffer until the
 * Sync. False when the connection is of no use any more. */
static bool put(struct pg_conn *c, enum pg_op_kind kind, struct pg_call *call,
                const struct pg_stmt *stmt, int params,
                const char *const *values)
{
    char name[32];
    if (c->prepared[stmt->id] == 0) {
        c->prepared[stmt->id] = c->generation++;
        push(c, OP_PREPARE, call, stmt);
        stmt_name(c, stmt, name);
        if (!pq.PQsendPrepare(c->pg, name, stmt->sql, 0, NULL))
            return false;
    }
    push(c, kind, call, stmt);
    stmt_name(c, stmt, name);
    return pq.PQsendQueryPrepared(c->pg, name, params, values, NULL, NULL, 0) ==
           1;
}

static bool send_sync(struct pg_conn *c)
{
    push(c, OP_SYNC, NULL, NULL);
    return pq.PQpipelineSync(c->pg) == 1;
}

static bool send_call(struct pg_conn *c, struct pg_call *call)
{
    if (c->begin_due) {
        c->begin_due = false;
        if (!put(c, OP_BEGIN, call, pg_stmt_find("BEGIN", false), 0, NULL))
            return false;
    }
    call->place = AT_SENT;
    call->sent = true;
    return put(c, OP_RUN, call, call->stmt, call->params, call->values);
}

/* Two neighbours that may share a Sync. */
static bool share(const struct pg_call *a, const struct pg_call *b)
{
    return b && a->stmt->read && b->stmt->read && !a->solo && !b->solo;
}

static bool send_all(struct pg_conn *c)
{
    struct pg_call *call;
    while ((call = TAILQ_FIRST(&c->pending))) {
        TAILQ_REMOVE(&c->pending, call, link);
        if (!send_call(c, call))
            return false;
        if (!share(call, TAILQ_FIRST(&c->pending)) && !send_sync(c))
            return false;
    }
    if (!c->rollback_due)
        return true;
    c->rollback_due = false;
    return put(c, OP_RUN, NULL, pg_stmt_find("ROLLBACK", false), 0, NULL) &&
           send_sync(c);
}

void pipe_writable(struct pg_conn *c)
{
    int rc = pq.PQflush(c->pg);
    if (rc < 0)
        conn_down(c, pq.PQerrorMessage(c->pg));
    else
        conn_watch(c, rc > 0 ? UV_READABLE | UV_WRITABLE : UV_READABLE);
}

static void pipe_flush(void *arg)
{
    struct pg_conn *c = arg;
    c->scheduled = false;
    if (c->state != CONN_UP)
        return;
    if (send_all(c))
        pipe_writable(c);
    else
        conn_down(c, pq.PQerrorMessage(c->pg));
}

static void schedule(struct pg_conn *c)
{
    if (!c->scheduled)
        loop_defer(pipe_flush, c);
    c->scheduled = true;
}

void pipe_add(struct pg_conn *c, struct pg_call *call)
{
    call->conn = c;
    call->place = AT_PENDING;
    TAILQ_INSERT_TAIL(&c->pending, call, link);
    c->depth++;
    schedule(c);
}

void pipe_rollback(struct pg_conn *c)
{
    c->rollback_due = true;
    c->depth++;
    schedule(c);
}

/* --- answers --- */

void call_finish(struct pg_call *call, enum err e)
{
    call->place = AT_NONE;
    call->err = e;
    await_done(&call->await);
}

static void copy_rows(struct pg_call *call, const PGresult *res)
{
    struct pg_rows *to = call->rows;
    int rows = pq.PQntuples(res), columns = pq.PQnfields(res);
    size_t cells = (size_t)rows * (size_t)columns;
    const char **cell = arena_calloc(call->req->arena, cells, sizeof(*cell));
    for (size_t i = 0; i < cells; i++) {
        int row = (int)i / columns, column = (int)i % columns;
        if (!pq.PQgetisnull(res, row, column))
            cell[i] =
                arena_memdup(call->req->arena, pq.PQgetvalue(res, row, column),
                             (size_t)pq.PQgetlength(res, row, column) + 1);
    }
    *to = (struct pg_rows){ .count = rows, .columns = columns, .cells = cell };
    const char *n = pq.PQcmdTuples((PGresult *)res);
    to->affected = (int)strtol(n, NULL, 10);
}

/* A COMMIT of a transaction that had failed is answered "ROLLBACK". */
static enum err check_tag(struct pg_call *call, const PGresult *res)
{
    if (strcmp(call->stmt->sql, "COMMIT") != 0 ||
        strcmp(pq.PQcmdStatus((PGresult *)res), "COMMIT") == 0)
        return OK;
    detail(call->req, "commit of a transaction that had failed");
    return ERR_INTERNAL;
}

/* The answer of one op other than a Sync. */
static void answer(struct pg_conn *c, const struct pg_op *op,
                   const PGresult *res)
{
    ExecStatusType status = pq.PQresultStatus(res);
    bool good = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
    struct pg_call *call = op->call;
    if (!good)
        c->group_broken = true;
    if (!good && op->kind == OP_PREPARE)
        c->prepared[op->stmt->id] = 0;
    if (op->kind == OP_RUN)
        c->group_size++;
    if (call == NULL)
        return;
    if (status == PGRES_PIPELINE_ABORTED)
        call->skipped = true;
    else if (!good)
        call->err = pg_error(call, res);
    else if (op->kind == OP_RUN)
        call->err = check_tag(call, res);
    if (call->stale)
        c->prepared[call->stmt->id] = 0;
    if (op->kind != OP_RUN)
        return;
    if (good && call->rows)
        copy_rows(call, res);
    call->place = AT_ANSWERED;
    TAILQ_INSERT_TAIL(&c->answered, call, link);
}

/* Send again what another statement of the group, or a forgotten prepared
 * statement, kept from running. In a transaction that cannot be: what came
 * before it is undone too. */
static void run_again(struct pg_conn *c, struct pg_call *call)
{
    if (call->in_tx || ++call->tries >= PG_TRIES) {
        call->again = call->in_tx;
        call_finish(call, call->in_tx ? ERR_UNAVAILABLE : ERR_INTERNAL);
        return;
    }
    call->solo = true;
    call->stale = call->skipped = false;
    call->err = OK;
    pipe_add(c, call);
}

/* The Sync is answered: what the group did is committed, or undone. */
static void settle(struct pg_conn *c)
{
    struct pg_calls group = TAILQ_HEAD_INITIALIZER(group);
    bool broken = c->group_broken;
    TAILQ_CONCAT(&group, &c->answered, link);
    c->group_broken = false;
    c->depth -= c->group_size;
    c->group_size = 0;
    struct pg_call *call;
    while ((call = TAILQ_FIRST(&group))) {
        TAILQ_REMOVE(&group, call, link);
        bool own = call->err != OK && !call->stale;
        if (own || !broken)
            call_finish(call, call->err);
        else
            run_again(c, call);
    }
    c->on_progress(c);
}

/* The server has ended this session, or libpq has lost it (then there is no
 * SQLSTATE): not the statement's own answer. */
static bool is_farewell(const PGresult *res)
{
    if (pq.PQresultStatus(res) != PGRES_FATAL_ERROR)
        return false;
    const char *grade =
        pq.PQresultErrorField(res, PG_DIAG_SEVERITY_NONLOCALIZED);
    return grade == NULL || strcmp(grade, "ERROR") != 0;
}

/* Take one result. False when the connection is done for. */
static bool take(struct pg_conn *c, const PGresult *res)
{
    struct pg_op op = c->ops[c->op_first];
    bool is_sync = pq.PQresultStatus(res) == PGRES_PIPELINE_SYNC;
    if (is_farewell(res) || is_sync != (op.kind == OP_SYNC))
        return false;
    c->op_first = (c->op_first + 1) % PG_OPS_MAX;
    c->op_count--;
    if (is_sync)
        settle(c);
    else
        answer(c, &op, res);
    return true;
}

/* Take every result that is complete. libpq gives NULL between two. */
static const char *take_all(struct pg_conn *c)
{
    int nulls = 0;
    while (c->op_count > 0 && !pq.PQisBusy(c->pg)) {
        PGresult *res = pq.PQgetResult(c->pg);
        if (res == NULL) {
            if (++nulls > 2)
                return "answers out of step";
            continue;
        }
        nulls = 0;
        bool good = take(c, res);
        pq.PQclear(res);
        if (!good)
            return "session ended";
    }
    return NULL;
}

void pipe_read(struct pg_conn *c)
{
    bool alive = pq.PQconsumeInput(c->pg) == 1;
    const char *why = take_all(c);
    PGnotify *n;
    while ((n = pq.PQnotifies(c->pg))) {
        if (c->on_notify)
            c->on_notify(c, n->extra);
        pq.PQfreemem(n);
    }
    if (why)
        conn_down(c, why);
    else if (!alive || pq.PQstatus(c->pg) == CONNECTION_BAD)
        conn_down(c, pq.PQerrorMessage(c->pg));
}

/* --- the end --- */

/* Sent, and its outcome is not known. */
static bool may_have_effect(const struct pg_call *call)
{
    return !call->stmt->read && !call->in_tx;
}

static void lose(struct pg_call *call)
{
    detail(call->req, "postgres connection lost");
    call_finish(call, may_have_effect(call) ? ERR_UNCERTAIN : ERR_UNAVAILABLE);
}

void pipe_lost(struct pg_conn *c)
{
    struct pg_call *call;
    while ((call = TAILQ_FIRST(&c->answered))) {
        TAILQ_REMOVE(&c->answered, call, link);
        lose(call);
    }
    for (; c->op_count > 0; c->op_count--) {
        struct pg_op *op = &c->ops[c->op_first];
        if (op->kind == OP_RUN && op->call)
            lose(op->call);
        c->op_first = (c->op_first + 1) % PG_OPS_MAX;
    }
    while ((call = TAILQ_FIRST(&c->pending))) {
        TAILQ_REMOVE(&c->pending, call, link);
        detail(call->req, "postgres connection lost before sending");
        call_finish(call, ERR_UNAVAILABLE);
    }
    c->depth = c->group_size = 0;
    c->group_broken = false;
    c->owner = NULL;
    c->begin_due = c->rollback_due = c->ending = false;
}

bool pipe_abandon(struct pg_call *call)
{
    struct pg_conn *c = call->conn;
    switch (call->place) {
    case AT_PENDING:
        TAILQ_REMOVE(&c->pending, call, link);
        c->depth--;
        c->on_progress(c);
        return false;
    case AT_SENT:
        for (int i = 0; i < c->op_count; i++) {
            struct pg_op *op = &c->ops[(c->op_first + i) % PG_OPS_MAX];
            if (op->call == call)
                op->call = NULL;
        }
        return may_have_effect(call);
    case AT_ANSWERED:
        TAILQ_REMOVE(&c->answered, call, link);
        return may_have_effect(call);
    default:
        return false;
    }
}
