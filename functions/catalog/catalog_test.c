/* What is a product and what is not, what a repeated row becomes, what a
 * cursor and a search may be. */
#include <criterion/criterion.h>
#include "catalog/catalog_cursor.c"
#include "catalog/catalog_import.c"
#include "catalog/catalog_store.c"

static struct arena *arena;

static void setup(void)
{
    arena = arena_new(0);
}

static void teardown(void)
{
    arena_free(arena);
}

TestSuite(catalog, .init = setup, .fini = teardown);

/* ---- rows -------------------------------------------------------------- */

static const char *check(const char *sku, const char *name, const char *price,
                         const char *quantity, struct product *ret)
{
    const struct import_row row = { .sku = sku,
                                    .name = name,
                                    .price = price,
                                    .quantity = quantity,
                                    .currency = "GBP" };

    return import_check(arena, &row, ret);
}

Test(catalog, products_come_in)
{
    static const struct {
        const char *sku, *name, *price, *quantity;
        int64_t minor;
    } rows[] = {
        { "85123A", "WHITE HANGING HEART T-LIGHT HOLDER", "2.55", "6", 255 },
        { "gift_0001_20", "Gift Voucher", "18", "1", 1800 },
        { "SNK-001", "Cornerstone Low '04", "128.00", NULL, 12800 },
        { " 22086 ", "  Dr. Jam's Stress Ball ", "0.01", " 9 ", 1 },
        { "1234", "FRENCH BLUE METAL DOOR SIGN No", "165", "1", 16500 },
        { "T-4000", "\xe3\x81\x8a\xe8\x8c\xb6", "3.1", "1", 310 },
    };
    struct product p;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *why = check(rows[i].sku, rows[i].name, rows[i].price,
                                rows[i].quantity, &p);

        cr_expect_null(why, "%s: %s", rows[i].sku, why);
        cr_expect_eq(p.price, rows[i].minor, "%s", rows[i].sku);
    }
}

Test(catalog, blanks_around_are_dropped)
{
    struct product p;

    cr_assert_null(check(" 22086 ", "\tTea  Pot \r", "1", NULL, &p));
    cr_assert_str_eq(p.sku, "22086");
    cr_assert_str_eq(p.name, "Tea  Pot");
    cr_assert_str_eq(p.category, "");
}

Test(catalog, others_are_named)
{
    static const struct {
        const char *sku, *name, *price, *quantity, *why;
    } rows[] = {
        { "", "A Thing", "1", "1", "code is missing" },
        { NULL, "A Thing", "1", "1", "code is missing" },
        { "POST", "POSTAGE", "18.00", "1", "no digit" },
        { "AMAZONFEE", "AMAZON FEE", "1", "1", "no digit" },
        { "C2", "CARRIAGE", "50", "1", "fewer than 4" },
        { "BANK CHARGES", "Bank Charges", "1", "1", "a space" },
        { "22086/1", "A Thing", "1", "1", "may hold" },
        { "22086%", "A Thing", "1", "1", "may hold" },
        { "22086", "", "1", "1", "name is missing" },
        { "22086", NULL, "1", "1", "name is missing" },
        { "22086", " \t", "1", "1", "name is missing" },
        { "22086", "?", "1", "1", "not a name" },
        { "22086", "?sold as sets", "1", "1", "not a name" },
        { "22086", "Lost??", "1", "1", "not a name" },
        { "22086", "--- !", "1", "1", "not a name" },
        { "22086", "damaged", "1", "1", "small letters" },
        { "22086", "wrongly marked 23343", "1", "1", "small letters" },
        { "22086", "A\nBcc: x", "1", "1", "control" },
        { "22086", "A Thing", "0", "1", "zero or negative" },
        { "22086", "A Thing", "0.00", "1", "zero or negative" },
        { "22086", "A Thing", "-1", "1", "zero or negative" },
        { "22086", "A Thing", "", "1", "price is missing" },
        { "22086", "A Thing", "1.999", "1", "can't be read" },
        { "22086", "A Thing", "1,50", "1", "can't be read" },
        { "22086", "A Thing", "1e3", "1", "can't be read" },
        { "22086", "A Thing", "99999999999999999999", "1", "can't be read" },
        { "22086", "A Thing", "1", "0", "cancellation" },
        { "22086", "A Thing", "1", "00", "cancellation" },
        { "22086", "A Thing", "1", "-12", "cancellation" },
        { "22086", "A Thing", "1", "1.5", "whole number" },
        { "22086", "A Thing", "1", "", "whole number" },
        { "22086", "A Thing", "1", "-", "whole number" },
        { "22086", "Caf\xe9 Sign", "1", "1", "latin1" },
    };
    struct product p;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *why = check(rows[i].sku, rows[i].name, rows[i].price,
                                rows[i].quantity, &p);

        cr_expect(why && strstr(why, rows[i].why), "row %zu: %s, want %s", i,
                  why ? why : "accepted", rows[i].why);
    }
}

static const char *check_image(const char *image)
{
    const struct import_row row = { .sku = "22086",
                                    .name = "A Thing",
                                    .price = "1",
                                    .currency = "GBP",
                                    .image = image };
    struct product p;

    return import_check(arena, &row, &p);
}

Test(catalog, image_is_ours_or_over_tls)
{
    cr_expect_null(check_image("/img/a.svg"));
    cr_expect_null(check_image("https://example.com/a.jpg"));
    cr_expect_null(check_image(""));
    cr_expect_not_null(check_image("javascript:alert(1)"));
    cr_expect_not_null(check_image("//example.com/a.jpg"));
    cr_expect_not_null(check_image("http://example.com/a.jpg"));
}

Test(catalog, long_ones_are_refused_not_cut)
{
    char name[CATALOG_NAME_MAX + 2];
    char sku[SKU_MAX + 2];
    struct product p;

    memset(name, 'A', sizeof(name));
    memset(sku, '1', sizeof(sku));
    name[CATALOG_NAME_MAX] = '\0';
    sku[SKU_MAX] = '\0';
    cr_assert_null(check(sku, name, "1", NULL, &p));
    name[CATALOG_NAME_MAX] = 'A';
    name[CATALOG_NAME_MAX + 1] = '\0';
    cr_assert_not_null(check(sku, name, "1", NULL, &p));
    sku[SKU_MAX] = '1';
    sku[SKU_MAX + 1] = '\0';
    cr_assert_not_null(check(sku, "A Thing", "1", NULL, &p));
}

/* ---- the whole list ---------------------------------------------------- */

static void add(struct import *im, int64_t line, const char *sku,
                const char *name, const char *price)
{
    const struct import_row row = {
        .sku = sku, .name = name, .price = price, .currency = "GBP"
    };

    import_add(im, arena, line, &row);
}

Test(catalog, every_row_counts_once)
{
    struct import im;

    import_init(&im, arena);
    add(&im, 2, "22086", "Tea Pot", "1.00");
    add(&im, 3, "22086", "Tea Pot ", "1");
    add(&im, 4, "22086", "Tea Pot", "1.01");
    add(&im, 5, "22086", "Coffee Pot", "1.00");
    add(&im, 6, "22086a", "Tea Pot", "1.00");
    add(&im, 7, "POST", "POSTAGE", "18");
    import_reject(&im, 8, NULL, "not a CSV line");
    cr_assert_eq(im.rows, 7);
    cr_assert_eq(im.count, 2);
    cr_assert_eq(im.duplicates, 1);
    cr_assert_eq(im.differs, 2);
    cr_assert_eq(im.rejected, 2);
    cr_assert_eq(im.note_count, 4);
    cr_assert_eq(im.notes[0].line, 4);
    cr_assert_str_eq(im.notes[0].reason, "differs from line 2, ignored");
    cr_assert_str_eq(im.notes[2].sku, "POST");
    cr_assert_eq(im.items[0].price, 100);
}

Test(catalog, many_rows)
{
    struct import im;

    import_init(&im, arena);
    for (int64_t i = 0; i < 20000; i++)
        add(&im, i + 2, arena_printf(arena, "PX-%lld", (long long)(i % 5000)),
            "Tea Pot", i < 15000 ? "1" : "2");
    cr_assert_eq(im.count, 5000);
    cr_assert_eq(im.duplicates, 10000);
    cr_assert_eq(im.differs, 5000);
    for (size_t i = 0; i < 5000; i++)
        cr_assert_eq(im.lines[i], (int64_t)i + 2);
    cr_assert_str_eq(im.items[4321].sku, "PX-4321");
}

/* ---- cursor ------------------------------------------------------------ */

Test(catalog, cursor_comes_back)
{
    const struct product last = { .sku = "22086", .name = "Caf\xc3\xa9" };
    struct product_query q = { .category = "Home", .q = NULL };
    const char *cursor = cursor_make(arena, &q, &last);

    cr_assert(cursor_read(arena, cursor, &q));
    cr_assert_str_eq(q.after_name, last.name);
    cr_assert_str_eq(q.after_sku, last.sku);
}

Test(catalog, cursor_fits_its_limit)
{
    char name[CATALOG_NAME_MAX + 1];
    char sku[SKU_MAX + 1];
    struct product_query q = { 0 };

    memset(name, 'N', CATALOG_NAME_MAX);
    memset(sku, '1', SKU_MAX);
    name[CATALOG_NAME_MAX] = '\0';
    sku[SKU_MAX] = '\0';
    const struct product last = { .sku = sku, .name = name };
    cr_assert_leq(strlen(cursor_make(arena, &q, &last)), CURSOR_MAX);
}

Test(catalog, cursor_of_another_list_is_refused)
{
    const struct product last = { .sku = "22086", .name = "Tea Pot" };
    struct product_query q = { .category = "Home" };
    const char *cursor = cursor_make(arena, &q, &last);

    q.category = "Pantry";
    cr_expect_not(cursor_read(arena, cursor, &q));
    q = (struct product_query){ .q = "Home" };
    cr_expect_not(cursor_read(arena, cursor, &q));
    cr_expect_null(q.after_name);
}

Test(catalog, altered_cursor_is_refused)
{
    const struct product last = { .sku = "22086", .name = "Tea Pot" };
    struct product_query q = { 0 };
    const char *good = cursor_make(arena, &q, &last);
    size_t len = strlen(good);

    for (size_t i = 0; i < len; i++) {
        char *bad = arena_strdup(arena, good);

        bad[i] = bad[i] == '3' ? '4' : '3';
        cr_expect_not(cursor_read(arena, bad, &q), "byte %zu", i);
        bad[i] = '\0';
        cr_expect_not(cursor_read(arena, bad, &q), "cut at %zu", i);
    }
}

/* ---- search ------------------------------------------------------------ */

Test(catalog, words_become_prefixes_and_nothing_else)
{
    static const struct {
        const char *typed, *query;
    } rows[] = {
        { "heart", "'heart':*" },
        { " T-Light  holder ", "'T':* & 'Light':* & 'holder':*" },
        { "l'eau", "'l':* & 'eau':*" },
        { "caf\xc3\xa9", "'caf\xc3\xa9':*" },
        { "a & !b | (c) <-> d:*", "'a':* & 'b':* & 'c':* & 'd':*" },
        { "100%_", "'100':*" },
        { "'\\", "" },
        { "", "" },
        { "1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8",
          "'1':* & '2':* & '3':* & '4':* & '5':* & '6':* & '7':* & '8':* & "
          "'9':* & '0':* & '1':* & '2':* & '3':* & '4':* & '5':* & '6':*" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        cr_expect_str_eq(store_tsquery(arena, rows[i].typed), rows[i].query);
}
