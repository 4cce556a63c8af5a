/* redis - one asynchronous hiredis connection; every command of one turn of
 * the loop leaves in one write, answers are matched in order. What lives there
 * may vanish at any moment.
 *
 * Errors: ERR_UNAVAILABLE (not connected, lost, or Redis answered LOADING,
 * OOM, READONLY, MISCONF), ERR_DEADLINE, ERR_INTERNAL (any other error reply;
 * its text goes to detail()). Reconnects with jitter in the background; while
 * it is away calls fail at once. */
#ifndef BODEGA_IO_REDIS_H
#define BODEGA_IO_REDIS_H

#include <stddef.h>
#include <stdint.h>
#include "sched/req.h"

/* `url`: redis://host:port[/db]; `password_file` may be NULL or absent.
 * Called at boot; connects on first use or redis_warm. */
void redis_init(const char *url, const char *password_file);
void redis_warm(void);
const char *redis_trouble(void); /* NULL when up or not tried yet */
void redis_close(void);

enum redis_kind { REDIS_NIL, REDIS_INT, REDIS_STR, REDIS_LIST };
struct redis_val {
    enum redis_kind kind;
    int64_t num;
    const char *str; /* NUL-terminated copy in the req's arena */
    size_t len;
    const struct redis_val *items; /* LIST */
    size_t count;
};

/* One command: `types` has a letter per word: 's' const char *, 'i' int64_t,
 * 'b' const void * followed by size_t. Example:
 *     redis_call(r, &v, "ssi", "EXPIRE", key, (int64_t)600);
 * `ret` may be NULL (the answer is still awaited and checked). */
enum err redis_call(struct req *r, struct redis_val *ret, const char *types,
                    ...);
/* Several commands sent together, answers in order: open with redis_batch,
 * add with redis_add, then redis_run fills ret[0..n). */
struct redis_batch;
struct redis_batch *redis_batch(struct req *r);
void redis_add(struct redis_batch *b, const char *types, ...);
enum err redis_run(struct redis_batch *b, struct redis_val *ret, size_t n);

/* A Lua script, sent by its SHA-1 (EVALSHA) and whole when the server does
 * not know it. Static object; `keys` then `types`-described words:
 *     redis_script(r, &v, &script, 1, "si", key, n) */
struct redis_lua {
    const char *source;
    char sha[41]; /* filled on first use from SCRIPT LOAD's answer */
};
enum err redis_script(struct req *r, struct redis_val *ret,
                      struct redis_lua *script, int keys, const char *types,
                      ...);

#endif
