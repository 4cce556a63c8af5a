/* utf8_test - the edges of every row of RFC 3629's table. */
#include <criterion/criterion.h>
#include "base/utf8.h"

Test(utf8, well_formed)
{
    static const char *const good[] = {
        "",
        "a",
        "\x7f",
        "\xc2\x80",
        "\xdf\xbf",
        "\xe0\xa0\x80",
        "\xed\x9f\xbf",
        "\xee\x80\x80",
        "\xef\xbf\xbf",
        "\xf0\x90\x80\x80",
        "\xf4\x8f\xbf\xbf",
        "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x9b\x92",
    };

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        cr_assert(utf8_ok(good[i], strlen(good[i])), "row %zu", i);
    cr_assert(utf8_ok("a\0b", 3));
}

Test(utf8, ill_formed)
{
    static const char *const bad[] = {
        "\x80",
        "\xbf",
        "\xc0\x80",
        "\xc1\xbf",
        "\xc2",
        "\xc2\x41",
        "\xc2\xc2",
        "\xe0\x9f\xbf",
        "\xe1\x80",
        "\xe1\x80\x41",
        "\xed\xa0\x80",
        "\xed\xbf\xbf",
        "\xf0\x8f\xbf\xbf",
        "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80",
        "\xf1\x80\x80",
        "\xf1\x80\x80\x41",
        "\xff",
        "\xfe",
        "ok\xc3",
        "\xf8\x88\x80\x80\x80",
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_assert_not(utf8_ok(bad[i], strlen(bad[i])), "row %zu", i);
}

Test(utf8, next_says_how_long)
{
    cr_assert_eq(utf8_next("", 0), 0);
    cr_assert_eq(utf8_next("ab", 2), 1);
    cr_assert_eq(utf8_next("\xc3\xa9x", 3), 2);
    cr_assert_eq(utf8_next("\xe2\x82\xac", 3), 3);
    cr_assert_eq(utf8_next("\xf0\x9f\x9b\x92", 4), 4);
    cr_assert_eq(utf8_next("\xf0\x9f\x9b\x92", 3), 0);
}

Test(utf8, every_latin1_byte_becomes_its_code_point)
{
    struct arena *a = arena_new(0);
    char in[255];
    const char *out;
    size_t o = 0;

    for (int i = 1; i < 256; i++)
        in[i - 1] = (char)i;
    out = utf8_from_latin1(a, in, sizeof(in));
    cr_assert(utf8_ok(out, strlen(out)));
    cr_assert_eq(strlen(out), 127 + 2 * 128);
    for (int i = 1; i < 256; i++) {
        const unsigned char *p = (const unsigned char *)out + o;
        int code = p[0] < 0x80 ? p[0] : (p[0] & 0x1f) << 6 | (p[1] & 0x3f);

        cr_assert_eq(code, i);
        o += p[0] < 0x80 ? 1 : 2;
    }
    cr_assert_str_eq(utf8_from_latin1(a,
                                      "\xa3"
                                      "5",
                                      2),
                     "\xc2\xa3"
                     "5");
    arena_free(a);
}
