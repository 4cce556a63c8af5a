/* http_client - what libcurl does for us on the loop, plus bulkhead, breaker
 * and the sorting of failures by one question: may it have been processed? */
#include "base/buf.h"
#include "base/clock.h"
#include "base/id.h"
#include "io/curl_loop.h"
#include "io/http_client.h"
#include "obs/metrics.h"

#define MAX_INFLIGHT_DEFAULT 64
#define TIMEOUT_MS_DEFAULT   2000
#define REPLY_MAX            ((size_t)4 << 20)
#define IDLE_HANDLES         8
#define HEADERS_MAX          4 /* that http_json adds, with the NULL */
#define BREAKER_FAILURES     5
#define BREAKER_MIN_US       500000
#define BREAKER_SPREAD_US    500000u

struct http_dest_state {
    struct http_dest_state *next;
    int inflight;
    int failures; /* in a row */
    bool probing; /* the one call that tests a broken destination */
    int64_t closed_until_us;
    CURL *idle[IDLE_HANDLES];
    int idle_count;
};

/* What the callbacks of one call share with it. */
struct exchange {
    struct buf reply;
    bool resend_ok; /* the method is idempotent (RFC 9110 section 9.2.2) */
    int tries;      /* times the request began to be sent */
    bool too_big;
};

static struct http_dest_state *states;
static const char *internal_token = "";

static struct metric requests_total = {
    .name = "bodega_http_client_requests_total",
    .help = "Outgoing HTTP calls by destination and outcome.",
    .kind = METRIC_COUNTER,
    .labels = { "dest", "outcome" },
};

static struct http_dest_state *state_of(struct http_dest *d)
{
    if (d->state == NULL) {
        d->state = calloc(1, sizeof(*d->state));
        if (d->state == NULL)
            abort();
        d->state->next = states;
        states = d->state;
    }
    return d->state;
}

/* ---- bulkhead and breaker -------------------------------------------- */

static bool enter(const struct http_dest *d, struct http_dest_state *s)
{
    int max = d->max_inflight > 0 ? d->max_inflight : MAX_INFLIGHT_DEFAULT;

    if (s->inflight >= max)
        return false;
    if (s->failures >= BREAKER_FAILURES) {
        if (s->probing || clock_us() < s->closed_until_us)
            return false;
        s->probing = true;
    }
    s->inflight++;
    return true;
}

static void leave(const struct http_dest *d, bool answered)
{
    struct http_dest_state *s = d->state;

    s->inflight--;
    s->probing = false;
    if (answered) {
        s->failures = 0;
        return;
    }
    s->failures++;
    if (s->failures < BREAKER_FAILURES)
        return;
    if (s->failures == BREAKER_FAILURES)
        log_warn(NULL, "destination does not answer", LOG_STR("dest", d->name));
    /* Spread, so that many callers do not come back as one. */
    s->closed_until_us = clock_us() + BREAKER_MIN_US +
                         (int64_t)id_random_below(BREAKER_SPREAD_US);
}

/* ---- one transfer ----------------------------------------------------- */

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
    struct exchange *x = arg;

    (void)size; /* always 1 */
    if (n > REPLY_MAX - x->reply.len) {
        x->too_big = true;
        return 0;
    }
    buf_add(&x->reply, p, n);
    return n;
}

/* Called when a connection is ready and the request is about to be sent. When
 * a kept connection dies without an answer libcurl sends again on a new one,
 * whatever the method; a POST may have been processed, so that is not its
 * decision. */
static int on_send(void *arg, char *ip, char *local_ip, int port,
                   int local_port)
{
    struct exchange *x = arg;

    (void)ip;
    (void)local_ip;
    (void)port;
    (void)local_port;
    if (x->tries > 0 && !x->resend_ok)
        return CURL_PREREQFUNC_ABORT;
    x->tries++;
    return CURL_PREREQFUNC_OK;
}

static CURL *handle_take(struct http_dest_state *s)
{
    CURL *e;

    if (s->idle_count > 0)
        return s->idle[--s->idle_count];
    e = curl_loop_easy("http,https");
    (void)cu.curl_easy_setopt(e, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    (void)cu.curl_easy_setopt(e, CURLOPT_USERAGENT, "bodega");
    (void)cu.curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
    (void)cu.curl_easy_setopt(e, CURLOPT_PREREQFUNCTION, on_send);
    return e;
}

static void handle_give(struct http_dest_state *s, CURL *e)
{
    if (s->idle_count < IDLE_HANDLES)
        s->idle[s->idle_count++] = e;
    else
        cu.curl_easy_cleanup(e);
}

static void append_all(struct curl_slist **list, const char *const *lines)
{
    for (; lines != NULL && *lines != NULL; lines++)
        curl_loop_append(list, *lines);
}

static struct curl_slist *make_headers(struct req *r, const struct http_dest *d,
                                       const struct http_call *c,
                                       const struct trace *t)
{
    struct curl_slist *list = NULL;
    char traceparent[TRACEPARENT_LEN + 1];

    trace_format(t, traceparent);
    curl_loop_append(&list, "Expect:"); /* never wait for a 100 */
    curl_loop_append(&list,
                     arena_printf(r->arena, "traceparent: %s", traceparent));
    if (c->content_type != NULL)
        curl_loop_append(
            &list, arena_printf(r->arena, "Content-Type: %s", c->content_type));
    append_all(&list, d->headers);
    append_all(&list, c->headers);
    return list;
}

/* Sets all that may differ between two calls on one handle. */
static void prepare(CURL *e, struct req *r, const struct http_dest *d,
                    const struct http_call *c, struct exchange *x)
{
    bool body = c->body != NULL || strcmp(c->method, "POST") == 0 ||
                strcmp(c->method, "PUT") == 0;

    (void)cu.curl_easy_setopt(e, CURLOPT_URL,
                              arena_printf(r->arena, "%s%s", *d->url, c->path));
    (void)cu.curl_easy_setopt(e, CURLOPT_HTTPGET, 1L);
    if (strcmp(c->method, "HEAD") == 0) {
        (void)cu.curl_easy_setopt(e, CURLOPT_NOBODY, 1L);
    } else if (body) {
        (void)cu.curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE,
                                  (curl_off_t)c->body_len);
        (void)cu.curl_easy_setopt(e, CURLOPT_POSTFIELDS,
                                  c->body != NULL ? c->body : "");
    }
    (void)cu.curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, c->method);
    (void)cu.curl_easy_setopt(e, CURLOPT_WRITEDATA, x);
    (void)cu.curl_easy_setopt(e, CURLOPT_PREREQDATA, x);
    x->resend_ok =
        strcmp(c->method, "POST") != 0 && strcmp(c->method, "PATCH") != 0;
    buf_init(&x->reply, r->arena);
}

/* The last answer's header of that name, NULL when it has none. */
static const char *answer_header(CURL *e, struct req *r, const char *name)
{
    struct curl_header *h;

    if (cu.curl_easy_header(e, name, 0, CURLH_HEADER, -1, &h) != CURLHE_OK)
        return NULL;
    return arena_strdup(r->arena, h->value);
}

static void read_answer(CURL *e, struct req *r, struct http_call *c,
                        const struct exchange *x)
{
    long status = 0;

    (void)cu.curl_easy_getinfo(e, CURLINFO_RESPONSE_CODE, &status);
    c->status = (int)status;
    c->reply = x->reply.data;
    c->reply_len = x->reply.len;
    c->reply_request_id = answer_header(e, r, "Request-Id");
    c->reply_type = answer_header(e, r, "Content-Type");
}

static enum err transfer(CURL *e, struct req *r, const struct http_dest *d,
                         struct http_call *c, int64_t deadline_us)
{
    struct exchange x = { .tries = 0 };
    CURLcode code;

    prepare(e, r, d, c, &x);
    if (!curl_loop_run(e, deadline_us, &code)) {
        detail(r, "%s: no answer in time", d->name);
        return x.tries > 0 ? ERR_UNCERTAIN : ERR_UNAVAILABLE;
    }
    if (code == CURLE_OK) {
        read_answer(e, r, c, &x);
        return OK;
    }
    detail(r, "%s: %s", d->name,
           code == CURLE_ABORTED_BY_CALLBACK ? "kept connection lost"
                                             : cu.curl_easy_strerror(code));
    if (x.tries == 0)
        return ERR_UNAVAILABLE;
    /* An answer came, but not one we can take. */
    if (x.too_big || code == CURLE_WEIRD_SERVER_REPLY ||
        code == CURLE_UNSUPPORTED_PROTOCOL ||
        code == CURLE_BAD_CONTENT_ENCODING)
        return ERR_UPSTREAM;
    return ERR_UNCERTAIN;
}

static int64_t call_deadline_us(const struct req *r, const struct http_dest *d)
{
    int ms = d->timeout_ms > 0 ? d->timeout_ms : TIMEOUT_MS_DEFAULT;
    int64_t own = clock_us() + (int64_t)ms * 1000;

    return own < r->deadline_us ? own : r->deadline_us;
}

static const char *outcome(enum err e, int status)
{
    if (e == ERR_UNAVAILABLE)
        return "unavailable";
    if (e == ERR_UNCERTAIN)
        return "uncertain";
    if (e != OK)
        return "bad_answer";
    if (status >= 500)
        return "5xx";
    return status >= 400 ? "4xx" : "ok";
}

static enum err traced(struct req *r, struct http_dest *d, struct http_call *c)
{
    struct http_dest_state *s = d->state;
    int64_t wall_us = clock_wall_us();
    int64_t start_us = clock_us();
    CURL *e = handle_take(s);
    struct curl_slist *headers;
    struct trace t;
    enum err err;

    trace_child(&t, &r->trace);
    headers = make_headers(r, d, c, &t);
    (void)cu.curl_easy_setopt(e, CURLOPT_HTTPHEADER, headers);
    err = transfer(e, r, d, c, call_deadline_us(r, d));
    (void)cu.curl_easy_setopt(e, CURLOPT_HTTPHEADER, NULL);
    cu.curl_slist_free_all(headers);
    handle_give(s, e);
    leave(d, err == OK || err == ERR_UPSTREAM);
    metric_add(&requests_total, 1, d->name, outcome(err, c->status));
    span_end(&t, SPAN_CLIENT,
             arena_printf(r->arena, "%s %s", c->method, d->name), wall_us,
             clock_us() - start_us, err != OK || c->status >= 500);
    return err;
}

enum err http_call(struct req *r, struct http_dest *d, struct http_call *c)
{
    c->status = 0;
    c->reply = NULL;
    c->reply_len = 0;
    c->reply_request_id = NULL;
    c->reply_type = NULL;
    if (!enter(d, state_of(d))) {
        metric_add(&requests_total, 1, d->name, "refused");
        detail(r, "%s: not called, busy or broken", d->name);
        return ERR_UNAVAILABLE;
    }
    if (!curl_loop_open()) {
        leave(d, false);
        return ERR_UNAVAILABLE;
    }
    return traced(r, d, c);
}

/* ---- JSON between functions ------------------------------------------- */

struct problem_place {
    const char *pointer;
    const char *detail;
};
static const struct json_field place_fields[] = {
    JSON_STR(struct problem_place, pointer),
    JSON_STR(struct problem_place, detail),
    JSON_END,
};
struct problem {
    const char *code;
    const char *detail;
    struct problem_place *errors;
    size_t error_count;
};
static const struct json_field problem_fields[] = {
    JSON_STR(struct problem, code, .required = true),
    JSON_STR(struct problem, detail),
    JSON_LIST(struct problem, errors, error_count, struct problem_place,
              place_fields),
    JSON_END,
};

/* RFC 9457 problem details, as the runtime of our functions writes them. */
static enum err read_problem(struct req *r, const struct http_dest *d,
                             const struct http_call *c)
{
    struct problem p = { .code = NULL };
    struct json_errors errs = { .count = 0 };

    if (c->status < 400 ||
        json_decode(r->arena, c->reply, c->reply_len, problem_fields,
                    JSON_LENIENT, &p, &errs) != OK) {
        detail(r, "%s: status %d", d->name, c->status);
        return ERR_UPSTREAM;
    }
    detail(r, "%s: status %d %s", d->name, c->status, p.code);
    r->detail = p.detail;
    r->errors.count = 0;
    for (size_t i = 0; i < p.error_count && i < JSON_ERRORS_MAX; i++) {
        const struct problem_place *at = &p.errors[i];
        struct json_error *to = &r->errors.at[r->errors.count++];

        to->pointer = at->pointer != NULL ? at->pointer : "";
        to->detail = at->detail != NULL ? at->detail : "";
    }
    return err_from_slug(p.code);
}

enum err http_json(struct req *r, struct http_dest *d, const char *method,
                   const char *path, const struct json_field *in_fields,
                   const void *in, const struct json_field *out_fields,
                   void *out)
{
    int64_t left_ms = (call_deadline_us(r, d) - clock_us()) / 1000;
    const char *headers[HEADERS_MAX] = {
        arena_printf(r->arena, "Authorization: Bearer %s", internal_token),
        arena_printf(r->arena, "Bodega-Deadline-Ms: %lld",
                     (long long)(left_ms > 0 ? left_ms : 0)),
    };
    struct http_call c = { .method = method, .path = path, .headers = headers };
    struct json_errors errs = { .count = 0 };
    struct buf body;

    if (in_fields != NULL && in != NULL) {
        buf_init(&body, r->arena);
        json_encode(&body, in_fields, in);
        c.content_type = "application/json";
        c.body = body.data;
        c.body_len = body.len;
    }
    TRY(http_call(r, d, &c));
    if (c.status < 200 || c.status > 299)
        return read_problem(r, d, &c);
    if (out_fields == NULL || out == NULL)
        return OK;
    if (json_decode(r->arena, c.reply, c.reply_len, out_fields, JSON_LENIENT,
                    out, &errs) != OK) {
        detail(r, "%s: answer of another shape than agreed", d->name);
        return ERR_UPSTREAM;
    }
    return OK;
}

void http_client_token(const char *token)
{
    internal_token = token;
}

void http_client_close(void)
{
    for (struct http_dest_state *s = states; s != NULL; s = s->next) {
        while (s->idle_count > 0)
            cu.curl_easy_cleanup(s->idle[--s->idle_count]);
    }
    curl_loop_close();
}
