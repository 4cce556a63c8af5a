/* bus_kafka - Kafka through librdkafka. Its threads do the network; all its
 * callbacks run here, on the loop, because its queues signal an eventfd and we
 * poll them from there.
 *
 * Offsets: messages of a partition may finish in any order, but only the end
 * of the finished prefix is stored, and only stored offsets are committed
 * (every second, at a rebalance, at the end). So nothing is ever skipped; what
 * was finished out of order may come again.
 *
 * One producer and one consumer per process, made when first needed. Topics
 * that do not exist are created before they are used: a consumer would
 * otherwise find them minutes later, and a broker that creates topics by
 * itself gives them one partition. */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <librdkafka/rdkafka.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "io/bus_driver.h"
#include "io/lazy.h"
#include "sched/loop.h"

#define PARTITIONS       8
#define KEEP_MS          "1209600000" /* 14 days */
#define POLL_BATCH       100
#define TICK_MS          1000 /* also serves librdkafka's max.poll.interval.ms */
#define ADMIN_MS         10000
#define CLOSE_WAIT_MS    50
#define CLOSE_WAIT_TURNS 60

#define RDK_FUNCTIONS(X)                                                       \
    X(rd_kafka_conf_new)                                                       \
    X(rd_kafka_conf_set)                                                       \
    X(rd_kafka_conf_set_opaque)                                                \
    X(rd_kafka_conf_set_dr_msg_cb)                                             \
    X(rd_kafka_conf_set_rebalance_cb)                                          \
    X(rd_kafka_conf_set_stats_cb)                                              \
    X(rd_kafka_conf_set_error_cb)                                              \
    X(rd_kafka_conf_set_log_cb)                                                \
    X(rd_kafka_set_log_queue)                                                  \
    X(rd_kafka_new)                                                            \
    X(rd_kafka_destroy)                                                        \
    X(rd_kafka_opaque)                                                         \
    X(rd_kafka_poll)                                                           \
    X(rd_kafka_flush)                                                          \
    X(rd_kafka_poll_set_consumer)                                              \
    X(rd_kafka_queue_get_main)                                                 \
    X(rd_kafka_queue_get_consumer)                                             \
    X(rd_kafka_queue_io_event_enable)                                          \
    X(rd_kafka_queue_new)                                                      \
    X(rd_kafka_queue_poll)                                                     \
    X(rd_kafka_queue_destroy)                                                  \
    X(rd_kafka_headers_new)                                                    \
    X(rd_kafka_headers_destroy)                                                \
    X(rd_kafka_header_add)                                                     \
    X(rd_kafka_header_get_all)                                                 \
    X(rd_kafka_message_headers)                                                \
    X(rd_kafka_message_status)                                                 \
    X(rd_kafka_message_destroy)                                                \
    X(rd_kafka_topic_name)                                                     \
    X(rd_kafka_producev)                                                       \
    X(rd_kafka_consumer_poll)                                                  \
    X(rd_kafka_consumer_close)                                                 \
    X(rd_kafka_subscribe)                                                      \
    X(rd_kafka_incremental_assign)                                             \
    X(rd_kafka_incremental_unassign)                                           \
    X(rd_kafka_assignment_lost)                                                \
    X(rd_kafka_commit)                                                         \
    X(rd_kafka_offsets_store)                                                  \
    X(rd_kafka_pause_partitions)                                               \
    X(rd_kafka_resume_partitions)                                              \
    X(rd_kafka_get_watermark_offsets)                                          \
    X(rd_kafka_topic_partition_list_new)                                       \
    X(rd_kafka_topic_partition_list_add)                                       \
    X(rd_kafka_topic_partition_list_destroy)                                   \
    X(rd_kafka_NewTopic_new)                                                   \
    X(rd_kafka_NewTopic_set_config)                                            \
    X(rd_kafka_NewTopic_destroy)                                               \
    X(rd_kafka_AdminOptions_new)                                               \
    X(rd_kafka_AdminOptions_set_request_timeout)                               \
    X(rd_kafka_AdminOptions_destroy)                                           \
    X(rd_kafka_CreateTopics)                                                   \
    X(rd_kafka_event_error)                                                    \
    X(rd_kafka_event_CreateTopics_result)                                      \
    X(rd_kafka_event_destroy)                                                  \
    X(rd_kafka_CreateTopics_result_topics)                                     \
    X(rd_kafka_topic_result_error)

static struct {
    RDK_FUNCTIONS(LAZY_POINTER)
} rdk;
#define RDK_SYMBOL(f) LAZY_SYMBOL(rdk, f)
static const struct lazy_symbol symbols[] = { RDK_FUNCTIONS(RDK_SYMBOL){
    NULL, NULL } };

/* A topic that we publish to or read. */
struct topic_state {
    char *name;
    bool exists, asked;
    struct topic_state *next;
};

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

struct client {
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue;
    bool up; /* a broker is connected */
};

static struct {
    char *brokers;
    int event_fd;
    uv_poll_t poll;
    struct timer *tick;
    struct client producer, consumer;
    bool fatal;  /* the producer can do no more: make another */
    int pending; /* publishes without a report */
    struct topic_state *topics;
    bool creating;
    struct bus_consumer *consumers;
    struct part *parts;
    bool stopping, closing;
    int close_turns;
    void (*close_done)(void *arg);
    void *close_arg;
} bus;

static void create_topics(void *arg);
static void service(void);

/* ---- clients --------------------------------------------------------------*/

static int on_stats(rd_kafka_t *rk, char *json, size_t len, void *opaque)
{
    struct client *c = opaque;

    (void)rk;
    (void)len;
    c->up = strstr(json, "\"state\":\"UP\"") != NULL;
    return 0; /* librdkafka frees json */
}

static void on_error(rd_kafka_t *rk, int err, const char *reason, void *opaque)
{
    struct client *c = opaque;

    (void)rk;
    (void)reason;
    if (err == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
        c->up = false;
    if (err == RD_KAFKA_RESP_ERR__FATAL && c == &bus.producer)
        bus.fatal = true;
}

static void on_log(const rd_kafka_t *rk, int level, const char *facility,
                   const char *text)
{
    (void)rk;
    if (level <= 4) /* syslog's warning */
        log_warn(NULL, "kafka", LOG_STR("facility", facility),
                 LOG_STR("text", text));
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char why[256];

    if (rdk.rd_kafka_conf_set(conf, name, value, why, sizeof(why)) !=
        RD_KAFKA_CONF_OK) {
        log_error(NULL, "kafka setting refused", LOG_STR("setting", name),
                  LOG_STR("reason", why));
        abort(); /* names and values are ours */
    }
}

static rd_kafka_conf_t *common_conf(struct client *c)
{
    rd_kafka_conf_t *conf = rdk.rd_kafka_conf_new();

    set(conf, "bootstrap.servers", bus.brokers);
    set(conf, "client.id", "bodega");
    set(conf, "log.queue", "true");
    set(conf, "statistics.interval.ms", "3000");
    set(conf, "reconnect.backoff.ms", "200");
    set(conf, "reconnect.backoff.max.ms", "2000");
    set(conf, "socket.keepalive.enable", "true");
    set(conf, "socket.timeout.ms", "10000");
    rdk.rd_kafka_conf_set_opaque(conf, c);
    rdk.rd_kafka_conf_set_stats_cb(conf, on_stats);
    rdk.rd_kafka_conf_set_error_cb(conf, on_error);
    rdk.rd_kafka_conf_set_log_cb(conf, on_log);
    return conf;
}

static void start_client(struct client *c, rd_kafka_type_t type,
                         rd_kafka_conf_t *conf)
{
    static const uint64_t one = 1;
    char why[256];

    c->rk = rdk.rd_kafka_new(type, conf, why, sizeof(why));
    if (c->rk == NULL) {
        log_error(NULL, "kafka client refused", LOG_STR("reason", why));
        abort();
    }
    (void)rdk.rd_kafka_set_log_queue(c->rk, NULL);
    if (type == RD_KAFKA_CONSUMER) {
        (void)rdk.rd_kafka_poll_set_consumer(c->rk);
        c->queue = rdk.rd_kafka_queue_get_consumer(c->rk);
    } else {
        c->queue = rdk.rd_kafka_queue_get_main(c->rk);
    }
    rdk.rd_kafka_queue_io_event_enable(c->queue, bus.event_fd, &one,
                                       sizeof(one));
}

static void stop_client(struct client *c)
{
    if (c->rk == NULL)
        return;
    rdk.rd_kafka_queue_destroy(c->queue);
    rdk.rd_kafka_destroy(c->rk);
    *c = (struct client){ 0 };
}

static void tick(void *arg)
{
    (void)arg;
    bus.tick = timer_start(TICK_MS, tick, NULL);
    service();
}

static void on_readable(uv_poll_t *p, int status, int events)
{
    uint64_t n;

    (void)p;
    (void)status;
    (void)events;
    if (read(bus.event_fd, &n, sizeof(n)) == (ssize_t)sizeof(n))
        service();
}

static bool open_bus(const char *url)
{
    if (!lazy_open("librdkafka.so.1", symbols))
        return false;
    bus.brokers = strdup(url);
    bus.event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (bus.brokers == NULL || bus.event_fd < 0 ||
        uv_poll_init(loop_get(), &bus.poll, bus.event_fd) != 0 ||
        uv_poll_start(&bus.poll, UV_READABLE, on_readable) != 0)
        abort();
    bus.tick = timer_start(TICK_MS, tick, NULL);
    return true;
}

static const char *trouble(void)
{
    if ((bus.producer.rk != NULL && !bus.producer.up) ||
        (bus.consumer.rk != NULL && !bus.consumer.up))
        return "Kafka is not connected";
    return NULL;
}

/* ---- publishing -----------------------------------------------------------*/

struct report {
    struct bus_pub *op;
    enum err err;
};

static void on_report(void *arg)
{
    struct report *r = arg;

    bus.pending--;
    bus_published(r->op, r->err);
    free(r);
}

static void on_delivery_report(rd_kafka_t *rk, const rd_kafka_message_t *m,
                               void *opaque)
{
    struct report *r = malloc(sizeof(*r));

    (void)rk;
    (void)opaque;
    if (r == NULL)
        abort();
    r->op = m->_private;
    r->err = OK;
    if (m->err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
        r->err = ERR_TOO_LARGE;
    else if (m->err != RD_KAFKA_RESP_ERR_NO_ERROR)
        r->err =
            rdk.rd_kafka_message_status(m) == RD_KAFKA_MSG_STATUS_NOT_PERSISTED
                ? ERR_UNAVAILABLE
                : ERR_UNCERTAIN;
    else
        bus.producer.up = true;
    if (bus.closing) /* on the closing thread */
        loop_post(on_report, r);
    else
        on_report(r);
}

static void need_producer(void)
{
    rd_kafka_conf_t *conf;

    if (bus.fatal && bus.pending == 0 && !bus.creating) {
        stop_client(&bus.producer);
        bus.fatal = false;
    }
    if (bus.producer.rk != NULL)
        return;
    conf = common_conf(&bus.producer);
    set(conf, "enable.idempotence", "true");
    set(conf, "acks", "all");
    set(conf, "linger.ms", "5");
    set(conf, "queue.buffering.max.kbytes", "8192");
    set(conf, "queue.buffering.max.messages", "10000");
    set(conf, "message.timeout.ms", "10000");
    set(conf, "partitioner", "murmur2_random"); /* as Java's producers */
    rdk.rd_kafka_conf_set_dr_msg_cb(conf, on_delivery_report);
    start_client(&bus.producer, RD_KAFKA_PRODUCER, conf);
}

static rd_kafka_headers_t *headers(const struct bus_wire *m)
{
    rd_kafka_headers_t *h = rdk.rd_kafka_headers_new(m->count);
    char name[64];

    for (size_t i = 0; i < m->count; i++) {
        (void)snprintf(name, sizeof(name), "%s", m->headers[i].name);
        if (strncmp(name, "ce-", 3) == 0)
            name[2] = '_';
        (void)rdk.rd_kafka_header_add(h, name, -1, m->headers[i].value, -1);
    }
    return h;
}

static void publish(const struct bus_wire *m, struct bus_pub *op)
{
    rd_kafka_headers_t *h = headers(m);
    rd_kafka_resp_err_t err;

    err = rdk.rd_kafka_producev(
        bus.producer.rk, RD_KAFKA_V_TOPIC(m->subject),
        RD_KAFKA_V_KEY(m->key, strlen(m->key)),
        RD_KAFKA_V_VALUE((void *)(uintptr_t)m->data, m->data_len),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_HEADERS(h),
        RD_KAFKA_V_OPAQUE(op), RD_KAFKA_V_END);
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        bus.pending++;
        return;
    }
    rdk.rd_kafka_headers_destroy(h);
    if (err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
        bus_published(op, ERR_TOO_LARGE);
    else
        bus_published(op, err == RD_KAFKA_RESP_ERR__QUEUE_FULL
                              ? ERR_OVERLOAD
                              : ERR_UNAVAILABLE);
}

/* ---- topics ---------------------------------------------------------------*/

static struct topic_state *topic_state(const char *name)
{
    struct topic_state *t = bus.topics;

    while (t != NULL && strcmp(t->name, name) != 0)
        t = t->next;
    if (t != NULL)
        return t;
    t = calloc(1, sizeof(*t));
    if (t == NULL || (t->name = strdup(name)) == NULL)
        abort();
    t->next = bus.topics;
    bus.topics = t;
    return t;
}

static bool ready(const char *subject)
{
    struct topic_state *t = topic_state(subject);

    need_producer();
    if (!t->exists)
        create_topics(NULL);
    return t->exists && !bus.fatal;
}

static rd_kafka_NewTopic_t *new_topic(const char *name)
{
    /* moved events keep no order among themselves, one partition is enough */
    int partitions = strncmp(name, "bodega.retry.", 13) == 0 ||
                             strncmp(name, "bodega.dead.", 12) == 0
                         ? 1
                         : PARTITIONS;
    /* replication -1: the broker's default (KIP-464) */
    rd_kafka_NewTopic_t *t =
        rdk.rd_kafka_NewTopic_new(name, partitions, -1, NULL, 0);

    assert(t != NULL);
    (void)rdk.rd_kafka_NewTopic_set_config(t, "retention.ms", KEEP_MS);
    return t;
}

static bool settled(rd_kafka_resp_err_t err)
{
    return err == RD_KAFKA_RESP_ERR_NO_ERROR ||
           err == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS ||
           /* then somebody else makes our topics */
           err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
           err == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED;
}

static bool read_result(rd_kafka_event_t *event)
{
    const rd_kafka_CreateTopics_result_t *result;
    const rd_kafka_topic_result_t **topics;
    size_t n;

    if (event == NULL || rdk.rd_kafka_event_error(event) != 0)
        return false;
    result = rdk.rd_kafka_event_CreateTopics_result(event);
    topics = rdk.rd_kafka_CreateTopics_result_topics(result, &n);
    for (size_t i = 0; i < n; i++)
        if (!settled(rdk.rd_kafka_topic_result_error(topics[i])))
            return false;
    return true;
}

struct creation {
    rd_kafka_NewTopic_t **topics;
    size_t count;
    bool ok;
};

static void subscribe_if_ready(void);
static void close_when_quiet(void *arg);

static void on_created(void *arg)
{
    struct creation *job = arg;

    for (size_t i = 0; i < job->count; i++)
        rdk.rd_kafka_NewTopic_destroy(job->topics[i]);
    free(job->topics);
    bus.creating = false;
    for (struct topic_state *t = bus.topics; t != NULL; t = t->next) {
        t->exists = t->exists || (t->asked && job->ok);
        t->asked = false;
    }
    bus.producer.up = bus.producer.up || job->ok;
    if (bus.closing) {
        close_when_quiet(NULL);
    } else if (job->ok) {
        subscribe_if_ready();
        bus_ready();
        create_topics(NULL); /* those that were named meanwhile */
    }
    free(job);
}

/* Waits for the broker, so it has a thread of its own. */
static void *create_main(void *arg)
{
    struct creation *job = arg;
    rd_kafka_t *rk = bus.producer.rk;
    rd_kafka_queue_t *queue = rdk.rd_kafka_queue_new(rk);
    rd_kafka_AdminOptions_t *options =
        rdk.rd_kafka_AdminOptions_new(rk, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    rd_kafka_event_t *event;

    (void)rdk.rd_kafka_AdminOptions_set_request_timeout(options, ADMIN_MS, NULL,
                                                        0);
    rdk.rd_kafka_CreateTopics(rk, job->topics, job->count, options, queue);
    event = rdk.rd_kafka_queue_poll(queue, ADMIN_MS + 2000);
    job->ok = read_result(event);
    if (event != NULL)
        rdk.rd_kafka_event_destroy(event);
    rdk.rd_kafka_AdminOptions_destroy(options);
    rdk.rd_kafka_queue_destroy(queue);
    loop_post(on_created, job);
    return NULL;
}

static void in_thread(void *(*fn)(void *), void *arg)
{
    pthread_t t;

    if (pthread_create(&t, NULL, fn, arg) != 0 || pthread_detach(t) != 0)
        abort();
}

/* Create what is missing; the tick calls it again until it is there. */
static void create_topics(void *arg)
{
    struct creation *job;
    size_t n = 0;

    (void)arg;
    for (struct topic_state *t = bus.topics; t != NULL; t = t->next)
        n += !t->exists;
    if (n == 0 || bus.creating || bus.closing)
        return;
    need_producer();
    job = calloc(1, sizeof(*job));
    if (job == NULL || (job->topics = calloc(n, sizeof(void *))) == NULL)
        abort();
    for (struct topic_state *t = bus.topics; t != NULL; t = t->next) {
        t->asked = !t->exists;
        if (t->asked)
            job->topics[job->count++] = new_topic(t->name);
    }
    bus.creating = true;
    in_thread(create_main, job);
}

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
        (void)rdk.rd_kafka_pause_partitions(bus.consumer.rk, l);
    else
        (void)rdk.rd_kafka_resume_partitions(bus.consumer.rk, l);
    rdk.rd_kafka_topic_partition_list_destroy(l);
}

static void part_free(struct part *p)
{
    struct part **at = &bus.parts;

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
    for (struct part *p = bus.parts; p != NULL; p = p->next)
        if (!p->revoked && p->number == number &&
            strcmp(p->c->subject, topic) == 0)
            return p;
    return NULL;
}

static void part_assign(const char *topic, int32_t number)
{
    struct part *p;
    struct bus_consumer *c = bus.consumers;

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
    p->next = bus.parts;
    bus.parts = p;
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
    for (int i = 0; i < list->cnt && !bus.closing; i++) {
        struct part *p =
            part_find(list->elems[i].topic, list->elems[i].partition);

        if (assign)
            part_assign(list->elems[i].topic, list->elems[i].partition);
        else if (p != NULL)
            part_revoke(p);
    }
    if (assign) {
        bus.consumer.up = true;
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
    if (m->key != NULL)
        d->wire.key = arena_strndup(a, m->key, m->key_len);
    d->wire.data = arena_strndup(a, m->len > 0 ? m->payload : "", m->len);
    d->wire.data_len = m->len;
    d->ref = arena_printf(a, "%" PRId32 "-%" PRId64, m->partition, m->offset);
    read_headers(d, m);
    d->lag = -1;
    if (rdk.rd_kafka_get_watermark_offsets(bus.consumer.rk, p->c->subject,
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

        (void)rdk.rd_kafka_offsets_store(bus.consumer.rk, l);
        rdk.rd_kafka_topic_partition_list_destroy(l);
    }
}

static void finish(struct delivery *d, bool done)
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
    } else if (p->paused && !bus.stopping && p->held <= p->c->limit / 2) {
        part_pause(p, false);
    }
}

static void poll_consumer(void)
{
    static const uint64_t one = 1;
    rd_kafka_message_t *m;

    for (int i = 0; i < POLL_BATCH; i++) {
        m = rdk.rd_kafka_consumer_poll(bus.consumer.rk, 0);
        if (m == NULL)
            return;
        if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR && !bus.stopping)
            on_message(m);
        rdk.rd_kafka_message_destroy(m);
    }
    /* more is there: come back after the rest of the loop had its turn */
    if (write(bus.event_fd, &one, sizeof(one)) < 0)
        assert(errno == EAGAIN);
}

static void service(void)
{
    if (bus.closing)
        return;
    if (bus.producer.rk != NULL)
        (void)rdk.rd_kafka_poll(bus.producer.rk, 0);
    if (bus.consumer.rk != NULL)
        poll_consumer();
    create_topics(NULL);
    bus_ready();
}

static void start_consumer(void)
{
    rd_kafka_conf_t *conf = common_conf(&bus.consumer);

    set(conf, "group.id", bus.consumers->group);
    set(conf, "partition.assignment.strategy", "cooperative-sticky");
    set(conf, "auto.offset.reset", "earliest");
    set(conf, "enable.auto.offset.store", "false");
    set(conf, "enable.auto.commit", "true");
    set(conf, "auto.commit.interval.ms", "1000");
    set(conf, "queued.max.messages.kbytes", "4096");
    set(conf, "topic.metadata.refresh.interval.ms", "30000");
    rdk.rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
    start_client(&bus.consumer, RD_KAFKA_CONSUMER, conf);
}

static void subscribe_if_ready(void)
{
    rd_kafka_topic_partition_list_t *l;

    if (bus.consumers == NULL || bus.consumer.rk != NULL || bus.stopping)
        return;
    for (struct bus_consumer *c = bus.consumers; c != NULL; c = c->next)
        if (!topic_state(c->subject)->exists)
            return;
    start_consumer();
    l = rdk.rd_kafka_topic_partition_list_new(8);
    for (struct bus_consumer *c = bus.consumers; c != NULL; c = c->next)
        (void)rdk.rd_kafka_topic_partition_list_add(l, c->subject,
                                                    RD_KAFKA_PARTITION_UA);
    (void)rdk.rd_kafka_subscribe(bus.consumer.rk, l);
    rdk.rd_kafka_topic_partition_list_destroy(l);
}

static void consume(struct bus_consumer *list)
{
    assert(bus.consumers == NULL); /* one group per process */
    bus.consumers = list;
    for (struct bus_consumer *c = list; c != NULL; c = c->next)
        (void)topic_state(c->subject);
    create_topics(NULL);
}

/* ---- the end --------------------------------------------------------------*/

static void stop(void)
{
    bus.stopping = true;
    for (struct part *p = bus.parts; p != NULL; p = p->next)
        if (!p->revoked && !p->paused)
            part_pause(p, true);
}

static void poll_closed(uv_handle_t *h)
{
    (void)h;
    (void)close(bus.event_fd);
    bus.close_done(bus.close_arg);
}

static void on_closed(void *arg)
{
    (void)arg;
    while (bus.parts != NULL)
        part_free(bus.parts);
    while (bus.topics != NULL) {
        struct topic_state *t = bus.topics;

        bus.topics = t->next;
        free(t->name);
        free(t);
    }
    free(bus.brokers);
    bus.brokers = NULL;
    uv_close((uv_handle_t *)&bus.poll, poll_closed);
}

static void *close_main(void *arg)
{
    (void)arg;
    if (bus.producer.rk != NULL)
        (void)rdk.rd_kafka_flush(bus.producer.rk, 2000);
    /* commits what is stored and leaves the group */
    if (bus.consumer.rk != NULL)
        (void)rdk.rd_kafka_consumer_close(bus.consumer.rk);
    stop_client(&bus.consumer);
    stop_client(&bus.producer);
    loop_post(on_closed, NULL);
    return NULL;
}

/* Once every publish has its report, or has waited long enough, and no
 * creation of topics is under way. */
static void close_when_quiet(void *arg)
{
    (void)arg;
    if (!bus.closing && bus.pending > 0 &&
        ++bus.close_turns < CLOSE_WAIT_TURNS) {
        (void)timer_start(CLOSE_WAIT_MS, close_when_quiet, NULL);
        return;
    }
    bus.closing = true;
    if (bus.creating)
        return; /* on_created comes back here */
    timer_cancel(bus.tick);
    bus.tick = NULL;
    in_thread(close_main, NULL);
}

static void close_bus(void (*done)(void *arg), void *arg)
{
    bus.stopping = true;
    bus.close_done = done;
    bus.close_arg = arg;
    close_when_quiet(NULL);
}

const struct bus_driver bus_kafka = {
    .open = open_bus,
    .trouble = trouble,
    .ready = ready,
    .publish = publish,
    .consume = consume,
    .finish = finish,
    .stop = stop,
    .close = close_bus,
};
