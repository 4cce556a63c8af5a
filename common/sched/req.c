/* req - see req.h. */
#include <assert.h>
#include <stdarg.h>
#include "base/clock.h"
#include "sched/req.h"

void req_init(struct req *r, struct arena *a, int64_t timeout_ms,
              const char *traceparent)
{
    assert(a != NULL && timeout_ms >= 0);
    *r = (struct req){ .magic = REQ_MAGIC, .arena = a };
    r->deadline_us = clock_us() + timeout_ms * 1000;
    trace_start(&r->trace, traceparent);
}

int64_t req_left_ms(const struct req *r)
{
    int64_t left_us = r->deadline_us - clock_us();

    assert(r->magic == REQ_MAGIC);
    return left_us > 0 ? left_us / 1000 : 0;
}

enum err fail(struct req *r, enum err e, const char *fmt, ...)
{
    va_list ap;

    assert(r->magic == REQ_MAGIC && e != OK);
    va_start(ap, fmt);
    r->detail = arena_vprintf(r->arena, fmt, ap);
    va_end(ap);
    return e;
}

enum err fail_at(struct req *r, enum err e, const char *pointer,
                 const char *fmt, ...)
{
    struct json_errors *errs = &r->errors;
    va_list ap;

    assert(r->magic == REQ_MAGIC);
    if (errs->count < JSON_ERRORS_MAX) {
        va_start(ap, fmt);
        errs->at[errs->count++] = (struct json_error){
            .pointer = arena_strdup(r->arena, pointer),
            .detail = arena_vprintf(r->arena, fmt, ap),
        };
        va_end(ap);
    }
    return e == OK ? ERR_INVALID : e;
}

void detail(struct req *r, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    r->log_detail = arena_vprintf(r->arena, fmt, ap);
    va_end(ap);
}

void note_str(struct req *r, const char *name, const char *value)
{
    if (r->log_count == REQ_LOG_FIELDS_MAX)
        return;
    r->log[r->log_count++] = (struct log_field){
        .name = arena_strdup(r->arena, name),
        .str = arena_strdup(r->arena, value == NULL ? "" : value),
    };
}

void note_int(struct req *r, const char *name, int64_t value)
{
    if (r->log_count == REQ_LOG_FIELDS_MAX)
        return;
    r->log[r->log_count++] = (struct log_field){
        .name = arena_strdup(r->arena, name),
        .num = value,
    };
}
