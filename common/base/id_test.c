/* id_test - forms, order, and digests against published vectors. */
#include <criterion/criterion.h>
#include "base/clock.h"
#include "base/id.h"

Test(id, uuid7_has_the_form_and_the_time)
{
    char u[ID_UUID_LEN + 1];
    int64_t before = clock_wall_us() / 1000;
    long long ms;

    id_uuid7(u);
    cr_assert(id_is_uuid(u), "%s", u);
    cr_assert_eq(u[14], '7');
    cr_assert(strchr("89ab", u[19]) != NULL);
    memmove(u + 8, u + 9, 4); /* the 48 bits of time, without the dash */
    u[12] = '\0';
    ms = strtoll(u, NULL, 16);
    cr_assert(ms >= before && ms <= clock_wall_us() / 1000);
}

Test(id, uuid7_strictly_increases)
{
    char last[ID_UUID_LEN + 1] = "";
    char next[ID_UUID_LEN + 1];

    for (int i = 0; i < 20000; i++) {
        id_uuid7(next);
        cr_assert(strcmp(next, last) > 0, "%s after %s", next, last);
        memcpy(last, next, sizeof(last));
    }
}

Test(id, is_uuid)
{
    cr_assert(id_is_uuid("00000000-0000-0000-0000-000000000000"));
    cr_assert(id_is_uuid("f81d4fae-7dec-11d0-a765-00a0c91e6bf6"));
    cr_assert_not(id_is_uuid(""));
    cr_assert_not(id_is_uuid("F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6"));
    cr_assert_not(id_is_uuid("f81d4fae-7dec-11d0-a765-00a0c91e6bf"));
    cr_assert_not(id_is_uuid("f81d4fae-7dec-11d0-a765-00a0c91e6bf60"));
    cr_assert_not(id_is_uuid("f81d4fae07dec-11d0-a765-00a0c91e6bf6"));
    cr_assert_not(id_is_uuid("f81d4fag-7dec-11d0-a765-00a0c91e6bf6"));
}

Test(id, tokens_are_base64url_and_differ)
{
    char one[ID_TOKEN_LEN + 1];
    char two[ID_TOKEN_LEN + 1];

    id_token(one);
    id_token(two);
    cr_assert_eq(strlen(one), ID_TOKEN_LEN);
    cr_assert_eq(strspn(one, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                             "abcdefghijklmnopqrstuvwxyz0123456789-_"),
                 ID_TOKEN_LEN);
    cr_assert_str_neq(one, two);
}

Test(id, random_below_reaches_every_value_and_no_other)
{
    int seen[5] = { 0 };

    for (int i = 0; i < 2000; i++) {
        uint64_t v = id_random_below(5);

        cr_assert_lt(v, 5);
        seen[v]++;
    }
    for (int i = 0; i < 5; i++)
        cr_assert_gt(seen[i], 0);
    cr_assert_eq(id_random_below(1), 0);
}

/* FIPS 180-2 appendix B. */
/* The reference gives vectors for another key (00 .. 0f), so: what a mark is
 * for. */
Test(id, marks_tell_content_apart)
{
    char a[ID_MARK_LEN + 1];
    char b[ID_MARK_LEN + 1];

    id_mark_hex("tea, 250", 8, a);
    id_mark_hex("tea, 250", 8, b);
    cr_assert_str_eq(a, b);
    cr_assert_eq(strspn(a, "0123456789abcdef"), ID_MARK_LEN);
    id_mark_hex("tea, 251", 8, b);
    cr_assert_str_neq(a, b);
    id_mark_hex("tea, 25", 7, b);
    cr_assert_str_neq(a, b);
}

Test(id, sha256_vectors)
{
    char out[ID_HASH_LEN + 1];

    id_sha256_hex("abc", 3, out);
    cr_assert_str_eq(out, "ba7816bf8f01cfea414140de5dae2223"
                          "b00361a396177a9cb410ff61f20015ad");
    id_sha256_hex("", 0, out);
    cr_assert_str_eq(out, "e3b0c44298fc1c149afbf4c8996fb924"
                          "27ae41e4649b934ca495991b7852b855");
}

/* RFC 4231, test cases 2 and 6 (a key longer than one block). */
Test(id, hmac_vectors)
{
    char out[ID_HASH_LEN + 1];
    const char *text = "what do ya want for nothing?";
    const char *hint = "Test Using Larger Than Block-Size Key - Hash Key First";
    unsigned char key[131];

    id_hmac_hex("Jefe", 4, text, strlen(text), out);
    cr_assert_str_eq(out, "5bdcc146bf60754e6a042426089575c7"
                          "5a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, sizeof(key));
    id_hmac_hex(key, sizeof(key), hint, strlen(hint), out);
    cr_assert_str_eq(out, "60e431591ee0b67f0d8a26aacbf5b77f"
                          "8e0bc6213728c5140546040f0ee37f54");
}

Test(id, equal)
{
    cr_assert(id_equal("", ""));
    cr_assert(id_equal("token", "token"));
    cr_assert_not(id_equal("token", "tokeN"));
    cr_assert_not(id_equal("token", "token1"));
    cr_assert_not(id_equal("token", ""));
}

Test(id, hex_both_ways)
{
    unsigned char bytes[3] = { 0x00, 0x9f, 0xff };
    unsigned char back[3];
    char hex[7];

    id_hex(bytes, 3, hex);
    cr_assert_str_eq(hex, "009fff");
    cr_assert(id_unhex("009FfF", back, 3));
    cr_assert_eq(memcmp(back, bytes, 3), 0);
    cr_assert(id_unhex("", back, 0));
    cr_assert_not(id_unhex("009ff", back, 3));
    cr_assert_not(id_unhex("009fff0", back, 3));
    cr_assert_not(id_unhex("009ffg", back, 3));
    cr_assert_not(id_unhex("0x9fff", back, 3));
}
