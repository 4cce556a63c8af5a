/* http1_body - the request body; see http1.h. */
#include <assert.h>
#include "run/http1.h"

#define FIRST_BYTES  ((size_t)4096)
#define CHUNK_DIGITS 8    /* more would overflow any limit we have */
#define FRAMING_MAX  4096 /* extensions and trailers of one request */

enum {
    BODY_LENGTH,
    CHUNK_SIZE,
    CHUNK_EXT,
    CHUNK_SIZE_LF,
    CHUNK_DATA,
    CHUNK_DATA_CR,
    CHUNK_DATA_LF,
    TRAILER,
    TRAILER_LF,
    BODY_DONE
};

void http1_body_init(struct http1_body *b, const struct http1_head *h,
                     size_t max)
{
    *b = (struct http1_body){ .max = max, .chunked = h->chunked };
    if (h->chunked) {
        b->state = CHUNK_SIZE;
    } else if (h->content_length > 0) {
        b->state = BODY_LENGTH;
        b->left = (uint64_t)h->content_length;
    } else {
        b->state = BODY_DONE;
    }
}

void http1_body_release(struct http1_body *b)
{
    free(b->data);
    b->data = NULL;
}

static enum http1_result bad(struct http1_body *b, enum err e, const char *why)
{
    b->error = e;
    b->why = why;
    return HTTP1_BAD;
}

static enum http1_result bad_chunk(struct http1_body *b)
{
    return bad(b, ERR_MALFORMED, "the chunked body is not well-formed");
}

static void store(struct http1_body *b, const char *data, size_t n)
{
    if (b->len + n + 1 > b->cap) {
        b->cap = b->cap == 0 ? FIRST_BYTES : b->cap * 2;
        while (b->len + n + 1 > b->cap)
            b->cap *= 2;
        b->data = realloc(b->data, b->cap);
        if (b->data == NULL)
            abort();
    }
    memcpy(b->data + b->len, data, n);
    b->len += n;
    b->data[b->len] = '\0';
}

/* Take what belongs to the length or chunk. */
static size_t take(struct http1_body *b, const char *data, size_t len)
{
    size_t n = b->left < len ? (size_t)b->left : len;

    store(b, data, n);
    b->left -= n;
    return n;
}

static int hex_value(unsigned char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static enum http1_result chunk_size(struct http1_body *b, unsigned char c)
{
    int v = hex_value(c);

    if (v >= 0) {
        if (++b->digits > CHUNK_DIGITS)
            return bad_chunk(b);
        b->left = b->left * 16 + (uint64_t)v;
        return HTTP1_MORE;
    }
    if (b->digits == 0 || (c != ';' && c != '\r'))
        return bad_chunk(b);
    b->state = c == ';' ? CHUNK_EXT : CHUNK_SIZE_LF;
    return HTTP1_MORE;
}

/* Extensions are skipped: no recipient understands them (RFC 9112 7.1.1). */
static enum http1_result chunk_ext(struct http1_body *b, unsigned char c)
{
    if (c == '\r') {
        b->state = CHUNK_SIZE_LF;
        return HTTP1_MORE;
    }
    if ((c < ' ' && c != '\t') || c == 0x7f || ++b->framing > FRAMING_MAX)
        return bad_chunk(b);
    return HTTP1_MORE;
}

static enum http1_result chunk_size_end(struct http1_body *b, unsigned char c)
{
    if (c != '\n')
        return bad_chunk(b);
    b->digits = 0;
    b->line_len = 0;
    if (b->left > b->max - b->len)
        return bad(b, ERR_TOO_LARGE, "the body exceeds this route's limit");
    b->state = b->left > 0 ? CHUNK_DATA : TRAILER;
    return HTTP1_MORE;
}

/* Trailer fields are checked as far as their bytes go and dropped. */
static enum http1_result trailer(struct http1_body *b, unsigned char c)
{
    if (c == '\r') {
        b->state = TRAILER_LF;
        return HTTP1_MORE;
    }
    if ((c < ' ' && c != '\t') || c == 0x7f || ++b->framing > FRAMING_MAX ||
        (b->line_len == 0 && !http1_is_token(c)))
        return bad_chunk(b);
    b->line_len++;
    return HTTP1_MORE;
}

static enum http1_result expect_byte(struct http1_body *b, unsigned char c,
                                     char expected, int next)
{
    if (c != (unsigned char)expected)
        return bad_chunk(b);
    b->state = next;
    return HTTP1_MORE;
}

static enum http1_result framing_byte(struct http1_body *b, unsigned char c)
{
    int next;

    switch (b->state) {
    case CHUNK_SIZE:
        return chunk_size(b, c);
    case CHUNK_EXT:
        return chunk_ext(b, c);
    case CHUNK_SIZE_LF:
        return chunk_size_end(b, c);
    case CHUNK_DATA_CR:
        return expect_byte(b, c, '\r', CHUNK_DATA_LF);
    case CHUNK_DATA_LF:
        return expect_byte(b, c, '\n', CHUNK_SIZE);
    case TRAILER:
        return trailer(b, c);
    default:
        assert(b->state == TRAILER_LF);
        next = b->line_len == 0 ? BODY_DONE : TRAILER;
        b->line_len = 0;
        return expect_byte(b, c, '\n', next);
    }
}

enum http1_result http1_body_feed(struct http1_body *b, const char *data,
                                  size_t len, size_t *ret_used)
{
    enum http1_result result = HTTP1_MORE;
    size_t i = 0;

    if (b->state == BODY_LENGTH && b->left > b->max)
        return bad(b, ERR_TOO_LARGE, "the body exceeds this route's limit");
    while (i < len && b->state != BODY_DONE && result == HTTP1_MORE) {
        if (b->state == BODY_LENGTH || b->state == CHUNK_DATA) {
            i += take(b, data + i, len - i);
            if (b->left == 0)
                b->state = b->chunked ? CHUNK_DATA_CR : BODY_DONE;
        } else {
            result = framing_byte(b, (unsigned char)data[i++]);
        }
    }
    *ret_used = i;
    if (result == HTTP1_BAD)
        return result;
    return b->state == BODY_DONE ? HTTP1_DONE : HTTP1_MORE;
}
