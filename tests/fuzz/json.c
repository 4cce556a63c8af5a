/* json - fuzz target: no text crashes the checker or the decoder, and the
 * two agree: what the request check accepts cJSON can hold, and what is
 * encoded from it passes the check again. */
#include <stdint.h>
#include "base/json.h"

struct part {
    const char *sku;
    int64_t quantity;
};

struct thing {
    const char *id;
    const char *email;
    const char *state;
    int64_t total;
    bool gift;
    struct part *first;
    struct part *items;
    size_t item_count;
};

static const struct json_field part_fields[] = {
    JSON_STR(struct part, sku, .required = true, .min = 1, .max = 64),
    JSON_INT(struct part, quantity, .required = true, .min = 1, .max = 99),
    JSON_END
};

static const struct json_field thing_fields[] = {
    JSON_STR(struct thing, id, .format = "uuid", .nullable = true),
    JSON_STR(struct thing, email, .format = "email"),
    JSON_STR(struct thing, state, .one_of = "NEW|PAID", .one_line = true),
    JSON_INT(struct thing, total),
    JSON_BOOL(struct thing, gift),
    JSON_OBJ(struct thing, first, struct part, part_fields),
    JSON_LIST(struct thing, items, item_count, struct part, part_fields,
              .max = 100),
    JSON_END
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool fact)
{
    if (!fact)
        abort();
}

static void decode(struct arena *a, const char *text, size_t len,
                   enum json_mode mode, bool valid)
{
    struct json_errors errs;
    struct thing t = { 0 };
    enum err e = json_decode(a, text, len, thing_fields, mode, &t, &errs);
    struct buf b;

    must(e == OK || e == ERR_BAD_JSON || e == ERR_INVALID || e == ERR_AMOUNT);
    must(valid == (e != ERR_BAD_JSON));
    must((e == OK) == (errs.count == 0) && errs.count <= JSON_ERRORS_MAX);
    if (e != OK)
        return;
    buf_init(&b, a);
    json_encode(&b, thing_fields, &t);
    must(json_check(b.data, b.len, JSON_REQUEST, JSON_DEPTH_MAX, NULL));
    must(json_decode(a, b.data, b.len, thing_fields, JSON_STRICT, &t, NULL) ==
         OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    struct arena *a = arena_new(0);
    bool valid = json_check(text, size, JSON_REQUEST, JSON_DEPTH_MAX, NULL);
    struct buf b;

    if (valid)
        must(json_check(text, size, JSON_RFC8259, 512, NULL));
    decode(a, text, size, JSON_STRICT, valid);
    decode(a, text, size, JSON_LENIENT, valid);
    buf_init(&b, a);
    json_quote_len(&b, text, size);
    must(json_check(b.data, b.len, JSON_RFC8259, 1, NULL));
    arena_free(a);
    return 0;
}
