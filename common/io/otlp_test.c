/* otlp_test - spans arrive at a collector, in batches, off the request. */
#include <criterion/criterion.h>
#include "io/http_client.h"
#include "io/otlp.h"
#include "io/peer_test.h"
#include "sched/loop.h"
#include "sched/task.h"

static struct peer peer;
static const char *url;
static struct http_dest dest = { .name = "peer", .url = &url };
static struct arena *arena;
static struct req req;

static void start(void)
{
    peer_start(&peer, "tests/harness/http_peer.py");
    arena = arena_new(0);
    url = arena_printf(arena, "http://127.0.0.1:%d", peer.ports[0]);
    req_init(&req, arena, 20000, NULL);
    req.trace.sampled = false; /* asking the collector makes no spans */
}

static void stop(void)
{
    peer_stop(&peer);
    arena_free(arena);
}

TestSuite(otlp, .init = start, .fini = stop);

static void in_task(void *arg)
{
    void (*body)(void) = *(void (**)(void))arg;

    body();
    http_client_close();
    loop_stop();
}

static void run(void (*body)(void))
{
    task_start(in_task, &body);
    loop_run();
}

static const char *get(const char *path)
{
    struct http_call c = { .method = "GET", .path = path };

    cr_assert_eq(http_call(&req, &dest, &c), OK);
    return c.reply;
}

static void make_spans(int n)
{
    struct trace t;

    trace_start(&t, NULL);
    for (int i = 0; i < n; i++)
        span_end(&t, SPAN_SERVER, "GET /x", 1, 2, false);
}

static void flushes(void)
{
    otlp_start(url, "cart");
    make_spans(450);
    cr_assert_str_eq(get("/seen/v1/traces"), "{\"count\": 0}",
                     "not on the way of a request");
    otlp_flush(10000);
    cr_assert_str_eq(get("/seen/v1/traces"), "{\"count\": 3}");
    cr_assert_not_null(
        strstr(get("/body/v1/traces"), "\"stringValue\":\"cart\""));
    cr_assert_null(span_export_take(1, "cart"), "sending makes no spans");
}

Test(otlp, flush_sends_all_in_batches)
{
    run(flushes);
}

static void by_itself(void)
{
    otlp_start(url, "cart");
    make_spans(1);
    while (strcmp(get("/seen/v1/traces"), "{\"count\": 1}") != 0)
        task_sleep(50); /* the req's deadline ends a wait in vain */
    otlp_flush(10000);
}

Test(otlp, sends_without_being_asked)
{
    run(by_itself);
}

static void nobody(void)
{
    otlp_start("http://127.0.0.1:1", "cart");
    make_spans(450);
    otlp_flush(10000);
    cr_assert_null(span_export_take(1, "cart"), "spans are not hoarded");
}

Test(otlp, a_missing_collector_costs_spans_only)
{
    run(nobody);
}

static void off(void)
{
    otlp_start("", "cart");
    make_spans(1);
    otlp_flush(10000);
    cr_assert_null(span_export_take(1, "cart"));
}

Test(otlp, no_url_means_off)
{
    run(off);
}
