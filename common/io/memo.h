/* memo - what another function said a moment ago, per key. Bounded, and one
 * question in flight per key: when a thousand requests want the same key at
 * once, one asks and the others wait for its answer. An answer that is too old
 * is kept until it is replaced, for when the other function is away. */
#ifndef BODEGA_IO_MEMO_H
#define BODEGA_IO_MEMO_H

#include <stddef.h>
#include <stdint.h>
#include "sched/req.h"

#define MEMO_KEY_MAX 64   /* bytes; longer keys are asked for every time */
#define MEMO_KEYS    4096 /* kept; the oldest of a set of 4 makes room */

enum memo_state {
    MEMO_UNKNOWN, /* value was not touched */
    MEMO_OLD,     /* the last answer, older than fresh_ms */
    MEMO_FRESH
};
struct memo_item {
    const char *key;
    void *value; /* the caller's, value_size bytes */
    enum memo_state state;
    struct memo_entry *entry; /* private */
};

/* Ask for `n` keys: write what is known to each item's value and set its state
 * to MEMO_FRESH; leave the others as they are. */
typedef enum err memo_fetch(struct req *r, struct memo_item **items, size_t n);

struct memo { /* a static object */
    memo_fetch *fetch;
    int64_t fresh_ms; /* age counts from when it was asked for */
    size_t value_size;
    struct memo_entry *entries; /* private; taken on first use */
};

/* Fill the values of all items, asking for what is not fresh in one call; keys
 * should differ. Returns what fetch said, ERR_UNAVAILABLE when somebody else's
 * question failed, ERR_DEADLINE when it took too long; each item's state says
 * what the caller got all the same. Parks. */
enum err memo_get(struct req *r, struct memo *m, struct memo_item *items,
                  size_t n);

#endif
