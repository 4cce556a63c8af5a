/* pg_private - what the files of pg share.
 *
 *   pg.c         the calls of pg.h: statements and transactions
 *   pg_value.c   cells, array literals
 *   pg_pool.c    who gets which connection, growth, backoff, metrics
 *   pg_conn.c    open and close one connection, its socket on the loop
 *   pg_pipe.c    what is sent on a connection and whose answer comes next
 *   pg_error.c   SQLSTATE to enum err
 *   pg_listen.c  LISTEN on a connection of its own
 *
 * Statements of one turn of the loop are sent together at its end. Each is
 * followed by a Sync, its own transaction boundary, except that neighbours
 * that only read share one: libpq 15 writes at every Sync. When one of a
 * shared group fails the server has skipped the rest, and the innocent are
 * sent again, each with a Sync of its own. */
#ifndef BODEGA_IO_PG_PRIVATE_H
#define BODEGA_IO_PG_PRIVATE_H

#include <libpq-fe.h>
#include <sys/queue.h>
#include "io/lazy.h"
#include "io/pg.h"
#include "io/resolve.h"
#include "sched/loop.h"
#include "sched/task.h"

#define PQ_FUNCTIONS(X)                                                        \
    X(PQconninfoFree)                                                          \
    X(PQconninfoParse)                                                         \
    X(PQconnectPoll) X(PQconnectStartParams) X(PQclear) X(PQcmdStatus)         \
        X(PQcmdTuples) X(PQconsumeInput) X(PQenterPipelineMode)                \
            X(PQerrorMessage) X(PQfinish) X(PQflush) X(PQfreemem)              \
                X(PQgetResult) X(PQgetisnull) X(PQgetlength) X(PQgetvalue)     \
                    X(PQisBusy) X(PQnfields) X(PQnotifies) X(PQntuples)        \
                        X(PQpipelineSync) X(PQresultErrorField)                \
                            X(PQresultStatus) X(PQsendPrepare)                 \
                                X(PQsendQueryPrepared) X(PQsetNoticeProcessor) \
                                    X(PQsetnonblocking) X(PQsocket)            \
                                        X(PQstatus)
struct pq_api {
    PQ_FUNCTIONS(LAZY_POINTER)
};
extern struct pq_api pq;

#define PG_POOL_MAX    64
#define PG_DEPTH_MAX   32 /* statements in flight on a shared connection */
#define PG_WAITING_MAX 256
#define PG_STMT_MAX    512
#define PG_PARAMS_MAX  32
#define PG_TRIES       3 /* of one statement, or of pg_transaction */
/* A statement is at most Parse, Execute and Sync; BEGIN and ROLLBACK extra. */
#define PG_OPS_MAX (PG_DEPTH_MAX * 3 + 16)

/* A statement text, known by the address of its literal. */
struct pg_stmt {
    const char *sql;
    int id;
    bool read; /* changes nothing: safe to send again, safe in a group */
};
/* NULL when PG_STMT_MAX are known already. */
const struct pg_stmt *pg_stmt_find(const char *sql, bool read);

enum pg_place { AT_NONE, AT_QUEUE, AT_CLAIM, AT_PENDING, AT_SENT, AT_ANSWERED };

/* One caller's statement, or its wish for a connection; lives on the stack of
 * the waiting task, so whoever holds a pointer to it is found by `place`. */
struct pg_call {
    TAILQ_ENTRY(pg_call) link;
    struct await await;
    enum pg_place place;
    struct pg_conn *conn; /* from AT_CLAIM on; the granted one for a BEGIN */
    struct req *req;
    struct pg_rows *rows;       /* may be NULL */
    const struct pg_stmt *stmt; /* NULL: wants a connection for itself */
    const char *const *values;
    int params;
    bool in_tx;   /* undone with its transaction */
    bool sent;    /* handed to libpq, at least once */
    bool solo;    /* never again in a group */
    bool skipped; /* the server did not run it */
    bool stale;   /* the prepared statement was not usable */
    bool again;   /* deadlock or serialization failure */
    int tries;
    enum err err;
};
TAILQ_HEAD(pg_calls, pg_call);

enum pg_op_kind { OP_PREPARE, OP_BEGIN, OP_RUN, OP_SYNC };
/* One thing sent whose answer is due; answers come in the order sent. */
struct pg_op {
    enum pg_op_kind kind;
    struct pg_call *call; /* NULL: nobody waits any more */
    const struct pg_stmt *stmt;
};

enum pg_conn_state { CONN_CLOSED, CONN_OPENING, CONN_UP };

struct pg_conn {
    enum pg_conn_state state;
    PGconn *pg;
    uv_poll_t *poll;
    int events; /* UV_* being watched */
    struct timer *timer;
    struct resolve *resolve;
    char *url;

    struct pg_calls pending;  /* to be sent at the end of this turn */
    struct pg_calls answered; /* waiting for their Sync */
    struct pg_op ops[PG_OPS_MAX];
    int op_first, op_count;
    int depth;      /* statements pending, sent or answered */
    int group_size; /* of those, answered */
    bool group_broken;
    bool scheduled; /* pipe_flush is due */
    /* Per statement: 0 unknown to the server, else it is called s<id>.<n>. */
    uint16_t prepared[PG_STMT_MAX];
    uint16_t generation;

    struct req *owner;     /* of the open transaction */
    struct pg_call *claim; /* gets the connection when it has drained */
    bool begin_due;        /* BEGIN goes with the first statement */
    bool rollback_due;
    bool ending; /* the transaction is over, answers still due */
    bool again;  /* it met a deadlock or a serialization failure */

    /* The owner of the connection: pool or listener. */
    void (*on_up)(struct pg_conn *c);
    void (*on_down)(struct pg_conn *c, const char *why);
    void (*on_progress)(struct pg_conn *c); /* statements have finished */
    /* NULL: drop them */
    void (*on_notify)(struct pg_conn *c, const char *payload);
};

/* pg_conn.c. Both end in on_up or on_down, perhaps before they return. */
void conn_open(struct pg_conn *c);
void conn_down(struct pg_conn *c, const char *why);
/* Close without calling on_down. Whatever waits gets its error. */
void conn_close(struct pg_conn *c);
void conn_init(struct pg_conn *c);
void conn_watch(struct pg_conn *c, int events);
void conn_config(const char *url_file, const char *schema);

/* pg_pipe.c */
void pipe_add(struct pg_conn *c, struct pg_call *call);
void pipe_rollback(struct pg_conn *c);
void pipe_read(struct pg_conn *c);
void pipe_writable(struct pg_conn *c);
void pipe_lost(struct pg_conn *c);
void call_finish(struct pg_call *call, enum err e);
/* The caller gives up. True when the statement may have taken effect or may
 * still do so. */
bool pipe_abandon(struct pg_call *call);

/* pg_pool.c. pool_submit returns OK when the call will be finished later. */
enum err pool_submit(struct pg_call *call);
bool pool_abandon(struct pg_call *call);
void pool_release(struct pg_conn *c);
void pool_count(enum err e, int64_t us);
void listen_close(void);

/* pg_error.c: the error of a failed result; words go to detail(). */
enum err pg_error(struct pg_call *call, const PGresult *res);

#endif
