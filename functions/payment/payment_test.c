/* payment: the signature scheme, and the rules that states move by. */
#include <criterion/criterion.h>
#include "payment/payment_signature.c"
#include "payment/payment_store.c"

#define BODY "{\"id\":\"evt_1\"}"
#define NOW  1700000000

static char header[400];

static const char *signed_at(int64_t t, const char *secret)
{
    char text[200], mac[ID_HASH_LEN + 1];

    snprintf(text, sizeof(text), "%lld." BODY, (long long)t);
    id_hmac_hex(secret, strlen(secret), text, strlen(text), mac);
    snprintf(header, sizeof(header), "t=%lld,v1=%s", (long long)t, mac);
    return header;
}

static bool accepts(const char *h, const char *s1, const char *s2)
{
    const char *secrets[] = { s1, s2 };

    return signature_ok(h, BODY, strlen(BODY), secrets, 2, NOW);
}

Test(signature, either_live_secret_is_good)
{
    cr_assert(accepts(signed_at(NOW, "new"), "new", "old"));
    cr_assert(accepts(signed_at(NOW, "old"), "new", "old"));
    cr_assert_not(accepts(signed_at(NOW, "gone"), "new", "old"));
}

Test(signature, an_unset_old_secret_signs_nothing)
{
    cr_assert_not(accepts(signed_at(NOW, ""), "new", ""));
    cr_assert_not(accepts(signed_at(NOW, ""), "new", NULL));
}

Test(signature, five_minutes_either_way)
{
    cr_assert(accepts(signed_at(NOW - 300, "s"), "s", NULL));
    cr_assert(accepts(signed_at(NOW + 300, "s"), "s", NULL));
    cr_assert_not(accepts(signed_at(NOW - 301, "s"), "s", NULL));
    cr_assert_not(accepts(signed_at(NOW + 301, "s"), "s", NULL));
}

Test(signature, one_good_v1_among_others_is_enough)
{
    char both[500];
    const char *good = signed_at(NOW, "s");

    snprintf(both, sizeof(both), "%.*s,v1=%064d,%s", 12, good, 0, good + 13);
    cr_assert(accepts(both, "s", NULL));
}

Test(signature, shapes_that_are_refused)
{
    static const char *const bad[] = { "",        "t=",       "v1=",
                                       "t=1",     "nonsense", "t=1,t=1",
                                       "t=1,v1=", ",,,,",     "t=1x,v1=0" };

    cr_assert_not(accepts(NULL, "s", NULL));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_assert_not(accepts(bad[i], "s", NULL), "%s", bad[i]);
}

Test(signature, another_body_is_another_signature)
{
    const char *secrets[] = { "s" };

    signed_at(NOW, "s");
    cr_assert_not(
        signature_ok(header, BODY " ", strlen(BODY) + 1, secrets, 1, NOW));
}

static bool may(enum payment_move_to to, const char *from)
{
    return rule_allows(rule_of(to), from);
}

Test(moves, money_is_taken_once)
{
    static const char *const past[] = { "captured", "refunding", "refunded" };

    cr_assert(may(PAYMENT_CAPTURED, "open"));
    cr_assert(may(PAYMENT_CAPTURED, "unknown"));
    cr_assert(may(PAYMENT_CAPTURED, "expired"), "late money is still money");
    for (size_t i = 0; i < 3; i++)
        cr_assert_not(may(PAYMENT_CAPTURED, past[i]));
}

Test(moves, money_goes_back_once_and_only_after_it_came)
{
    cr_assert(may(PAYMENT_REFUNDED, "refunding"));
    cr_assert_not(may(PAYMENT_REFUNDED, "refunded"));
    cr_assert_not(may(PAYMENT_REFUNDED, "open"));
    cr_assert_not(may(PAYMENT_REFUNDING, "open"));
}

Test(moves, what_is_paid_never_expires)
{
    cr_assert(may(PAYMENT_EXPIRED, "open"));
    cr_assert_not(may(PAYMENT_EXPIRED, "captured"));
    cr_assert_not(may(PAYMENT_OPEN, "expired"));
}
