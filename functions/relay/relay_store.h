/* relay_store - the outbox and the dead letters in Postgres. */
#ifndef BODEGA_RELAY_STORE_H
#define BODEGA_RELAY_STORE_H

#include "run/fn.h"

struct relay_row {
    const char *place; /* seq of the outbox, id of the dead letter */
    struct event event;
};
struct relay_batch {
    struct relay_row *rows;
    size_t count;
};

/* Inside a transaction: lock up to `limit` events that may leave now, oldest
 * first. Of each key only its oldest waiting event may, so a later one never
 * overtakes it: not when another relay holds the older one, nor when its
 * publishing fails. */
enum err relay_take(struct req *r, int64_t limit, struct relay_batch *ret);
/* Inside the same transaction: these are on the bus. */
enum err relay_mark(struct req *r, const char *const *places, size_t n);
/* Forget up to `limit` events published more than a day ago. */
enum err relay_sweep(struct req *r, int64_t limit, int *ret_deleted);

/* A dead letter as staff see it. */
struct dead_letter {
    const char *id;
    const char *group;
    const char *topic;
    const char *key;
    const char *event_id;
    const char *error;
    int64_t attempt;
    const char *at;
    const char *replayed_at; /* NULL: waiting */
    const char *data;        /* JSON */
};

/* Keep a dead letter; once per event and group. One that comes back after a
 * replay waits again. */
enum err dead_keep(struct req *r, const struct event *e);
/* Newest first; `group` and `before` (an id) may be NULL. */
enum err dead_list(struct req *r, const char *group, const char *before,
                   int64_t limit, struct dead_letter **ret, size_t *ret_count);
/* Inside a transaction: lock one dead letter. ERR_NOT_FOUND; an empty batch
 * when it was replayed and has not come back. */
enum err dead_take(struct req *r, const char *id, struct relay_batch *ret);
/* Inside a transaction: lock up to `limit` waiting ones of a group, oldest
 * first. */
enum err dead_take_group(struct req *r, const char *group, int64_t limit,
                         struct relay_batch *ret);
/* Inside the same transaction: these were published again. */
enum err dead_mark(struct req *r, const char *const *places, size_t n);
enum err dead_waiting(struct req *r, const char *group, int64_t *ret);

#endif
