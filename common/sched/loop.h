/* loop - the one libuv loop of the process. Everything runs on it; the only
 * other threads are those inside libnats and librdkafka, which reach the loop
 * through loop_post. */
#ifndef BODEGA_SCHED_LOOP_H
#define BODEGA_SCHED_LOOP_H

#include <stdint.h>
#include <uv.h>

uv_loop_t *loop_get(void);
/* Run until loop_stop. Returns after the last handle is closed. */
void loop_run(void);
void loop_stop(void);

/* Call fn(arg) on the loop, from any thread. Calls keep their order per
 * thread. */
void loop_post(void (*fn)(void *arg), void *arg);
/* Call fn(arg) once at the end of the current turn of the loop, before it
 * sleeps: this is where the commands of one turn leave in one write. */
void loop_defer(void (*fn)(void *arg), void *arg);

/* One-shot timer; NULL-safe cancel. The handle is dead once fn ran. */
struct timer;
struct timer *timer_start(int64_t ms, void (*fn)(void *arg), void *arg);
void timer_cancel(struct timer *t);

#endif
