/* redis_private - what redis.c (the calls) and redis_conn.c (the connection)
 * share. */
#ifndef BODEGA_IO_REDIS_PRIVATE_H
#define BODEGA_IO_REDIS_PRIVATE_H

#include <hiredis/async.h>
#include <stdbool.h>
#include <sys/queue.h>
#include "io/redis.h"
#include "sched/task.h"

#define REDIS_BULK_MAX (1024 * 1024) /* of one word, either way */
#define REDIS_HUNG_MS  2000          /* commands waiting and not a word */

struct redis_cmd {
    STAILQ_ENTRY(redis_cmd) link;
    size_t at, len; /* in the batch's text */
};

/* What answers refer to; outlives a batch whose caller has given up. */
struct redis_flight {
    struct redis_batch *batch; /* NULL: nobody waits any more */
    int left;                  /* answers due */
};

struct redis_batch {
    struct req *req;
    struct buf text; /* the commands as they are sent */
    STAILQ_HEAD(, redis_cmd) cmds;
    int count;
    enum err err; /* the first thing that went wrong */

    struct await await;
    struct redis_val *ret;         /* may be NULL */
    size_t room, next;             /* of ret */
    struct redis_flight *flight;   /* once sent */
    TAILQ_ENTRY(redis_batch) link; /* in the queue of a first connection */
    bool queued;
};

/* Send the batch, or keep it until the first connection is up. The batch is
 * told by redis_answer or redis_lost. ERR_UNAVAILABLE at once while Redis is
 * away. */
enum err redis_submit(struct redis_batch *b);
/* The caller has stopped waiting. */
void redis_abandon(struct redis_batch *b);

/* One answer, NULL when the connection was lost. */
void redis_answer(struct redis_batch *b, const redisReply *reply);
/* None of it was sent. */
void redis_refused(struct redis_batch *b);

#endif
