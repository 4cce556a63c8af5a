/* jobs - a function's periodic work. The next tick is counted from the end of
 * the last one, so a job never runs twice at once in one process. */
#include <assert.h>
#include "run/runtime.h"
#include "sched/loop.h"

#define JOB_TIMEOUT_MS 30000
#define JOBS_MAX       16

static struct metric runs = {
    .name = "bodega_job_runs_total",
    .help = "ticks of periodic jobs by result",
    .kind = METRIC_COUNTER,
    .labels = { "job", "result" },
};

static struct job_state {
    const struct job *job;
    struct timer *timer; /* NULL while it runs */
} states[JOBS_MAX];
static int running;

static void on_tick(void *arg);

int jobs_running(void)
{
    return running;
}

static void report(const struct job *job, const struct req *r, enum err e,
                   int64_t us)
{
    metric_add(&runs, 1, job->name, e == OK ? "ok" : err_info(e)->slug);
    if (e == OK)
        return;
    log_warn(r->trace.trace_id, "job failed", LOG_STR("job", job->name),
             LOG_STR("code", err_info(e)->slug),
             LOG_STR("detail", r->log_detail ? r->log_detail : r->detail),
             LOG_INT("us", us));
}

static void run(void *arg)
{
    struct job_state *s = arg;
    struct arena *a = arena_new(0);
    struct req *r = arena_alloc(a, sizeof(*r));
    int64_t wall_us = clock_wall_us();
    int64_t start_us = clock_us();
    int64_t us;
    enum err e;

    req_init(r, a, JOB_TIMEOUT_MS, NULL);
    e = s->job->run(r);
    if (r->tx != NULL)
        pg_end(r);
    us = clock_us() - start_us;
    report(s->job, r, e, us);
    span_end(&r->trace, SPAN_INTERNAL, s->job->name, wall_us, us, e != OK);
    arena_free(a);
    running--;
    if (!runtime.draining)
        s->timer = timer_start(s->job->every_ms, on_tick, s);
    drain_check();
}

static void on_tick(void *arg)
{
    struct job_state *s = arg;

    s->timer = NULL;
    running++;
    if (task_start(run, s))
        return;
    running--;
    s->timer = timer_start(s->job->every_ms, on_tick, s);
}

void jobs_start(const struct job *jobs)
{
    for (size_t i = 0; jobs != NULL && jobs[i].name != NULL; i++) {
        uint64_t spread = (uint64_t)jobs[i].every_ms;

        assert(i < JOBS_MAX && jobs[i].every_ms > 0);
        states[i].job = &jobs[i];
        states[i].timer =
            timer_start((int64_t)id_random_below(spread), on_tick, &states[i]);
    }
}

void jobs_stop(void)
{
    for (size_t i = 0; i < JOBS_MAX; i++) {
        timer_cancel(states[i].timer);
        states[i].timer = NULL;
    }
}
