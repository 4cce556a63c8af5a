/* arena - bump allocation in a chain of blocks. Under ASan the part of a
 * block that is not handed out is poisoned, so an overrun is seen although
 * malloc knows nothing of the pieces. */
#include <sanitizer/asan_interface.h>
#include <stdalign.h>
#include <stdint.h>
#include "base/arena.h"

#define ALIGN           alignof(max_align_t)
#define FIRST_DEFAULT   ((size_t)4096)
#define BLOCK_GROWN_MAX ((size_t)65536)

struct block {
    struct block *next;
    size_t cap;
    size_t used;
    alignas(max_align_t) char data[];
};

struct arena {
    struct block *first; /* kept by arena_reset */
    struct block *now;   /* where the next piece is cut */
    size_t grow;         /* size of the next ordinary block */
    size_t used;
};

static void out_of_memory(const char *what)
{
    fprintf(stderr, "arena: %s\n", what);
    abort();
}

static struct block *block_new(size_t cap)
{
    struct block *b = NULL;

    if (cap <= SIZE_MAX - sizeof(*b))
        b = malloc(sizeof(*b) + cap);
    if (b == NULL)
        out_of_memory("out of memory");
    b->next = NULL;
    b->cap = cap;
    b->used = 0;
    ASAN_POISON_MEMORY_REGION(b->data, cap);
    return b;
}

static void block_free(struct block *b)
{
    ASAN_UNPOISON_MEMORY_REGION(b->data, b->cap);
    free(b);
}

struct arena *arena_new(size_t first_bytes)
{
    struct arena *a = malloc(sizeof(*a));

    if (a == NULL)
        out_of_memory("out of memory");
    a->grow = first_bytes != 0 ? first_bytes : FIRST_DEFAULT;
    a->first = block_new(a->grow);
    a->now = a->first;
    a->used = 0;
    return a;
}

static void free_after(struct block *b)
{
    struct block *next = b->next;

    b->next = NULL;
    while (next != NULL) {
        struct block *dead = next;

        next = dead->next;
        block_free(dead);
    }
}

void arena_reset(struct arena *a)
{
    free_after(a->first);
    a->first->used = 0;
    ASAN_POISON_MEMORY_REGION(a->first->data, a->first->cap);
    a->now = a->first;
    a->grow = a->first->cap;
    a->used = 0;
}

void arena_free(struct arena *a)
{
    if (a == NULL)
        return;
    free_after(a->first);
    block_free(a->first);
    free(a);
}

/* A block with room for `size`. A piece larger than an ordinary block gets
 * one of its own behind the current block, whose rest stays in use. */
static struct block *block_with_room(struct arena *a, size_t size)
{
    struct block *b;

    if (size <= a->now->cap - a->now->used)
        return a->now;
    if (a->grow < BLOCK_GROWN_MAX)
        a->grow *= 2;
    b = block_new(size > a->grow ? size : a->grow);
    b->next = a->now->next;
    a->now->next = b;
    if (size <= a->grow)
        a->now = b;
    return b;
}

void *arena_alloc(struct arena *a, size_t size)
{
    size_t step;
    struct block *b;
    char *p;

    if (size > SIZE_MAX - ALIGN)
        out_of_memory("size overflow");
    step = size == 0 ? ALIGN : (size + ALIGN - 1) / ALIGN * ALIGN;
    b = block_with_room(a, step);
    p = b->data + b->used;
    b->used += step;
    a->used += step;
    ASAN_UNPOISON_MEMORY_REGION(p, size);
    return memset(p, 0, size);
}

void *arena_calloc(struct arena *a, size_t n, size_t size)
{
    size_t bytes;

    if (__builtin_mul_overflow(n, size, &bytes))
        out_of_memory("size overflow");
    return arena_alloc(a, bytes);
}

void *arena_memdup(struct arena *a, const void *p, size_t len)
{
    void *copy = arena_alloc(a, len);

    if (len != 0)
        memcpy(copy, p, len);
    return copy;
}

char *arena_strdup(struct arena *a, const char *s)
{
    return s == NULL ? NULL : arena_memdup(a, s, strlen(s) + 1);
}

char *arena_strndup(struct arena *a, const char *s, size_t len)
{
    size_t n = strnlen(s, len);
    char *copy = arena_alloc(a, n + 1);

    memcpy(copy, s, n);
    return copy;
}

char *arena_vprintf(struct arena *a, const char *fmt, va_list ap)
{
    char usual[256]; /* spares most texts a second formatting */
    va_list again;
    int n;
    char *s;

    va_copy(again, ap);
    n = vsnprintf(usual, sizeof(usual), fmt, ap);
    if (n < 0)
        out_of_memory("text that cannot be formatted");
    s = arena_alloc(a, (size_t)n + 1);
    if ((size_t)n < sizeof(usual))
        memcpy(s, usual, (size_t)n);
    else
        (void)vsnprintf(s, (size_t)n + 1, fmt, again);
    va_end(again);
    return s;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list ap;
    char *s;

    va_start(ap, fmt);
    s = arena_vprintf(a, fmt, ap);
    va_end(ap);
    return s;
}

size_t arena_used(const struct arena *a)
{
    return a->used;
}
