/* json_check_test - the public RFC 8259 suite, and what requests must not
 * hold on top of it. The suite lies in $BODEGA_SHARED/data/json_parsing. */
#include <criterion/criterion.h>
#include <dirent.h>
#include "base/buf.h"
#include "base/json.h"

#define DEPTH_SUITE 512

struct tally {
    int accepted[3]; /* y_, n_, i_ */
    int files[3];
};

/* Exactly as long as the file, so that ASan sees a read past its end. */
static char *read_file(const char *dir, const char *name, size_t *ret_len)
{
    char path[1024];
    char *text;
    long size;
    FILE *f;

    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    f = fopen(path, "rb");
    cr_assert_neq(f, NULL, "%s", path);
    cr_assert_eq(fseek(f, 0, SEEK_END), 0);
    size = ftell(f);
    cr_assert_geq(size, 0);
    rewind(f);
    *ret_len = (size_t)size;
    text = malloc(*ret_len);
    cr_assert_eq(fread(text, 1, *ret_len, f), *ret_len);
    (void)fclose(f);
    return text;
}

static void run_file(const char *dir, const char *name, struct tally *t)
{
    static const char kinds[] = "yni";
    const char *kind = strchr(kinds, name[0]);
    size_t len;
    char *text;
    bool ok;

    if (kind == NULL || *kind == '\0' || name[1] != '_')
        return;
    text = read_file(dir, name, &len);
    ok = json_check(text, len, JSON_RFC8259, DEPTH_SUITE, NULL);
    (void)json_check(text, len, JSON_REQUEST, DEPTH_SUITE, NULL);
    free(text);
    cr_expect(*kind != 'y' || ok, "refused %s", name);
    cr_expect(*kind != 'n' || !ok, "accepted %s", name);
    t->files[kind - kinds]++;
    t->accepted[kind - kinds] += ok;
}

static bool check(const char *text, int flags)
{
    return json_check(text, strlen(text), flags, JSON_DEPTH_MAX, NULL);
}

static void inline_cases(void)
{
    static const char *const good[] = {
        "[]", "{}", " 1 ", "\"\\u00e9\"", "-0.1e+2", "[{\"a\":[null,true]}]",
    };
    static const char *const bad[] = {
        "",      "[",     "[1,]", "{\"a\":1,}",     "01",  "1.",
        "'a'",   "[1 2]", "nul",  "\"\t\"",         "+1",  "\"\\x\"",
        "{a:1}", "[]]",   "1e",   "\xef\xbb\xbf{}", "NaN", "\"\xff\"",
    };

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        cr_expect(check(good[i], JSON_RFC8259), "%s", good[i]);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_expect_not(check(bad[i], JSON_RFC8259), "%s", bad[i]);
}

Test(json_check, public_suite)
{
    const char *shared = getenv("BODEGA_SHARED");
    struct tally t = { 0 };
    const struct dirent *e;
    char dir[512];
    DIR *d;

    inline_cases();
    (void)snprintf(dir, sizeof(dir), "%s/data/json_parsing",
                   shared == NULL ? "../shared" : shared);
    d = opendir(dir);
    if (d == NULL) {
        fprintf(stderr, "json_check_test: no %s, inline cases only\n", dir);
        return;
    }
    while ((e = readdir(d)) != NULL)
        run_file(dir, e->d_name, &t);
    (void)closedir(d);
    fprintf(stderr,
            "json suite: y %d of %d accepted, n %d of %d refused, "
            "i %d run\n",
            t.accepted[0], t.files[0], t.files[1] - t.accepted[1], t.files[1],
            t.files[2]);
    cr_assert_eq(t.files[0], 95);
    cr_assert_eq(t.accepted[0], 95);
    cr_assert_eq(t.files[1], 188);
    cr_assert_eq(t.accepted[1], 0);
    cr_assert_gt(t.files[2], 0);
}

Test(json_check, depth)
{
    struct arena *a = arena_new(0);
    struct buf b;

    for (int depth = 1; depth <= 512; depth++) {
        buf_init(&b, a);
        for (int i = 0; i < depth; i++)
            buf_str(&b, i % 2 == 0 ? "[" : "{\"k\":");
        buf_str(&b, "0");
        for (int i = depth; i-- > 0;)
            buf_char(&b, i % 2 == 0 ? ']' : '}');
        cr_assert(json_check(b.data, b.len, JSON_REQUEST, depth, NULL));
        cr_assert_not(depth > 1 &&
                      json_check(b.data, b.len, JSON_REQUEST, depth - 1, NULL));
        arena_reset(a);
    }
    arena_free(a);
}

Test(json_check, many_open_brackets)
{
    size_t len = 100000;
    char *text = malloc(len);
    const char *why = NULL;

    memset(text, '[', len);
    cr_assert_not(json_check(text, len, JSON_RFC8259, 512, &why));
    cr_assert_str_eq(why, "nested too deep");
    cr_assert_not(json_check(text, len, JSON_RFC8259, 1000000, NULL));
    free(text);
}

Test(json_check, twin_members)
{
    static const char *const twins[] = {
        "{\"a\":1,\"a\":2}",
        "{\"a\":1,\"\\u0061\":2}",
        "{\"\\u00e9\":1,\"b\":[{}],\"\xc3\xa9\":2}",
        "{\"\\ud83d\\uded2\":1,\"\xf0\x9f\x9b\x92\":2}",
        "{\"\\u20AC\":1,\"\xe2\x82\xac\":2}",
        "{\"\\n\":1,\"\\u000a\":2}",
        "{\"\\/\":1,\"/\":2}",
        "{\"\":1,\"\":2}",
        "[{\"x\":{\"b\":1,\"c\":2,\"b\":3}}]",
        "{ \"a\" : \"}\" , \"b\" : [ \"a\" , {\"a\":\"\\\"\"} ] , \"a\" : 0 }",
    };
    static const char *const apart[] = {
        "{\"a\":1,\"b\":1}",
        "{\"a\":{\"a\":{\"a\":1}}}",
        "[{\"a\":1},{\"a\":1}]",
        "{\"a\":\"a\",\"b\":\"a\",\"c\":[\"a\",\"b\"]}",
        "{\"a\":1,\"A\":2,\"\\\\u0061\":3,\"aa\":4,\"\":5}",
        "{\"a\":[{\"b\":1},{\"b\":2}],\"b\":3}",
    };

    for (size_t i = 0; i < sizeof(twins) / sizeof(twins[0]); i++) {
        cr_expect_not(check(twins[i], JSON_NO_DUP_KEYS), "%s", twins[i]);
        cr_expect(check(twins[i], JSON_RFC8259), "%s", twins[i]);
    }
    for (size_t i = 0; i < sizeof(apart) / sizeof(apart[0]); i++)
        cr_expect(check(apart[i], JSON_NO_DUP_KEYS), "%s", apart[i]);
}

/* {"k0":0,...}, n members, then the one that `last` names. */
static bool object_ok(int n, const char *last)
{
    struct arena *a = arena_new(65536);
    struct buf b;
    bool ok;

    buf_init(&b, a);
    buf_char(&b, '{');
    for (int i = 0; i < n; i++)
        buf_printf(&b, "\"k%d\":%d,", i, i);
    buf_printf(&b, "\"%s\":0}", last);
    ok = json_check(b.data, b.len, JSON_REQUEST, 1, NULL);
    arena_free(a);
    return ok;
}

Test(json_check, large_objects)
{
    for (int n = 1; n < JSON_MEMBERS_MAX; n += 37) {
        cr_assert(object_ok(n, "other"));
        cr_assert_not(object_ok(n, "k0"));
        cr_assert_not(object_ok(n, "k\\u0030"));
    }
    cr_assert(object_ok(JSON_MEMBERS_MAX - 1, "other"));
    cr_assert_not(object_ok(JSON_MEMBERS_MAX, "other"));
}

Test(json_check, requests_hold_no_nul_and_no_half_surrogates)
{
    static const char *const bad[] = {
        "\"\\u0000\"",        "{\"\\u0000\":1}",      "\"\\ud800\"",
        "\"\\udc00\"",        "\"\\ud800\\u0041\"",   "\"\\ud800\\ud800\"",
        "\"\\udc00\\ud800\"", "\"\\ud83d\\\\uded2\"", "\"\\ud83dx\"",
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        cr_expect_not(check(bad[i], JSON_REQUEST), "%s", bad[i]);
        cr_expect(check(bad[i], JSON_RFC8259), "%s", bad[i]);
    }
    cr_expect(check("\"\\ud83d\\uded2 \\u0001 \\\\u0000\"", JSON_REQUEST));
}

Test(json_check, cut_anywhere_is_refused)
{
    static const char text[] =
        "{\"a\\u00e9\\ud83d\\uded2\":[1.5e-3,\"\xe2\x82\xac\",{}],\"b\":null}";
    size_t len = sizeof(text) - 1;

    cr_assert(json_check(text, len, JSON_REQUEST, 8, NULL));
    for (size_t n = 0; n < len; n++) {
        char *cut = malloc(n + (n == 0));

        memcpy(cut, text, n);
        cr_assert_not(json_check(cut, n, JSON_REQUEST, 8, NULL), "at %zu", n);
        free(cut);
    }
}

Test(json_check, a_nul_byte_is_no_end)
{
    cr_assert_not(json_check("1\0", 2, JSON_RFC8259, 1, NULL));
    cr_assert_not(json_check("\"a\0\"", 4, JSON_RFC8259, 1, NULL));
    cr_assert_not(json_check("[1\0]", 4, JSON_RFC8259, 1, NULL));
    cr_assert_not(json_check("\"\\\0\"", 4, JSON_RFC8259, 1, NULL));
}
