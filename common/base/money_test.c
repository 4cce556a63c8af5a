/* money_test - the edges of the range and of the text form. */
#include <criterion/criterion.h>
#include "base/money.h"

Test(money, add)
{
    int64_t v = 7;

    cr_assert(money_add(255, -300, &v));
    cr_assert_eq(v, -45);
    cr_assert(money_add(MONEY_MAX, 0, &v));
    cr_assert_eq(v, MONEY_MAX);
    cr_assert_not(money_add(MONEY_MAX, 1, &v));
    cr_assert_not(money_add(-MONEY_MAX, -1, &v));
    cr_assert_not(money_add(INT64_MAX, INT64_MAX, &v));
    cr_assert_not(money_add(INT64_MIN, -1, &v));
    cr_assert_eq(v, MONEY_MAX, "nothing is stored on failure");
}

Test(money, mul)
{
    int64_t v = 7;

    cr_assert(money_mul(255, 6, &v));
    cr_assert_eq(v, 1530);
    cr_assert(money_mul(-255, 6, &v));
    cr_assert_eq(v, -1530);
    cr_assert(money_mul(MONEY_MAX, -1, &v));
    cr_assert_eq(v, -MONEY_MAX);
    cr_assert_not(money_mul(MONEY_MAX, 2, &v));
    cr_assert_not(money_mul(INT64_MIN, -1, &v));
    cr_assert_not(money_mul(4294967296, 4294967296, &v));
    cr_assert_eq(v, -MONEY_MAX, "nothing is stored on failure");
}

Test(money, exponent)
{
    cr_assert_eq(money_exponent("JPY"), 0);
    cr_assert_eq(money_exponent("GBP"), 2);
    cr_assert_eq(money_exponent("KWD"), 3);
    cr_assert_eq(money_exponent("CLF"), 4);
    cr_assert_eq(money_exponent("gbp"), -1);
    cr_assert_eq(money_exponent("GB"), -1);
    cr_assert_eq(money_exponent(""), -1);
    cr_assert_eq(money_exponent("GBPX"), -1);
    cr_assert_eq(money_exponent("GB1"), -1);
}

static void format(int64_t minor, const char *currency, const char *expected)
{
    char out[40];

    cr_assert(money_format(minor, currency, out, sizeof(out)));
    cr_assert_str_eq(out, expected);
}

Test(money, format)
{
    char out[40];

    format(1234, "GBP", "12.34 GBP");
    format(5, "GBP", "0.05 GBP");
    format(-5, "GBP", "-0.05 GBP");
    format(0, "USD", "0.00 USD");
    format(1234, "JPY", "1234 JPY");
    format(-1234, "KWD", "-1.234 KWD");
    format(MONEY_MAX, "CLF", "900719925474.0991 CLF");
    format(INT64_MIN, "GBP", "-92233720368547758.08 GBP");
    cr_assert_not(money_format(1, "gbp", out, sizeof(out)));
    cr_assert_not(money_format(1, "GBP", out, 8));
    cr_assert(money_format(1, "GBP", out, 9));
}

static void parse(const char *text, const char *currency, int64_t expected)
{
    int64_t v = 0;

    cr_assert(money_parse(text, currency, &v), "%s", text);
    cr_assert_eq(v, expected, "%s", text);
}

Test(money, parse)
{
    parse("2.55", "GBP", 255);
    parse("2.5", "GBP", 250);
    parse("10", "GBP", 1000);
    parse("-0.5", "GBP", -50);
    parse("0", "GBP", 0);
    parse("0.07", "GBP", 7);
    parse("12", "JPY", 12);
    parse("1.234", "KWD", 1234);
    parse("90071992547409.91", "GBP", MONEY_MAX);
    parse("-90071992547409.91", "GBP", -MONEY_MAX);
}

Test(money, parse_refuses)
{
    static const char *const bad[] = {
        "",
        "-",
        ".",
        ".5",
        "5.",
        "-.5",
        "+5",
        "--5",
        "5-",
        "1e3",
        "1,50",
        " 5",
        "5 ",
        "2.555",
        "0x10",
        "1.2.3",
        "inf",
        "nan",
        "\xd9\xa1",
        "90071992547409.92",
        "-90071992547409.92",
        "90071992547410",
        "99999999999999999999999",
    };
    int64_t v = 7;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_assert_not(money_parse(bad[i], "GBP", &v), "%s", bad[i]);
    cr_assert_not(money_parse("1.0", "JPY", &v));
    cr_assert_not(money_parse("1", "pounds", &v));
    cr_assert_eq(v, 7, "nothing is stored on failure");
}

Test(money, what_is_formatted_parses_back)
{
    static const char *const currency[] = { "JPY", "GBP", "KWD", "CLF" };

    for (int i = 0; i < 4; i++) {
        for (int64_t m = 1; m < MONEY_MAX / 3; m = m * 3 + i) {
            char out[40];
            int64_t back = 0;

            cr_assert(money_format(-m, currency[i], out, sizeof(out)));
            out[strlen(out) - 4] = '\0';
            cr_assert(money_parse(out, currency[i], &back), "%s", out);
            cr_assert_eq(back, -m);
        }
    }
}
