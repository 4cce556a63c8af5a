/* json_test - one table decodes, refuses with a place and a reason, and
 * encodes. */
#include <criterion/criterion.h>
#include "base/json.h"

struct line {
    const char *sku;
    int64_t quantity;
};

struct address {
    const char *city;
};

struct order {
    const char *id;
    const char *email;
    const char *name;
    const char *status;
    const char *note;
    int64_t total;
    int64_t shift;
    bool gift;
    struct address *address;
    struct line *items;
    size_t item_count;
    const char *raw;
};

static const struct json_field line_fields[] = {
    JSON_STR(struct line, sku, .required = true, .min = 1, .max = 8),
    JSON_INT(struct line, quantity, .required = true, .min = 1, .max = 99),
    JSON_END
};

static const struct json_field address_fields[] = {
    JSON_STR(struct address, city, .required = true), JSON_END
};

static const struct json_field fields[] = {
    JSON_STR(struct order, id, .format = "uuid"),
    JSON_STR(struct order, email, .format = "email"),
    JSON_STR(struct order, name, .one_line = true),
    JSON_STR(struct order, status, .one_of = "PAID|NEW|SENT"),
    JSON_STR(struct order, note, .nullable = true),
    JSON_INT(struct order, total),
    JSON_INT(struct order, shift, .min = -5, .omit_zero = true),
    JSON_BOOL(struct order, gift, .omit_zero = true),
    JSON_OBJ(struct order, address, struct address, address_fields),
    JSON_LIST(struct order, items, item_count, struct line, line_fields,
              .max = 3),
    JSON_RAW(struct order, raw),
    JSON_END
};

static struct arena *a;
static struct json_errors errs;

static void setup(void)
{
    a = arena_new(0);
}

static void teardown(void)
{
    arena_free(a);
}

TestSuite(json, .init = setup, .fini = teardown);

static enum err decode(const char *text, enum json_mode mode, struct order *o)
{
    return json_decode(a, text, strlen(text), fields, mode, o, &errs);
}

/* A strict decode that fails with one error, at pointer, saying detail. */
static void refuses(const char *text, enum err code, const char *pointer,
                    const char *detail)
{
    struct order o = { 0 };

    cr_expect_eq(decode(text, JSON_STRICT, &o), code, "%s", text);
    cr_assert_eq(errs.count, 1, "%s", text);
    cr_expect_str_eq(errs.at[0].pointer, pointer, "%s: %s", text,
                     errs.at[0].pointer);
    cr_expect_str_eq(errs.at[0].detail, detail, "%s: %s", text,
                     errs.at[0].detail);
}

static void accepts(const char *text)
{
    struct order o = { 0 };

    cr_expect_eq(decode(text, JSON_STRICT, &o), OK, "%s", text);
    cr_expect_eq(errs.count, 0);
}

Test(json, fills_a_struct)
{
    struct order o = { .name = "kept", .total = 3 };

    cr_assert_eq(decode("{\"id\":\"f81d4fae-7dec-11d0-a765-00a0c91e6bf6\","
                        "\"email\":\"ann@shop.example\",\"shift\":-5,"
                        "\"status\":\"SENT\",\"note\":\"caf\\u00e9\","
                        "\"gift\":true,\"address\":{\"city\":\"Bath\"},"
                        "\"items\":[{\"sku\":\"A1\",\"quantity\":1},"
                        "{\"quantity\":99,\"sku\":\"B\"}]}",
                        JSON_STRICT, &o),
                 OK);
    cr_assert_str_eq(o.email, "ann@shop.example");
    cr_assert_str_eq(o.note, "caf\xc3\xa9");
    cr_assert_eq(o.shift, -5);
    cr_assert(o.gift);
    cr_assert_str_eq(o.address->city, "Bath");
    cr_assert_eq(o.item_count, 2);
    cr_assert_str_eq(o.items[0].sku, "A1");
    cr_assert_eq(o.items[1].quantity, 99);
    cr_assert_str_eq(o.name, "kept");
    cr_assert_eq(o.total, 3);
}

Test(json, what_is_not_json)
{
    struct order o = { 0 };

    cr_assert_eq(decode("{\"total\":01}", JSON_STRICT, &o), ERR_BAD_JSON);
    cr_assert_eq(errs.count, 1);
    cr_assert_str_eq(errs.at[0].pointer, "");
    cr_assert_eq(decode("", JSON_STRICT, &o), ERR_BAD_JSON);
    cr_assert_eq(decode("{\"gift\":true,\"gift\":false}", JSON_LENIENT, &o),
                 ERR_BAD_JSON);
    cr_assert_eq(decode("{\"note\":\"a\\u0000b\"}", JSON_LENIENT, &o),
                 ERR_BAD_JSON);
    cr_assert_eq(json_decode(a, "[", 1, fields, JSON_STRICT, &o, NULL),
                 ERR_BAD_JSON);
}

Test(json, wrong_kinds)
{
    refuses("[]", ERR_INVALID, "", "must be an object");
    refuses("null", ERR_INVALID, "", "must be an object");
    refuses("{\"note\":1}", ERR_INVALID, "/note", "must be a string");
    refuses("{\"total\":\"1\"}", ERR_INVALID, "/total", "must be an integer");
    refuses("{\"total\":null}", ERR_INVALID, "/total", "must be an integer");
    refuses("{\"gift\":1}", ERR_INVALID, "/gift", "must be true or false");
    refuses("{\"address\":[]}", ERR_INVALID, "/address", "must be an object");
    refuses("{\"items\":{}}", ERR_INVALID, "/items", "must be a list");
    refuses("{\"items\":[1]}", ERR_INVALID, "/items/0", "must be an object");
}

Test(json, integers_only)
{
    struct order o = { 0 };

    refuses("{\"total\":1.5}", ERR_INVALID, "/total", "must be an integer");
    refuses("{\"total\":1.0}", ERR_INVALID, "/total", "must be an integer");
    refuses("{\"total\":1e3}", ERR_INVALID, "/total", "must be an integer");
    refuses("{\"total\":1E0}", ERR_INVALID, "/total", "must be an integer");
    refuses("{\"total\":-0.0}", ERR_INVALID, "/total", "must be an integer");
    cr_assert_eq(decode("{\"total\":-0}", JSON_STRICT, &o), OK);
    cr_assert_eq(decode("{\"total\":9007199254740991}", JSON_STRICT, &o), OK);
    cr_assert_eq(o.total, 9007199254740991);
    cr_assert_eq(decode("{\"total\":-9007199254740991}", JSON_STRICT, &o), OK);
    cr_assert_eq(o.total, -9007199254740991);
    refuses("{\"total\":9007199254740992}", ERR_AMOUNT, "/total",
            "must be within +-9007199254740991");
    refuses("{\"total\":-9007199254740993}", ERR_AMOUNT, "/total",
            "must be within +-9007199254740991");
    refuses("{\"total\":18446744073709551617}", ERR_AMOUNT, "/total",
            "must be within +-9007199254740991");
    refuses("{\"total\":1000000000000000000000000000000000000000000000000000"
            "00000000000000000000000000000000000000000000000}",
            ERR_AMOUNT, "/total", "must be within +-9007199254740991");
}

/* Literals elsewhere in the text must not be taken for the member's own. */
Test(json, each_number_has_its_own_literal)
{
    struct order o = { 0 };

    cr_assert_eq(decode("{\"x-1.5e3\":\"-2.5\\\"7\",\"y\":[1.5,{\"z\":-2e9}],"
                        "\"total\":12,\"v\":[[0.5],-1],\"shift\":-3}",
                        JSON_LENIENT, &o),
                 OK);
    cr_assert_eq(o.total, 12);
    cr_assert_eq(o.shift, -3);
    cr_assert_eq(
        decode("{\"y\":[1,2],\"total\":1.0,\"v\":3}", JSON_LENIENT, &o),
        ERR_INVALID);
}

Test(json, limits)
{
    refuses("{\"items\":[{\"sku\":\"A\",\"quantity\":0}]}", ERR_INVALID,
            "/items/0/quantity", "must be at least 1");
    refuses("{\"items\":[{\"sku\":\"A\",\"quantity\":-1}]}", ERR_INVALID,
            "/items/0/quantity", "must be at least 1");
    refuses("{\"items\":[{\"sku\":\"A\",\"quantity\":1000000000}]}",
            ERR_INVALID, "/items/0/quantity", "must be at most 99");
    refuses("{\"items\":[{\"sku\":\"\",\"quantity\":1}]}", ERR_INVALID,
            "/items/0/sku", "must have at least 1 bytes");
    refuses("{\"items\":[{\"sku\":\"123456789\",\"quantity\":1}]}", ERR_INVALID,
            "/items/0/sku", "must have at most 8 bytes");
    refuses("{\"items\":[{},{},{},{}]}", ERR_INVALID, "/items",
            "must have at most 3 items");
    refuses("{\"shift\":-6}", ERR_INVALID, "/shift", "must be at least -5");
    refuses("{\"shift\":1}", ERR_INVALID, "/shift", "must be at most 0");
    accepts("{\"items\":[{\"sku\":\"12345678\",\"quantity\":99}]}");
    accepts("{\"items\":[]}");
}

Test(json, required_and_unknown)
{
    refuses("{\"address\":{}}", ERR_INVALID, "/address/city", "is required");
    refuses("{\"items\":[{\"sku\":\"A\",\"quantity\":1},{\"sku\":\"B\"}]}",
            ERR_INVALID, "/items/1/quantity", "is required");
    refuses("{\"Total\":1}", ERR_INVALID, "/Total", "unknown member");
    refuses("{\"a/b~c\":1}", ERR_INVALID, "/a~1b~0c", "unknown member");
    refuses("{\"address\":{\"city\":\"x\",\"zip\":1}}", ERR_INVALID,
            "/address/zip", "unknown member");
    refuses("{\"raw\":1}", ERR_INVALID, "/raw", "unknown member");
    refuses("{\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
            "aaaaaaaaaaaaaa\":1}",
            ERR_INVALID, "", "unknown member");
}

Test(json, null_where_it_may_stand)
{
    struct order o = { .note = "kept" };

    cr_assert_eq(decode("{\"note\":null}", JSON_STRICT, &o), OK);
    cr_assert_str_eq(o.note, "kept");
    refuses("{\"name\":null}", ERR_INVALID, "/name", "must be a string");
    cr_assert_eq(
        decode("{\"name\":null,\"address\":null,\"more\":1}", JSON_LENIENT, &o),
        OK);
    cr_assert_eq(decode("{\"address\":{\"city\":null}}", JSON_LENIENT, &o),
                 ERR_INVALID);
}

Test(json, one_line_and_one_of)
{
    refuses("{\"name\":\"a\\r\\nBcc: x\"}", ERR_INVALID, "/name",
            "must not hold control characters");
    refuses("{\"name\":\"\\u007f\"}", ERR_INVALID, "/name",
            "must not hold control characters");
    refuses("{\"name\":\"\\u0085\"}", ERR_INVALID, "/name",
            "must not hold control characters");
    accepts("{\"name\":\"Zo\\u00eb \\u00a0 O'Brien\",\"note\":\"a\\nb\"}");
    refuses("{\"status\":\"PAI\"}", ERR_INVALID, "/status",
            "must be one of PAID|NEW|SENT");
    refuses("{\"status\":\"PAID|NEW\"}", ERR_INVALID, "/status",
            "must be one of PAID|NEW|SENT");
    refuses("{\"status\":\"\"}", ERR_INVALID, "/status",
            "must be one of PAID|NEW|SENT");
    accepts("{\"status\":\"PAID\"}");
    accepts("{\"status\":\"NEW\"}");
}

static void email(const char *address, bool good)
{
    const char *text = arena_printf(a, "{\"email\":\"%s\"}", address);

    if (good)
        accepts(text);
    else
        refuses(text, ERR_INVALID, "/email", "must be an e-mail address");
}

Test(json, email_format)
{
    static const char *const good[] = {
        "a@b.co",
        "ann.o'brien+shop@mail.shop.example",
        "1_-@x-1.example",
    };
    static const char *const bad[] = {
        "",
        "a",
        "@b.co",
        "a@",
        "a@b",
        "a@@b.co",
        "a@b@c.co",
        "a b@c.co",
        "a@b .co",
        "<a@b.co>",
        "a@b.co\\n",
        "a@b..co",
        "a@.b.co",
        "a@b.co.",
        "a@-b.co",
        "a@b-.co",
        "\\\"a\\\"@b.co",
        "a,c@b.co",
        ".a@b.co",
        "a.@b.co",
        "a..b@c.co",
        "a@[127.0.0.1]",
        "\xc3\xa9@b.co",
        "a@b.co\\u0001",
    };
    char local[66] = { 0 };
    struct buf b;

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        email(good[i], true);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        email(bad[i], false);
    memset(local, 'a', 65);
    email(arena_printf(a, "%s@b.co", local), false);
    email(arena_printf(a, "%s@b.co", local + 1), true);
    email(arena_printf(a, "a@%s.co", local + 1), false);
    email(arena_printf(a, "a@%s.co", local + 2), true);
    buf_init(&b, a);
    buf_str(&b, "a@");
    while (b.len < 252)
        buf_str(&b, "b.");
    buf_str(&b, "co");
    email(b.data, true);
    buf_char(&b, 'm');
    email(b.data, false);
}

Test(json, uuid_format)
{
    refuses("{\"id\":\"F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6\"}", ERR_INVALID,
            "/id", "must be a UUID in lower case");
    refuses("{\"id\":\"\"}", ERR_INVALID, "/id",
            "must be a UUID in lower case");
}

Test(json, all_errors_are_told_up_to_the_limit)
{
    struct order o = { 0 };
    struct buf b;

    cr_assert_eq(decode("{\"gift\":1,\"total\":9007199254740992,\"zz\":1}",
                        JSON_STRICT, &o),
                 ERR_AMOUNT);
    cr_assert_eq(errs.count, 3);
    buf_init(&b, a);
    buf_str(&b, "{\"k\":0");
    for (int i = 0; i < 100; i++)
        buf_printf(&b, ",\"k%d\":0", i);
    buf_char(&b, '}');
    cr_assert_eq(decode(b.data, JSON_STRICT, &o), ERR_INVALID);
    cr_assert_eq(errs.count, JSON_ERRORS_MAX);
    cr_assert_eq(json_decode(a, b.data, b.len, fields, JSON_STRICT, &o, NULL),
                 ERR_INVALID);
}

static const char *encode(const struct order *o)
{
    struct buf b;

    buf_init(&b, a);
    json_encode(&b, fields, o);
    cr_assert(json_check(b.data, b.len, JSON_REQUEST, JSON_DEPTH_MAX, NULL));
    return b.data;
}

Test(json, encodes)
{
    struct line items[2] = { { "A", 1 }, { "B", 2 } };
    struct address address = { "Bath" };
    struct order o = { 0 };

    cr_assert_str_eq(encode(&o), "{\"note\":null,\"total\":0,\"items\":[]}");
    o = (struct order){ .name = "Ann",
                        .total = -7,
                        .shift = 1,
                        .gift = true,
                        .address = &address,
                        .items = items,
                        .item_count = 2,
                        .raw = "[1.5]" };
    cr_assert_str_eq(encode(&o),
                     "{\"name\":\"Ann\",\"note\":null,\"total\":-7,\"shift\":1,"
                     "\"gift\":true,\"address\":{\"city\":\"Bath\"},"
                     "\"items\":[{\"sku\":\"A\",\"quantity\":1},"
                     "{\"sku\":\"B\",\"quantity\":2}],\"raw\":[1.5]}");
}

Test(json, encoded_decodes_to_the_same)
{
    struct order o = { .note = "\x01\x1f\"\\/\b\f\n\r\t\x7f\xc3\xa9"
                               "\xe2\x82\xac\xf0\x9f\x9b\x92",
                       .total = 9007199254740991 };
    struct order back = { 0 };

    cr_assert_eq(decode(encode(&o), JSON_STRICT, &back), OK);
    cr_assert_str_eq(back.note, o.note);
    cr_assert_eq(back.total, o.total);
}

static const char *quote(const char *s, size_t len)
{
    struct buf b;

    buf_init(&b, a);
    json_quote_len(&b, s, len);
    return b.data;
}

Test(json, quote)
{
    struct buf b;

    cr_assert_str_eq(quote("", 0), "\"\"");
    cr_assert_str_eq(quote("a\0b", 3), "\"a\\u0000b\"");
    cr_assert_str_eq(quote("\"\\/\n\x1f", 5), "\"\\\"\\\\/\\n\\u001f\"");
    cr_assert_str_eq(quote("x\xff"
                           "y\xc3",
                           4),
                     "\"x\xef\xbf\xbdy\xef\xbf\xbd\"");
    cr_assert_str_eq(quote("\xc3\xa9\xa9", 3), "\"\xc3\xa9\xef\xbf\xbd\"");
    buf_init(&b, a);
    json_quote(&b, NULL);
    json_quote(&b, "a");
    cr_assert_str_eq(b.data, "null\"a\"");
}
