/* http1 - the request head; see http1.h. Bytes are judged one by one as they
 * come, lines when they are complete. */
#include <assert.h>
#include <ctype.h>
#include <strings.h>
#include "run/http1.h"

/* Longest request line looked at: a target of HTTP1_TARGET_MAX and room for
 * the longest method and the version. */
#define LINE_MAX_BYTES (HTTP1_TARGET_MAX + 64)

static enum http1_result bad(struct http1_head *h, enum err e, const char *why)
{
    h->error = e;
    h->why = why;
    return HTTP1_BAD;
}

static enum http1_result malformed(struct http1_head *h, const char *why)
{
    return bad(h, ERR_MALFORMED, why);
}

bool http1_is_token(unsigned char c)
{
    if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
        (c >= 'A' && c <= 'Z') || c == '-')
        return true;
    return c != '\0' && strchr("!#$%&'*+.^_`|~", c) != NULL;
}

static bool is_token(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (!http1_is_token((unsigned char)s[i]))
            return false;
    }
    return len > 0;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

void http1_head_init(struct http1_head *h, struct arena *a)
{
    *h = (struct http1_head){ .content_length = -1 };
    buf_init(&h->raw, a);
}

/* ---- request line (RFC 9112 section 3) ------------------------------- */

static enum http1_result check_version(struct http1_head *h, const char *v,
                                       size_t len)
{
    if (len != 8 || memcmp(v, "HTTP/", 5) != 0 || !is_digit(v[5]) ||
        v[6] != '.' || !is_digit(v[7]))
        return malformed(h, "the request line is not well-formed");
    if (v[5] != '1')
        return bad(h, ERR_HTTP_VERSION, "only HTTP/1.1 is spoken here");
    h->http_1_0 = v[7] == '0';
    h->keep_alive = !h->http_1_0;
    return HTTP1_MORE;
}

static bool method_known(const char *m)
{
    static const char *const known[] = {
        "GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"
    };

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(m, known[i]) == 0)
            return true;
    }
    return false;
}

static bool target_bytes_ok(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (s[i] <= ' ' || s[i] > '~' || s[i] == '#')
            return false;
    }
    return len > 0;
}

static enum http1_result request_line(struct http1_head *h, char *s, size_t len)
{
    char *sp1 = memchr(s, ' ', len);
    char *sp2 = s + len;
    size_t target_len;

    while (sp2 > s && *sp2 != ' ')
        sp2--;
    if (sp1 == NULL || sp1 == sp2 || !is_token(s, (size_t)(sp1 - s)))
        return malformed(h, "the request line is not well-formed");
    target_len = (size_t)(sp2 - sp1 - 1);
    if (check_version(h, sp2 + 1, len - (size_t)(sp2 + 1 - s)) == HTTP1_BAD)
        return HTTP1_BAD;
    if (!target_bytes_ok(sp1 + 1, target_len))
        return malformed(h, "the request target is not well-formed");
    if (target_len > HTTP1_TARGET_MAX)
        return bad(h, ERR_URI_TOO_LONG, "the target exceeds 8,000 bytes");
    *sp1 = '\0';
    *sp2 = '\0';
    if (!method_known(s))
        return bad(h, ERR_NOT_IMPLEMENTED, "this method is not known here");
    h->request_line_done = true;
    return HTTP1_MORE;
}

/* ---- field lines (RFC 9112 section 5) --------------------------------- */

static enum http1_result field_line(struct http1_head *h, char *s, size_t len)
{
    char *colon = memchr(s, ':', len);
    char *value;
    char *end = s + len;

    if (s[0] == ' ' || s[0] == '\t')
        return malformed(h, "folded field lines are not accepted");
    if (colon == NULL || !is_token(s, (size_t)(colon - s)))
        return malformed(h, "a field line is not well-formed");
    if (h->field_count == HTTP1_FIELDS_MAX)
        return bad(h, ERR_HEAD_TOO_LARGE, "more than 100 field lines");
    for (char *p = s; p < colon; p++) {
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p - 'A' + 'a');
    }
    value = colon + 1;
    while (value < end && (*value == ' ' || *value == '\t'))
        value++;
    while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    *colon = '\0';
    *end = '\0'; /* at the latest on the CR */
    h->fields[h->field_count++] = (struct http1_field){
        .name = (uint16_t)(s - h->raw.data),
        .value = (uint16_t)(value - h->raw.data),
    };
    return HTTP1_MORE;
}

const char *http1_field(const struct http1_head *h, const char *name, size_t n)
{
    for (size_t i = 0; i < h->field_count; i++) {
        if (strcmp(h->raw.data + h->fields[i].name, name) != 0)
            continue;
        if (n-- == 0)
            return h->raw.data + h->fields[i].value;
    }
    return NULL;
}

/* ---- what the fields say together -------------------------------------- */

/* uri-host [":" port] without userinfo (RFC 3986 section 3.2.2); empty is
 * refused: no resource here has an empty authority. */
static bool host_ok(const char *s)
{
    const char *p = s;

    if (*p == '[') {
        p++;
        while (*p != '\0' &&
               (isxdigit((unsigned char)*p) || *p == ':' || *p == '.'))
            p++;
        if (*p++ != ']')
            return false;
    } else {
        while (*p != '\0' && (isalnum((unsigned char)*p) ||
                              strchr("-._~%!$&'()*+;=", *p) != NULL))
            p++;
        if (p == s)
            return false;
    }
    if (*p != ':')
        return *p == '\0';
    p++;
    return strspn(p, "0123456789") == strlen(p) && strlen(p) <= 5;
}

static enum http1_result check_host(struct http1_head *h)
{
    h->host = http1_field(h, "host", 0);
    if (h->host == NULL)
        return h->http_1_0 ? HTTP1_MORE
                           : malformed(h, "the Host field is missing");
    if (http1_field(h, "host", 1) != NULL)
        return malformed(h, "more than one Host field");
    if (!host_ok(h->host))
        return malformed(h, "the Host field is not well-formed");
    return HTTP1_MORE;
}

/* An absolute-form target must name the host of the Host field; from then on
 * only its path counts (RFC 9112 section 3.2.2). */
static enum http1_result check_target(struct http1_head *h)
{
    const char *t = h->target;
    const char *path;
    size_t len;

    if (t[0] == '/')
        return HTTP1_MORE;
    if (strcmp(t, "*") == 0 && strcmp(h->method, "OPTIONS") == 0)
        return HTTP1_MORE;
    if (strncasecmp(t, "http://", 7) == 0)
        t += 7;
    else if (strncasecmp(t, "https://", 8) == 0)
        t += 8;
    else
        return malformed(h, "the request target is not well-formed");
    len = strcspn(t, "/?");
    if (h->host == NULL || strlen(h->host) != len ||
        strncasecmp(t, h->host, len) != 0)
        return malformed(h, "target and Host name different hosts");
    path = t + len;
    if (*path == '?')
        return malformed(h, "the request target has no path");
    h->target = *path == '\0' ? "/" : path;
    return HTTP1_MORE;
}

static enum http1_result check_length(struct http1_head *h)
{
    const char *s = http1_field(h, "content-length", 0);
    int64_t n = 0;

    if (s == NULL)
        return HTTP1_MORE;
    if (http1_field(h, "content-length", 1) != NULL)
        return malformed(h, "more than one Content-Length field");
    if (*s == '\0')
        return malformed(h, "the Content-Length field is not a number");
    for (; *s != '\0'; s++) {
        if (!is_digit(*s) || __builtin_mul_overflow(n, (int64_t)10, &n) ||
            __builtin_add_overflow(n, (int64_t)(*s - '0'), &n))
            return malformed(h, "the Content-Length field is not a number");
    }
    h->content_length = n;
    return HTTP1_MORE;
}

static enum http1_result check_coding(struct http1_head *h)
{
    const char *s = http1_field(h, "transfer-encoding", 0);

    if (s == NULL)
        return HTTP1_MORE;
    if (h->http_1_0)
        return malformed(h, "Transfer-Encoding in HTTP/1.0");
    if (h->content_length >= 0)
        return malformed(h, "both Content-Length and Transfer-Encoding");
    if (http1_field(h, "transfer-encoding", 1) != NULL)
        return malformed(h, "more than one Transfer-Encoding field");
    if (strcasecmp(s, "chunked") == 0) {
        h->chunked = true;
        return HTTP1_MORE;
    }
    if (strcasecmp(s, "identity") != 0 && is_token(s, strlen(s)))
        return bad(h, ERR_NOT_IMPLEMENTED,
                   "this transfer coding is not known here");
    return malformed(h, "the only transfer coding accepted is chunked");
}

/* True when the comma-separated list has this element, whatever its case. */
static bool list_has(const char *list, const char *word)
{
    size_t n = strlen(word);

    while (*list != '\0') {
        size_t len;

        list += strspn(list, ", \t");
        len = strcspn(list, ", \t");
        if (len == n && strncasecmp(list, word, n) == 0)
            return true;
        list += len;
    }
    return false;
}

static void read_connection(struct http1_head *h)
{
    const char *s;

    for (size_t i = 0; (s = http1_field(h, "connection", i)) != NULL; i++) {
        if (h->http_1_0 && list_has(s, "keep-alive"))
            h->keep_alive = true;
    }
    for (size_t i = 0; (s = http1_field(h, "connection", i)) != NULL; i++) {
        if (list_has(s, "close"))
            h->keep_alive = false;
    }
}

static void read_expect(struct http1_head *h)
{
    const char *s;

    /* RFC 9110 section 10.1.1: ignored from an HTTP/1.0 client. */
    for (size_t i = 0; !h->http_1_0; i++) {
        s = http1_field(h, "expect", i);
        if (s == NULL)
            return;
        if (strcasecmp(s, "100-continue") == 0)
            h->expect_continue = true;
        else
            h->expect_unknown = true;
    }
}

static enum http1_result finish(struct http1_head *h)
{
    static enum http1_result (*const checks[])(struct http1_head *) = {
        check_host, check_target, check_length, check_coding
    };

    h->method = h->raw.data;
    h->target = h->method + strlen(h->method) + 1;
    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
        if (checks[i](h) == HTTP1_BAD)
            return HTTP1_BAD;
    }
    read_connection(h);
    read_expect(h);
    return HTTP1_DONE;
}

/* ---- bytes to lines ------------------------------------------------------ */

/* A line without its CR LF stands at raw.data + h->line. */
static enum http1_result end_of_line(struct http1_head *h)
{
    char *s = h->raw.data + h->line;
    size_t len = h->raw.len - 2 - h->line;
    enum http1_result result = HTTP1_MORE;

    if (!h->request_line_done && len == 0) {
        /* RFC 9112 section 2.2: one empty line before it is forgiven. */
        if (h->skipped_empty)
            return malformed(h, "the request line is missing");
        h->skipped_empty = true;
        h->raw.len = 0;
        return HTTP1_MORE;
    }
    if (!h->request_line_done) {
        result = request_line(h, s, len);
        h->fields_start = h->raw.len;
    } else if (len == 0) {
        return finish(h);
    } else {
        result = field_line(h, s, len);
    }
    h->line = h->raw.len;
    return result;
}

/* Where raw may not grow to: one byte past its limit. */
static size_t size_limit(const struct http1_head *h)
{
    return h->request_line_done ? h->fields_start + HTTP1_FIELDS_BYTES + 1
                                : LINE_MAX_BYTES + 1;
}

static enum http1_result check_size(struct http1_head *h)
{
    if (h->raw.len < size_limit(h))
        return HTTP1_MORE;
    if (h->request_line_done)
        return bad(h, ERR_HEAD_TOO_LARGE, "the field lines exceed 16 KiB");
    if (memchr(h->raw.data, ' ', 32) == NULL)
        return malformed(h, "the request line is not well-formed");
    return bad(h, ERR_URI_TOO_LONG, "the target exceeds 8,000 bytes");
}

static enum http1_result check_byte(struct http1_head *h, unsigned char c)
{
    if (h->saw_cr != (c == '\n'))
        return malformed(h, "a line does not end with CR LF");
    if ((c < ' ' && c != '\t' && c != '\r' && c != '\n') || c == 0x7f)
        return malformed(h, "a control byte in the head");
    return HTTP1_MORE;
}

/* Bytes that need no look of their own, as many as still fit. */
static size_t plain_run(const struct http1_head *h, const char *s, size_t len)
{
    size_t room = size_limit(h) - h->raw.len;
    size_t most = len < room ? len : room;
    size_t n = 0;

    if (h->saw_cr)
        return 0;
    while (n < most && (unsigned char)s[n] >= ' ' && s[n] != 0x7f)
        n++;
    return n;
}

enum http1_result http1_head_feed(struct http1_head *h, const char *data,
                                  size_t len, size_t *ret_used)
{
    enum http1_result result = HTTP1_MORE;
    size_t i = 0;

    assert(h->error == OK);
    while (i < len && result == HTTP1_MORE) {
        size_t run = plain_run(h, data + i, len - i);
        char c = data[i];

        if (run == 0) {
            result = check_byte(h, (unsigned char)c);
            h->saw_cr = c == '\r';
            run = 1;
        } else {
            c = ' ';
        }
        if (result == HTTP1_MORE) {
            buf_add(&h->raw, data + i, run);
            result = check_size(h);
        }
        if (result == HTTP1_MORE && c == '\n')
            result = end_of_line(h);
        i += run;
    }
    *ret_used = i;
    return result;
}
