/* buf_test - text grows and stays terminated. */
#include <criterion/criterion.h>
#include "base/buf.h"

static struct buf new_buf(struct arena *a)
{
    struct buf b;

    buf_init(&b, a);
    return b;
}

Test(buf, is_a_string_from_the_start)
{
    struct arena *a = arena_new(0);
    struct buf b = new_buf(a);

    cr_assert_str_eq(b.data, "");
    cr_assert_eq(b.len, 0);
    arena_free(a);
}

Test(buf, appends_in_order)
{
    struct arena *a = arena_new(0);
    struct buf b = new_buf(a);

    buf_str(&b, "a");
    buf_char(&b, 'b');
    buf_int(&b, INT64_MIN);
    buf_printf(&b, "[%03d]", 5);
    buf_add(&b, "", 0);
    cr_assert_str_eq(b.data, "ab-9223372036854775808[005]");
    cr_assert_eq(b.len, strlen(b.data));
    arena_free(a);
}

Test(buf, terminated_at_every_length)
{
    struct arena *a = arena_new(0);
    struct buf b = new_buf(a);

    for (size_t i = 0; i < 5000; i++) {
        cr_assert_eq(b.data[b.len], '\0');
        buf_char(&b, (char)('a' + i % 26));
    }
    for (size_t i = 0; i < 5000; i++)
        cr_assert_eq(b.data[i], (char)('a' + i % 26));
    arena_free(a);
}

Test(buf, one_big_piece_and_format_across_the_edge)
{
    struct arena *a = arena_new(0);
    struct buf b = new_buf(a);

    buf_printf(&b, "%300d", 1);
    buf_printf(&b, "%100000d", 2);
    cr_assert_eq(b.len, 100300);
    cr_assert_eq(strlen(b.data), 100300);
    cr_assert_eq(b.data[299], '1');
    cr_assert_eq(b.data[100299], '2');
    arena_free(a);
}

Test(buf, keeps_nul_bytes)
{
    struct arena *a = arena_new(0);
    struct buf b = new_buf(a);

    buf_add(&b, "a\0b", 3);
    cr_assert_eq(b.len, 3);
    cr_assert_eq(memcmp(b.data, "a\0b", 4), 0);
    arena_free(a);
}
