/* log - one JSON object per line on stdout: what happened, for machines and
 * people. Never a secret, a mail address or a token: callers pass ids and
 * numbers. Lines are assembled whole and written with one write(2). When
 * stdout cannot take a write at once its lines are dropped and counted, so a
 * stuck log reader never blocks a request. */
#ifndef BODEGA_OBS_LOG_H
#define BODEGA_OBS_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

struct log_field {
    const char *name;
    const char *str; /* NULL: the number counts */
    int64_t num;
};
#define LOG_STR(n, s)                                                          \
    {                                                                          \
        .name = (n), .str = log_text_(s)                                       \
    }
#define LOG_INT(n, v)                                                          \
    {                                                                          \
        .name = (n), .num = (v)                                                \
    }

/* A function, because gcc objects to asking an array whether it is NULL. */
static inline const char *log_text_(const char *s)
{
    return s != NULL ? s : "";
}

/* Fields every line carries: "function", and "revision" from K_REVISION.
 * `level` is one of debug, info, warn, error. */
void log_init(const char *function, enum log_level level);
/* False for a word that is no level. */
bool log_level_parse(const char *word, enum log_level *ret);
/* `trace_id` may be NULL. Control characters, ESC and U+2028 are escaped. */
void log_write(enum log_level level, const char *trace_id, const char *msg,
               const struct log_field *fields, size_t count);

/* While `on`, debug and info lines wait for log_flush, or for PIPE_BUF bytes
 * of them, and leave together; warnings and errors leave at once, with what
 * waits. The loop holds during a turn: a crash loses lines of one turn. */
void log_hold(bool on);
void log_flush(void);

#define LOG_AT_(level, trace_id, msg, ...)                                     \
    do {                                                                       \
        const struct log_field log_f_[] = { __VA_ARGS__ };                     \
        log_write(level, trace_id, msg, log_f_,                                \
                  sizeof(log_f_) / sizeof(log_f_[0]));                         \
    } while (0)
/* log_info(trace_id_or_NULL, "message", LOG_STR("k", s), LOG_INT("n", 1)); at
 * least one field */
#define log_info(trace_id, msg, ...)                                           \
    LOG_AT_(LOG_INFO, trace_id, msg, __VA_ARGS__)
#define log_warn(trace_id, msg, ...)                                           \
    LOG_AT_(LOG_WARN, trace_id, msg, __VA_ARGS__)
#define log_error(trace_id, msg, ...)                                          \
    LOG_AT_(LOG_ERROR, trace_id, msg, __VA_ARGS__)

#endif
