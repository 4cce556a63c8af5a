/* memo - a 4-way set-associative table. An entry points to the question that
 * is in flight for it; the question lives on the stack of the task that asks,
 * and is taken out of every entry before that task goes on. */
#include "base/clock.h"
#include "io/memo.h"
#include "sched/task.h"

#define WAYS 4
#define SETS (MEMO_KEYS / WAYS)

struct waiter {
    struct await answered;
    struct waiter *next;
};
struct flight {
    struct waiter *waiters;
};
struct memo_entry {
    char key[MEMO_KEY_MAX + 1];
    bool known;
    int64_t asked_us;
    struct flight *flight;
    max_align_t value[];
};

static size_t entry_size(const struct memo *m)
{
    size_t align = sizeof(max_align_t);

    return sizeof(struct memo_entry) +
           (m->value_size + align - 1) / align * align;
}

static struct memo_entry *entry_at(const struct memo *m, size_t set, size_t way)
{
    char *base = (char *)m->entries;

    return (void *)(base + (set * WAYS + way) * entry_size(m));
}

/* FNV-1a: who floods one set only loses the memory of that set. */
static size_t set_of(const char *key)
{
    uint64_t h = 14695981039346656037u;

    for (; *key; key++)
        h = (h ^ (unsigned char)*key) * 1099511628211u;
    return (size_t)((h ^ (h >> 32)) % SETS);
}

static struct memo_entry *find(const struct memo *m, const char *key)
{
    size_t set = set_of(key);

    for (size_t i = 0; i < WAYS; i++) {
        struct memo_entry *e = entry_at(m, set, i);

        if (!strcmp(e->key, key))
            return e;
    }
    return NULL;
}

/* Room for a new key; NULL when all of its set are being asked for. */
static struct memo_entry *claim(const struct memo *m, const char *key)
{
    size_t set = set_of(key);
    struct memo_entry *oldest = NULL;

    if (!*key || strlen(key) > MEMO_KEY_MAX)
        return NULL;
    for (size_t i = 0; i < WAYS; i++) {
        struct memo_entry *e = entry_at(m, set, i);

        if (!e->flight && (!oldest || e->asked_us < oldest->asked_us))
            oldest = e;
    }
    if (oldest) {
        memset(oldest, 0, entry_size(m));
        memcpy(oldest->key, key, strlen(key));
    }
    return oldest;
}

static void take(const struct memo *m, const struct memo_entry *e,
                 int64_t now_us, struct memo_item *item)
{
    if (!e || !e->known)
        return;
    memcpy(item->value, e->value, m->value_size);
    item->state =
        now_us - e->asked_us < m->fresh_ms * 1000 ? MEMO_FRESH : MEMO_OLD;
}

static void land(const struct memo *m, struct flight *f, int64_t asked_us,
                 struct memo_item **mine, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct memo_entry *e = mine[i]->entry;

        if (!e)
            continue;
        e->flight = NULL;
        if (mine[i]->state == MEMO_FRESH) {
            memcpy(e->value, mine[i]->value, m->value_size);
            e->known = true;
            e->asked_us = asked_us;
        }
    }
    for (struct waiter *w = f->waiters; w; w = w->next)
        await_done(&w->answered);
}

static bool wait_for(struct flight *f, int64_t deadline_us)
{
    struct waiter w = { .next = f->waiters };

    f->waiters = &w;
    if (await_until(&w.answered, deadline_us))
        return true;
    /* Too late, but the question is still in flight: leave its list. */
    struct waiter **at = &f->waiters;

    while (*at != &w)
        at = &(*at)->next;
    *at = w.next;
    return false;
}

static enum err wait_all(struct req *r, const struct memo *m,
                         struct memo_item **theirs, size_t n)
{
    enum err result = OK;

    for (size_t i = 0; i < n; i++) {
        struct memo_entry *e = find(m, theirs[i]->key);

        if (e && e->flight && !wait_for(e->flight, r->deadline_us))
            return ERR_DEADLINE;
        take(m, find(m, theirs[i]->key), clock_us(), theirs[i]);
        if (theirs[i]->state != MEMO_FRESH)
            result = ERR_UNAVAILABLE;
    }
    return result;
}

static enum err ask(struct req *r, const struct memo *m, struct flight *f,
                    struct memo_item **mine, size_t n)
{
    int64_t asked_us = clock_us();
    enum err e = m->fetch(r, mine, n);

    land(m, f, asked_us, mine, n);
    return e;
}

/* Whether somebody else is asking for it; if not, it is ours to ask for. */
static bool look(struct memo *m, struct flight *f, int64_t now_us,
                 struct memo_item *item)
{
    item->entry = find(m, item->key);
    take(m, item->entry, now_us, item);
    if (item->state == MEMO_FRESH)
        return false;
    if (item->entry && item->entry->flight)
        return item->entry->flight != f;
    if (!item->entry)
        item->entry = claim(m, item->key);
    if (item->entry)
        item->entry->flight = f;
    return false;
}

enum err memo_get(struct req *r, struct memo *m, struct memo_item *items,
                  size_t n)
{
    struct flight f = { 0 };
    struct memo_item **mine = arena_calloc(r->arena, 2 * n, sizeof(*mine));
    struct memo_item **theirs = mine + n;
    size_t mine_n = 0, theirs_n = 0;
    int64_t now_us = clock_us();

    if (!m->entries) {
        m->entries = calloc(MEMO_KEYS, entry_size(m));
        if (!m->entries)
            abort();
    }
    for (size_t i = 0; i < n; i++) {
        items[i].state = MEMO_UNKNOWN;
        if (look(m, &f, now_us, &items[i]))
            theirs[theirs_n++] = &items[i];
        else if (items[i].state != MEMO_FRESH)
            mine[mine_n++] = &items[i];
    }
    enum err asked = mine_n ? ask(r, m, &f, mine, mine_n) : OK;
    enum err waited = wait_all(r, m, theirs, theirs_n);
    return asked != OK ? asked : waited;
}
