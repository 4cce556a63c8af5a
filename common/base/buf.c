/* buf - grows by doubling; what it outgrows stays in the arena until reset. */
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

/* More room, for `more` bytes and the NUL behind them. */
static void reserve(struct buf *b, size_t more)
{
    size_t cap = b->cap;
    char *grown;

    do {
        if (__builtin_mul_overflow(cap, (size_t)2, &cap))
            abort();
    } while (more >= cap - b->len);
    grown = arena_alloc(b->arena, cap);
    memcpy(grown, b->data, b->len);
    b->data = grown;
    b->cap = cap;
}

static inline char *room_for(struct buf *b, size_t len)
{
    char *room;

    if (len >= b->cap - b->len)
        reserve(b, len);
    room = b->data + b->len;
    b->len += len;
    b->data[b->len] = '\0';
    return room;
}

char *buf_room(struct buf *b, size_t len)
{
    return room_for(b, len);
}

void buf_add(struct buf *b, const void *p, size_t len)
{
    char *room = room_for(b, len);

    if (len != 0)
        memcpy(room, p, len);
}

void buf_str(struct buf *b, const char *s)
{
    buf_add(b, s, strlen(s));
}

void buf_char(struct buf *b, char c)
{
    *room_for(b, 1) = c;
}

size_t int_text(int64_t v, char out[INT_TEXT_MAX + 1])
{
    uint64_t left = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    size_t len = v < 0 ? 2 : 1;

    for (uint64_t n = left; n >= 10; n /= 10)
        len++;
    out[0] = '-';
    out[len] = '\0';
    for (char *at = out + len; left >= 10; left /= 10)
        *--at = (char)('0' + left % 10);
    out[v < 0] = (char)('0' + left);
    return len;
}

void buf_int(struct buf *b, int64_t v)
{
    char text[INT_TEXT_MAX + 1];

    buf_add(b, text, int_text(v, text));
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap;
    va_list again;
    int n;

    va_start(ap, fmt);
    va_copy(again, ap);
    n = vsnprintf(b->data + b->len, b->cap - b->len, fmt, ap);
    va_end(ap);
    if (n < 0)
        abort();
    if ((size_t)n >= b->cap - b->len) {
        reserve(b, (size_t)n);
        (void)vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again);
    }
    va_end(again);
    b->len += (size_t)n;
}
