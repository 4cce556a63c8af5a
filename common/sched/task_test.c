/* task_test - order of parks and wakes, timeouts, many parked tasks. */
#include <criterion/criterion.h>
#include "base/clock.h"
#include "sched/loop.h"
#include "sched/task.h"

static char trail[64];
static size_t trail_len;

static void mark(char c)
{
    cr_assert_lt(trail_len, sizeof(trail) - 1);
    trail[trail_len++] = c;
}

static struct task *parked;

static void park_once(void *arg)
{
    (void)arg;
    parked = task_self();
    mark('a');
    task_park();
    mark('c');
}

Test(task, runs_from_the_loop_after_a_wake)
{
    cr_assert_null(task_self());
    cr_assert(task_start(park_once, NULL));
    mark('b');
    task_wake(parked);
    task_wake(parked);
    cr_assert_str_eq(trail, "ab", "a wake must not run the task at once");
    cr_assert_eq(task_count(), 1);
    loop_run();
    cr_assert_str_eq(trail, "abc");
    cr_assert_eq(task_count(), 0);
}

static void wake_before_park(void *arg)
{
    (void)arg;
    task_wake(task_self());
    task_park();
    mark('x');
}

Test(task, remembers_a_wake_that_came_first)
{
    task_start(wake_before_park, NULL);
    cr_assert_str_eq(trail, "x");
}

static void inner(void *arg)
{
    (void)arg;
    mark('2');
    task_sleep(0);
    mark('4');
}

static void outer(void *arg)
{
    (void)arg;
    mark('1');
    task_start(inner, NULL);
    mark('3');
    task_sleep(5);
    mark('5');
}

Test(task, a_task_may_start_another)
{
    task_start(outer, NULL);
    loop_run();
    cr_assert_str_eq(trail, "12345");
}

static struct await answer;
static bool answered;

static void wait_briefly(void *arg)
{
    const int64_t *ms = arg;

    answered = await_until(&answer, *ms == 0 ? 0 : clock_us() + *ms * 1000);
    mark('w');
}

static void give_answer(void *arg)
{
    (void)arg;
    await_done(&answer);
}

Test(await, ends_with_the_answer)
{
    int64_t ms = 60000;

    task_start(wait_briefly, &ms);
    timer_start(1, give_answer, NULL);
    loop_run();
    cr_assert(answered);
    cr_assert_str_eq(trail, "w");
}

Test(await, without_deadline_waits_for_the_answer)
{
    int64_t ms = 0;

    task_start(wait_briefly, &ms);
    timer_start(1, give_answer, NULL);
    loop_run();
    cr_assert(answered);
}

Test(await, ends_with_the_deadline)
{
    int64_t ms = 5;
    int64_t before = clock_us();

    task_start(wait_briefly, &ms);
    loop_run();
    cr_assert_not(answered);
    cr_assert_null(answer.task);
    cr_assert_geq(clock_us() - before, 5000, "never earlier than asked");
}

Test(await, an_answer_that_is_there_needs_no_park)
{
    int64_t ms = 5;

    answer.done = true;
    task_start(wait_briefly, &ms);
    cr_assert(answered);
}

#define MANY 10000
static struct task *many[MANY];
static size_t many_count;
static size_t many_done;

static void one_of_many(void *arg)
{
    char used[4096];

    memset(used, (int)(size_t)arg, sizeof(used));
    many[many_count++] = task_self();
    task_park();
    cr_assert_eq(used[4095], (char)(size_t)arg, "a stack was shared");
    many_done++;
}

Test(task, ten_thousand_wait_at_once)
{
    task_limit(MANY);
    for (size_t i = 0; i < MANY; i++)
        cr_assert(task_start(one_of_many, (void *)i));
    cr_assert_not(task_start(one_of_many, NULL), "the limit holds");
    cr_assert_eq(task_count(), MANY);
    for (size_t i = MANY; i > 0; i--)
        task_wake(many[i - 1]);
    loop_run();
    cr_assert_eq(many_done, MANY);
    cr_assert_eq(task_count(), 0);
}

static void post_mark(void *arg)
{
    mark(*(const char *)arg);
}

static void poster(void *arg)
{
    (void)arg;
    loop_post(post_mark, (void *)"p");
    loop_post(post_mark, (void *)"q");
}

static void join_and_go(void *arg)
{
    (void)arg;
    mark('t');
}

Test(loop, posted_calls_keep_their_order)
{
    uv_thread_t t;

    loop_get();
    cr_assert_eq(uv_thread_create(&t, poster, NULL), 0);
    uv_thread_join(&t);
    timer_start(5, join_and_go, NULL);
    loop_run();
    cr_assert_str_eq(trail, "pqt");
}

static void never(void *arg)
{
    (void)arg;
    mark('!');
}

Test(loop, a_cancelled_timer_stays_silent)
{
    struct timer *t = timer_start(1, never, NULL);

    timer_cancel(t);
    timer_cancel(NULL);
    timer_start(4, join_and_go, NULL);
    loop_run();
    cr_assert_str_eq(trail, "t");
}
