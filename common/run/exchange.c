/* exchange - reading the request and writing the answer; see fn.h. */
#include <assert.h>
#include <strings.h>
#include "run/conn.h"
#include "run/exchange.h"

/* One block holds the exchange, a usual head and a small answer. */
#define ARENA_FIRST_BYTES ((size_t)12 * 1024)
#define ARENAS_KEPT       64

static struct arena *arenas[ARENAS_KEPT];
static size_t arena_count;
static size_t exchanges;

static struct arena *arena_take(void)
{
    return arena_count > 0 ? arenas[--arena_count]
                           : arena_new(ARENA_FIRST_BYTES);
}

static void arena_give(struct arena *a)
{
    if (arena_count == ARENAS_KEPT) {
        arena_free(a);
        return;
    }
    arena_reset(a);
    arenas[arena_count++] = a;
}

struct http_exchange *exchange_new(struct conn *c)
{
    struct arena *a = arena_take();
    struct http_exchange *x = arena_alloc(a, sizeof(*x));

    x->magic = EXCHANGE_MAGIC;
    x->conn = c;
    x->r.arena = a;
    x->start_us = clock_us();
    x->start_wall_us = clock_wall_us();
    http1_head_init(&x->head, a);
    exchanges++;
    return x;
}

void exchange_free(struct http_exchange *x)
{
    struct arena *a = x->r.arena;

    assert(x->magic == EXCHANGE_MAGIC && exchanges > 0);
    http1_body_release(&x->body);
    exchanges--;
    arena_give(a);
}

size_t exchange_count(void)
{
    return exchanges;
}

static struct http_exchange *exchange_of(const struct req *r)
{
    assert(r->magic == REQ_MAGIC && r->http != NULL);
    assert(r->http->magic == EXCHANGE_MAGIC);
    return r->http;
}

const char *req_param(const struct req *r, const char *name)
{
    const struct http_exchange *x = exchange_of(r);

    for (size_t i = 0; i < ROUTE_PARAMS_MAX; i++) {
        if (x->param_names[i] != NULL && strcmp(x->param_names[i], name) == 0)
            return x->params[i];
    }
    assert(!"a parameter that is not in the route's path");
    return "";
}

const char *req_query(const struct req *r, const char *name)
{
    const struct http_exchange *x = exchange_of(r);

    return x->query == NULL ? NULL : url_query_get(x->query, name);
}

int64_t req_query_int(const struct req *r, const char *name, int64_t absent)
{
    const char *s = req_query(r, name);

    /* dispatch has checked it against the route's table */
    return s == NULL ? absent : strtoll(s, NULL, 10);
}

const char *req_header(const struct req *r, const char *name)
{
    const struct http_exchange *x = exchange_of(r);
    const char *first = http1_field(&x->head, name, 0);
    const char *more;
    struct buf all;

    if (first == NULL || http1_field(&x->head, name, 1) == NULL)
        return first;
    buf_init(&all, r->arena);
    buf_str(&all, first);
    for (size_t i = 1; (more = http1_field(&x->head, name, i)) != NULL; i++) {
        buf_str(&all, ", ");
        buf_str(&all, more);
    }
    return all.data;
}

const char *req_body(const struct req *r, size_t *ret_len)
{
    const struct http_exchange *x = exchange_of(r);

    if (ret_len != NULL)
        *ret_len = x->body.len;
    return x->body.data == NULL ? "" : x->body.data;
}

const char *req_bearer(const struct req *r)
{
    const char *s = http1_field(&exchange_of(r)->head, "authorization", 0);

    if (s == NULL || strncasecmp(s, "Bearer ", 7) != 0)
        return NULL;
    s += 7;
    while (*s == ' ')
        s++;
    return *s == '\0' ? NULL : s;
}

enum err req_json(struct req *r, const struct json_field *fields, void *out)
{
    size_t len;
    const char *text = req_body(r, &len);
    enum err e =
        json_decode(r->arena, text, len, fields, JSON_STRICT, out, &r->errors);

    if (e == ERR_BAD_JSON && r->detail == NULL)
        return fail(r, e, "%s",
                    len == 0 ? "a JSON body is required"
                             : "the body is not valid JSON");
    return e;
}

/* ---- the answer -------------------------------------------------------- */

static enum err set_reply(struct http_exchange *x, int status,
                          const char *content_type, const char *body,
                          size_t len)
{
    assert(x->status == 0 && "one answer per request");
    assert(status >= 200 && status <= 599);
    x->status = status;
    x->content_type = content_type;
    x->reply = body;
    x->reply_len = len;
    return OK;
}

enum err reply_json(struct req *r, int status, const struct json_field *fields,
                    const void *obj)
{
    struct buf b;

    buf_init(&b, r->arena);
    json_encode(&b, fields, obj);
    return set_reply(exchange_of(r), status, "application/json", b.data, b.len);
}

enum err reply_bytes(struct req *r, int status, const char *content_type,
                     const char *body, size_t len)
{
    return set_reply(exchange_of(r), status,
                     arena_strdup(r->arena, content_type),
                     arena_memdup(r->arena, body, len), len);
}

enum err reply_empty(struct req *r, int status)
{
    return set_reply(exchange_of(r), status, NULL, "", 0);
}

static bool header_safe(const char *name, const char *value)
{
    for (const char *p = name; *p != '\0'; p++) {
        if (!http1_is_token((unsigned char)*p))
            return false;
    }
    for (const char *p = value; *p != '\0'; p++) {
        if (((unsigned char)*p < ' ' && *p != '\t') || *p == 0x7f)
            return false;
    }
    return *name != '\0';
}

void reply_header(struct req *r, const char *name, const char *value)
{
    struct http_exchange *x = exchange_of(r);

    assert(x->status == 0 && header_safe(name, value));
    if (x->headers.data == NULL)
        buf_init(&x->headers, r->arena);
    if (strcasecmp(name, "cache-control") == 0)
        x->own_cache_control = true;
    buf_str(&x->headers, name);
    buf_str(&x->headers, ": ");
    buf_str(&x->headers, value);
    buf_str(&x->headers, "\r\n");
}

/* If-None-Match is "*" or a list of tags, compared weakly (RFC 9110 section
 * 13.1.2). Our tags hold no comma and no quote. */
static bool none_match_has(const char *list, const char *etag)
{
    size_t n = strlen(etag);

    for (const char *p = list; *p != '\0';) {
        size_t len;

        p += strspn(p, " \t,");
        len = strcspn(p, " \t,");
        if (len == 1 && *p == '*')
            return true;
        if (len > 2 && strncmp(p, "W/", 2) == 0) {
            p += 2;
            len -= 2;
        }
        if (len == n && strncmp(p, etag, n) == 0)
            return true;
        p += len;
    }
    return false;
}

enum err reply_cached(struct req *r, const struct json_field *fields,
                      const void *obj, int max_age_s)
{
    struct http_exchange *x = exchange_of(r);
    const char *known = req_header(r, "if-none-match");
    char mark[ID_MARK_LEN + 1];
    const char *etag;
    struct buf b;

    buf_init(&b, r->arena);
    json_encode(&b, fields, obj);
    id_mark_hex(b.data, b.len, mark);
    etag = arena_printf(r->arena, "\"%s\"", mark);
    reply_header(r, "ETag", etag);
    reply_header(r, "Cache-Control",
                 arena_printf(r->arena, "public, max-age=%d", max_age_s));
    if (known != NULL && none_match_has(known, etag))
        return set_reply(x, 304, NULL, "", 0);
    return set_reply(x, 200, "application/json", b.data, b.len);
}
