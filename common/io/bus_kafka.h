/* bus_kafka - what the parts of the Kafka driver share. Private to it: clients
 * and the end in bus_kafka.c, publishing and topics in bus_kafka_produce.c,
 * partitions and offsets in bus_kafka_consume.c. */
#ifndef BODEGA_IO_BUS_KAFKA_H
#define BODEGA_IO_BUS_KAFKA_H

#include <librdkafka/rdkafka.h>
#include "io/bus_driver.h"
#include "io/lazy.h"
#include "sched/loop.h"

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

struct rdk_functions {
    RDK_FUNCTIONS(LAZY_POINTER)
};
extern struct rdk_functions rdk;

struct kafka_client {
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue;
    bool up; /* a broker is connected */
};

/* A topic that we publish to or read. */
struct kafka_topic {
    char *name;
    bool exists, asked;
    struct kafka_topic *next;
};

struct part; /* bus_kafka_consume.c */

struct kafka_bus {
    char *brokers;
    int event_fd;
    uv_poll_t poll;
    struct timer *tick;
    struct kafka_client producer, consumer;
    bool fatal;  /* the producer can do no more: make another */
    int pending; /* publishes without a report */
    struct kafka_topic *topics;
    bool creating; /* a thread waits for CreateTopics */
    struct bus_consumer *consumers;
    struct part *parts;
    bool stopping, closing;
    int close_turns;
    void (*close_done)(void *arg);
    void *close_arg;
};
extern struct kafka_bus kafka;

/* ---- bus_kafka.c --------------------------------------------------------- */
rd_kafka_conf_t *kafka_conf(struct kafka_client *c);
/* Aborts when librdkafka refuses: names and values are ours. */
void kafka_set(rd_kafka_conf_t *conf, const char *name, const char *value);
void kafka_client_start(struct kafka_client *c, rd_kafka_type_t type,
                        rd_kafka_conf_t *conf);
void kafka_client_stop(struct kafka_client *c);
/* Run fn on a detached thread; its last act is a loop_post. */
void kafka_thread(void *(*fn)(void *), void *arg);
/* Close once every publish has its report, or has waited long enough, and no
 * creation of topics is under way. */
void kafka_close_when_quiet(void *arg);

/* ---- bus_kafka_produce.c ------------------------------------------------- */
void kafka_need_producer(void);
bool kafka_ready(const char *subject);
void kafka_publish(const struct bus_wire *m, struct bus_pub *op);
/* The entry of a topic; a new one does not exist yet. */
struct kafka_topic *kafka_topic(const char *name);
/* Create what is missing; the tick calls it again until it is there. */
void kafka_create_topics(void);

/* ---- bus_kafka_consume.c ------------------------------------------------- */
void kafka_consume(struct bus_consumer *list);
/* Join the group as soon as every topic exists. */
void kafka_subscribe(void);
void kafka_poll_consumer(void);
void kafka_finish(struct delivery *d, bool done);
void kafka_pause_all(void);
void kafka_free_parts(void);

#endif
