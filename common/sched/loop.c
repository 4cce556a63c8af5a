/* loop - see loop.h. Timers are kept for reuse instead of being closed: an
 * awaited call costs a heap insert, not an allocation. */
#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#include "obs/log.h"
#include "sched/loop.h"

/* Deferred calls that defer more are served in the same turn, but not for
 * ever: after so many rounds the loop looks at its sockets first. */
#define DEFER_ROUNDS_MAX 16

struct call {
    void (*fn)(void *arg);
    void *arg;
};

struct call_list {
    struct call *calls;
    size_t count;
    size_t cap;
};

struct timer {
    uv_timer_t uv;
    void (*fn)(void *arg);
    void *arg;
    struct timer *next_free;
    struct timer *next; /* of all there are */
};

static uv_loop_t loop;
static bool loop_ready;
static uv_async_t async;
static uv_prepare_t prepare;
static struct timer *timers_free;
static struct timer *timers;
static struct call_list deferred;
static struct call_list running;
static pthread_mutex_t posted_lock = PTHREAD_MUTEX_INITIALIZER;
static struct call_list posted; /* under posted_lock */

static void list_add(struct call_list *l, void (*fn)(void *), void *arg)
{
    if (l->count == l->cap) {
        l->cap = l->cap == 0 ? 32 : l->cap * 2;
        l->calls = realloc(l->calls, l->cap * sizeof(*l->calls));
        if (l->calls == NULL)
            abort();
    }
    l->calls[l->count++] = (struct call){ fn, arg };
}

static void list_swap(struct call_list *a, struct call_list *b)
{
    struct call_list t = *a;

    *a = *b;
    *b = t;
}

static void list_run(struct call_list *l)
{
    for (size_t i = 0; i < l->count; i++)
        l->calls[i].fn(l->calls[i].arg);
    l->count = 0;
}

static void on_prepare(uv_prepare_t *h)
{
    (void)h;
    for (int i = 0; deferred.count > 0 && i < DEFER_ROUNDS_MAX; i++) {
        list_swap(&deferred, &running);
        list_run(&running);
    }
    if (deferred.count > 0)
        uv_async_send(&async);
    else
        uv_unref((uv_handle_t *)&prepare);
    log_flush();
}

static void on_async(uv_async_t *h)
{
    static struct call_list taken;

    (void)h;
    pthread_mutex_lock(&posted_lock);
    list_swap(&posted, &taken);
    pthread_mutex_unlock(&posted_lock);
    list_run(&taken);
}

uv_loop_t *loop_get(void)
{
    if (loop_ready)
        return &loop;
    if (uv_loop_init(&loop) != 0 || uv_async_init(&loop, &async, on_async) != 0)
        abort();
    uv_prepare_init(&loop, &prepare);
    uv_prepare_start(&prepare, on_prepare);
    uv_unref((uv_handle_t *)&async);
    uv_unref((uv_handle_t *)&prepare);
    loop_ready = true;
    return &loop;
}

static void close_handle(uv_handle_t *h, void *arg)
{
    (void)arg;
    if (!uv_is_closing(h))
        uv_close(h, NULL);
}

void loop_run(void)
{
    log_hold(true);
    uv_run(loop_get(), UV_RUN_DEFAULT);
    log_hold(false);
    uv_walk(&loop, close_handle, NULL);
    while (uv_run(&loop, UV_RUN_DEFAULT) != 0)
        continue;
    uv_loop_close(&loop);
    loop_ready = false;
    timers_free = NULL;
    while (timers != NULL) {
        struct timer *t = timers;

        timers = t->next;
        free(t);
    }
}

void loop_stop(void)
{
    uv_stop(loop_get());
}

void loop_post(void (*fn)(void *arg), void *arg)
{
    pthread_mutex_lock(&posted_lock);
    list_add(&posted, fn, arg);
    pthread_mutex_unlock(&posted_lock);
    uv_async_send(&async);
}

void loop_defer(void (*fn)(void *arg), void *arg)
{
    loop_get();
    /* a call that waits keeps the loop alive */
    uv_ref((uv_handle_t *)&prepare);
    list_add(&deferred, fn, arg);
}

static void timer_release(struct timer *t)
{
    t->fn = NULL;
    t->next_free = timers_free;
    timers_free = t;
}

static void on_timer(uv_timer_t *h)
{
    struct timer *t = (struct timer *)h;
    void (*fn)(void *) = t->fn;
    void *arg = t->arg;

    assert(fn != NULL);
    timer_release(t);
    fn(arg);
}

struct timer *timer_start(int64_t ms, void (*fn)(void *arg), void *arg)
{
    uv_loop_t *l = loop_get();
    struct timer *t = timers_free;

    if (t != NULL) {
        timers_free = t->next_free;
    } else {
        t = calloc(1, sizeof(*t));
        if (t == NULL)
            abort();
        uv_timer_init(l, &t->uv);
        t->next = timers;
        timers = t;
    }
    t->fn = fn;
    t->arg = arg;
    /* The loop's idea of now is as old as the turn; a timer counts from the
     * call. */
    uv_update_time(l);
    uv_timer_start(&t->uv, on_timer, ms > 0 ? (uint64_t)ms : 0, 0);
    return t;
}

void timer_cancel(struct timer *t)
{
    if (t == NULL)
        return;
    assert(t->fn != NULL);
    uv_timer_stop(&t->uv);
    timer_release(t);
}
