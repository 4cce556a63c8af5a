/* stream - answers without an end, for server-sent events; see fn.h. */
#include <assert.h>
#include "run/conn.h"
#include "run/exchange.h"

/* What one step of a stream may wait for its database, since a stream has no
 * deadline of its own. */
#define STEP_US ((int64_t)30 * 1000000)
/* A stream ends after this and its client comes again (EventSource does so by
 * itself): what its handler allocates lives as long as it does. */
#define STREAM_US ((int64_t)600 * 1000000)

bool http_stream_alive(const struct req *r)
{
    return r->http->conn != NULL && !runtime.draining &&
           clock_us() < r->http->start_us + STREAM_US;
}

enum err http_stream(struct req *r, const char *content_type)
{
    struct http_exchange *x = r->http;

    assert(x->status == 0 && x->route->stream);
    if (!http_stream_alive(r))
        return ERR_UNAVAILABLE;
    x->status = 200;
    x->content_type = arena_strdup(r->arena, content_type);
    x->reply = "";
    x->streaming = true;
    r->deadline_us = clock_us() + STEP_US;
    conn_stream_begin(x->conn, x);
    return x->conn == NULL ? ERR_UNAVAILABLE : OK;
}

enum err http_stream_send(struct req *r, const char *data, size_t len)
{
    struct http_exchange *x = r->http;

    assert(x->streaming);
    r->deadline_us = clock_us() + STEP_US;
    if (len == 0)
        return http_stream_alive(r) ? OK : ERR_UNAVAILABLE;
    if (!http_stream_alive(r) || x->is_head ||
        !conn_stream_send(x, data, len) || runtime.draining)
        return ERR_UNAVAILABLE;
    return OK;
}

bool draining(void)
{
    return runtime.draining;
}

const char *public_url(void)
{
    return runtime.public_url;
}
