/* payment_gateway - see payment_gateway.h. */
#include "payment/payment_gateway.h"

const char *gateway_api_base;
const char *gateway_api_key;

/* Two bulkheads: polling can't take the places of shoppers who wait. */
struct http_dest gateway_now = { .name = "gateway",
                                 .url = &gateway_api_base,
                                 .max_inflight = 2000,
                                 .timeout_ms = 1800 };
struct http_dest gateway_later = { .name = "gateway_later",
                                   .url = &gateway_api_base,
                                   .max_inflight = 32,
                                   .timeout_ms = 15000 };

const struct json_field gateway_session_fields[] = {
    JSON_STR(struct gateway_session, id, .required = true),
    JSON_STR(struct gateway_session, url),
    JSON_STR(struct gateway_session, status),
    JSON_STR(struct gateway_session, payment_status),
    JSON_STR(struct gateway_session, payment_intent),
    JSON_STR(struct gateway_session, client_reference_id),
    JSON_INT(struct gateway_session, amount_total),
    JSON_STR(struct gateway_session, currency),
    JSON_END
};

static const struct json_field refund_fields[] = {
    JSON_STR(struct gateway_refund, id, .required = true),
    JSON_STR(struct gateway_refund, status, .required = true), JSON_END
};

/* name=value in application/x-www-form-urlencoded, as Stripe takes it. */
static void form_str(struct buf *b, const char *name, const char *value)
{
    if (b->len)
        buf_char(b, '&');
    url_encode(b, name);
    buf_char(b, '=');
    url_encode(b, value);
}

static void form_int(struct buf *b, const char *name, int64_t value)
{
    if (b->len)
        buf_char(b, '&');
    url_encode(b, name);
    buf_char(b, '=');
    buf_int(b, value);
}

static enum err outcome(struct req *r, enum err e, const struct http_call *c)
{
    if (e != OK)
        return e;
    if (c->status >= 200 && c->status < 300)
        return OK;
    detail(r, "gateway answered %d", c->status);
    /* 409: a twin with the same key is running there; 429: too fast; 401 and
     * 403: our key is wrong, which is no order's fault. Nothing was done. */
    if (c->status == 409 || c->status == 429 || c->status == 401 ||
        c->status == 403)
        return ERR_UNAVAILABLE;
    return c->status < 500 ? ERR_CONFLICT : ERR_UNCERTAIN;
}

static enum err call(struct req *r, struct http_dest *d, struct http_call *c,
                     const char *idempotency_key,
                     const struct json_field *fields, void *ret,
                     struct gateway_trace *t)
{
    const char *headers[4] = {
        arena_printf(r->arena, "Authorization: Bearer %s", gateway_api_key),
        "Stripe-Version: " STRIPE_VERSION, NULL, NULL
    };

    if (idempotency_key)
        headers[2] =
            arena_printf(r->arena, "Idempotency-Key: %s", idempotency_key);
    c->headers = headers;
    if (c->body)
        c->content_type = "application/x-www-form-urlencoded";
    *t = (struct gateway_trace){ 0 };
    enum err e = http_call(r, d, c);
    if (e == OK)
        *t = (struct gateway_trace){ c->status, c->reply_request_id };
    TRY(outcome(r, e, c));
    struct json_errors errs = { 0 };
    if (json_decode(r->arena, c->reply, c->reply_len, fields, JSON_LENIENT, ret,
                    &errs) != OK) {
        detail(r, "gateway answered something else than its API says");
        return ERR_UNCERTAIN;
    }
    return OK;
}

struct gateway_error {
    const char *code;
};
struct gateway_problem {
    struct gateway_error *error;
};
static const struct json_field error_fields[] = {
    JSON_STR(struct gateway_error, code), JSON_END
};
static const struct json_field problem_fields[] = {
    JSON_OBJ(struct gateway_problem, error, struct gateway_error, error_fields),
    JSON_END
};

/* The money is back already (an answer that was lost for longer than the key is
 * kept, or staff did it at the gateway): that is what was asked for. */
static bool refunded_before(struct req *r, const struct http_call *c)
{
    struct gateway_problem p = { 0 };
    struct json_errors errs = { 0 };

    return c->status == 400 &&
           json_decode(r->arena, c->reply, c->reply_len, problem_fields,
                       JSON_LENIENT, &p, &errs) == OK &&
           p.error && p.error->code &&
           !strcmp(p.error->code, "charge_already_refunded");
}

static void add_lines(struct buf *b, struct arena *a,
                      const struct gateway_page *page)
{
    for (size_t i = 0; i < page->line_count; i++) {
        const struct order_line *l = &page->lines[i];
        const char *at = arena_printf(a, "line_items[%zu]", i);

        form_int(b, arena_printf(a, "%s[quantity]", at), l->quantity);
        form_str(b, arena_printf(a, "%s[price_data][currency]", at),
                 page->currency);
        form_int(b, arena_printf(a, "%s[price_data][unit_amount]", at),
                 l->unit_price);
        form_str(b, arena_printf(a, "%s[price_data][product_data][name]", at),
                 l->name);
    }
}

enum err gateway_open(struct req *r, struct http_dest *d,
                      const struct gateway_page *page,
                      struct gateway_session *ret, struct gateway_trace *t)
{
    struct arena *a = r->arena;
    const char *back =
        arena_printf(a, "%s/order.html?id=%s", public_url(), page->order_id);
    struct buf b;

    buf_init(&b, a);
    form_str(&b, "mode", "payment");
    form_str(&b, "client_reference_id", page->order_id);
    form_str(&b, "metadata[order_id]", page->order_id);
    form_str(&b, "payment_intent_data[metadata][order_id]", page->order_id);
    form_str(&b, "success_url", back);
    form_str(&b, "cancel_url", arena_printf(a, "%s&cancelled=1", back));
    form_int(&b, "expires_at", page->expires_at_s);
    add_lines(&b, a, page);
    struct http_call c = { .method = "POST",
                           .path = "/v1/checkout/sessions",
                           .body = b.data,
                           .body_len = b.len };
    return call(r, d, &c, arena_printf(a, "%s-page", page->order_id),
                gateway_session_fields, ret, t);
}

enum err gateway_retrieve(struct req *r, const char *session_id,
                          struct gateway_session *ret, struct gateway_trace *t)
{
    struct http_call c = {
        .method = "GET",
        .path = arena_printf(r->arena, "/v1/checkout/sessions/%s", session_id)
    };

    return call(r, &gateway_later, &c, NULL, gateway_session_fields, ret, t);
}

enum err gateway_expire(struct req *r, const char *session_id,
                        struct gateway_session *ret, struct gateway_trace *t)
{
    struct http_call c = {
        .method = "POST",
        .path = arena_printf(r->arena, "/v1/checkout/sessions/%s/expire",
                             session_id),
        .body = "",
    };

    return call(r, &gateway_later, &c, NULL, gateway_session_fields, ret, t);
}

enum err gateway_refund(struct req *r, const char *order_id,
                        const char *payment_intent, struct gateway_refund *ret,
                        struct gateway_trace *t)
{
    struct buf b;

    buf_init(&b, r->arena);
    form_str(&b, "payment_intent", payment_intent);
    form_str(&b, "metadata[order_id]", order_id);
    struct http_call c = { .method = "POST",
                           .path = "/v1/refunds",
                           .body = b.data,
                           .body_len = b.len };
    enum err e = call(r, &gateway_later, &c,
                      arena_printf(r->arena, "%s-refund", order_id),
                      refund_fields, ret, t);
    if (e == ERR_CONFLICT && refunded_before(r, &c)) {
        *ret = (struct gateway_refund){ .status = "succeeded" };
        return OK;
    }
    return e;
}

enum err gateway_refund_retrieve(struct req *r, const char *refund_id,
                                 struct gateway_refund *ret,
                                 struct gateway_trace *t)
{
    struct http_call c = { .method = "GET",
                           .path = arena_printf(r->arena, "/v1/refunds/%s",
                                                refund_id) };

    return call(r, &gateway_later, &c, NULL, refund_fields, ret, t);
}
