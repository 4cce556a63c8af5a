/* async - calls that are made later: POST /async-function/<name> is answered
 * 202 once the bus has the call, then made, and its answer is posted to
 * X-Callback-Url, as OpenFaaS does it. Owns nothing but what is on the bus.
 *
 * The gateway hands over the path behind the name, the query, the content
 * type and Accept in Call-* headers, because a function may be called with any
 * of them. The call goes out through the gateway again: whatever is out of a
 * caller's reach there is out of reach here. */
#include "async/async_text.h"
#include "run/fn.h"

#define BODY_MAX     262144 /* bytes of a request */
#define ANSWER_MAX   524288 /* bytes of an answer that fit an event */
#define CALL_MS      25000  /* of the 30 s that an event's handler has */
#define CALLBACK_MS  10000
#define ORIGINS_MAX  16
#define ORIGIN_BYTES 128

static const char *gateway_url, *callback_origins, *async_key;

static struct http_dest gateway_dest = { .name = "gateway",
                                         .url = &gateway_url,
                                         .timeout_ms = CALL_MS };

/* One destination, with a breaker of its own, per origin. */
static const char *origins[ORIGINS_MAX];
static struct http_dest callback_dests[ORIGINS_MAX];
static size_t origin_count;

/* ---- events -------------------------------------------------------------- */

struct call {
    const char *name; /* of the function */
    const char *path; /* "/path?query" */
    const char *body; /* base64 */
    const char *type;
    const char *accept;
    const char *idempotency_key;
    const char *authorization; /* sealed: a token is nobody's to read */
    const char *client;        /* whose request it was, for the rate limit */
    const char *callback;
};
static const struct json_field call_fields[] = {
    JSON_STR(struct call, name, .required = true),
    JSON_STR(struct call, path, .required = true),
    JSON_STR(struct call, body, .required = true, .help = "base64"),
    JSON_STR(struct call, type, .one_line = true),
    JSON_STR(struct call, accept, .one_line = true),
    JSON_STR(struct call, idempotency_key, .one_line = true),
    JSON_STR(struct call, authorization, .help = "encrypted"),
    JSON_STR(struct call, client, .one_line = true),
    JSON_STR(struct call, callback),
    JSON_END
};
static const struct topic called_topic = { "async.called",
                                           "a function is to be called",
                                           call_fields };

struct answer {
    const char *name;
    const char *callback;
    int64_t status;
    int64_t us; /* how long the call took */
    const char *type;
    const char *body; /* base64 */
};
static const struct json_field answer_fields[] = {
    JSON_STR(struct answer, name, .required = true),
    JSON_STR(struct answer, callback, .required = true),
    JSON_INT(struct answer, status, .required = true),
    JSON_INT(struct answer, us, .required = true, .help = "microseconds"),
    JSON_STR(struct answer, type, .one_line = true),
    JSON_STR(struct answer, body, .required = true, .help = "base64"),
    JSON_END
};
static const struct topic answered_topic = {
    "async.answered", "a called function answered; the callback waits",
    answer_fields
};

static enum err say(struct req *r, const struct topic *topic, const char *id,
                    const char *call_id, const void *obj)
{
    struct buf data;

    buf_init(&data, r->arena);
    json_encode(&data, topic->fields, obj);
    return bus_publish(r, &(struct event){ .id = id,
                                           .type = topic->name,
                                           .key = call_id,
                                           .data = data.data,
                                           .data_len = data.len });
}

/* ---- callbacks ----------------------------------------------------------- */

/* Who may be called back; *ret_path is what is behind the origin. The shop's
 * own address is reached from inside, where its public name may not lead. */
static struct http_dest *callback_dest(struct req *r, const char *url,
                                       const char **ret_path)
{
    *ret_path = async_path_at(r->arena, url, public_url());
    if (*ret_path != NULL)
        return &gateway_dest;
    for (size_t i = 0; i < origin_count; i++) {
        *ret_path = async_path_at(r->arena, url, origins[i]);
        if (*ret_path != NULL)
            return &callback_dests[i];
    }
    return NULL;
}

static const char *seconds(struct req *r, int64_t us)
{
    return arena_printf(r->arena, "%lld.%06lld", (long long)(us / 1000000),
                        (long long)(us % 1000000));
}

/* Anything but a 2xx is tried again, and in the end a dead letter. */
static enum err on_answered(struct req *r, const struct event *e)
{
    struct answer in = { 0 };
    struct http_call c = { .method = "POST" };
    struct http_dest *dest;
    const char *headers[5] = { NULL };

    TRY(event_data(r, e, answer_fields, &in));
    dest = callback_dest(r, in.callback, &c.path);
    c.body = async_unbase64(r->arena, in.body, &c.body_len);
    if (dest == NULL || c.body == NULL)
        return fail(r, ERR_INVALID, "the callback is not acceptable");
    headers[0] = arena_printf(r->arena, "X-Call-Id: %s", e->key);
    headers[1] =
        arena_printf(r->arena, "X-Duration-Seconds: %s", seconds(r, in.us));
    headers[2] =
        arena_printf(r->arena, "X-Function-Status: %d", (int)in.status);
    headers[3] = arena_printf(r->arena, "X-Function-Name: %s", in.name);
    c.headers = headers;
    c.content_type = in.type != NULL ? in.type : "application/octet-stream";
    TRY(http_call(r, dest, &c));
    note_int(r, "status", c.status);
    return c.status >= 200 && c.status <= 299 ? OK : ERR_UPSTREAM;
}

/* ---- calls --------------------------------------------------------------- */

static void add_header(struct req *r, const char **headers, size_t *n,
                       const char *name, const char *value)
{
    if (value != NULL)
        headers[(*n)++] = arena_printf(r->arena, "%s: %s", name, value);
}

/* Not ready for it now, says the function, or the gateway for it. */
static bool come_again(int status)
{
    return status == 429 || status == 502 || status == 503 || status == 504;
}

static enum err call_function(struct req *r, const char *id,
                              const struct call *in, struct http_call *c)
{
    const char *headers[6] = { NULL };
    const char *token = NULL;
    size_t n = 0;

    *c = (struct http_call){ .method = "POST",
                             .headers = headers,
                             .content_type = in->type };
    c->body = async_unbase64(r->arena, in->body, &c->body_len);
    if (in->authorization != NULL)
        token = async_open(r->arena, async_key, in->authorization);
    if (c->body == NULL || (in->authorization != NULL && token == NULL))
        return fail(r, ERR_INVALID, "the call can not be read");
    c->path = arena_printf(r->arena, "/function/%s%s", in->name, in->path);
    add_header(r, headers, &n, "X-Call-Id", id);
    add_header(r, headers, &n, "Accept", in->accept);
    add_header(r, headers, &n, "Idempotency-Key", in->idempotency_key);
    add_header(r, headers, &n, "Authorization", token);
    add_header(r, headers, &n, "X-Forwarded-For", in->client);
    TRY(http_call(r, &gateway_dest, c));
    note_int(r, "status", c->status);
    return come_again(c->status) ? ERR_UPSTREAM : OK;
}

static enum err on_called(struct req *r, const struct event *e)
{
    int64_t start_us = clock_us();
    struct call in = { 0 };
    struct answer out = { 0 };
    struct http_call c;

    TRY(event_data(r, e, call_fields, &in));
    note_str(r, "callee", in.name);
    TRY(call_function(r, e->key, &in, &c));
    if (in.callback == NULL)
        return OK;
    out = (struct answer){ .name = in.name,
                           .callback = in.callback,
                           .status = c.status,
                           .us = clock_us() - start_us,
                           .type = c.reply_type };
    if (c.reply_len > ANSWER_MAX) {
        out.status = 502;
        out.type = NULL;
        c.reply_len = 0;
    }
    out.body = async_base64(r->arena, c.reply, c.reply_len);
    /* of the same name each time, so that a second one is dropped */
    return say(r, &answered_topic, arena_printf(r->arena, "%s/answer", e->key),
               e->key, &out);
}

/* ---- the request --------------------------------------------------------- */

static enum err read_call(struct req *r, struct call *ret)
{
    const char *authorization = req_header(r, "authorization");
    const char *path = req_header(r, "call-path");
    const char *ignored;
    size_t len;
    const char *body = req_body(r, &len);

    *ret = (struct call){ .name = req_param(r, "name"),
                          .path = path != NULL ? path : "/",
                          .body = async_base64(r->arena, body, len),
                          .type = req_header(r, "call-type"),
                          .accept = req_header(r, "call-accept"),
                          .idempotency_key = req_header(r, "idempotency-key"),
                          .client = req_header(r, "x-forwarded-for"),
                          .callback = req_header(r, "x-callback-url") };
    if (!async_name_ok(ret->name))
        return fail(r, ERR_NOT_FOUND, "no such function");
    if (!async_path_ok(r->arena, ret->path))
        return fail(r, ERR_BAD_PATH, "the path does not decode cleanly");
    if (ret->callback != NULL &&
        callback_dest(r, ret->callback, &ignored) == NULL)
        return fail(r, ERR_INVALID,
                    "X-Callback-Url must begin with the shop's own address or "
                    "one of CALLBACK_ORIGINS");
    if (authorization != NULL)
        ret->authorization = async_seal(r->arena, async_key, authorization);
    return OK;
}

static enum err submit(struct req *r)
{
    char id[ID_UUID_LEN + 1];
    long long start_ns = (long long)clock_wall_us() * 1000;
    struct call call;

    TRY(read_call(r, &call));
    id_uuid7(id);
    TRY(say(r, &called_topic, id, id, &call));
    note_str(r, "call", id);
    reply_header(r, "X-Call-Id", id);
    reply_header(r, "X-Start-Time", arena_printf(r->arena, "%lld", start_ns));
    return reply_empty(r, 202);
}

/* ---- tables -------------------------------------------------------------- */

static void refuse_origins(void)
{
    fprintf(stderr,
            "async: CALLBACK_ORIGINS must be at most %d of http://host:port "
            "or https://host:port, with commas\n",
            ORIGINS_MAX);
    exit(2);
}

/* Split CALLBACK_ORIGINS into destinations that live for ever. */
static void start(void)
{
    static char words[ORIGINS_MAX * ORIGIN_BYTES];
    char *rest = words, *word;

    if (strlen(callback_origins) >= sizeof(words))
        refuse_origins();
    memcpy(words, callback_origins, strlen(callback_origins));
    while ((word = strsep(&rest, ",")) != NULL) {
        if (word[0] == '\0')
            continue;
        if (!async_origin_ok(word) || origin_count == ORIGINS_MAX)
            refuse_origins();
        origins[origin_count] = word;
        callback_dests[origin_count] =
            (struct http_dest){ .name = "callback",
                                .url = &origins[origin_count],
                                .timeout_ms = CALLBACK_MS };
        origin_count++;
    }
}

static const struct route routes[] = {
    { POST, "/async-function/{name}", submit, "call a function later",
      .max_body = BODY_MAX, .timeout_ms = 10000,
      .consumes = "application/octet-stream", .status = 202,
      .headers_in = "X-Callback-Url", .internal_doc = true },
    { 0 }
};

static const struct cfg_field config[] = {
    CFG_STR("GATEWAY_URL", &gateway_url, "http://gateway",
            "where the gateway answers"),
    CFG_STR("CALLBACK_ORIGINS", &callback_origins, "",
            "who may be called back besides the shop itself: "
            "https://host:port, with commas"),
    CFG_SECRET("ASYNC_KEY", &async_key, NULL,
               "encrypts a call's Authorization while it is on the bus"),
    { 0 }
};

static const struct topic *const emits[] = { &called_topic, &answered_topic,
                                             NULL };

static const struct subscription subs[] = {
    { &called_topic, on_called, "call the function" },
    { &answered_topic, on_answered, "post the answer to the callback" },
    { 0 }
};

static struct http_dest *const calls[] = { &gateway_dest, NULL };

static const struct function async = { .name = "async",
                                       .help = "calls that are made later",
                                       .routes = routes,
                                       .config = config,
                                       .uses = USES_BUS,
                                       .emits = emits,
                                       .subs = subs,
                                       .calls = calls,
                                       .start = start };
FN_MAIN(async)
