/* req - one unit of work: an HTTP request, an event being consumed or a tick
 * of a job. It owns an arena, a deadline, a trace and the words for the client
 * and for the log; everything that waits takes one, so nothing waits longer
 * than the work it serves. */
#ifndef BODEGA_SCHED_REQ_H
#define BODEGA_SCHED_REQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "obs/log.h"
#include "obs/trace.h"

#define REQ_LOG_FIELDS_MAX 8

struct http_exchange; /* run/: the HTTP side, NULL for events and jobs */
struct pg_conn;       /* io/pg.c: the connection of an open transaction */

struct req {
    uint32_t magic; /* REQ_MAGIC */
    struct arena *arena;
    int64_t deadline_us; /* clock_us time */
    struct trace trace;
    struct http_exchange *http;
    struct pg_conn *tx; /* set between pg_begin and pg_commit */

    /* why it failed; read by whoever turns the error into an answer */
    const char *detail;        /* for the client; NULL: the error's title */
    const char *log_detail;    /* for the log only */
    struct json_errors errors; /* for ERR_INVALID and out-of-stock lines */
    int retry_after_s;         /* 0: a default where one is needed */

    struct log_field log[REQ_LOG_FIELDS_MAX]; /* extra fields of its log line */
    size_t log_count;
};
#define REQ_MAGIC 0x72657131u

/* traceparent may be NULL. Takes `a`, does not free it. */
void req_init(struct req *r, struct arena *a, int64_t timeout_ms,
              const char *traceparent);
/* Milliseconds left, at least 0. */
int64_t req_left_ms(const struct req *r);

/* Say for the client why `e` happened, and return e. Lower case, no full
 * stop, never a value that the client sent. */
enum err fail(struct req *r, enum err e, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The same with a place: adds {pointer, detail} to errors; ERR_INVALID unless
 * another e is given. */
enum err fail_at(struct req *r, enum err e, const char *pointer,
                 const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* Say for the log only (SQL state, upstream status ...); last one wins. */
void detail(struct req *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Add a field to the request's one log line; strings are copied. More than
 * REQ_LOG_FIELDS_MAX are dropped. */
void note_str(struct req *r, const char *name, const char *value);
void note_int(struct req *r, const char *name, int64_t value);

#endif
