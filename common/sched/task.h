/* task - coroutines: straight-line code on a small stack of its own. A task
 * parks while something else is awaited and the loop goes on; whoever has the
 * answer wakes it. 64 KiB stacks come from a pool, with a guard page below
 * each; AddressSanitizer is told of every switch. Not threads: nothing here
 * runs at the same time as anything else. */
#ifndef BODEGA_SCHED_TASK_H
#define BODEGA_SCHED_TASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct task;

/* Start fn(arg) now; returns when it parks or ends. False when TASKS_MAX are
 * alive (then fn was not called). */
bool task_start(void (*fn)(void *arg), void *arg);
/* NULL outside a task. */
struct task *task_self(void);
/* Give the loop its turn until task_wake. A wake that came before the park is
 * remembered, so the pair has no race. */
void task_park(void);
/* Make t runnable; it runs from the loop, not from this call. Harmless on a
 * task already woken. Never call it on a task that has ended: whoever holds a
 * `struct task *` across a park must be told when its reason goes away. */
void task_wake(struct task *t);
/* Park for ms milliseconds (0: one turn of the loop). */
void task_sleep(int64_t ms);

size_t task_count(void); /* alive */
/* Default 20,000; set once before the first task. */
void task_limit(size_t max);

/* One waiting task and one answer: the usual shape of an awaited callback.
 *     struct await w = { 0 };
 *     start_something(&w);
 *     enum err e = await_until(&w, deadline_us);
 * The callback calls await_done(&w). On a timeout the waiter is gone: the
 * callback's owner must drop its pointer to w before await_until's caller
 * returns. */
struct await {
    struct task *task;
    bool done;
};
void await_done(struct await *w);
/* True when done, false when the deadline (clock_us time, 0 = never) passed. */
bool await_until(struct await *w, int64_t deadline_us);

#endif
