/* arena_test - pieces are zeroed, aligned, apart, and gone after a reset. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdalign.h>
#include <stdint.h>
#include "base/arena.h"

Test(arena, pieces_are_zeroed_aligned_and_do_not_overlap)
{
    struct arena *a = arena_new(64);
    unsigned char *piece[300];

    for (size_t i = 0; i < 300; i++) {
        piece[i] = arena_alloc(a, i);
        cr_assert_eq((uintptr_t)piece[i] % alignof(max_align_t), 0);
        for (size_t k = 0; k < i; k++)
            cr_assert_eq(piece[i][k], 0);
        memset(piece[i], (int)(i & 0xff), i);
    }
    for (size_t i = 0; i < 300; i++) {
        for (size_t k = 0; k < i; k++)
            cr_assert_eq(piece[i][k], i & 0xff);
    }
    arena_free(a);
}

Test(arena, empty_pieces_are_unique)
{
    struct arena *a = arena_new(0);
    void *one = arena_alloc(a, 0);
    void *two = arena_alloc(a, 0);

    cr_assert_neq(one, NULL);
    cr_assert_neq(one, two);
    arena_free(a);
}

Test(arena, reset_reuses_the_first_block_zeroed)
{
    struct arena *a = arena_new(256);
    char *before = arena_alloc(a, 100);

    memset(before, 'x', 100);
    (void)arena_alloc(a, 100000);
    cr_assert_geq(arena_used(a), 100100);
    arena_reset(a);
    cr_assert_eq(arena_used(a), 0);
    cr_assert_eq(arena_alloc(a, 100), before);
    for (int i = 0; i < 100; i++)
        cr_assert_eq(before[i], 0);
    arena_free(a);
}

Test(arena, a_large_piece_leaves_the_small_block_in_use)
{
    struct arena *a = arena_new(4096);
    char *small = arena_alloc(a, 16);

    (void)arena_alloc(a, 1000000);
    cr_assert_eq(arena_alloc(a, 16), small + 16);
    arena_free(a);
}

Test(arena, copies)
{
    struct arena *a = arena_new(0);
    static const char bytes[4] = { 'a', '\0', 'b', 'c' };

    cr_assert_eq(memcmp(arena_memdup(a, bytes, 4), bytes, 4), 0);
    cr_assert_str_eq(arena_strdup(a, "shop"), "shop");
    cr_assert_eq(arena_strdup(a, NULL), NULL);
    cr_assert_str_eq(arena_strndup(a, "shopping", 4), "shop");
    cr_assert_str_eq(arena_strndup(a, "shop", 100), "shop");
    cr_assert_str_eq(arena_printf(a, "%s-%d", "sku", 7), "sku-7");
    cr_assert_eq(strlen(arena_printf(a, "%5000d", 1)), 5000);
    arena_free(a);
    arena_free(NULL);
}

Test(arena, size_overflow_aborts, .signal = SIGABRT)
{
    struct arena *a = arena_new(0);

    (void)arena_calloc(a, SIZE_MAX / 2, 3);
}
