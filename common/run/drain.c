/* drain - the end of the process: not ready, no new connections, every
 * request, event and job in flight finishes, exit 0. */
#include <signal.h>
#include <unistd.h>
#include "io/otlp.h"
#include "run/conn.h"
#include "run/server.h"
#include "sched/loop.h"

#define FLUSH_MS 1000

static uv_signal_t on_term;
static uv_signal_t on_int;
static bool bus_done;
static bool stopping;

static void hard_exit(void *arg)
{
    (void)arg;
    log_error(NULL, "drain took too long, giving up",
              LOG_INT("requests", (int64_t)exchange_count()),
              LOG_INT("connections", (int64_t)conn_count()),
              LOG_INT("jobs", jobs_running()));
    _exit(1);
}

static void on_bus_drained(void *arg)
{
    (void)arg;
    bus_done = true;
    drain_check();
}

void drain_begin(void)
{
    if (runtime.draining)
        return;
    runtime.draining = true;
    log_info(NULL, "draining", LOG_INT("requests", (int64_t)exchange_count()),
             LOG_INT("connections", (int64_t)conn_count()));
    timer_start(runtime.drain_ms, hard_exit, NULL);
    jobs_stop();
    server_stop();
    conn_drain_all();
    if (runtime.f->uses & USES_BUS)
        bus_drain(on_bus_drained, NULL);
    else
        bus_done = true;
    drain_check();
}

static void on_signal(uv_signal_t *h, int signal)
{
    (void)h;
    (void)signal;
    drain_begin();
}

/* In a task, because the last spans are awaited. */
static void stop(void *arg)
{
    (void)arg;
    otlp_flush(FLUSH_MS);
    if (runtime.f->uses & USES_PG)
        pg_close();
    if (runtime.f->uses & USES_REDIS)
        redis_close();
    http_client_close();
    log_info(NULL, "drained", LOG_INT("exit", 0));
    loop_stop();
}

static void start_stop(void *arg)
{
    if (!task_start(stop, arg))
        loop_stop();
}

void drain_check(void)
{
    if (!runtime.draining || stopping || !bus_done || server_listening() ||
        conn_count() > 0 || exchange_count() > 0 || jobs_running() > 0)
        return;
    stopping = true;
    /* Callers may still stand on a task's stack. */
    loop_defer(start_stop, NULL);
}

void drain_watch_signals(void)
{
    signal(SIGPIPE, SIG_IGN);
    uv_signal_init(loop_get(), &on_term);
    uv_signal_init(loop_get(), &on_int);
    uv_signal_start(&on_term, on_signal, SIGTERM);
    uv_signal_start(&on_int, on_signal, SIGINT);
}
