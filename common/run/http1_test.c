/* http1_test - request heads and bodies, whole and byte by byte. The rows are
 * those of RFC 9112 where two readers could disagree. */
#include <criterion/criterion.h>
#include "run/http1.h"

#define GET "GET / HTTP/1.1\r\n"
#define H   "Host: a\r\n"
#define END "\r\n"

struct row {
    const char *bytes;
    enum http1_result want;
    enum err error;
};

static const struct row heads[] = {
    { GET H END, HTTP1_DONE, OK },
    { "\r\n" GET H END, HTTP1_DONE, OK },
    { "\r\n\r\n" GET H END, HTTP1_BAD, ERR_MALFORMED },
    { "POST /a?b=c HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\n", HTTP1_DONE,
      OK },
    { "GET / HTTP/1.0\r\n\r\n", HTTP1_DONE, OK },
    { "GET / HTTP/1.7\r\n" H END, HTTP1_DONE, OK },
    { "OPTIONS * HTTP/1.1\r\n" H END, HTTP1_DONE, OK },
    { "GET http://a/x HTTP/1.1\r\n" H END, HTTP1_DONE, OK },
    { "GET http://A HTTP/1.1\r\n" H END, HTTP1_DONE, OK },
    { GET "Host: [::1]:80\r\n\r\n", HTTP1_DONE, OK },
    { GET "hOsT:\t a.b:8080 \t\r\n\r\n", HTTP1_DONE, OK },
    { GET H "X: \xc3\xa9\r\n\r\n", HTTP1_DONE, OK },
    { GET H "X:\r\n\r\n", HTTP1_DONE, OK },
    { GET H "Transfer-Encoding: Chunked\r\n\r\n", HTTP1_DONE, OK },
    { GET H, HTTP1_MORE, OK },
    { "G", HTTP1_MORE, OK },
    /* request line */
    { "GET /\r\n", HTTP1_BAD, ERR_MALFORMED },
    { "GET\r\n", HTTP1_BAD, ERR_MALFORMED },
    { " GET / HTTP/1.1\r\n", HTTP1_BAD, ERR_MALFORMED },
    { "GET  / HTTP/1.1\r\n", HTTP1_BAD, ERR_MALFORMED },
    { "GET /  HTTP/1.1\r\n", HTTP1_BAD, ERR_MALFORMED },
    { "GET / HTTP/1.1 \r\n", HTTP1_BAD, ERR_MALFORMED },
    { "GET\t/\tHTTP/1.1\r\n", HTTP1_BAD, ERR_MALFORMED },
    { "GET /a b HTTP/1.1\r\n", HTTP1_BAD, ERR_MALFORMED },
    { "G@T / HTTP/1.1\r\n", HTTP1_BAD, ERR_MALFORMED },
    { "GET /\xc3\xa9 HTTP/1.1\r\n", HTTP1_BAD, ERR_MALFORMED },
    { "GET /#x HTTP/1.1\r\n", HTTP1_BAD, ERR_MALFORMED },
    { "GET / http/1.1\r\n", HTTP1_BAD, ERR_MALFORMED },
    { "GET / HTTP/11\r\n", HTTP1_BAD, ERR_MALFORMED },
    { "GET / HTTP/1.10\r\n", HTTP1_BAD, ERR_MALFORMED },
    { "GET / HTTPS/1.1\r\n", HTTP1_BAD, ERR_MALFORMED },
    { "GET / HTTP/2.0\r\n", HTTP1_BAD, ERR_HTTP_VERSION },
    { "GET / HTTP/0.9\r\n", HTTP1_BAD, ERR_HTTP_VERSION },
    { "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", HTTP1_BAD, ERR_HTTP_VERSION },
    { "BREW / HTTP/1.1\r\n", HTTP1_BAD, ERR_NOT_IMPLEMENTED },
    { "get / HTTP/1.1\r\n", HTTP1_BAD, ERR_NOT_IMPLEMENTED },
    { "CONNECT a:80 HTTP/1.1\r\n", HTTP1_BAD, ERR_NOT_IMPLEMENTED },
    { "GET a HTTP/1.1\r\n" H END, HTTP1_BAD, ERR_MALFORMED },
    { "GET * HTTP/1.1\r\n" H END, HTTP1_BAD, ERR_MALFORMED },
    { "GET ftp://a/ HTTP/1.1\r\n" H END, HTTP1_BAD, ERR_MALFORMED },
    { "GET http://b/ HTTP/1.1\r\n" H END, HTTP1_BAD, ERR_MALFORMED },
    { "GET http://a@b/ HTTP/1.1\r\n" H END, HTTP1_BAD, ERR_MALFORMED },
    { "GET http://a?x HTTP/1.1\r\n" H END, HTTP1_BAD, ERR_MALFORMED },
    /* bytes and line ends */
    { "GET / HTTP/1.1\n" H END, HTTP1_BAD, ERR_MALFORMED },
    { GET "Host: a\n\r\n", HTTP1_BAD, ERR_MALFORMED },
    { GET "Host: a\r\r\n\r\n", HTTP1_BAD, ERR_MALFORMED },
    { GET H "X: a\rb\r\n\r\n", HTTP1_BAD, ERR_MALFORMED },
    { GET H "X: \x01\r\n\r\n", HTTP1_BAD, ERR_MALFORMED },
    { GET H "X: \x7f\r\n\r\n", HTTP1_BAD, ERR_MALFORMED },
    { "\x16\x03\x01", HTTP1_BAD, ERR_MALFORMED },
    /* field lines */
    { GET H "X: a\r\n b\r\n\r\n", HTTP1_BAD, ERR_MALFORMED },
    { GET " X: a\r\n" H END, HTTP1_BAD, ERR_MALFORMED },
    { GET H "X : a\r\n\r\n", HTTP1_BAD, ERR_MALFORMED },
    { GET H "X\r\n\r\n", HTTP1_BAD, ERR_MALFORMED },
    { GET H ": a\r\n\r\n", HTTP1_BAD, ERR_MALFORMED },
    { GET H "X(y): a\r\n\r\n", HTTP1_BAD, ERR_MALFORMED },
    { GET H "X\xc3\xa9: a\r\n\r\n", HTTP1_BAD, ERR_MALFORMED },
    /* Host */
    { GET END, HTTP1_BAD, ERR_MALFORMED },
    { GET H H END, HTTP1_BAD, ERR_MALFORMED },
    { GET "Host: a, b\r\n\r\n", HTTP1_BAD, ERR_MALFORMED },
    { GET "Host: a b\r\n\r\n", HTTP1_BAD, ERR_MALFORMED },
    { GET "Host: a/b\r\n\r\n", HTTP1_BAD, ERR_MALFORMED },
    { GET "Host: u@a\r\n\r\n", HTTP1_BAD, ERR_MALFORMED },
    { GET "Host: a:x\r\n\r\n", HTTP1_BAD, ERR_MALFORMED },
    { GET "Host: [::1\r\n\r\n", HTTP1_BAD, ERR_MALFORMED },
    { GET "Host:\r\n\r\n", HTTP1_BAD, ERR_MALFORMED },
    { "GET / HTTP/1.0\r\n" H H END, HTTP1_BAD, ERR_MALFORMED },
/* lengths */
#define CL(v) GET H "Content-Length:" v "\r\n\r\n"
    { CL(" 0"), HTTP1_DONE, OK },
    { CL(" 007"), HTTP1_DONE, OK },
    { CL(" 9223372036854775807"), HTTP1_DONE, OK },
    { CL(" 9223372036854775808"), HTTP1_BAD, ERR_MALFORMED },
    { CL(" 99999999999999999999999"), HTTP1_BAD, ERR_MALFORMED },
    { CL(""), HTTP1_BAD, ERR_MALFORMED },
    { CL(" +1"), HTTP1_BAD, ERR_MALFORMED },
    { CL(" -1"), HTTP1_BAD, ERR_MALFORMED },
    { CL(" 0x1"), HTTP1_BAD, ERR_MALFORMED },
    { CL(" 1_0"), HTTP1_BAD, ERR_MALFORMED },
    { CL(" 1, 1"), HTTP1_BAD, ERR_MALFORMED },
    { CL(" 1 1"), HTTP1_BAD, ERR_MALFORMED },
    { CL(" 1.0"), HTTP1_BAD, ERR_MALFORMED },
    { GET H "Content-Length: 1\r\nContent-Length: 1\r\n\r\n", HTTP1_BAD,
      ERR_MALFORMED },
#define TE(v) GET H "Transfer-Encoding:" v "\r\n\r\n"
    { GET H "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
      HTTP1_BAD, ERR_MALFORMED },
    { "GET / HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n", HTTP1_BAD,
      ERR_MALFORMED },
    { GET H "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
      HTTP1_BAD, ERR_MALFORMED },
    { TE(" gzip"), HTTP1_BAD, ERR_NOT_IMPLEMENTED },
    { TE(" xchunked"), HTTP1_BAD, ERR_NOT_IMPLEMENTED },
    { TE(" identity"), HTTP1_BAD, ERR_MALFORMED },
    { TE(" gzip, chunked"), HTTP1_BAD, ERR_MALFORMED },
    { TE(" chunked, chunked"), HTTP1_BAD, ERR_MALFORMED },
    { TE(" chunked;q=1"), HTTP1_BAD, ERR_MALFORMED },
    { TE(" \"chunked\""), HTTP1_BAD, ERR_MALFORMED },
    { TE(" \x0b"
         "chunked"),
      HTTP1_BAD, ERR_MALFORMED },
    { TE(""), HTTP1_BAD, ERR_MALFORMED },
};
#define HEADS (sizeof(heads) / sizeof(heads[0]))

static struct http1_head head;
static struct arena *arena;

static void setup(void)
{
    arena = arena_new(0);
    http1_head_init(&head, arena);
}

static void teardown(void)
{
    arena_free(arena);
}

static enum http1_result feed(const char *s, size_t len, size_t step)
{
    enum http1_result got = HTTP1_MORE;

    http1_head_init(&head, arena);
    for (size_t i = 0; i < len && got == HTTP1_MORE; i += step) {
        size_t n = len - i < step ? len - i : step;
        size_t used;

        got = http1_head_feed(&head, s + i, n, &used);
        cr_assert_leq(used, n);
        cr_assert(got != HTTP1_MORE || used == n);
    }
    return got;
}

Test(http1, verdicts, .init = setup, .fini = teardown)
{
    static const size_t steps[] = { 1, 2, 3, 7, 65536 };

    for (size_t i = 0; i < HEADS; i++) {
        const struct row *row = &heads[i];

        for (size_t k = 0; k < sizeof(steps) / sizeof(steps[0]); k++) {
            enum http1_result got =
                feed(row->bytes, strlen(row->bytes), steps[k]);

            cr_expect_eq(got, row->want, "row %zu by %zu: %s", i, steps[k],
                         row->bytes);
            cr_expect_eq(head.error, row->error, "row %zu by %zu: %s", i,
                         steps[k], row->bytes);
        }
    }
}

Test(http1, nul_byte, .init = setup, .fini = teardown)
{
    static const char s[] = GET H "X: a\0b\r\n\r\n";

    cr_assert_eq(feed(s, sizeof(s) - 1, 1), HTTP1_BAD);
    cr_assert_eq(feed(s, sizeof(s) - 1, 99), HTTP1_BAD);
}

static const char *repeat(const char *before, char c, size_t n,
                          const char *after)
{
    struct buf b;

    buf_init(&b, arena);
    buf_str(&b, before);
    for (size_t i = 0; i < n; i++)
        buf_char(&b, c);
    buf_str(&b, after);
    return b.data;
}

static void expect_both_ways(const char *s, enum http1_result want, enum err e)
{
    cr_expect_eq(feed(s, strlen(s), 1), want);
    cr_expect_eq(head.error, e);
    cr_expect_eq(feed(s, strlen(s), 65536), want);
    cr_expect_eq(head.error, e);
}

Test(http1, limits, .init = setup, .fini = teardown)
{
    const char *rest = " HTTP/1.1\r\n" H END;
    const char *field = GET H "X: ";
    size_t fixed = strlen("X: \r\n\r\n") + strlen(H);
    struct buf b;

    expect_both_ways(repeat("GET /", 'a', 7999, rest), HTTP1_DONE, OK);
    expect_both_ways(repeat("GET /", 'a', 8000, rest), HTTP1_BAD,
                     ERR_URI_TOO_LONG);
    expect_both_ways(repeat("GET /", 'a', 20000, ""), HTTP1_BAD,
                     ERR_URI_TOO_LONG);
    expect_both_ways(repeat("", 'A', 20000, ""), HTTP1_BAD, ERR_MALFORMED);
    expect_both_ways(repeat(field, 'a', 16384 - fixed, "\r\n\r\n"), HTTP1_DONE,
                     OK);
    expect_both_ways(repeat(field, 'a', 16385 - fixed, "\r\n\r\n"), HTTP1_BAD,
                     ERR_HEAD_TOO_LARGE);
    for (int n = 99; n <= 100; n++) {
        buf_init(&b, arena);
        buf_str(&b, GET H);
        for (int i = 0; i < n; i++)
            buf_str(&b, "x: y\r\n");
        buf_str(&b, END);
        expect_both_ways(b.data, n == 99 ? HTTP1_DONE : HTTP1_BAD,
                         n == 99 ? OK : ERR_HEAD_TOO_LARGE);
    }
}

Test(http1, what_a_head_says, .init = setup, .fini = teardown)
{
    static const char s[] =
        "POST http://shop.example:80/a?b HTTP/1.1\r\n"
        "HOST: Shop.Example:80\r\nContent-LENGTH: 12\r\nX: 1 \r\nx:\t2\r\n"
        "Connection: Foo, CLOSE\r\nExpect: 100-Continue\r\n\r\nbody";
    size_t used;

    cr_assert_eq(http1_head_feed(&head, s, sizeof(s) - 1, &used), HTTP1_DONE);
    cr_assert_eq(used, sizeof(s) - 1 - 4, "the body is not the head's");
    cr_assert_str_eq(head.method, "POST");
    cr_assert_str_eq(head.target, "/a?b");
    cr_assert_eq(head.content_length, 12);
    cr_assert_str_eq(http1_field(&head, "x", 0), "1");
    cr_assert_str_eq(http1_field(&head, "x", 1), "2");
    cr_assert_null(http1_field(&head, "x", 2));
    cr_assert_not(head.keep_alive);
    cr_assert(head.expect_continue);
    cr_assert_not(head.expect_unknown);
}

Test(http1, keep_alive, .init = setup, .fini = teardown)
{
    static const struct {
        const char *head;
        bool keep;
    } rows[] = {
        { GET H END, true },
        { GET H "Connection: close\r\n\r\n", false },
        { GET H "Connection: keep-alive\r\nConnection: close\r\n\r\n", false },
        { "GET / HTTP/1.0\r\n\r\n", false },
        { "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true },
        { GET H "Connection: closed\r\n\r\n", true },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        feed(rows[i].head, strlen(rows[i].head), 99);
        cr_expect_eq(head.keep_alive, rows[i].keep, "%s", rows[i].head);
    }
}

/* ---- bodies ---------------------------------------------------------- */

struct body_row {
    const char *bytes;
    const char *text; /* NULL: refused or unfinished */
    enum http1_result want;
    enum err error;
};

static const struct body_row chunked[] = {
    { "0\r\n\r\n", "", HTTP1_DONE, OK },
    { "3\r\nabc\r\n0\r\n\r\n", "abc", HTTP1_DONE, OK },
    { "1\r\na\r\n2\r\nbc\r\n000\r\n\r\n", "abc", HTTP1_DONE, OK },
    { "A\r\n0123456789\r\n0\r\n\r\n", "0123456789", HTTP1_DONE, OK },
    { "3;x=\"y\"\r\nabc\r\n0;z\r\n\r\n", "abc", HTTP1_DONE, OK },
    { "0\r\nX: y\r\nZ:\r\n\r\n", "", HTTP1_DONE, OK },
    { "3\r\nabc\r\n", NULL, HTTP1_MORE, OK },
    { "3\r\nabc\r\n0\r\n", NULL, HTTP1_MORE, OK },
    { "\r\n", NULL, HTTP1_BAD, ERR_MALFORMED },
    { ";x\r\n", NULL, HTTP1_BAD, ERR_MALFORMED },
    { "0x3\r\nabc\r\n", NULL, HTTP1_BAD, ERR_MALFORMED },
    { "+3\r\nabc\r\n", NULL, HTTP1_BAD, ERR_MALFORMED },
    { "-3\r\nabc\r\n", NULL, HTTP1_BAD, ERR_MALFORMED },
    { "0_3\r\nabc\r\n", NULL, HTTP1_BAD, ERR_MALFORMED },
    { " 3\r\nabc\r\n", NULL, HTTP1_BAD, ERR_MALFORMED },
    { "3 \r\nabc\r\n", NULL, HTTP1_BAD, ERR_MALFORMED },
    { "g\r\n", NULL, HTTP1_BAD, ERR_MALFORMED },
    { "3\nabc\r\n", NULL, HTTP1_BAD, ERR_MALFORMED },
    { "3\rabc\r\n", NULL, HTTP1_BAD, ERR_MALFORMED },
    { "3;a\nabc\r\n", NULL, HTTP1_BAD, ERR_MALFORMED },
    { "3\r\nabcd\r\n", NULL, HTTP1_BAD, ERR_MALFORMED },
    { "3\r\nabc\n0\r\n\r\n", NULL, HTTP1_BAD, ERR_MALFORMED },
    { "3\r\nabc0\r\n\r\n", NULL, HTTP1_BAD, ERR_MALFORMED },
    { "3\r\nabc\r0\r\n\r\n", NULL, HTTP1_BAD, ERR_MALFORMED },
    { "0\r\n\n", NULL, HTTP1_BAD, ERR_MALFORMED },
    { "0\r\n X: y\r\n\r\n", NULL, HTTP1_BAD, ERR_MALFORMED },
    { "0\r\nX: \x01\r\n\r\n", NULL, HTTP1_BAD, ERR_MALFORMED },
    { "000000000\r\n", NULL, HTTP1_BAD, ERR_MALFORMED },
    { "100000000\r\n", NULL, HTTP1_BAD, ERR_MALFORMED },
    { "ffffffff\r\n", NULL, HTTP1_BAD, ERR_TOO_LARGE },
    { "11\r\n", NULL, HTTP1_BAD, ERR_TOO_LARGE },
    { "9\r\n123456789\r\n8\r\n", NULL, HTTP1_BAD, ERR_TOO_LARGE },
};
#define BODY_MAX 16

static enum http1_result feed_body(struct http1_body *b, const char *s,
                                   size_t step)
{
    enum http1_result got = HTTP1_MORE;
    size_t len = strlen(s);

    for (size_t i = 0; i < len && got == HTTP1_MORE; i += step) {
        size_t n = len - i < step ? len - i : step;
        size_t used = 0;

        got = http1_body_feed(b, s + i, n, &used);
    }
    return got;
}

Test(http1, chunked_bodies, .init = setup, .fini = teardown)
{
    head.chunked = true;
    for (size_t i = 0; i < sizeof(chunked) / sizeof(chunked[0]); i++) {
        const struct body_row *row = &chunked[i];

        for (size_t step = 1; step <= 64; step *= 4) {
            struct http1_body b;

            http1_body_init(&b, &head, BODY_MAX);
            cr_expect_eq(feed_body(&b, row->bytes, step), row->want,
                         "by %zu: %s", step, row->bytes);
            cr_expect_eq(b.error, row->error, "by %zu: %s", step, row->bytes);
            if (row->text != NULL)
                cr_expect_str_eq(b.data == NULL ? "" : b.data, row->text);
            http1_body_release(&b);
        }
    }
}

Test(http1, body_by_length, .init = setup, .fini = teardown)
{
    struct http1_body b;
    size_t used = 0;

    head.content_length = 3;
    http1_body_init(&b, &head, BODY_MAX);
    cr_assert_null(b.data, "nothing is allocated for a promise");
    cr_assert_eq(http1_body_feed(&b, "ab", 2, &used), HTTP1_MORE);
    cr_assert_eq(http1_body_feed(&b, "cGET", 4, &used), HTTP1_DONE);
    cr_assert_eq(used, 1);
    cr_assert_str_eq(b.data, "abc");
    http1_body_release(&b);

    head.content_length = BODY_MAX + 1;
    http1_body_init(&b, &head, BODY_MAX);
    cr_assert_eq(http1_body_feed(&b, "", 0, &used), HTTP1_BAD);
    cr_assert_eq(b.error, ERR_TOO_LARGE);
}

Test(http1, chunk_framing_is_bounded, .init = setup, .fini = teardown)
{
    struct http1_body b;

    head.chunked = true;
    http1_body_init(&b, &head, BODY_MAX);
    cr_assert_eq(feed_body(&b, repeat("1;", 'x', 5000, "\r\n"), 64), HTTP1_BAD);
    http1_body_release(&b);
    http1_body_init(&b, &head, BODY_MAX);
    cr_assert_eq(feed_body(&b, repeat("0\r\nx:", 'x', 5000, "\r\n"), 64),
                 HTTP1_BAD);
    http1_body_release(&b);
}
