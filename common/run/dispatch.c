/* dispatch - from a complete head to a handler, and from its result to the
 * answer, the metrics, the span and the one log line. */
#include <assert.h>
#include <strings.h>
#include "run/conn.h"
#include "run/exchange.h"

#define TIMEOUT_DEFAULT_MS 5000

static struct metric requests = {
    .name = "bodega_http_requests_total",
    .help = "HTTP requests answered",
    .kind = METRIC_COUNTER,
    .labels = { "route", "status" },
};
static struct metric seconds = {
    .name = "bodega_http_request_seconds",
    .help = "from the first byte of the head to the answer",
    .kind = METRIC_HISTOGRAM,
    .labels = { "route" },
};
static struct metric in_flight_gauge = {
    .name = "bodega_http_requests_in_flight",
    .help = "HTTP requests whose handler has not ended",
    .kind = METRIC_GAUGE,
};
static struct metric first_request = {
    .name = "bodega_first_answer_seconds",
    .help = "from the entry of main to the first answer, observed once",
    .kind = METRIC_HISTOGRAM,
};

static size_t in_flight;

/* ---- the end of an exchange --------------------------------------------- */

static void log_request(const struct http_exchange *x, int64_t us)
{
    struct log_field f[REQ_LOG_FIELDS_MAX + 8] = {
        LOG_STR("route", x->label),
        LOG_STR("method", x->head.method),
        LOG_INT("status", x->status),
        LOG_INT("us", us),
        LOG_INT("bytes_in", (int64_t)(x->head.raw.len + x->body.len)),
        LOG_INT("bytes_out", (int64_t)x->bytes_out),
    };
    size_t n = 6;

    if (x->r.log_detail != NULL)
        f[n++] = (struct log_field)LOG_STR("detail", x->r.log_detail);
    for (size_t i = 0; i < x->r.log_count; i++)
        f[n++] = x->r.log[i];
    log_write(x->status >= 500 ? LOG_ERROR : LOG_INFO, x->r.trace.trace_id,
              "request", f, n);
}

static void count_request(const struct http_exchange *x, int64_t us)
{
    static bool first = true;
    char status[INT_TEXT_MAX + 1];

    if (first) {
        metric_observe_us(&first_request, clock_us() - runtime.started_us);
        first = false;
    }
    (void)int_text(x->status, status);
    metric_add(&requests, 1, x->label, status);
    metric_observe_us(&seconds, us, x->label);
}

static void tell(const struct http_exchange *x)
{
    int64_t us = clock_us() - x->start_us;

    if (x->answered_for) {
        log_warn(x->r.trace.trace_id, "handler ended after its answer",
                 LOG_STR("route", x->label), LOG_INT("status", x->status),
                 LOG_INT("us", us));
        return;
    }
    count_request(x, us);
    if (!x->quiet) {
        span_end(&x->r.trace, SPAN_SERVER, x->label, x->start_wall_us, us,
                 x->status >= 500);
        log_request(x, us);
    }
}

/* The answer stands: send it, tell about it, and forget the exchange. */
static void finish(struct http_exchange *x)
{
    if (x->conn != NULL)
        conn_answer(x->conn, x);
    if (x->in_flight)
        metric_set(&in_flight_gauge, (int64_t)--in_flight);
    tell(x);
    exchange_free(x);
    drain_check();
}

void dispatch_fail(struct http_exchange *x, enum err e)
{
    problem_reply(x, e);
    finish(x);
}

/* ---- the handler --------------------------------------------------------- */

static void run_handler(void *arg)
{
    struct http_exchange *x = arg;
    struct req *r = &x->r;
    enum err e = x->route->handler(r);

    if (r->tx != NULL)
        pg_end(r);
    if (e == OK && x->status == 0) {
        detail(r, "the handler returned without an answer");
        e = ERR_INTERNAL;
    }
    if (e != OK && x->streaming)
        detail(r, "the stream ended with %s", err_info(e)->slug);
    else if (e != OK)
        problem_reply(x, e);
    finish(x);
}

void dispatch_run(struct http_exchange *x)
{
    if (x->builtin != NULL) {
        x->builtin(x);
        finish(x);
        return;
    }
    x->in_flight = true;
    metric_set(&in_flight_gauge, (int64_t)++in_flight);
    if (!task_start(run_handler, x))
        dispatch_fail(x, ERR_OVERLOAD);
}

/* ---- the head ------------------------------------------------------------ */

static enum err check_auth(struct http_exchange *x)
{
    const char *want = x->route->auth == AUTH_ADMIN ? runtime.admin_token
                                                    : runtime.internal_token;
    const char *got;

    if (x->route->auth == AUTH_PUBLIC)
        return OK;
    got = req_bearer(&x->r);
    if (got == NULL || want == NULL || !id_equal(got, want))
        return ERR_UNAUTHORIZED;
    return OK;
}

static enum err check_accept(struct http_exchange *x)
{
    const char *accept = req_header(&x->r, "accept");
    const char *produces = x->route->produces;

    if (accept == NULL || *accept == '\0' ||
        accept_matches(accept, produces ? produces : "application/json"))
        return OK;
    return ERR_NOT_ACCEPTABLE;
}

static enum err check_body(struct http_exchange *x)
{
    const struct route *route = x->route;
    const char *type = http1_field(&x->head, "content-type", 0);
    const char *coding = http1_field(&x->head, "content-encoding", 0);

    if (x->head.content_length <= 0 && !x->head.chunked)
        return OK;
    if (route->max_body == 0)
        return fail(&x->r, ERR_TOO_LARGE, "this route takes no body");
    if (x->head.content_length > 0 &&
        (uint64_t)x->head.content_length > route->max_body)
        return fail(&x->r, ERR_TOO_LARGE, "the body may have %zu bytes",
                    route->max_body);
    if (coding != NULL && strcasecmp(coding, "identity") != 0)
        return fail(&x->r, ERR_MEDIA_TYPE, "compressed bodies are not taken");
    if (type == NULL || http1_field(&x->head, "content-type", 1) != NULL)
        return fail(&x->r, ERR_MEDIA_TYPE, "one Content-Type is required");
    if (!content_type_in(type, route->consumes ? route->consumes
                                               : "application/json"))
        return ERR_MEDIA_TYPE;
    return OK;
}

static enum err check_route(struct http_exchange *x)
{
    TRY(check_auth(x));
    if (x->head.expect_unknown)
        return ERR_EXPECT;
    TRY(check_accept(x));
    TRY(check_body(x));
    TRY(route_query(x));
    if (in_flight >= (size_t)runtime.max_requests)
        return ERR_OVERLOAD;
    return OK;
}

static void answer_options(struct http_exchange *x)
{
    reply_header(&x->r, "Allow", x->allow);
    (void)reply_empty(&x->r, 204);
}

static void split_target(struct http_exchange *x)
{
    const char *target = x->head.target;
    size_t n = strcspn(target, "?");

    x->path = arena_strndup(x->r.arena, target, n);
    x->query_text = target[n] == '?' ? target + n + 1 : NULL;
}

static enum err find(struct http_exchange *x)
{
    bool options = strcmp(x->head.method, "OPTIONS") == 0;
    bool get = x->is_head || strcmp(x->head.method, "GET") == 0;
    bool post = strcmp(x->head.method, "POST") == 0;
    enum err e;

    if (strcmp(x->path, "*") == 0) {
        x->label = "*";
        x->allow = "GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS";
        x->builtin = answer_options;
        return OK;
    }
    e = route_find(x, role_serves() ? runtime.f->routes : NULL);
    x->builtin = e == ERR_NOT_FOUND ? builtin_find(x->path) : NULL;
    if (x->builtin != NULL) {
        x->label = x->path;
        if (get || (post && strcmp(x->path, "/") == 0))
            return OK;
        x->allow = strcmp(x->path, "/") == 0 ? "GET, HEAD, POST, OPTIONS"
                                             : "GET, HEAD, OPTIONS";
        e = ERR_METHOD;
    }
    if (e == ERR_METHOD && options) {
        x->builtin = answer_options;
        return OK;
    }
    return e;
}

/* The route's own time, or what is left of a calling function's: there is no
 * point in finishing what nobody waits for. */
static void set_deadline(struct http_exchange *x)
{
    const char *left = http1_field(&x->head, "bodega-deadline-ms", 0);
    int64_t ms =
        x->route->timeout_ms ? x->route->timeout_ms : TIMEOUT_DEFAULT_MS;

    if (x->route->auth == AUTH_INTERNAL && left != NULL) {
        long long asked = strtoll(left, NULL, 10);

        if (asked > 0 && asked < ms)
            ms = asked;
    }
    x->r.deadline_us = clock_us() + ms * 1000;
}

enum err dispatch_head(struct http_exchange *x, size_t *ret_max_body)
{
    const struct http1_head *h = &x->head;
    struct req *r = &x->r;
    enum err e;

    req_init(r, r->arena, TIMEOUT_DEFAULT_MS, http1_field(h, "traceparent", 0));
    r->http = x;
    x->is_head = strcmp(h->method, "HEAD") == 0;
    x->label = "unmatched";
    split_target(x);
    x->quiet = builtin_is_probe(x->path, http1_field(h, "user-agent", 0));
    e = find(x);
    if (e != OK)
        return e;
    *ret_max_body = x->route != NULL ? x->route->max_body : 4096;
    if (x->route == NULL)
        return OK;
    set_deadline(x);
    return check_route(x);
}
