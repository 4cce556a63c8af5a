/* json - from a tree of cJSON to a struct, by its table.
 *
 * cJSON turns every number into a double, so 1, 1.0 and 1e0 look alike in its
 * tree. mark_numbers walks tree and text side by side (both are in document
 * order) and leaves in each number's valueint what its literal was. */
#include <cJSON.h>
#include "base/id.h"
#include "base/json.h"
#include "base/money.h"
#include "base/utf8.h"

/* A longer unknown name is not echoed; the error points at its object. */
#define NAME_ECHO_MAX 64

enum literal { LITERAL_INT, LITERAL_REAL, LITERAL_HUGE };

struct decoder {
    struct arena *arena;
    enum json_mode mode;
    struct json_errors *errs; /* may be NULL */
    enum err result;          /* that of the first error */
};

/* Where a value stands: a chain from the member up to the whole text. */
struct place {
    const struct place *up; /* NULL for the whole text */
    const char *name;       /* NULL: item `index` of a list */
    size_t index;
};

static bool decode_object(struct decoder *d, const struct place *at,
                          const cJSON *json, const struct json_field *fields,
                          char *obj);

/* RFC 6901: '~' and '/' within a name are written "~0" and "~1". */
static void add_step(struct buf *b, const struct place *at)
{
    buf_char(b, '/');
    if (at->name == NULL) {
        buf_printf(b, "%zu", at->index);
        return;
    }
    for (const char *p = at->name; *p != '\0'; p++) {
        if (*p == '~')
            buf_str(b, "~0");
        else if (*p == '/')
            buf_str(b, "~1");
        else
            buf_char(b, *p);
    }
}

static const char *pointer_to(struct arena *a, const struct place *at)
{
    const struct place *chain[JSON_DEPTH_MAX + 1];
    size_t n = 0;
    struct buf b;

    for (; at->up != NULL && n <= JSON_DEPTH_MAX; at = at->up)
        chain[n++] = at;
    buf_init(&b, a);
    while (n > 0)
        add_step(&b, chain[--n]);
    return b.data;
}

static bool fail(struct decoder *d, const struct place *at, enum err code,
                 const char *detail)
{
    struct json_errors *errs = d->errs;

    if (d->result == OK)
        d->result = code;
    if (errs != NULL && errs->count < JSON_ERRORS_MAX)
        errs->at[errs->count++] = (struct json_error){
            .pointer = pointer_to(d->arena, at),
            .detail = detail,
        };
    return false;
}

static bool invalid(struct decoder *d, const struct place *at,
                    const char *detail)
{
    return fail(d, at, ERR_INVALID, detail);
}

static bool has_min(const struct json_field *f)
{
    return f->min != 0 || f->max != 0;
}

static bool has_max(const struct json_field *f)
{
    return f->max != 0 || f->min < 0;
}

/* `what` follows the limit in the text for the client. */
static bool within(struct decoder *d, const struct place *at,
                   const struct json_field *f, int64_t v, const char *what)
{
    long long limit;
    const char *word;

    if (has_min(f) && v < f->min) {
        limit = f->min;
        word = "least";
    } else if (has_max(f) && v > f->max) {
        limit = f->max;
        word = "most";
    } else {
        return true;
    }
    return invalid(d, at,
                   arena_printf(d->arena, "must %s at %s %lld%s",
                                f->kind == JSON_KIND_INT ? "be" : "have", word,
                                limit, what));
}

static bool no_controls(const char *s)
{
    for (; *s != '\0'; s++) {
        unsigned char c = (unsigned char)*s;

        if (c < 0x20 || c == 0x7f)
            return false;
        /* U+0080 .. U+009F, the second set of control characters */
        if (c == 0xc2 && (unsigned char)s[1] < 0xa0)
            return false;
    }
    return true;
}

/* Is s one of the words of "a|b|c"? */
static bool listed(const char *words, const char *s)
{
    size_t len = strlen(s);

    for (;;) {
        size_t n = strcspn(words, "|");

        if (n == len && memcmp(words, s, n) == 0)
            return true;
        if (words[n] == '\0')
            return false;
        words += n + 1;
    }
}

static bool label_ok(const char *s, size_t len)
{
    return len >= 1 && len <= 63 && s[0] != '-' && s[len - 1] != '-';
}

/* Two labels or more, each 1 .. 63 bytes, no hyphen at an end (RFC 1035
 * section 2.3.1). */
static bool domain_ok(const char *s)
{
    size_t labels = 0;

    for (;; labels++) {
        size_t n = strcspn(s, ".");

        if (!label_ok(s, n))
            return false;
        if (s[n] == '\0')
            return labels >= 1;
        s += n + 1;
    }
}

/* What every mail server takes: RFC 5321's Dot-string without the quoted
 * forms and address literals, and ASCII only, because addresses beyond that
 * need SMTPUTF8 (RFC 6531) all the way. */
static bool email_ok(const char *s)
{
    const char *at = strchr(s, '@');

    if (at == NULL || at == s || at - s > 64 || strlen(s) > 254)
        return false;
    for (const char *p = s; *p != '\0'; p++) {
        if (*p <= ' ' || *p > '~' || strchr("<>()[]\\,;:\"", *p) != NULL)
            return false;
    }
    if (s[0] == '.' || at[-1] == '.' || strchr(at + 1, '@') != NULL)
        return false;
    return strstr(s, "..") == NULL && domain_ok(at + 1);
}

static bool format_ok(struct decoder *d, const struct place *at,
                      const struct json_field *f, const char *s)
{
    if (f->format == NULL)
        return true;
    if (strcmp(f->format, "email") == 0 && !email_ok(s))
        return invalid(d, at, "must be an e-mail address");
    if (strcmp(f->format, "uuid") == 0 && !id_is_uuid(s))
        return invalid(d, at, "must be a UUID in lower case");
    return true;
}

static bool decode_str(struct decoder *d, const struct place *at,
                       const cJSON *json, const struct json_field *f,
                       const char **slot)
{
    const char *s = json->valuestring;

    if (!cJSON_IsString(json))
        return invalid(d, at, "must be a string");
    if (!within(d, at, f, (int64_t)strlen(s), " bytes"))
        return false;
    if (f->one_line && !no_controls(s))
        return invalid(d, at, "must not hold control characters");
    if (f->one_of != NULL && !listed(f->one_of, s))
        return invalid(d, at,
                       arena_printf(d->arena, "must be one of %s", f->one_of));
    if (!format_ok(d, at, f, s))
        return false;
    *slot = arena_strdup(d->arena, s);
    return true;
}

static bool decode_int(struct decoder *d, const struct place *at,
                       const cJSON *json, const struct json_field *f,
                       int64_t *slot)
{
    int64_t v;

    if (!cJSON_IsNumber(json) || json->valueint == LITERAL_REAL)
        return invalid(d, at, "must be an integer");
    if (json->valueint == LITERAL_HUGE)
        return fail(d, at, ERR_AMOUNT, "must be within +-9007199254740991");
    v = (int64_t)json->valuedouble; /* exact, as it is not huge */
    if (!within(d, at, f, v, ""))
        return false;
    *slot = v;
    return true;
}

static bool decode_list(struct decoder *d, const struct place *at,
                        const cJSON *json, const struct json_field *f,
                        char *obj)
{
    size_t count = (size_t)cJSON_GetArraySize(json);
    struct place here = { .up = at };
    const cJSON *item;
    char *items;
    bool ok = true;

    if (!cJSON_IsArray(json))
        return invalid(d, at, "must be a list");
    if (!within(d, at, f, (int64_t)count, " items"))
        return false;
    items = arena_calloc(d->arena, count, f->item_size);
    cJSON_ArrayForEach(item, json)
    {
        char *to = items + here.index * f->item_size;

        ok = decode_object(d, &here, item, f->of, to) && ok;
        here.index++;
    }
    *(char **)(void *)(obj + f->offset) = items;
    *(size_t *)(void *)(obj + f->count_offset) = count;
    return ok;
}

static bool decode_nested(struct decoder *d, const struct place *at,
                          const cJSON *json, const struct json_field *f,
                          void **slot)
{
    char *nested = arena_alloc(d->arena, f->item_size);

    if (!decode_object(d, at, json, f->of, nested))
        return false;
    *slot = nested;
    return true;
}

static bool decode_value(struct decoder *d, const struct place *at,
                         const cJSON *json, const struct json_field *f,
                         char *obj)
{
    void *slot = obj + f->offset;

    switch (f->kind) {
    case JSON_KIND_STR:
        return decode_str(d, at, json, f, slot);
    case JSON_KIND_INT:
        return decode_int(d, at, json, f, slot);
    case JSON_KIND_BOOL:
        if (!cJSON_IsBool(json))
            return invalid(d, at, "must be true or false");
        *(bool *)slot = cJSON_IsTrue(json);
        return true;
    case JSON_KIND_OBJ:
        return decode_nested(d, at, json, f, slot);
    case JSON_KIND_LIST:
        return decode_list(d, at, json, f, obj);
    default:
        return invalid(d, at, "unknown member"); /* RAW is ours to write */
    }
}

/* Others write null for what they do not have; from our own clients it is
 * accepted only where the table says that null may stand. */
static bool null_passes(const struct decoder *d, const struct json_field *f)
{
    return f->nullable || (d->mode == JSON_LENIENT && !f->required);
}

static bool decode_member(struct decoder *d, const struct place *up,
                          const cJSON *json, const struct json_field *f,
                          char *obj)
{
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(json, f->name);
    struct place at = { .up = up, .name = f->name };

    if (member == NULL && f->required)
        return invalid(d, &at, "is required");
    if (member == NULL || (cJSON_IsNull(member) && null_passes(d, f)))
        return true;
    return decode_value(d, &at, member, f, obj);
}

static bool known(const struct json_field *fields, const char *name)
{
    for (; fields->name != NULL; fields++) {
        if (strcmp(fields->name, name) == 0)
            return true;
    }
    return false;
}

static bool no_unknown(struct decoder *d, const struct place *up,
                       const cJSON *json, const struct json_field *fields)
{
    const cJSON *member;
    bool ok = true;

    cJSON_ArrayForEach(member, json)
    {
        struct place at = { .up = up, .name = member->string };

        if (known(fields, member->string))
            continue;
        if (strlen(member->string) > NAME_ECHO_MAX)
            ok = invalid(d, up, "unknown member");
        else
            ok = invalid(d, &at, "unknown member");
    }
    return ok;
}

static bool decode_object(struct decoder *d, const struct place *at,
                          const cJSON *json, const struct json_field *fields,
                          char *obj)
{
    bool ok = true;

    if (!cJSON_IsObject(json))
        return invalid(d, at, "must be an object");
    for (const struct json_field *f = fields; f->name != NULL; f++)
        ok = decode_member(d, at, json, f, obj) && ok;
    if (d->mode == JSON_STRICT)
        ok = no_unknown(d, at, json, fields) && ok;
    return ok;
}

/* Next number literal of valid text from *p on; its length goes to *ret_len.
 * NULL at the end. */
static const char *next_number(const char **p, const char *end, size_t *ret_len)
{
    const char *s = *p;

    for (; s < end && *s != '-' && (*s < '0' || *s > '9'); s++) {
        if (*s != '"')
            continue;
        for (s++; *s != '"'; s++)
            s += *s == '\\';
    }
    *p = s;
    while (*p < end && strchr("+-.eE0123456789", **p) != NULL && **p != '\0')
        (*p)++;
    *ret_len = (size_t)(*p - s);
    return *ret_len == 0 ? NULL : s;
}

static enum literal classify(const char *s, size_t len)
{
    int64_t v = 0;

    for (size_t i = s[0] == '-'; i < len; i++) {
        if (s[i] < '0' || s[i] > '9')
            return LITERAL_REAL;
        if (v <= MONEY_MAX)
            v = v * 10 + (s[i] - '0');
    }
    return v <= MONEY_MAX ? LITERAL_INT : LITERAL_HUGE;
}

/* As deep as JSON_DEPTH_MAX. */
static void mark_numbers(cJSON *json, const char **p, const char *end)
{
    cJSON *child;

    if (cJSON_IsNumber(json)) {
        size_t len;
        const char *s = next_number(p, end, &len);

        json->valueint = (int)(s == NULL ? LITERAL_REAL : classify(s, len));
        return;
    }
    cJSON_ArrayForEach(child, json) mark_numbers(child, p, end);
}

enum err json_decode(struct arena *a, const char *text, size_t len,
                     const struct json_field *fields, enum json_mode mode,
                     void *obj, struct json_errors *errs)
{
    struct decoder d = { .arena = a, .mode = mode, .errs = errs };
    const struct place whole = { .up = NULL };
    const char *p = text;
    const char *why;
    cJSON *json;

    if (errs != NULL)
        errs->count = 0;
    if (!json_check(text, len, JSON_REQUEST, JSON_DEPTH_MAX, &why)) {
        (void)fail(&d, &whole, ERR_BAD_JSON, why);
        return d.result;
    }
    json = cJSON_ParseWithLengthOpts(text, len, NULL, 0);
    if (json == NULL)
        return ERR_INTERNAL; /* valid text: only memory is left as a reason */
    mark_numbers(json, &p, text + len);
    (void)decode_object(&d, &whole, json, fields, obj);
    cJSON_Delete(json);
    return d.result;
}
