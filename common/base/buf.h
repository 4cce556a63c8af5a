/* buf - a growing byte string in an arena. `data` is NUL-terminated after
 * every call, so it can be used as a C string when it holds no NUL itself. */
#ifndef BODEGA_BASE_BUF_H
#define BODEGA_BASE_BUF_H

#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"

struct buf {
    struct arena *arena;
    char *data; /* never NULL after buf_init */
    size_t len;
    size_t cap;
};

void buf_init(struct buf *b, struct arena *a);
void buf_add(struct buf *b, const void *p, size_t len);
/* Append len bytes and return where the caller writes them. */
char *buf_room(struct buf *b, size_t len);
void buf_str(struct buf *b, const char *s);
void buf_char(struct buf *b, char c);
void buf_int(struct buf *b, int64_t v); /* decimal */
/* v in decimal and a NUL; returns its length. Numbers are in every answer and
 * log line, and printf is slow at them. */
#define INT_TEXT_MAX 20
size_t int_text(int64_t v, char out[INT_TEXT_MAX + 1]);
void buf_printf(struct buf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
