/* otlp - one task that empties the span ring. A batch the collector does not
 * take is dropped: spans are not worth memory that grows while it is away. */
#include "base/clock.h"
#include "io/http_client.h"
#include "io/otlp.h"
#include "sched/task.h"

#define BATCH_SPANS 200
#define PERIOD_US   1000000
#define TIMEOUT_MS  2000

static const char *collector_url;
static const char *service_name;
static struct http_dest collector = {
    .name = "otlp",
    .url = &collector_url,
    .max_inflight = 1,
    .timeout_ms = TIMEOUT_MS,
};
static bool running;
static struct await stop;
static struct await stopped;

static void post(const char *body)
{
    struct arena *a = arena_new(0);
    struct http_call c = { .method = "POST",
                           .path = "/v1/traces",
                           .content_type = "application/json",
                           .body = body,
                           .body_len = strlen(body) };
    struct req r;

    req_init(&r, a, TIMEOUT_MS, NULL);
    r.trace.sampled = false; /* sending spans must not make spans */
    (void)http_call(&r, &collector, &c);
    arena_free(a);
}

static void send_for_ever(void *arg)
{
    bool last = false;

    (void)arg;
    while (!last) {
        char *body;

        last = await_until(&stop, clock_us() + PERIOD_US);
        while ((body = span_export_take(BATCH_SPANS, service_name)) != NULL) {
            post(body);
            free(body);
        }
    }
    running = false;
    await_done(&stopped);
}

void otlp_start(const char *url, const char *service)
{
    if (url == NULL || *url == '\0')
        return;
    collector_url = url;
    service_name = service;
    span_export_enable();
    running = task_start(send_for_ever, NULL);
}

void otlp_flush(int timeout_ms)
{
    if (!running)
        return;
    await_done(&stop);
    (void)await_until(&stopped, clock_us() + (int64_t)timeout_ms * 1000);
}
