/* url_test - percent coding, and the paths and queries that are refused. */
#include <criterion/criterion.h>
#include "base/url.h"

static struct arena *a;

static void setup(void)
{
    a = arena_new(0);
}

static void teardown(void)
{
    arena_free(a);
}

TestSuite(url, .init = setup, .fini = teardown);

static const char *decode(const char *s)
{
    return url_decode(a, s, strlen(s), false);
}

Test(url, decodes_once)
{
    cr_assert_str_eq(decode("a%20b+c"), "a b+c");
    cr_assert_str_eq(url_decode(a, "a+b%2B", 6, true), "a b+");
    cr_assert_str_eq(decode("%252e"), "%2e");
    cr_assert_str_eq(decode("caf%C3%a9"), "caf\xc3\xa9");
    cr_assert_str_eq(decode(""), "");
}

Test(url, refuses_bad_escapes_controls_and_bytes)
{
    static const char *const bad[] = {
        "%",     "%2",  "a%2",    "%zz",  "%2g",       "%%20",
        "%00",   "%0d", "%0A",    "%1f",  "%7f",       "a\tb",
        "a\x7f", "%c3", "%c0%af", "\xff", "%ed%a0%80", "a\nb",
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_assert_eq(decode(bad[i]), NULL, "%s", bad[i]);
    cr_assert_eq(url_decode(a, "a\0b", 3, false), NULL);
    cr_assert_eq(url_decode(a, "%20", 2, false), NULL, "reads past the end");
}

static bool path_ok(const char *p)
{
    return url_path_ok(a, p, strlen(p));
}

Test(url, paths)
{
    static const char *const good[] = {
        "/", "/a", "/a/", "/a/b.c", "/...", "/.hidden", "/a..b/c.", "/a%20b",
    };
    static const char *const bad[] = {
        "",         "a",         "a/b",         "/.",        "/..",
        "/a/..",    "/../a",     "/a/./b",      "/a/../b",   "/%2e%2e/a",
        "/a/%2E/b", "/.%2e/a",   "/a%2f..%2fb", "/a\\b",     "/a%5cb",
        "/a%00",    "/a%0d%0ab", "/%",          "/\xc0\xaf",
    };

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        cr_assert(path_ok(good[i]), "%s", good[i]);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_assert_not(path_ok(bad[i]), "%s", bad[i]);
}

Test(url, encodes_all_but_unreserved)
{
    struct buf b;

    buf_init(&b, a);
    url_encode(&b, "aZ09-._~ /?&=+%\xc3\xa9");
    cr_assert_str_eq(b.data, "aZ09-._~%20%2F%3F%26%3D%2B%25%C3%A9");
    cr_assert_str_eq(decode(b.data), "aZ09-._~ /?&=+%\xc3\xa9");
}

static struct url_query *query(const char *s)
{
    return url_query_parse(a, s, s == NULL ? 0 : strlen(s));
}

Test(url, query)
{
    struct url_query *q = query("q=red+mug&limit=20&&empty=&flag&x%3d=a%3Db=c");

    cr_assert_neq(q, NULL);
    cr_assert_str_eq(url_query_get(q, "q"), "red mug");
    cr_assert_str_eq(url_query_get(q, "limit"), "20");
    cr_assert_str_eq(url_query_get(q, "empty"), "");
    cr_assert_str_eq(url_query_get(q, "flag"), "");
    cr_assert_str_eq(url_query_get(q, "x="), "a=b=c");
    cr_assert_eq(url_query_get(q, "Q"), NULL);
    cr_assert_str_eq(url_query_name(q, 4), "x=");
    cr_assert_eq(url_query_name(q, 5), NULL);
}

Test(url, empty_query)
{
    cr_assert_eq(url_query_name(query(NULL), 0), NULL);
    cr_assert_eq(url_query_name(query(""), 0), NULL);
    cr_assert_eq(url_query_name(query("&&"), 0), NULL);
}

Test(url, query_refused)
{
    struct buf b;

    cr_assert_eq(query("a=1&a=2"), NULL);
    cr_assert_eq(query("a=1&%61=2"), NULL);
    cr_assert_eq(query("a=%0"), NULL);
    cr_assert_eq(query("%ff=1"), NULL);
    buf_init(&b, a);
    for (int i = 0; i < 64; i++)
        buf_printf(&b, "&k%d=v", i);
    cr_assert_neq(query(b.data), NULL);
    buf_str(&b, "&one=more");
    cr_assert_eq(query(b.data), NULL);
}
