/* http_client_test - against tests/harness/http_peer.py, a real server. */
#include <criterion/criterion.h>
#include "base/clock.h"
#include "io/http_client.h"
#include "io/peer_test.h"
#include "obs/metrics.h"
#include "sched/loop.h"
#include "sched/task.h"

static struct peer peer;
static const char *base_url;
static struct http_dest dest = { .name = "peer", .url = &base_url };
static struct arena *arena;
static struct req req;

/* Runs a test's body in a task, as every caller of the client is. */
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

static void start(void)
{
    peer_start(&peer, "tests/harness/http_peer.py");
    arena = arena_new(0);
    base_url = arena_printf(arena, "http://127.0.0.1:%d", peer.ports[0]);
    req_init(&req, arena, 10000, NULL);
}

static void stop(void)
{
    peer_stop(&peer);
    arena_free(arena);
}

TestSuite(http_client, .init = start, .fini = stop);

static enum err call(const char *method, const char *path,
                     struct http_call *ret)
{
    *ret = (struct http_call){ .method = method, .path = path };
    return http_call(&req, &dest, ret);
}

struct seen {
    int64_t count;
};
static const struct json_field seen_fields[] = { JSON_INT(struct seen, count),
                                                 JSON_END };

static int64_t times_seen(const char *path)
{
    struct seen seen = { .count = -1 };

    cr_assert_eq(http_json(&req, &dest, "GET",
                           arena_printf(arena, "/seen%s", path), NULL, NULL,
                           seen_fields, &seen),
                 OK);
    return seen.count;
}

struct headers {
    const char *traceparent;
    const char *authorization;
    const char *x_call;
    const char *x_dest;
    const char *expect;
};
static const struct json_field header_fields[] = {
    JSON_STR(struct headers, traceparent),
    JSON_STR(struct headers, authorization),
    { .name = "x-call",
      .kind = JSON_KIND_STR,
      .offset = offsetof(struct headers, x_call) },
    { .name = "x-dest",
      .kind = JSON_KIND_STR,
      .offset = offsetof(struct headers, x_dest) },
    JSON_STR(struct headers, expect),
    JSON_END,
};
struct echo {
    const char *method;
    const char *body;
    int64_t serial;
    struct headers *headers;
};
static const struct json_field echo_fields[] = {
    JSON_STR(struct echo, method), JSON_STR(struct echo, body),
    JSON_INT(struct echo, serial),
    JSON_OBJ(struct echo, headers, struct headers, header_fields), JSON_END
};

static struct echo decode_echo(const struct http_call *c)
{
    struct echo e = { .serial = -1 };
    struct json_errors errs = { .count = 0 };

    cr_assert_eq(json_decode(arena, c->reply, c->reply_len, echo_fields,
                             JSON_LENIENT, &e, &errs),
                 OK, "%s", c->reply);
    return e;
}

static void sends_everything(void)
{
    static const char *const dest_headers[] = { "X-Dest: d", NULL };
    static const char *const call_headers[] = { "X-Call: c", NULL };
    struct http_call c = { .method = "PUT",
                           .path = "/echo",
                           .content_type = "text/plain",
                           .body = "hello",
                           .body_len = 5,
                           .headers = call_headers };
    struct echo e;

    dest.headers = dest_headers;
    cr_assert_eq(http_call(&req, &dest, &c), OK);
    cr_assert_eq(c.status, 200);
    cr_assert_str_eq(c.reply_request_id, "peer-1");
    cr_assert_str_eq(c.reply_type, "application/json");
    e = decode_echo(&c);
    cr_assert_str_eq(e.method, "PUT");
    cr_assert_str_eq(e.body, "hello");
    cr_assert_str_eq(e.headers->x_call, "c");
    cr_assert_str_eq(e.headers->x_dest, "d");
    cr_assert_null(e.headers->expect);
    cr_assert_eq(strncmp(e.headers->traceparent + 3, req.trace.trace_id, 32),
                 0);
    cr_assert_neq(strncmp(e.headers->traceparent + 36, req.trace.span_id, 16),
                  0, "a call has a span of its own");
}

Test(http_client, sends_method_body_headers_and_trace)
{
    run(sends_everything);
}

static void one_handle_many_methods(void)
{
    static const char *const methods[] = { "POST", "GET",   "DELETE",
                                           "PUT",  "PATCH", "GET" };
    struct http_call c;

    for (int i = 0; i < 6; i++) {
        struct echo e;

        cr_assert_eq(call(methods[i], "/echo", &c), OK);
        e = decode_echo(&c);
        cr_assert_str_eq(e.method, methods[i]);
        cr_assert_str_eq(e.body, "", "the body of an earlier call");
        cr_assert_eq(e.serial, i + 1, "the connection is kept");
    }
    cr_assert_eq(call("HEAD", "/big/100", &c), OK);
    cr_assert_eq(c.reply_len, 0);
    cr_assert_eq(call("GET", "/big/100", &c), OK);
    cr_assert_eq(c.reply_len, 100);
}

Test(http_client, keeps_the_connection_and_mixes_no_calls)
{
    run(one_handle_many_methods);
}

static void statuses(void)
{
    static const int wanted[] = { 200, 302, 404, 500, 503 };
    struct http_call c;

    for (int i = 0; i < 5; i++) {
        cr_assert_eq(
            call("GET", arena_printf(arena, "/status/%d", wanted[i]), &c), OK);
        cr_assert_eq(c.status, wanted[i]);
        cr_assert_str_eq(c.reply, "so be it");
    }
}

Test(http_client, any_answer_is_an_answer)
{
    run(statuses);
}

static void lost(void)
{
    struct http_call c;

    /* first make sure that each meets a kept connection */
    cr_assert_eq(call("GET", "/echo", &c), OK);
    cr_assert_eq(call("POST", "/close", &c), ERR_UNCERTAIN);
    cr_assert_eq(times_seen("/close"), 1, "a POST must not be sent twice");
    cr_assert_eq(call("POST", "/reset", &c), ERR_UNCERTAIN);
    cr_assert_eq(times_seen("/reset"), 1, "a POST must not be sent twice");
    cr_assert_eq(call("GET", "/half", &c), ERR_UNCERTAIN);
    cr_assert_eq(call("GET", "/garbage", &c), ERR_UPSTREAM);
}

Test(http_client, a_lost_answer_is_uncertain)
{
    run(lost);
}

static void late(void)
{
    struct http_call c;
    struct req brief;

    /* On a kept connection all of the time is spent waiting for the answer. */
    cr_assert_eq(call("GET", "/echo", &c), OK);
    req_init(&brief, arena, 300, NULL);
    c = (struct http_call){ .method = "POST", .path = "/sleep/9000" };
    cr_assert_eq(http_call(&brief, &dest, &c), ERR_UNCERTAIN);
    cr_assert_eq(times_seen("/sleep/9000"), 1);
    dest.timeout_ms = 300;
    cr_assert_eq(call("GET", "/sleep/9001", &c), ERR_UNCERTAIN);
    dest.timeout_ms = 0;
    cr_assert_eq(call("GET", "/echo", &c), OK, "one late call spoils no other");
}

Test(http_client, a_late_answer_is_uncertain)
{
    run(late);
}

static void never_reached(void)
{
    static const char *const urls[] = { "http://127.0.0.1:1",
                                        "http://no-such-host.invalid",
                                        "ftp://127.0.0.1", "file:///etc" };
    struct http_call c;
    struct req late;

    req_init(&late, arena, 0, NULL);
    c = (struct http_call){ .method = "POST", .path = "/echo" };
    cr_assert_eq(http_call(&late, &dest, &c), ERR_UNAVAILABLE);
    for (int i = 0; i < 4; i++) {
        base_url = urls[i];
        cr_assert_eq(call("POST", "/passwd", &c), ERR_UNAVAILABLE, "%s",
                     urls[i]);
        cr_assert_eq(c.status, 0);
    }
}

Test(http_client, what_was_never_sent_is_unavailable)
{
    run(never_reached);
}

static void limits(void)
{
    struct http_call c;

    cr_assert_eq(call("GET", "/big/4194304", &c), OK);
    cr_assert_eq(c.reply_len, 4194304);
    cr_assert_eq(call("GET", "/big/4194305", &c), ERR_UPSTREAM);
    cr_assert_eq(call("GET", "/echo", &c), OK);
}

Test(http_client, an_answer_has_a_limit)
{
    run(limits);
}

static void breaks(void)
{
    const char *good = base_url;
    struct http_call c;
    int refused = 0;

    base_url = "http://127.0.0.1:1";
    for (int i = 0; i < 5; i++)
        cr_assert_eq(call("GET", "/echo", &c), ERR_UNAVAILABLE);
    base_url = good;
    while (call("GET", "/echo", &c) == ERR_UNAVAILABLE) {
        refused++;
        task_sleep(20);
    }
    cr_assert_gt(refused, 0);
    cr_assert_eq(c.status, 200);
    cr_assert_eq(call("GET", "/echo", &c), OK, "and then it is whole");
}

Test(http_client, breaker_opens_and_closes)
{
    run(breaks);
}

static int ended;
static int refused_calls;
static struct await all_ended;

static void one_of_many(void *arg)
{
    struct http_call c;
    enum err err = call("GET", "/sleep/100", &c);

    (void)arg;
    if (err == ERR_UNAVAILABLE)
        refused_calls++;
    else
        cr_expect_eq(err, OK, "%s", req.log_detail);
    if (++ended == 12)
        await_done(&all_ended);
}

static void crowd(void)
{
    dest.max_inflight = 8;
    for (int i = 0; i < 12; i++)
        cr_assert(task_start(one_of_many, NULL));
    cr_assert(await_until(&all_ended, 0));
    cr_assert_eq(refused_calls, 4);
    cr_assert_eq(times_seen("/sleep/100"), 8);
}

Test(http_client, a_bulkhead_refuses_what_is_too_much)
{
    run(crowd);
}

struct thing {
    const char *name;
    int64_t n;
};
static const struct json_field thing_fields[] = { JSON_STR(struct thing, name),
                                                  JSON_INT(struct thing, n),
                                                  JSON_END };

static void json_both_ways(void)
{
    struct thing in = { .name = "pear", .n = 3 };
    struct echo e = { .serial = -1 };

    http_client_token("s3cret");
    cr_assert_eq(http_json(&req, &dest, "POST", "/echo", thing_fields, &in,
                           echo_fields, &e),
                 OK);
    cr_assert_str_eq(e.body, "{\"name\":\"pear\",\"n\":3}");
    cr_assert_str_eq(e.headers->authorization, "Bearer s3cret");
    cr_assert_eq(
        http_json(&req, &dest, "GET", "/sleep/0", NULL, NULL, NULL, NULL), OK);
    cr_assert_eq(
        http_json(&req, &dest, "GET", "/big/9", NULL, NULL, echo_fields, &e),
        ERR_UPSTREAM, "2xx that is not what was agreed");
    cr_assert_eq(http_json(&req, &dest, "GET", "/status/302", NULL, NULL,
                           echo_fields, &e),
                 ERR_UPSTREAM);
    cr_assert_eq(http_json(&req, &dest, "GET", "/status/500", NULL, NULL,
                           echo_fields, &e),
                 ERR_UPSTREAM, "an error without a problem+json body");
}

Test(http_client, json_out_and_in)
{
    run(json_both_ways);
}

static void problems(void)
{
    cr_assert_eq(
        http_json(&req, &dest, "POST", "/problem", NULL, NULL, NULL, NULL),
        ERR_OUT_OF_STOCK);
    cr_assert_str_eq(req.detail, "2 lines cannot be had");
    cr_assert_eq(req.errors.count, 2);
    cr_assert_str_eq(req.errors.at[1].pointer, "/lines/3");
    cr_assert_str_eq(req.errors.at[1].detail, "sold out");
}

Test(http_client, a_problem_comes_back_as_its_error)
{
    run(problems);
}

static void counts(void)
{
    struct http_call c;
    struct buf b;

    (void)call("GET", "/echo", &c);
    (void)call("GET", "/status/404", &c);
    (void)call("GET", "/close", &c);
    buf_init(&b, arena);
    metrics_text(&b);
    cr_assert(strstr(b.data, "{dest=\"peer\",outcome=\"ok\"} 1\n"));
    cr_assert(strstr(b.data, "{dest=\"peer\",outcome=\"4xx\"} 1\n"));
    cr_assert(strstr(b.data, "{dest=\"peer\",outcome=\"uncertain\"} 1\n"));
}

Test(http_client, counts_outcomes)
{
    run(counts);
}
