/* answer - the head of an answer as bytes (RFC 9112 section 4). */
#include "run/exchange.h"

/* IMF-fixdate (RFC 9110 section 5.6.7), made once a second. */
static const char *http_date(void)
{
    static char text[32];
    static time_t made;
    time_t now = (time_t)(clock_wall_us() / 1000000);
    struct tm tm;

    if (now != made) {
        gmtime_r(&now, &tm);
        (void)strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &tm);
        made = now;
    }
    return text;
}

static const char *reason(int status)
{
    static const struct {
        int status;
        const char *text;
    } reasons[] = { { 200, "OK" },
                    { 201, "Created" },
                    { 202, "Accepted" },
                    { 204, "No Content" },
                    { 303, "See Other" },
                    { 304, "Not Modified" },
                    { 400, "Bad Request" },
                    { 401, "Unauthorized" },
                    { 403, "Forbidden" },
                    { 404, "Not Found" },
                    { 405, "Method Not Allowed" },
                    { 406, "Not Acceptable" },
                    { 408, "Request Timeout" },
                    { 409, "Conflict" },
                    { 413, "Content Too Large" },
                    { 414, "URI Too Long" },
                    { 415, "Unsupported Media Type" },
                    { 417, "Expectation Failed" },
                    { 422, "Unprocessable Content" },
                    { 429, "Too Many Requests" },
                    { 431, "Request Header Fields Too Large" },
                    { 500, "Internal Server Error" },
                    { 501, "Not Implemented" },
                    { 502, "Bad Gateway" },
                    { 503, "Service Unavailable" },
                    { 504, "Gateway Timeout" },
                    { 505, "HTTP Version Not Supported" } };

    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (reasons[i].status == status)
            return reasons[i].text;
    }
    return "";
}

static void field(struct buf *b, const char *name, const char *value)
{
    buf_str(b, name);
    buf_str(b, value);
    buf_str(b, "\r\n");
}

void answer_head(struct buf *b, const struct http_exchange *x, bool close)
{
    buf_str(b, "HTTP/1.1 ");
    buf_int(b, x->status);
    buf_char(b, ' ');
    buf_str(b, reason(x->status));
    field(b, "\r\nDate: ", http_date());
    if (x->content_type != NULL)
        field(b, "Content-Type: ", x->content_type);
    if (x->streaming) {
        if (!x->head.http_1_0)
            buf_str(b, "Transfer-Encoding: chunked\r\n");
    } else if (x->status != 204 && x->status != 304) {
        buf_str(b, "Content-Length: ");
        buf_int(b, (int64_t)x->reply_len);
        buf_str(b, "\r\n");
    }
    if (!x->own_cache_control)
        buf_str(b, "Cache-Control: no-store\r\n");
    buf_str(b, "X-Content-Type-Options: nosniff\r\n");
    field(b, "Request-Id: ", x->r.trace.trace_id);
    if (x->headers.data != NULL)
        buf_add(b, x->headers.data, x->headers.len);
    if (close)
        buf_str(b, "Connection: close\r\n");
    else if (x->head.http_1_0)
        buf_str(b, "Connection: keep-alive\r\n");
    buf_str(b, "\r\n");
}
