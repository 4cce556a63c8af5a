/* bus_kafka - Kafka through librdkafka. Its threads do the network; all its
 * callbacks run here, on the loop, because its queues signal an eventfd and we
 * poll them from there. One producer and one consumer per process, made when
 * first needed. */
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "io/bus_kafka.h"

#define TICK_MS          1000 /* also serves librdkafka's max.poll.interval.ms */
#define CLOSE_WAIT_MS    50
#define CLOSE_WAIT_TURNS 60

struct rdk_functions rdk;
struct kafka_bus kafka;

#define RDK_SYMBOL(f) LAZY_SYMBOL(rdk, f)
static const struct lazy_symbol symbols[] = { RDK_FUNCTIONS(RDK_SYMBOL){
    NULL, NULL } };

void kafka_thread(void *(*fn)(void *), void *arg)
{
    pthread_t t;

    if (pthread_create(&t, NULL, fn, arg) != 0 || pthread_detach(t) != 0)
        abort();
}

/* ---- clients --------------------------------------------------------------*/

static int on_stats(rd_kafka_t *rk, char *json, size_t len, void *opaque)
{
    struct kafka_client *c = opaque;

    (void)rk;
    (void)len;
    c->up = strstr(json, "\"state\":\"UP\"") != NULL;
    return 0; /* librdkafka frees json */
}

static void on_error(rd_kafka_t *rk, int err, const char *reason, void *opaque)
{
    struct kafka_client *c = opaque;

    (void)rk;
    (void)reason;
    if (err == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
        c->up = false;
    if (err == RD_KAFKA_RESP_ERR__FATAL && c == &kafka.producer)
        kafka.fatal = true;
}

static void on_log(const rd_kafka_t *rk, int level, const char *facility,
                   const char *text)
{
    (void)rk;
    if (level <= 4) /* syslog's warning */
        log_warn(NULL, "kafka", LOG_STR("facility", facility),
                 LOG_STR("text", text));
}

void kafka_set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char why[256];

    if (rdk.rd_kafka_conf_set(conf, name, value, why, sizeof(why)) !=
        RD_KAFKA_CONF_OK) {
        log_error(NULL, "kafka setting refused", LOG_STR("setting", name),
                  LOG_STR("reason", why));
        abort(); /* names and values are ours */
    }
}

rd_kafka_conf_t *kafka_conf(struct kafka_client *c)
{
    rd_kafka_conf_t *conf = rdk.rd_kafka_conf_new();

    kafka_set(conf, "bootstrap.servers", kafka.brokers);
    kafka_set(conf, "client.id", "bodega");
    kafka_set(conf, "log.queue", "true");
    kafka_set(conf, "statistics.interval.ms", "3000");
    kafka_set(conf, "reconnect.backoff.ms", "200");
    kafka_set(conf, "reconnect.backoff.max.ms", "2000");
    kafka_set(conf, "socket.keepalive.enable", "true");
    kafka_set(conf, "socket.timeout.ms", "10000");
    rdk.rd_kafka_conf_set_opaque(conf, c);
    rdk.rd_kafka_conf_set_stats_cb(conf, on_stats);
    rdk.rd_kafka_conf_set_error_cb(conf, on_error);
    rdk.rd_kafka_conf_set_log_cb(conf, on_log);
    return conf;
}

void kafka_client_start(struct kafka_client *c, rd_kafka_type_t type,
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
    rdk.rd_kafka_queue_io_event_enable(c->queue, kafka.event_fd, &one,
                                       sizeof(one));
}

void kafka_client_stop(struct kafka_client *c)
{
    if (c->rk == NULL)
        return;
    rdk.rd_kafka_queue_destroy(c->queue);
    rdk.rd_kafka_destroy(c->rk);
    *c = (struct kafka_client){ 0 };
}

static void service(void)
{
    if (kafka.closing)
        return;
    if (kafka.producer.rk != NULL)
        (void)rdk.rd_kafka_poll(kafka.producer.rk, 0);
    if (kafka.consumer.rk != NULL)
        kafka_poll_consumer();
    kafka_create_topics();
    bus_ready();
}

static void tick(void *arg)
{
    (void)arg;
    kafka.tick = timer_start(TICK_MS, tick, NULL);
    service();
}

static void on_readable(uv_poll_t *p, int status, int events)
{
    uint64_t n;

    (void)p;
    (void)status;
    (void)events;
    if (read(kafka.event_fd, &n, sizeof(n)) == (ssize_t)sizeof(n))
        service();
}

static bool open_bus(const char *url)
{
    if (!lazy_open("librdkafka.so.1", symbols))
        return false;
    kafka.brokers = strdup(url);
    kafka.event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (kafka.brokers == NULL || kafka.event_fd < 0 ||
        uv_poll_init(loop_get(), &kafka.poll, kafka.event_fd) != 0 ||
        uv_poll_start(&kafka.poll, UV_READABLE, on_readable) != 0)
        abort();
    kafka.tick = timer_start(TICK_MS, tick, NULL);
    return true;
}

static const char *trouble(void)
{
    if ((kafka.producer.rk != NULL && !kafka.producer.up) ||
        (kafka.consumer.rk != NULL && !kafka.consumer.up))
        return "Kafka is not connected";
    return NULL;
}

/* ---- the end --------------------------------------------------------------*/

static void stop(void)
{
    kafka.stopping = true;
    kafka_pause_all();
}

static void poll_closed(uv_handle_t *h)
{
    (void)h;
    (void)close(kafka.event_fd);
    kafka.close_done(kafka.close_arg);
}

static void on_closed(void *arg)
{
    (void)arg;
    kafka_free_parts();
    while (kafka.topics != NULL) {
        struct kafka_topic *t = kafka.topics;

        kafka.topics = t->next;
        free(t->name);
        free(t);
    }
    free(kafka.brokers);
    kafka.brokers = NULL;
    uv_close((uv_handle_t *)&kafka.poll, poll_closed);
}

static void *close_main(void *arg)
{
    (void)arg;
    if (kafka.producer.rk != NULL)
        (void)rdk.rd_kafka_flush(kafka.producer.rk, 2000);
    /* commits what is stored and leaves the group */
    if (kafka.consumer.rk != NULL)
        (void)rdk.rd_kafka_consumer_close(kafka.consumer.rk);
    kafka_client_stop(&kafka.consumer);
    kafka_client_stop(&kafka.producer);
    loop_post(on_closed, NULL);
    return NULL;
}

void kafka_close_when_quiet(void *arg)
{
    (void)arg;
    if (!kafka.closing && kafka.pending > 0 &&
        ++kafka.close_turns < CLOSE_WAIT_TURNS) {
        (void)timer_start(CLOSE_WAIT_MS, kafka_close_when_quiet, NULL);
        return;
    }
    kafka.closing = true;
    if (kafka.creating)
        return; /* on_created comes back here */
    timer_cancel(kafka.tick);
    kafka.tick = NULL;
    kafka_thread(close_main, NULL);
}

static void close_bus(void (*done)(void *arg), void *arg)
{
    kafka.stopping = true;
    kafka.close_done = done;
    kafka.close_arg = arg;
    kafka_close_when_quiet(NULL);
}

const struct bus_driver bus_kafka = {
    .open = open_bus,
    .trouble = trouble,
    .ready = kafka_ready,
    .publish = kafka_publish,
    .consume = kafka_consume,
    .finish = kafka_finish,
    .stop = stop,
    .close = close_bus,
};
