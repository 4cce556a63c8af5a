/* bus_kafka_produce - publishing, and the topics it needs. Topics that do not
 * exist are created before they are used: a consumer would otherwise find them
 * minutes later, and a broker that creates topics by itself gives them one
 * partition. */
#include <assert.h>
#include "io/bus_kafka.h"

#define PARTITIONS 8
#define KEEP_MS    "1209600000" /* 14 days */
#define ADMIN_MS   10000

/* ---- publishing -----------------------------------------------------------*/

struct report {
    struct bus_pub *op;
    enum err err;
};

static void on_report(void *arg)
{
    struct report *r = arg;

    kafka.pending--;
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
        kafka.producer.up = true;
    if (kafka.closing) /* on the closing thread */
        loop_post(on_report, r);
    else
        on_report(r);
}

void kafka_need_producer(void)
{
    rd_kafka_conf_t *conf;

    if (kafka.fatal && kafka.pending == 0 && !kafka.creating) {
        kafka_client_stop(&kafka.producer);
        kafka.fatal = false;
    }
    if (kafka.producer.rk != NULL)
        return;
    conf = kafka_conf(&kafka.producer);
    kafka_set(conf, "enable.idempotence", "true");
    kafka_set(conf, "acks", "all");
    kafka_set(conf, "linger.ms", "5");
    kafka_set(conf, "queue.buffering.max.kbytes", "8192");
    kafka_set(conf, "queue.buffering.max.messages", "10000");
    kafka_set(conf, "message.timeout.ms", "10000");
    kafka_set(conf, "partitioner", "murmur2_random"); /* as Java's producers */
    rdk.rd_kafka_conf_set_dr_msg_cb(conf, on_delivery_report);
    kafka_client_start(&kafka.producer, RD_KAFKA_PRODUCER, conf);
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

void kafka_publish(const struct bus_wire *m, struct bus_pub *op)
{
    rd_kafka_headers_t *h = headers(m);
    rd_kafka_resp_err_t err;

    err = rdk.rd_kafka_producev(
        kafka.producer.rk, RD_KAFKA_V_TOPIC(m->subject),
        RD_KAFKA_V_KEY(m->key, strlen(m->key)),
        RD_KAFKA_V_VALUE((void *)(uintptr_t)m->data, m->data_len),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_HEADERS(h),
        RD_KAFKA_V_OPAQUE(op), RD_KAFKA_V_END);
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        kafka.pending++;
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

struct kafka_topic *kafka_topic(const char *name)
{
    struct kafka_topic *t = kafka.topics;

    while (t != NULL && strcmp(t->name, name) != 0)
        t = t->next;
    if (t != NULL)
        return t;
    t = calloc(1, sizeof(*t));
    if (t == NULL || (t->name = strdup(name)) == NULL)
        abort();
    t->next = kafka.topics;
    kafka.topics = t;
    return t;
}

bool kafka_ready(const char *subject)
{
    struct kafka_topic *t = kafka_topic(subject);

    kafka_need_producer();
    if (!t->exists)
        kafka_create_topics();
    return t->exists && !kafka.fatal;
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

static void on_created(void *arg)
{
    struct creation *job = arg;

    for (size_t i = 0; i < job->count; i++)
        rdk.rd_kafka_NewTopic_destroy(job->topics[i]);
    free(job->topics);
    kafka.creating = false;
    for (struct kafka_topic *t = kafka.topics; t != NULL; t = t->next) {
        t->exists = t->exists || (t->asked && job->ok);
        t->asked = false;
    }
    kafka.producer.up = kafka.producer.up || job->ok;
    if (kafka.closing) {
        kafka_close_when_quiet(NULL);
    } else if (job->ok) {
        kafka_subscribe();
        bus_ready();
        kafka_create_topics(); /* those that were named meanwhile */
    }
    free(job);
}

/* Waits for the broker, so it has a thread of its own. */
static void *create_main(void *arg)
{
    struct creation *job = arg;
    rd_kafka_t *rk = kafka.producer.rk;
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

void kafka_create_topics(void)
{
    struct creation *job;
    size_t n = 0;

    for (struct kafka_topic *t = kafka.topics; t != NULL; t = t->next)
        n += !t->exists;
    if (n == 0 || kafka.creating || kafka.closing)
        return;
    kafka_need_producer();
    job = calloc(1, sizeof(*job));
    if (job == NULL || (job->topics = calloc(n, sizeof(void *))) == NULL)
        abort();
    for (struct kafka_topic *t = kafka.topics; t != NULL; t = t->next) {
        t->asked = !t->exists;
        if (t->asked)
            job->topics[job->count++] = new_topic(t->name);
    }
    kafka.creating = true;
    kafka_thread(create_main, job);
}
