/* outbox - events leave with the transaction that made them true, and are
 * taken in with the transaction of their effect (transactional outbox and
 * inbox). `relay` moves the outbox to the bus. */
#ifndef BODEGA_IO_OUTBOX_H
#define BODEGA_IO_OUTBOX_H

#include "io/bus.h"
#include "io/pg.h"

/* Insert an event row into relay.outbox inside r's open transaction: data is
 * `obj` encoded with topic->fields; `key` is the order id. The row carries
 * r's trace. NOTIFY bodega_outbox fires at commit. */
enum err outbox_add(struct req *r, const struct topic *topic, const char *key,
                    const void *obj);

/* Inside an open transaction: note that this schema has taken the event in.
 * *ret_first false: it had before, so skip the effect and return OK.
 * Needs table inbox(event_id text primary key, at timestamptz default now())
 * in the function's schema. */
enum err inbox_once(struct req *r, const struct event *e, bool *ret_first);

#endif
