/* arena - memory that dies with the unit of work it serves. Nothing taken
 * from an arena is freed by hand. Allocation never returns NULL: when the
 * system has no memory left the process says so and aborts (the orchestrator
 * restarts it; every limit that a client can reach lies far below). */
#ifndef BODEGA_BASE_ARENA_H
#define BODEGA_BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

struct arena;

/* New arena whose first block holds `first_bytes` (0: a default of 4 KiB). */
struct arena *arena_new(size_t first_bytes);
/* Forget every allocation, keep the first block for reuse. */
void arena_reset(struct arena *a);
/* Accepts NULL. */
void arena_free(struct arena *a);

/* Zeroed, aligned for any type. `size` 0 gives a valid unique pointer. */
void *arena_alloc(struct arena *a, size_t size);
/* n * size with an overflow check (overflow aborts: a caller's bug). */
void *arena_calloc(struct arena *a, size_t n, size_t size);
void *arena_memdup(struct arena *a, const void *p, size_t len);
char *arena_strdup(struct arena *a, const char *s); /* NULL gives NULL */
char *arena_strndup(struct arena *a, const char *s, size_t len);
char *arena_printf(struct arena *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
char *arena_vprintf(struct arena *a, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));
/* Bytes handed out since the last reset; for tests and metrics. */
size_t arena_used(const struct arena *a);

#endif
