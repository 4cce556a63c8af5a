/* The order's state machine: every step it has, and none it must not have. */
#include <criterion/criterion.h>
#include "order/order_store.c"

Test(order, money_before_goods)
{
    cr_assert_str_eq(order_step_find(ORDER_CAPTURED, "pending")->to, "paid");
    cr_assert_str_eq(order_step_find(ORDER_COMMITTED, "paid")->to, "confirmed");
    cr_assert_null(order_step_find(ORDER_COMMITTED, "pending"));
    cr_assert_null(order_step_find(ORDER_COMMITTED, "cancelled"));
}

Test(order, late_money_is_kept_or_given_back)
{
    cr_assert_str_eq(order_step_find(ORDER_CAPTURED, "expired")->to, "paid");
    const struct order_step *s = order_step_find(ORDER_CAPTURED, "cancelled");
    cr_assert_str_eq(s->to, "refunding");
    cr_assert_eq(s->emit, &order_refund_requested_topic);
}

Test(order, only_unpaid_orders_are_cancelled)
{
    static const char *const others[] = { "paid", "confirmed", "expired",
                                          "refunding", "refunded" };

    cr_assert_str_eq(order_step_find(ORDER_CANCEL, "pending")->to, "cancelled");
    for (size_t i = 0; i < 5; i++)
        cr_assert_null(order_step_find(ORDER_CANCEL, others[i]));
}

Test(order, ends_are_final_and_repeats_do_nothing)
{
    for (int on = ORDER_CAPTURED; on <= ORDER_REFUNDED; on++)
        cr_assert_null(order_step_find((enum order_trigger)on, "refunded"));
    cr_assert_null(order_step_find(ORDER_CAPTURED, "paid"));
    cr_assert_null(order_step_find(ORDER_CAPTURED, "confirmed"));
    cr_assert_null(order_step_find(ORDER_REFUND, "refunding"));
}

Test(order, token_depends_on_key_and_order)
{
    char a[ID_HASH_LEN + 1], b[ID_HASH_LEN + 1];

    order_token("k1", "0190b5a0-0000-7000-8000-000000000001", a);
    order_token("k1", "0190b5a0-0000-7000-8000-000000000002", b);
    cr_assert_str_neq(a, b);
    order_token("k2", "0190b5a0-0000-7000-8000-000000000001", b);
    cr_assert_str_neq(a, b);
}
