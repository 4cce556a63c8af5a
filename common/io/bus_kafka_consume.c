/* bus_kafka_consume - partitions and offsets. Messages of a partition may
 * finish in any order, but only the end of the finished prefix is stored, and
 * only stored offsets are committed (every second, at a rebalance, at the end).
 * So nothing is ever skipped; what was finished out of order may come again. */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <unistd.h>
#include "base/utf8.h"
#include "io/bus_kafka.h"

#define POLL_BATCH 100

/* A message handed to bus.c; `d` is NULL once it is finished. */
struct entry {
    struct part *part;
    struct delivery *d;
    int64_t offset;
    bool done;
    struct entry *next;
};

/* A partition assigned to us. */
struct part {
    struct bus_consumer *c;
    int32_t number;
    int64_t seen; /* last offset delivered, -1 none */
    int held;     /* deliveries not finished */
    bool paused, revoked;
    struct entry *head, *tail; /* by offset, from the first not stored */
    struct part *next;
};

/* ---- consuming ------------------------------------------------------------*/

/* One-partition list; the caller destroys it. */
static rd_kafka_topic_partition_list_t *only(const struct part *p,
                                             int64_t offset)
{
    rd_kafka_topic_partition_list_t *l =
        rdk.rd_kafka_topic_partition_list_new(1);

    rdk.rd_kafka_topic_partition_list_add(l, p->c->subject, p->number)->offset =
        offset;
    return l;
}

static void part_pause(struct part *p, bool pause)
{
    rd_kafka_topic_partition_list_t *l = only(p, 0);

    p->paused = pause;
    if (pause)
        (void)rdk.rd_kafka_pause_partitions(kafka.consumer.rk, l);
    else
        (void)rdk.rd_kafka_resume_partitions(kafka.consumer.rk, l);
    rdk.rd_kafka_topic_partition_list_destroy(l);
}

static void part_free(struct part *p)
{
    struct part **at = &kafka.parts;

    assert(p->held == 0);
    while (*at != p)
        at = &(*at)->next;
    *at = p->next;
    while (p->head != NULL) {
        struct entry *e = p->head;

        p->head = e->next;
        free(e);
    }
    free(p);
}

static struct part *part_find(const char *topic, int32_t number)
{
    for (struct part *p = kafka.parts; p != NULL; p = p->next)
        if (!p->revoked && p->number == number &&
            strcmp(p->c->subject, topic) == 0)
            return p;
    return NULL;
}

static void part_assign(const char *topic, int32_t number)
{
    struct part *p;
    struct bus_consumer *c = kafka.consumers;

    while (c != NULL && strcmp(c->subject, topic) != 0)
        c = c->next;
    if (c == NULL || part_find(topic, number) != NULL)
        return;
    p = calloc(1, sizeof(*p));
    if (p == NULL)
        abort();
    p->c = c;
    p->number = number;
    p->seen = -1;
    p->next = kafka.parts;
    kafka.parts = p;
}

static void part_revoke(struct part *p)
{
    p->revoked = true;
    for (struct entry *e = p->head; e != NULL; e = e->next)
        if (e->d != NULL)
            e->d->lost = true;
    if (p->held == 0)
        part_free(p);
}

static void on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t err,
                         rd_kafka_topic_partition_list_t *list, void *opaque)
{
    bool assign = err == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;

    (void)opaque;
    for (int i = 0; i < list->cnt && !kafka.closing; i++) {
        struct part *p =
            part_find(list->elems[i].topic, list->elems[i].partition);

        if (assign)
            part_assign(list->elems[i].topic, list->elems[i].partition);
        else if (p != NULL)
            part_revoke(p);
    }
    if (assign) {
        kafka.consumer.up = true;
        (void)rdk.rd_kafka_incremental_assign(rk, list);
        return;
    }
    /* the next owner starts where our finished work ends */
    if (!rdk.rd_kafka_assignment_lost(rk))
        (void)rdk.rd_kafka_commit(rk, NULL, 1);
    (void)rdk.rd_kafka_incremental_unassign(rk, list);
}

static void read_headers(struct delivery *d, const rd_kafka_message_t *m)
{
    rd_kafka_headers_t *h;
    const char *name;
    const void *value;
    size_t size;

    if (rdk.rd_kafka_message_headers(m, &h) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return;
    for (size_t i = 0;
         rdk.rd_kafka_header_get_all(h, i, &name, &value, &size) ==
         RD_KAFKA_RESP_ERR_NO_ERROR;
         i++) {
        char *copy = arena_strdup(d->arena, name);

        if (value == NULL)
            continue;
        if (strncmp(copy, "ce_", 3) == 0)
            copy[2] = '-';
        if (utf8_ok(value, size))
            bus_wire_add(&d->wire, copy, arena_strndup(d->arena, value, size));
    }
}

static struct entry *entry_add(struct part *p, int64_t offset,
                               struct delivery *d)
{
    struct entry *e = calloc(1, sizeof(*e));

    if (e == NULL)
        abort();
    *e = (struct entry){ .part = p, .d = d, .offset = offset };
    if (p->tail != NULL)
        p->tail->next = e;
    else
        p->head = e;
    p->tail = e;
    p->held++;
    p->seen = offset;
    return e;
}

static void on_message(const rd_kafka_message_t *m)
{
    struct part *p = part_find(rdk.rd_kafka_topic_name(m->rkt), m->partition);
    struct arena *a;
    struct delivery *d;
    int64_t low, high;

    if (p == NULL || m->offset <= p->seen)
        return;
    a = arena_new(2048);
    d = arena_alloc(a, sizeof(*d));
    d->arena = a;
    d->consumer = p->c;
    d->wire.subject = p->c->subject;
    if (m->key != NULL && utf8_ok(m->key, m->key_len))
        d->wire.key = arena_strndup(a, m->key, m->key_len);
    d->wire.data = arena_strndup(a, m->len > 0 ? m->payload : "", m->len);
    d->wire.data_len = m->len;
    d->ref = arena_printf(a, "%" PRId32 "-%" PRId64, m->partition, m->offset);
    read_headers(d, m);
    d->lag = -1;
    if (rdk.rd_kafka_get_watermark_offsets(kafka.consumer.rk, p->c->subject,
                                           p->number, &low, &high) ==
            RD_KAFKA_RESP_ERR_NO_ERROR &&
        high > m->offset)
        d->lag = high - m->offset - 1;
    d->driver = entry_add(p, m->offset, d);
    if (p->held >= p->c->limit && !p->paused)
        part_pause(p, true);
    bus_deliver(d);
}

/* Store the end of the finished prefix. */
static void part_advance(struct part *p)
{
    int64_t next = -1;

    while (p->head != NULL && p->head->done) {
        struct entry *e = p->head;

        next = e->offset + 1;
        p->head = e->next;
        if (p->head == NULL)
            p->tail = NULL;
        free(e);
    }
    if (next >= 0 && !p->revoked) {
        rd_kafka_topic_partition_list_t *l = only(p, next);

        (void)rdk.rd_kafka_offsets_store(kafka.consumer.rk, l);
        rdk.rd_kafka_topic_partition_list_destroy(l);
    }
}

void kafka_finish(struct delivery *d, bool done)
{
    struct entry *e = d->driver;
    struct part *p = e->part;

    /* what is given back stays the first that is not stored: it is read
     * again by whoever owns the partition next */
    e->done = done;
    e->d = NULL;
    p->held--;
    part_advance(p);
    if (p->revoked) {
        if (p->held == 0)
            part_free(p);
    } else if (p->paused && !kafka.stopping && p->held <= p->c->limit / 2) {
        part_pause(p, false);
    }
}

void kafka_poll_consumer(void)
{
    static const uint64_t one = 1;
    rd_kafka_message_t *m;

    for (int i = 0; i < POLL_BATCH; i++) {
        m = rdk.rd_kafka_consumer_poll(kafka.consumer.rk, 0);
        if (m == NULL)
            return;
        if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR && !kafka.stopping)
            on_message(m);
        rdk.rd_kafka_message_destroy(m);
    }
    /* more is there: come back after the rest of the loop had its turn */
    if (write(kafka.event_fd, &one, sizeof(one)) < 0)
        assert(errno == EAGAIN);
}

static void start_consumer(void)
{
    rd_kafka_conf_t *conf = kafka_conf(&kafka.consumer);

    kafka_set(conf, "group.id", kafka.consumers->group);
    kafka_set(conf, "partition.assignment.strategy", "cooperative-sticky");
    /* a killed consumer's partitions move on after 10 s, not 45 */
    kafka_set(conf, "session.timeout.ms", "10000");
    kafka_set(conf, "auto.offset.reset", "earliest");
    kafka_set(conf, "enable.auto.offset.store", "false");
    kafka_set(conf, "enable.auto.commit", "true");
    kafka_set(conf, "auto.commit.interval.ms", "1000");
    kafka_set(conf, "queued.max.messages.kbytes", "4096");
    kafka_set(conf, "topic.metadata.refresh.interval.ms", "30000");
    rdk.rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
    kafka_client_start(&kafka.consumer, RD_KAFKA_CONSUMER, conf);
}

void kafka_subscribe(void)
{
    rd_kafka_topic_partition_list_t *l;

    if (kafka.consumers == NULL || kafka.consumer.rk != NULL || kafka.stopping)
        return;
    for (struct bus_consumer *c = kafka.consumers; c != NULL; c = c->next)
        if (!kafka_topic(c->subject)->exists)
            return;
    start_consumer();
    l = rdk.rd_kafka_topic_partition_list_new(8);
    for (struct bus_consumer *c = kafka.consumers; c != NULL; c = c->next)
        (void)rdk.rd_kafka_topic_partition_list_add(l, c->subject,
                                                    RD_KAFKA_PARTITION_UA);
    (void)rdk.rd_kafka_subscribe(kafka.consumer.rk, l);
    rdk.rd_kafka_topic_partition_list_destroy(l);
}

void kafka_consume(struct bus_consumer *list)
{
    assert(kafka.consumers == NULL); /* one group per process */
    kafka.consumers = list;
    for (struct bus_consumer *c = list; c != NULL; c = c->next)
        (void)kafka_topic(c->subject);
    kafka_create_topics();
}

void kafka_pause_all(void)
{
    for (struct part *p = kafka.parts; p != NULL; p = p->next)
        if (!p->revoked && !p->paused)
            part_pause(p, true);
}

void kafka_free_parts(void)
{
    while (kafka.parts != NULL)
        part_free(kafka.parts);
}
