/* memo - one question per key however many want it, and old answers kept. */
#include <criterion/criterion.h>
#include "io/memo.h"
#include "sched/loop.h"
#include "sched/task.h"

static int questions;
static size_t keys_asked;
static int64_t next_value;
static enum err next_error;

static enum err slow_fetch(struct req *r, struct memo_item **items, size_t n)
{
    (void)r;
    questions++;
    keys_asked += n;
    task_sleep(5);
    for (size_t i = 0; i < n && next_error == OK; i++) {
        if (!strcmp(items[i]->key, "gone"))
            continue;
        *(int64_t *)items[i]->value = next_value;
        items[i]->state = MEMO_FRESH;
    }
    return next_error;
}

static struct memo memo = { .fetch = slow_fetch,
                            .fresh_ms = 60000,
                            .value_size = sizeof(int64_t) };

struct got {
    const char *key;
    int64_t timeout_ms;
    int64_t value;
    enum memo_state state;
    enum err err;
};

static void get_one(void *arg)
{
    struct got *g = arg;
    struct arena *a = arena_new(0);
    struct req r;
    struct memo_item item = { .key = g->key, .value = &g->value };

    req_init(&r, a, g->timeout_ms ? g->timeout_ms : 10000, NULL);
    g->err = memo_get(&r, &memo, &item, 1);
    g->state = item.state;
    arena_free(a);
}

static void get_all(struct got *g, size_t n)
{
    for (size_t i = 0; i < n; i++)
        cr_assert(task_start(get_one, &g[i]));
    loop_run();
}

Test(memo, many_wait_for_one_question)
{
    struct got g[50] = { 0 };

    for (size_t i = 0; i < 50; i++)
        g[i].key = i % 2 ? "a" : "b";
    next_value = 7;
    get_all(g, 50);
    cr_assert_eq(questions, 2);
    cr_assert_eq(keys_asked, 2);
    for (size_t i = 0; i < 50; i++) {
        cr_assert_eq(g[i].err, OK);
        cr_assert_eq(g[i].state, MEMO_FRESH);
        cr_assert_eq(g[i].value, 7);
    }
    get_all(g, 50);
    cr_assert_eq(questions, 2, "fresh answers must not be asked for again");
}

Test(memo, old_answer_survives_a_failure)
{
    struct got g[2] = { { .key = "a" }, { .key = "a" } };

    memo.fresh_ms = 0;
    next_value = 7;
    get_all(g, 1);
    cr_assert_eq(g[0].err, OK);
    next_error = ERR_UNAVAILABLE;
    g[0].value = 0;
    get_all(g, 2);
    for (size_t i = 0; i < 2; i++) {
        cr_assert_eq(g[i].err, ERR_UNAVAILABLE);
        cr_assert_eq(g[i].state, MEMO_OLD);
        cr_assert_eq(g[i].value, 7);
    }
    cr_assert_eq(questions, 2);
}

Test(memo, never_known_stays_untouched)
{
    struct got g[1] = { { .key = "gone", .value = -1 } };

    get_all(g, 1);
    cr_assert_eq(g[0].err, OK);
    cr_assert_eq(g[0].state, MEMO_UNKNOWN);
    cr_assert_eq(g[0].value, -1);
}

Test(memo, impatient_one_leaves_the_others_alone)
{
    struct got g[3] = { { .key = "a" },
                        { .key = "a", .timeout_ms = 1 },
                        { .key = "a" } };

    next_value = 3;
    get_all(g, 3);
    cr_assert_eq(g[1].err, ERR_DEADLINE);
    cr_assert_eq(g[1].state, MEMO_UNKNOWN);
    cr_assert_eq(g[0].value, 3);
    cr_assert_eq(g[2].value, 3);
    cr_assert_eq(questions, 1);
}

static void get_many(void *arg)
{
    enum { N = 3 * MEMO_KEYS };
    struct arena *a = arena_new(0);
    struct memo_item *items = arena_calloc(a, N, sizeof(*items));
    int64_t *values = arena_calloc(a, N, sizeof(*values));
    struct req r;

    req_init(&r, a, 10000, NULL);
    for (size_t i = 0; i < N; i++)
        items[i] = (struct memo_item){ .key = arena_printf(a, "k%zu", i),
                                       .value = &values[i] };
    cr_assert_eq(memo_get(&r, &memo, items, N), OK);
    for (size_t i = 0; i < N; i++)
        cr_assert_eq(values[i], 9, "%zu", i);
    arena_free(a);
    *(bool *)arg = true;
}

Test(memo, answers_more_keys_than_it_keeps)
{
    bool done = false;

    next_value = 9;
    cr_assert(task_start(get_many, &done));
    loop_run();
    cr_assert(done);
    cr_assert_eq(questions, 1);
}

Test(memo, long_key_is_asked_for_each_time)
{
    struct got g[1];

    g[0] = (struct got){
        .key = "0123456789012345678901234567890123456789012345678901234567890"
               "123456789"
    };
    next_value = 4;
    get_all(g, 1);
    get_all(g, 1);
    cr_assert_eq(g[0].value, 4);
    cr_assert_eq(questions, 2);
}
