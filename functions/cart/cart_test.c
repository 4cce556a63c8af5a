/* Which product codes a cart takes, and how a cart adds up. */
#include <criterion/criterion.h>
#include "cart/cart_store.c"
#include "cart/cart_view.c"

Test(cart, product_codes)
{
    char sku[66];

    cr_expect(cart_sku_ok("85123A"));
    cr_expect(cart_sku_ok("gift_0001_20"));
    cr_expect(cart_sku_ok("a.b-c"));
    cr_expect_not(cart_sku_ok(""), "the empty field marks the cart itself");
    cr_expect_not(cart_sku_ok("a b"));
    cr_expect_not(cart_sku_ok("a\n"));
    cr_expect_not(cart_sku_ok("caf\xc3\xa9"));
    memset(sku, 'x', sizeof(sku));
    sku[64] = '\0';
    cr_expect(cart_sku_ok(sku));
    sku[64] = 'x';
    sku[65] = '\0';
    cr_expect_not(cart_sku_ok(sku));
}

static struct arena *arena;
static struct req r;
static struct cart_view view;

static void setup(void)
{
    arena = arena_new(0);
    req_init(&r, arena, 1000, NULL);
    view = (struct cart_view){ .items = arena_calloc(arena, 10,
                                                     sizeof(*view.items)) };
}

static void teardown(void)
{
    arena_free(arena);
}

TestSuite(cart_view, .init = setup, .fini = teardown);

static const struct cart_price tea = { true, 250, "GBP", "Tea" };
static const struct cart_price saki = { true, 900, "JPY", "Saki" };
static const struct cart_price gold = { true, MONEY_MAX, "GBP", "Gold" };
static const struct cart_price gone = { .for_sale = false };

static enum err add(const char *sku, int64_t quantity, enum memo_state state,
                    const struct cart_price *p)
{
    return add_line(&r, &view, &(struct cart_line){ sku, quantity }, state, p);
}

Test(cart_view, adds_up)
{
    cr_assert_eq(add("A", 2, MEMO_FRESH, &tea), OK);
    cr_assert_eq(add("B", 999, MEMO_FRESH, &tea), OK);
    cr_assert_eq(view.items[1].line_total, 249750);
    cr_assert_eq(view.total, 250250);
    cr_assert_eq(view.items_count, 1001);
    cr_assert_str_eq(view.currency, "GBP");
    cr_assert_not(view.partial);
}

Test(cart_view, what_is_not_for_sale_costs_nothing)
{
    cr_assert_eq(add("X", 3, MEMO_FRESH, &gone), OK);
    cr_assert_eq(add("A", 2, MEMO_FRESH, &tea), OK);
    cr_assert(view.items[0].unavailable);
    cr_assert_null(view.items[0].name);
    cr_assert_eq(view.items[0].line_total, 0);
    cr_assert_eq(view.total, 500);
    cr_assert_not(view.partial);
}

Test(cart_view, second_currency_is_not_added)
{
    cr_assert_eq(add("A", 1, MEMO_FRESH, &tea), OK);
    cr_assert_eq(add("S", 1, MEMO_FRESH, &saki), OK);
    cr_assert(view.items[1].unavailable);
    cr_assert_eq(view.total, 250);
    cr_assert_str_eq(view.currency, "GBP");
}

Test(cart_view, partial_while_catalog_is_away)
{
    static const struct cart_price nothing;

    cr_assert_eq(add("A", 1, MEMO_OLD, &tea), OK);
    cr_assert_eq(add("B", 4, MEMO_UNKNOWN, &nothing), OK);
    cr_assert(view.partial);
    cr_assert_str_eq(view.items[0].name, "Tea");
    cr_assert_null(view.items[1].name);
    cr_assert_not(view.items[1].unavailable, "nobody said so");
    cr_assert_eq(view.total, 250);
}

Test(cart_view, sums_out_of_range_are_an_error)
{
    cr_assert_eq(add("G", 1, MEMO_FRESH, &gold), OK);
    cr_assert_eq(add("A", 1, MEMO_FRESH, &tea), ERR_AMOUNT);
    view.total = 0;
    cr_assert_eq(add("G", 999, MEMO_FRESH, &gold), ERR_AMOUNT);
}
