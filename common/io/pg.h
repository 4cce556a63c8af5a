/* pg - PostgreSQL without blocking: libpq in pipeline mode, few connections,
 * parameters only, one prepared statement per connection and SQL text.
 *
 * A query outside a transaction is one implicit transaction and may share a
 * connection with others in flight. pg_begin takes a connection for this req
 * alone; BEGIN rides in the same write as the first statement. A transaction
 * still open when the req ends is rolled back (the runtime calls pg_end).
 *
 * Errors: ERR_UNAVAILABLE (no connection within the deadline or a connection
 * lost before anything was sent that could have an effect), ERR_UNCERTAIN
 * (lost, or the req's deadline passed, while an effect may be committed: a
 * statement outside a transaction that is not a plain SELECT, or COMMIT),
 * ERR_CONFLICT (unique violation 23505, foreign key 23503, check 23514),
 * ERR_OVERLOAD (53xxx, or the wait queue is full), ERR_DEADLINE (statement or
 * lock timeout 57014/55P03, or the req's deadline), ERR_INTERNAL (anything
 * else; SQLSTATE and the constraint's name go to detail(), never the values).
 * Deadlocks and serialization failures (40P01, 40001) come as ERR_UNAVAILABLE:
 * pg_transaction retries. */
#ifndef BODEGA_IO_PG_H
#define BODEGA_IO_PG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "sched/req.h"

/* Called at boot; opens nothing. `url_file`: path of a file holding a
 * connection string (with password); connections are opened on first use,
 * at most `pool` (1 .. 64), `schema` becomes search_path. */
void pg_init(const char *url_file, int pool, const char *schema);
/* Open one connection ahead of the first request, in the background. */
void pg_warm(void);
/* NULL when a connection is up or none was tried yet, else a short reason. */
const char *pg_trouble(void);
void pg_close(void);

struct pg_rows {
    int count;    /* rows returned */
    int affected; /* rows inserted, updated or deleted */
    int columns;
    const char *const *cells; /* count * columns; NULL = SQL NULL; text form,
                                 in the req's arena */
};

/* Run one statement. `types` names the arguments that follow, one letter per
 * parameter $1, $2 ...: 's' const char * (NULL = SQL NULL), 'i' int64_t,
 * 'b' int (bool). `sql` must be a string literal or otherwise live for ever
 * (its address is the prepared statement's identity); the server infers the
 * parameters' types, so write $1::bigint where the place does not tell.
 * `ret` may be NULL; at most 32 parameters. */
enum err pg_query(struct req *r, struct pg_rows *ret, const char *sql,
                  const char *types, ...);
/* The same for a statement that changes and locks nothing, also through the
 * functions it calls. Reads of one turn of the loop share a round trip, and
 * one that was lost with its connection is plainly ERR_UNAVAILABLE. */
enum err pg_read(struct req *r, struct pg_rows *ret, const char *sql,
                 const char *types, ...);

enum err pg_begin(struct req *r);
/* ERR_UNCERTAIN when the connection died after COMMIT was sent. */
enum err pg_commit(struct req *r);
void pg_rollback(struct req *r);
/* Roll back if a transaction is open. The runtime calls it after every unit
 * of work. */
void pg_end(struct req *r);

/* begin, fn(r, arg), commit; rolls back when fn fails; the whole is tried up
 * to 3 times with jitter on deadlock or serialization failure. */
enum err pg_transaction(struct req *r, enum err (*fn)(struct req *, void *),
                        void *arg);

/* The cell as it is (NULL for SQL NULL); row and column must exist. */
const char *pg_str(const struct pg_rows *rows, int row, int column);
/* bigint, integer; 0 for NULL. */
int64_t pg_int(const struct pg_rows *rows, int row, int column);
bool pg_bool(const struct pg_rows *rows, int row, int column);

/* Build a Postgres array literal ("{a,b}", quoted as needed) in the arena,
 * for a $n::text[] or $n::bigint[] parameter. */
const char *pg_text_array(struct req *r, const char *const *items, size_t n);
const char *pg_int_array(struct req *r, const int64_t *items, size_t n);

/* LISTEN on `channel` with a connection of its own; fn(arg, payload) on the
 * loop at each NOTIFY, and with payload NULL after every (re)connect, when
 * anything may have been missed. Reconnects for ever with jitter. */
void pg_listen(const char *channel,
               void (*fn)(void *arg, const char *payload), void *arg);

#endif
