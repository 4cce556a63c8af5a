/* csv_test - RFC 4180 section 2, and what a reader must survive. */
#include <criterion/criterion.h>
#include "base/buf.h"
#include "base/csv.h"

/* The whole reading as one text: "<line>:f|f|f;" or "<line>:BAD;". */
static const char *read_all(struct arena *a, const char *text, size_t len)
{
    struct csv c;
    struct csv_row row;
    struct buf b;
    enum csv_result r;

    buf_init(&b, a);
    csv_init(&c, text, len);
    while ((r = csv_next(&c, a, &row)) != CSV_END) {
        buf_printf(&b, "%zu:", c.line);
        for (size_t i = 0; r == CSV_ROW && i < row.count; i++)
            buf_printf(&b, "%s%s", i > 0 ? "|" : "", row.field[i]);
        buf_str(&b, r == CSV_BAD ? "BAD;" : ";");
    }
    return b.data;
}

static void check(const char *text, const char *expected)
{
    struct arena *a = arena_new(0);
    size_t len = strlen(text);
    /* A copy without a NUL behind it, for ASan to guard. */
    char *exact = arena_memdup(a, text, len);

    cr_assert_str_eq(read_all(a, exact, len), expected, "%s", text);
    arena_free(a);
}

Test(csv, plain_rows)
{
    check("", "");
    check("a", "1:a;");
    check("a,b\nc,d\n", "1:a|b;2:c|d;");
    check("a,b\r\nc,d\r\n", "1:a|b;2:c|d;");
    check("a,b\r\nc,d", "1:a|b;2:c|d;");
    check(" a , b ", "1: a | b ;");
    check("a\r", "1:a;");
    check("a\rb,c", "1:a\rb|c;");
}

Test(csv, empty_fields_and_lines)
{
    check(",", "1:|;");
    check("a,\n,b\n,,\n", "1:a|;2:|b;3:||;");
    check("\n\r\n\na\n\n", "4:a;");
    check("\"\"\n", "1:;");
    check("a,\"\"", "1:a|;");
    check("\n", "");
}

Test(csv, quotes)
{
    check("\"a,b\",c", "1:a,b|c;");
    check("\"say \"\"hi\"\"\",c\n", "1:say \"hi\"|c;");
    check("\"\"\"\"", "1:\";");
    check("\"a\nb\",c\nd\n", "1:a\nb|c;3:d;");
    check("\"a\r\nb\"\r\nd", "1:a\r\nb;3:d;");
    check("12\" PLATE,1\n", "1:12\" PLATE|1;");
}

Test(csv, bad_rows_end_at_their_first_newline)
{
    check("a\n\"open,b\nc,d\n", "1:a;2:BAD;3:c|d;");
    check("\"a\"b,c\nd\n", "1:BAD;2:d;");
    check("\"a\" ,c\nd\n", "1:BAD;2:d;");
    check("\"", "1:BAD;");
    check("\"a\nb\"x\nc\n", "1:BAD;2:b\"x;3:c;");
}

Test(csv, nul_is_bad)
{
    struct arena *a = arena_new(0);

    cr_assert_str_eq(read_all(a, "a,\0b\nc\n", 7), "1:BAD;2:c;");
    cr_assert_str_eq(read_all(a, "\"\0\"\nc\n", 6), "1:BAD;2:c;");
    arena_free(a);
}

Test(csv, too_many_fields)
{
    struct arena *a = arena_new(0);
    struct csv_row row;
    struct csv c;
    struct buf b;

    buf_init(&b, a);
    for (int i = 0; i < CSV_FIELDS_MAX - 1; i++)
        buf_char(&b, ',');
    buf_str(&b, "\n,");
    for (int i = 0; i < CSV_FIELDS_MAX - 1; i++)
        buf_char(&b, ',');
    csv_init(&c, b.data, b.len);
    cr_assert_eq(csv_next(&c, a, &row), CSV_ROW);
    cr_assert_eq(row.count, CSV_FIELDS_MAX);
    cr_assert_str_eq(row.field[CSV_FIELDS_MAX - 1], "");
    cr_assert_eq(csv_next(&c, a, &row), CSV_BAD);
    cr_assert_eq(csv_next(&c, a, &row), CSV_END);
    arena_free(a);
}
