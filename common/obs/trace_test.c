/* trace_test - the examples and rules of W3C Trace Context level 1, and the
 * export ring. */
#include <criterion/criterion.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cJSON.h>
#include "obs/trace.h"

#define ID     "4bf92f3577b34da6a3ce929d0e0e4736"
#define PARENT "00f067aa0ba902b7"

Test(trace, continues_what_it_is_given)
{
    struct trace t;
    char text[TRACEPARENT_LEN + 1];

    trace_start(&t, "00-" ID "-" PARENT "-01");
    cr_assert_str_eq(t.trace_id, ID);
    cr_assert_str_eq(t.parent_id, PARENT);
    cr_assert(t.sampled);
    cr_assert_str_neq(t.span_id, PARENT);
    trace_format(&t, text);
    cr_assert_eq(strlen(text), TRACEPARENT_LEN);
    cr_assert_eq(strncmp(text, "00-" ID "-", 36), 0);
    cr_assert_eq(strncmp(text + 36, t.span_id, 16), 0);
    cr_assert_str_eq(text + 52, "-01");
}

Test(trace, keeps_the_sampling_decision)
{
    struct trace t;
    struct trace child;
    char text[TRACEPARENT_LEN + 1];

    trace_start(&t, "00-" ID "-" PARENT "-fe");
    trace_child(&child, &t);
    trace_format(&child, text);
    cr_assert_str_eq(text + 52, "-00");
    trace_start(&t, "00-" ID "-" PARENT "-0b");
    cr_assert(t.sampled);
}

Test(trace, a_later_version_may_be_longer)
{
    struct trace t;

    trace_start(&t, "cc-" ID "-" PARENT "-01-what the future brings");
    cr_assert_str_eq(t.trace_id, ID);
    trace_start(&t, "cc-" ID "-" PARENT "-01");
    cr_assert_str_eq(t.trace_id, ID);
}

Test(trace, starts_anew_when_it_cannot_read_it)
{
    static const char *const bad[] = {
        NULL,
        "",
        "00",
        "ff-" ID "-" PARENT "-01",
        "0g-" ID "-" PARENT "-01",
        "00-" ID "-" PARENT "-01-more",
        "00-" ID "-" PARENT "-01 ",
        "cc-" ID "-" PARENT "-01.more",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-" PARENT "-01",
        "00-00000000000000000000000000000000-" PARENT "-01",
        "00-" ID "-0000000000000000-01",
        "00_" ID "-" PARENT "-01",
        "00-" ID "_" PARENT "-01",
        "00-" ID "-" PARENT "_01",
        "00-" ID "-" PARENT "-0x",
        "00-" ID "-" PARENT "-1",
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct trace t;

        trace_start(&t, bad[i]);
        cr_assert_str_neq(t.trace_id, ID, "%s", bad[i]);
        cr_assert_eq(strlen(t.trace_id), 32);
        cr_assert_eq(strspn(t.trace_id, "0123456789abcdef"), 32);
        cr_assert_str_eq(t.parent_id, "", "%s", bad[i]);
    }
}

Test(trace, a_child_hangs_below_its_parent)
{
    struct trace t;
    struct trace child;

    trace_start(&t, NULL);
    trace_child(&child, &t);
    cr_assert_str_eq(child.trace_id, t.trace_id);
    cr_assert_str_eq(child.parent_id, t.span_id);
    cr_assert_str_neq(child.span_id, t.span_id);
}

Test(trace, ids_do_not_repeat)
{
    static char seen[1000][17];

    for (int i = 0; i < 1000; i++) {
        struct trace t;

        trace_start(&t, NULL);
        memcpy(seen[i], t.span_id, 17);
        for (int k = 0; k < i; k++)
            cr_assert_str_neq(seen[k], seen[i]);
    }
}

Test(trace, a_forked_worker_has_ids_of_its_own)
{
    struct trace t;
    struct trace theirs;
    int fds[2];
    pid_t pid;

    trace_start(&t, NULL); /* the pool is full now */
    cr_assert_eq(pipe(fds), 0);
    pid = fork();
    trace_start(&t, NULL);
    if (pid == 0) {
        ssize_t n = write(fds[1], &t, sizeof(t));

        _exit(n == (ssize_t)sizeof(t) ? 0 : 1);
    }
    cr_assert_eq(read(fds[0], &theirs, sizeof(theirs)), sizeof(theirs));
    (void)waitpid(pid, NULL, 0);
    cr_assert_str_neq(t.trace_id, theirs.trace_id);
}

static struct trace started(void)
{
    struct trace t;

    trace_start(&t, "00-" ID "-" PARENT "-01");
    return t;
}

Test(spans, nothing_is_kept_when_export_is_off)
{
    struct trace t = started();

    span_end(&t, SPAN_SERVER, "GET /x", 1, 2, false);
    cr_assert_null(span_export_take(10, "cart"));
}

Test(spans, otlp_json)
{
    struct trace t = started();
    char want[512];
    char *body;

    span_export_enable();
    span_end(&t, SPAN_CLIENT, "GET \"x\"", 1700000000000001, 250, true);
    t.sampled = false;
    span_end(&t, SPAN_CLIENT, "not sampled", 1, 2, false);
    body = span_export_take(10, "cart");
    (void)snprintf(
        want, sizeof(want),
        "{\"resourceSpans\":[{\"resource\":{\"attributes\":[{\"key\":"
        "\"service.name\",\"value\":{\"stringValue\":\"cart\"}}]},"
        "\"scopeSpans\":[{\"scope\":{\"name\":\"bodega\"},\"spans\":[{"
        "\"traceId\":\"" ID "\",\"spanId\":\"%s\",\"parentSpanId\":\"" PARENT
        "\",\"name\":\"GET \\\"x\\\"\",\"kind\":3,\"startTimeUnixNano\":"
        "\"1700000000000001000\",\"endTimeUnixNano\":\"1700000000000251000\","
        "\"status\":{\"code\":2}}]}]}]}",
        t.span_id);
    cr_assert_str_eq(body, want);
    free(body);
    cr_assert_null(span_export_take(10, "cart"));
}

static int spans_in(const char *body)
{
    int n = 0;

    for (const char *s = body; (s = strstr(s, "\"spanId\"")) != NULL; s++)
        n++;
    return n;
}

Test(spans, a_full_ring_drops_and_batches_are_bounded)
{
    struct trace t = started();
    int total = 0;
    char *body;

    span_export_enable();
    for (int i = 0; i < 1500; i++)
        span_end(&t, SPAN_SERVER, "x", 1, 2, false);
    while ((body = span_export_take(200, "cart")) != NULL) {
        cJSON *parsed = cJSON_Parse(body);

        cr_assert_not_null(parsed);
        cJSON_Delete(parsed);
        cr_assert_leq(spans_in(body), 200);
        total += spans_in(body);
        free(body);
    }
    cr_assert_eq(total, 1024);
    span_end(&t, SPAN_SERVER, "x", 1, 2, false);
    body = span_export_take(200, "cart");
    cr_assert_eq(spans_in(body), 1, "and goes on after");
    free(body);
}

Test(spans, long_names_end_at_a_character)
{
    struct trace t = started();
    char name[80];
    char *body;

    span_export_enable();
    memset(name, 'n', 62);
    memcpy(name + 62, "\xc3\xa9zz", 5);
    span_end(&t, SPAN_SERVER, name, 1, 2, false);
    body = span_export_take(1, "cart");
    name[62] = '\0';
    cr_assert_not_null(strstr(body, name));
    cr_assert_null(strstr(body, "\xc3"));
    cr_assert_null(strstr(body, "\\ufffd"));
    free(body);
}
