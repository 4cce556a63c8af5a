/* task - see task.h. The control block lies at the top of its own stack, so a
 * task is one mapping: guard page, stack, block. */
#include <assert.h>
#include <sys/mman.h>
#include <unistd.h>
#include "base/clock.h"
#include "sched/loop.h"
#include "sched/task.h"
#include "sched/task_switch.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#define STACK_BYTES ((size_t)256 * 1024) /* redzones make frames larger */
#else
#define STACK_BYTES ((size_t)64 * 1024)
#endif
#define TASKS_MAX   ((size_t)20000)
#define STACKS_KEPT 64 /* free ones kept for the next tasks */
#define TASK_MAGIC  0x7461736bu

struct task {
    uint32_t magic;
    bool parked;
    bool woken;  /* a wake that came before the park */
    bool queued; /* in the run queue */
    bool ended;
    void *sp;
    struct task *back; /* whom to return to on park: who resumed it */
    struct task *next; /* run queue or free list */
    void (*fn)(void *arg);
    void *arg;
    char *map; /* guard page first; NULL for the loop's own stack */
    /* for ASan */
    void *fake_stack;
    const void *bottom;
    size_t size;
};

static struct task loop_task = { .magic = TASK_MAGIC };
static struct task *current = &loop_task;
static struct task *run_head;
static struct task *run_tail;
static struct task *stacks_free;
static size_t stacks_kept;
static size_t alive;
static size_t alive_max = TASKS_MAX;

static size_t page_bytes(void)
{
    static size_t bytes;

    if (bytes == 0)
        bytes = (size_t)sysconf(_SC_PAGESIZE);
    return bytes;
}

/* Change stacks; tells ASan which one is in use from here on. `for_good`: the
 * stack left is never entered again. */
static void switch_to(struct task *to, bool for_good)
{
    struct task *from = current;

    current = to;
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_start_switch_fiber(for_good ? NULL : &from->fake_stack,
                                   to->bottom, to->size);
#else
    (void)for_good;
#endif
    task_switch(&from->sp, to->sp);
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(from->fake_stack, NULL, NULL);
#endif
}

_Noreturn void task_main(void)
{
    struct task *me = current;

#if defined(__SANITIZE_ADDRESS__)
    /* The loop's own stack is learnt from the first switch away from it. */
    __sanitizer_finish_switch_fiber(NULL, &me->back->bottom, &me->back->size);
#endif
    me->fn(me->arg);
    me->ended = true;
    switch_to(me->back, true);
    abort();
}

static struct task *stack_new(void)
{
    size_t guard = page_bytes();
    char *map = mmap(NULL, guard + STACK_BYTES, PROT_NONE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    struct task *t;

    if (map == MAP_FAILED)
        return NULL;
    if (mprotect(map + guard, STACK_BYTES, PROT_READ | PROT_WRITE) != 0) {
        munmap(map, guard + STACK_BYTES);
        return NULL;
    }
    t = (struct task *)(void *)(map + guard + STACK_BYTES -
                                (sizeof(*t) + 63) / 64 * 64);
    t->map = map;
    return t;
}

static struct task *stack_take(void)
{
    struct task *t = stacks_free;

    if (t == NULL)
        return stack_new();
    stacks_free = t->next;
    stacks_kept--;
#if defined(__SANITIZE_ADDRESS__)
    ASAN_UNPOISON_MEMORY_REGION(t->map + page_bytes(), STACK_BYTES);
#endif
    return t;
}

static void stack_give(struct task *t)
{
    t->magic = 0;
    if (stacks_kept >= STACKS_KEPT) {
        char *map = t->map;

#if defined(__SANITIZE_ADDRESS__)
        ASAN_UNPOISON_MEMORY_REGION(map + page_bytes(), STACK_BYTES);
#endif
        munmap(map, page_bytes() + STACK_BYTES);
        return;
    }
    t->next = stacks_free;
    stacks_free = t;
    stacks_kept++;
}

/* Run t until it parks or ends. */
static void resume(struct task *t)
{
    assert(t->magic == TASK_MAGIC && t != current);
    t->back = current;
    switch_to(t, false);
    if (t->ended) {
        alive--;
        stack_give(t);
    }
}

bool task_start(void (*fn)(void *arg), void *arg)
{
    struct task *t;
    char *map;

    if (alive >= alive_max)
        return false;
    t = stack_take();
    if (t == NULL)
        return false;
    map = t->map;
    *t = (struct task){ .magic = TASK_MAGIC,
                        .fn = fn,
                        .arg = arg,
                        .map = map,
                        .bottom = map + page_bytes() };
    t->size = (size_t)((char *)t - (map + page_bytes()));
    t->sp = task_switch_prepare((char *)t);
    alive++;
    resume(t);
    return true;
}

struct task *task_self(void)
{
    return current == &loop_task ? NULL : current;
}

void task_park(void)
{
    struct task *me = current;

    assert(me != &loop_task && !me->parked);
    if (me->woken) {
        me->woken = false;
        return;
    }
    me->parked = true;
    switch_to(me->back, false);
    me->parked = false;
}

static void run_queued(void *arg)
{
    (void)arg;
    while (run_head != NULL) {
        struct task *t = run_head;

        run_head = t->next;
        if (run_head == NULL)
            run_tail = NULL;
        t->queued = false;
        resume(t);
    }
}

void task_wake(struct task *t)
{
    assert(t->magic == TASK_MAGIC && !t->ended);
    if (!t->parked) {
        t->woken = true;
        return;
    }
    if (t->queued)
        return;
    t->queued = true;
    t->next = NULL;
    if (run_tail == NULL) {
        run_head = t;
        loop_defer(run_queued, NULL);
    } else {
        run_tail->next = t;
    }
    run_tail = t;
}

size_t task_count(void)
{
    return alive;
}

void task_limit(size_t max)
{
    alive_max = max;
}

void await_done(struct await *w)
{
    w->done = true;
    if (w->task != NULL)
        task_wake(w->task);
}

struct time_up {
    struct task *task;
    bool up;
};

static void on_time_up(void *arg)
{
    struct time_up *t = arg;

    t->up = true;
    task_wake(t->task);
}

/* Park until *flag or until the deadline (0: never). */
static bool park_until(const bool *flag, int64_t deadline_us)
{
    struct time_up limit = { .task = task_self() };
    struct timer *timer = NULL;

    if (*flag)
        return true;
    if (deadline_us != 0) {
        int64_t left_us = deadline_us - clock_us();

        if (left_us <= 0)
            return false;
        timer = timer_start((left_us + 999) / 1000, on_time_up, &limit);
    }
    while (!*flag && !limit.up)
        task_park();
    if (!limit.up)
        timer_cancel(timer);
    return *flag;
}

bool await_until(struct await *w, int64_t deadline_us)
{
    bool done;

    w->task = task_self();
    assert(w->task != NULL);
    done = park_until(&w->done, deadline_us);
    w->task = NULL;
    return done;
}

void task_sleep(int64_t ms)
{
    struct time_up t = { .task = task_self() };

    assert(t.task != NULL);
    timer_start(ms, on_time_up, &t);
    while (!t.up)
        task_park();
}
