/* buf - grows by doubling; what it outgrows stays in the arena until reset. */
#include <inttypes.h>
#include <stdarg.h>
#include "base/buf.h"

#define FIRST_CAP ((size_t)256)

void buf_init(struct buf *b, struct arena *a)
{
    b->arena = a;
    b->data = arena_alloc(a, FIRST_CAP);
    b->len = 0;
    b->cap = FIRST_CAP;
}

/* Room for `more` bytes and the NUL behind them. */
static void reserve(struct buf *b, size_t more)
{
    size_t cap = b->cap;
    char *grown;

    if (more < cap - b->len)
        return;
    do {
        if (__builtin_mul_overflow(cap, (size_t)2, &cap))
            abort();
    } while (more >= cap - b->len);
    grown = arena_alloc(b->arena, cap);
    memcpy(grown, b->data, b->len);
    b->data = grown;
    b->cap = cap;
}

void buf_add(struct buf *b, const void *p, size_t len)
{
    reserve(b, len);
    if (len != 0)
        memcpy(b->data + b->len, p, len);
    b->len += len;
    b->data[b->len] = '\0';
}

void buf_str(struct buf *b, const char *s)
{
    buf_add(b, s, strlen(s));
}

void buf_char(struct buf *b, char c)
{
    buf_add(b, &c, 1);
}

void buf_int(struct buf *b, int64_t v)
{
    char text[24];
    int n = snprintf(text, sizeof(text), "%" PRId64, v);

    buf_add(b, text, (size_t)n);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap;
    va_list again;
    int n;

    va_start(ap, fmt);
    va_copy(again, ap);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0)
        abort();
    reserve(b, (size_t)n);
    (void)vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again);
    va_end(again);
    b->len += (size_t)n;
}
