/* bus - events between functions: CloudEvents 1.0 over NATS JetStream or
 * Kafka, chosen by BUS. One contract, two drivers, one test for both.
 *
 * At least once. Events of one key reach one consumer group in order; events of
 * different keys run side by side. A handler that returns OK acknowledges (the
 * offset moves on only behind finished work). CLASS_RETRY and CLASS_UNCERTAIN:
 * 3 tries in place with full-jitter backoff, then the event moves to the
 * group's retry topic (tried again after 1 s, 5 s, 30 s, 2 min, 10 min), then
 * to its dead-letter topic. CLASS_FINAL and events that cannot be read go to
 * the dead-letter topic at once. Each move is published and confirmed before
 * the original is acknowledged.
 *
 * Names: topic "order.placed" is subject or topic `bodega.order.placed`; group
 * "email" has `bodega.retry.email` and `bodega.dead.email`. Moved events carry
 * the headers bodega-group, bodega-topic (origin), bodega-attempt,
 * bodega-error (slug), bodega-not-before (epoch ms).
 * Consumers start at the earliest event (auto.offset.reset=earliest).
 *
 * The order of one key ends where a process dies: what it had not acknowledged
 * comes again (NATS: after 60 s, and later events of the key may pass it). On
 * NATS several replicas of a group may also hold events of one key at the same
 * time. So handlers are monotone state machines with an inbox. */
#ifndef BODEGA_IO_BUS_H
#define BODEGA_IO_BUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "sched/req.h"

struct topic {
    const char *name; /* CloudEvents type and bus name, "order.placed" */
    const char *help;
    const struct json_field *fields; /* of the data */
};

struct event {
    const char *id;          /* unique with source */
    const char *source;      /* function that emitted it */
    const char *type;        /* topic name */
    const char *key;         /* partition key: the order id */
    const char *time;        /* RFC 3339 */
    const char *traceparent; /* or NULL */
    const char *data;        /* JSON, NUL-terminated */
    size_t data_len;
    int attempt; /* 1 for the first delivery */
    /* only on what was read from a retry or dead-letter topic */
    const char *origin_topic;
    const char *group;
    const char *error;
};

struct subscription {
    const struct topic *topic;
    /* Runs in a task; the req's deadline is 30 s. */
    enum err (*handler)(struct req *r, const struct event *e);
    const char *help;
};

enum bus_kind { BUS_NATS, BUS_KAFKA };
/* Opens nothing. `url`: nats://host:port or kafka bootstrap host:port list. */
void bus_init(enum bus_kind kind, const char *url, const char *source);
const char *bus_trouble(void); /* NULL when up or not tried yet */

/* One group per process. Start consuming; `group` is the durable name (the function's). The table
 * ends with a NULL topic and must live for ever. */
void bus_subscribe(const char *group, const struct subscription *subs);
/* Also read raw topics (retry and dead-letter names allowed); for relay. */
void bus_subscribe_dead(const char *const *groups,
                        enum err (*handler)(struct req *,
                                            const struct event *));
/* True once everything subscribed to exists on the bus: stream, durable
 * consumers, topics. Makes what is missing. */
bool bus_set_up(void);
/* Publish and wait until the bus has it for good (JetStream ack; Kafka acks=all
 * delivery report). Order per key is kept for calls made in order. */
enum err bus_publish(struct req *r, const struct event *e);
/* Publish an event again on purpose (a replay): the id stays, but the bus does
 * not drop it as a duplicate of the first time. */
enum err bus_republish(struct req *r, const struct event *e);
/* Stop fetching, let running handlers finish, flush, close. Calls done(arg). */
void bus_drain(void (*done)(void *arg), void *arg);

/* Decode an event's data leniently (fields may be added by newer senders);
 * ERR_INVALID when it has the wrong shape. */
enum err event_data(struct req *r, const struct event *e,
                    const struct json_field *fields, void *out);

#endif
