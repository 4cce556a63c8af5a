/* What a hostile name, address or reason becomes in a mail. */
#include <criterion/criterion.h>
#include "email/email_text.c"

static struct arena *arena;
static struct order_line lines[2];
static struct order_info order;
static struct letter letter;
static struct mail mail;

static void setup(void)
{
    arena = arena_new(0);
    lines[0] = (struct order_line){
        .name = "Tea Pot", .quantity = 2, .unit_price = 255, .line_total = 510
    };
    lines[1] = (struct order_line){
        .name = "Cup", .quantity = 1, .unit_price = 90, .line_total = 90
    };
    order =
        (struct order_info){ .order_id = "0190b5a0-0000-7000-8000-00000000002a",
                             .total = 600,
                             .currency = "GBP",
                             .email = "ann@example.com",
                             .name = "Ann",
                             .address = "1 Corner Street\nLondon",
                             .lines = lines,
                             .line_count = 2 };
    letter = (struct letter){ .order = &order,
                              .shop = "Bodega",
                              .url = "http://shop/order.html?id=x" };
    mail = (struct mail){ 0 };
}

static void teardown(void)
{
    arena_free(arena);
}

TestSuite(email, .init = setup, .fini = teardown);

Test(email, receipt_says_what_was_bought)
{
    cr_assert_eq(letter_write(arena, &letter, &mail), OK);
    cr_assert_str_eq(mail.subject, "Receipt for order 00000000002a");
    cr_assert(strstr(mail.text, "2 x Tea Pot\n    2.55 GBP each, 5.10 GBP\n"));
    cr_assert(strstr(mail.text, "Total: 6.00 GBP"));
    cr_assert(strstr(mail.text, "1 Corner Street\nLondon"));
    cr_assert(strstr(mail.text, order.order_id));
    cr_assert(strstr(mail.html, "5.10 GBP"));
    cr_assert(strstr(mail.html, "1 Corner Street<br>\nLondon"));
    cr_assert(strstr(mail.html, "href=\"http://shop/order.html?id=x\""));
}

Test(email, markup_in_names_is_text)
{
    order.name = "<script>alert(1)</script>";
    order.address = "\"><img src=x onerror='y'>";
    lines[0].name = "Tea & <b>Pot</b>";
    letter.shop = "<i>";
    cr_assert_eq(letter_write(arena, &letter, &mail), OK);
    cr_assert_null(strstr(mail.html, "<script"));
    cr_assert_null(strstr(mail.html, "<img"));
    cr_assert_null(strstr(mail.html, "<b>"));
    cr_assert_null(strstr(mail.html, "<i>"));
    cr_assert_null(strstr(mail.html, "onerror='"));
    cr_assert(strstr(mail.html, "Tea &amp; &lt;b&gt;Pot&lt;/b&gt;"));
    cr_assert(strstr(mail.text, "<script>alert(1)</script>"));
}

Test(email, nothing_of_the_order_reaches_the_subject)
{
    order.name = "Ann\r\nBcc: all@example.com";
    order.order_id = "x\r\nBcc: all@example.com";
    cr_assert_eq(letter_write(arena, &letter, &mail), OK);
    cr_assert_null(strchr(mail.subject, '\n'));
    cr_assert_null(strchr(mail.subject, '\r'));
    cr_assert_null(strstr(mail.text, "\nBcc"));
}

Test(email, control_characters_are_dropped)
{
    order.name = "A\x1b[31mn\x7fn\x01";
    order.address = "1\t2\r\n3";
    cr_assert_eq(letter_write(arena, &letter, &mail), OK);
    cr_assert(strstr(mail.text, "Dear A[31mnn,"));
    cr_assert(strstr(mail.text, "12\n3"));
    for (const char *c = mail.html; *c; c++)
        cr_assert(*c == '\n' || !is_control(*c));
}

Test(email, refund_gives_its_reason_and_no_address)
{
    letter.refund = true;
    letter.reason = "damaged <in> transit";
    cr_assert_eq(letter_write(arena, &letter, &mail), OK);
    cr_assert_str_eq(mail.subject, "Refund for order 00000000002a");
    cr_assert(strstr(mail.text, "Reason: damaged <in> transit\n"));
    cr_assert(strstr(mail.html, "damaged &lt;in&gt; transit"));
    cr_assert_null(strstr(mail.text, "Corner Street"));
    letter.reason = NULL;
    cr_assert_eq(letter_write(arena, &letter, &mail), OK);
    cr_assert_null(strstr(mail.text, "Reason"));
}

Test(email, unknown_currency_is_an_error)
{
    order.currency = "pounds";
    cr_assert_eq(letter_write(arena, &letter, &mail), ERR_AMOUNT);
    cr_assert_null(mail.text);
}
