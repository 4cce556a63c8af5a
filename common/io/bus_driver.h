/* bus_driver - what bus.c asks of NATS and Kafka. Private to the bus.
 *
 * bus.c knows about events, order, tries and dead letters; a driver knows how
 * to move bytes with headers and how to say that one delivery is finished.
 * Drivers call bus_deliver and bus_published on the loop only. */
#ifndef BODEGA_IO_BUS_DRIVER_H
#define BODEGA_IO_BUS_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "io/bus.h"
#include "sched/task.h"

#define BUS_HEADERS_MAX  20
#define BUS_RETRY_LEVELS 5

/* Constants, but for the test of the bus, which has no ten minutes. */
extern int64_t bus_retry_ms[BUS_RETRY_LEVELS]; /* waits on the retry topic */
extern int64_t bus_nats_ack_wait_s; /* until unacknowledged comes again */

struct bus_header {
    const char *name; /* as on NATS: ce-id; Kafka's binding writes ce_id */
    const char *value;
};

/* An event as it travels. */
struct bus_wire {
    const char *subject; /* subject or topic, bodega.order.placed */
    const char *key;     /* partition key, never NULL when sent */
    const char *msg_id;  /* NATS drops a second message with it for 2 min */
    const char *data;    /* NUL-terminated */
    size_t data_len;
    struct bus_header headers[BUS_HEADERS_MAX];
    size_t count;
};

enum bus_consumer_kind {
    BUS_CONSUME_TOPIC,
    BUS_CONSUME_RETRY,
    BUS_CONSUME_DEAD
};

/* One subject read by one group; lives as long as the process. */
struct bus_consumer {
    enum bus_consumer_kind kind;
    const char *group;
    char *subject;
    const struct subscription *sub; /* TOPIC only */
    int limit; /* most deliveries unfinished at one time (per partition) */
    void *driver;
    struct bus_consumer *next;     /* of its group */
    struct bus_consumer *all_next; /* bus.c */
};

/* One message handed to us. The driver fills the upper part, with everything
 * in `arena`, and keeps `driver` until finish is called. */
struct delivery {
    struct arena *arena;
    struct bus_wire wire;
    const char *ref; /* its place on the bus, for events without an id */
    int64_t lag;     /* messages behind it, -1 unknown */
    struct bus_consumer *consumer;
    bool lost; /* set when the bus has given it to someone else */
    void *driver;

    /* bus.c */
    struct event event;
    bool readable;
    int tries_before; /* made before this delivery, from bodega-attempt */
    int64_t not_before_ms;
    struct timer *timer;
    struct delivery *lane_next;
    struct delivery *prev, *next; /* all that are unfinished */
};

/* One publish in flight. */
struct bus_pub {
    struct await wait;
    enum err err;
    bool abandoned; /* nobody waits any more */
};

struct bus_driver {
    /* Begin to connect; false when the library is missing. Called once. */
    bool (*open)(const char *url);
    const char *(*trouble)(void);
    /* Can a message to `subject` be published now? When not, the driver sets
     * out to make it so and calls bus_ready. */
    bool (*ready)(const char *subject);
    /* Calls bus_published(op) exactly once, perhaps before it returns. */
    void (*publish)(const struct bus_wire *m, struct bus_pub *op);
    /* Read every subject of the list, all of one group. */
    void (*consume)(struct bus_consumer *list);
    /* done: never again. Not done: let someone have it again. Frees what
     * d->driver holds; d itself is bus.c's. */
    void (*finish)(struct delivery *d, bool done);
    /* Still at work on it; called every 20 s. May be NULL. */
    void (*touch)(struct delivery *d);
    void (*stop)(void); /* take no new messages */
    void (*close)(void (*done)(void *arg), void *arg);
};

extern const struct bus_driver bus_nats, bus_kafka;

void bus_deliver(struct delivery *d);
void bus_published(struct bus_pub *op, enum err e);
void bus_ready(void);

/* ---- bus_event.c: CloudEvents 1.0 in binary mode ------------------------- */
/* Fill w from e; everything is in `a` or points into e. bodega-* headers are
 * not part of it. */
void bus_wire_encode(struct arena *a, const struct event *e,
                     struct bus_wire *w);
void bus_wire_add(struct bus_wire *w, const char *name, const char *value);
/* NULL when absent. */
const char *bus_wire_get(const struct bus_wire *w, const char *name);
/* False when it is no CloudEvent or its data is not JSON; e is then filled as
 * far as it goes, with no member NULL but traceparent, group, origin_topic and
 * error. `ref` stands in for a missing id. */
bool bus_wire_decode(struct arena *a, const struct bus_wire *w, const char *ref,
                     struct event *e);
/* Percent-encoding of header values as in the CloudEvents HTTP binding,
 * section 3.1.3.2, which NATS shares: space, '"', '%' and all outside
 * U+0021..U+007E. */
const char *bus_header_escape(struct arena *a, const char *value);
/* NULL when it does not decode to UTF-8 free of control characters. */
const char *bus_header_unescape(struct arena *a, const char *value);

#endif
