/* problem - errors as application/problem+json (RFC 9457). */
#include "run/exchange.h"

#define PROBLEM_BASE "https://bodega.example/problems/"

static void add_member(struct buf *b, const char *name, const char *value)
{
    buf_printf(b, ",\"%s\":", name);
    json_quote(b, value);
}

static void add_errors(struct buf *b, const struct json_errors *errs)
{
    if (errs->count == 0)
        return;
    buf_str(b, ",\"errors\":[");
    for (size_t i = 0; i < errs->count; i++) {
        buf_str(b, i == 0 ? "{\"pointer\":" : ",{\"pointer\":");
        json_quote(b, errs->at[i].pointer);
        buf_str(b, ",\"detail\":");
        json_quote(b, errs->at[i].detail);
        buf_char(b, '}');
    }
    buf_char(b, ']');
}

static void add_headers(struct http_exchange *x, int status)
{
    struct req *r = &x->r;
    int after_s = r->retry_after_s;

    if (status == 405 && x->allow != NULL)
        reply_header(r, "Allow", x->allow);
    if (status == 401)
        reply_header(r, "WWW-Authenticate", "Bearer realm=\"bodega\"");
    if (after_s == 0 && (status == 503 || status == 429))
        after_s = 1;
    if (after_s > 0)
        reply_header(r, "Retry-After", arena_printf(r->arena, "%d", after_s));
}

void problem_json(const struct req *r, enum err e, struct buf *out)
{
    const struct err_info *info = err_info(e);

    buf_printf(out, "{\"type\":\"" PROBLEM_BASE "%s\"", info->slug);
    add_member(out, "title", info->title);
    buf_printf(out, ",\"status\":%d", info->status);
    add_member(out, "detail", r->detail == NULL ? info->title : r->detail);
    add_member(out, "instance", r->trace.trace_id);
    add_member(out, "code", info->slug);
    add_errors(out, &r->errors);
    buf_char(out, '}');
}

void problem_reply(struct http_exchange *x, enum err e)
{
    struct req *r = &x->r;
    struct buf b;

    /* What the handler set was meant for its own answer. */
    x->headers = (struct buf){ 0 };
    x->own_cache_control = false;
    x->status = 0;
    add_headers(x, err_info(e)->status);
    buf_init(&b, r->arena);
    problem_json(r, e, &b);
    x->status = err_info(e)->status;
    x->content_type = "application/problem+json";
    x->reply = b.data;
    x->reply_len = b.len;
}
