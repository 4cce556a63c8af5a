/* json_encode - a struct and its table to JSON text (RFC 8259). */
#include "base/json.h"
#include "base/utf8.h"

static void quote_control(struct buf *b, unsigned char c)
{
    static const char from[] = "\b\f\n\r\t";
    static const char to[] = "bfnrt";
    const char *at = c == 0 ? NULL : strchr(from, c);

    if (at == NULL)
        buf_printf(b, "\\u%04x", c);
    else
        buf_printf(b, "\\%c", to[at - from]);
}

void json_quote_len(struct buf *b, const char *s, size_t len)
{
    size_t from = 0; /* start of the run that can be copied as it is */
    size_t i = 0;

    buf_char(b, '"');
    while (i < len) {
        unsigned char c = (unsigned char)s[i];
        size_t n = 1;

        if (c >= 0x80)
            n = utf8_next(s + i, len - i);
        if (n != 0 && c >= 0x20 && c != '"' && c != '\\') {
            i += n;
            continue;
        }
        buf_add(b, s + from, i - from);
        if (n == 0) {
            buf_str(b, "\xef\xbf\xbd");
        } else if (c < 0x20) {
            quote_control(b, c);
        } else {
            buf_char(b, '\\');
            buf_char(b, (char)c);
        }
        from = ++i;
    }
    buf_add(b, s + from, len - from);
    buf_char(b, '"');
}

void json_quote(struct buf *b, const char *s)
{
    if (s == NULL)
        buf_str(b, "null");
    else
        json_quote_len(b, s, strlen(s));
}

/* True when the member stays out of the text. */
static bool left_out(const struct json_field *f, const char *at)
{
    switch (f->kind) {
    case JSON_KIND_INT:
        return f->omit_zero && *(const int64_t *)(const void *)at == 0;
    case JSON_KIND_BOOL:
        return f->omit_zero && !*(const bool *)(const void *)at;
    case JSON_KIND_LIST:
        return false;
    default:
        return !f->nullable && *(const void *const *)(const void *)at == NULL;
    }
}

static void encode_list(struct buf *b, const struct json_field *f,
                        const char *items, size_t count)
{
    buf_char(b, '[');
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buf_char(b, ',');
        json_encode(b, f->of, items + i * f->item_size);
    }
    buf_char(b, ']');
}

static void encode_value(struct buf *b, const struct json_field *f,
                         const char *obj)
{
    const void *at = obj + f->offset;
    const char *p;

    if (f->kind == JSON_KIND_INT) {
        buf_int(b, *(const int64_t *)at);
        return;
    }
    if (f->kind == JSON_KIND_BOOL) {
        buf_str(b, *(const bool *)at ? "true" : "false");
        return;
    }
    p = *(const char *const *)at;
    if (p == NULL && (f->kind != JSON_KIND_LIST || f->nullable))
        buf_str(b, "null");
    else if (f->kind == JSON_KIND_STR)
        json_quote(b, p);
    else if (f->kind == JSON_KIND_RAW)
        buf_str(b, p);
    else if (f->kind == JSON_KIND_OBJ)
        json_encode(b, f->of, p);
    else
        encode_list(b, f, p,
                    *(const size_t *)(const void *)(obj + f->count_offset));
}

/* Names are ours: nothing in them needs an escape. */
static void put_name(struct buf *b, const char *name, bool first)
{
    size_t len = strlen(name);
    char *to = buf_room(b, len + 4 - first);

    if (!first)
        *to++ = ',';
    *to++ = '"';
    memcpy(to, name, len);
    memcpy(to + len, "\":", 2);
}

void json_encode(struct buf *b, const struct json_field *fields,
                 const void *obj)
{
    bool first = true;

    buf_char(b, '{');
    for (const struct json_field *f = fields; f->name != NULL; f++) {
        if (left_out(f, (const char *)obj + f->offset))
            continue;
        put_name(b, f->name, first);
        first = false;
        encode_value(b, f, obj);
    }
    buf_char(b, '}');
}
