/* json_check - the grammar of RFC 8259, strictly, on a flat stack. */
#include <sys/auxv.h>
#include "base/json.h"
#include "base/utf8.h"

#define DEPTH_LIMIT 512
#define KEY_SLOTS   2048 /* power of two, at least twice JSON_MEMBERS_MAX */

struct frame {
    uint32_t start; /* of the text just behind '{' */
    uint16_t members;
    bool object;
};

struct scan {
    const char *text;
    size_t len;
    size_t pos;
    int flags;
    uint64_t seed;
    const char *why;
};

static bool refuse(struct scan *s, const char *why)
{
    s->why = why;
    return false;
}

/* The byte at pos; 0 at the end, which no rule accepts anywhere. */
static char peek(const struct scan *s)
{
    return s->pos < s->len ? s->text[s->pos] : '\0';
}

static void skip_space(struct scan *s)
{
    char c = peek(s);

    while (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
        s->pos++;
        c = peek(s);
    }
}

static bool skip_digits(struct scan *s)
{
    size_t start = s->pos;

    while (peek(s) >= '0' && peek(s) <= '9')
        s->pos++;
    return s->pos > start;
}

static bool scan_number(struct scan *s)
{
    if (peek(s) == '-')
        s->pos++;
    if (peek(s) == '0')
        s->pos++;
    else if (!skip_digits(s))
        return refuse(s, "bad number");
    if (peek(s) == '.') {
        s->pos++;
        if (!skip_digits(s))
            return refuse(s, "bad number");
    }
    if (peek(s) == 'e' || peek(s) == 'E') {
        s->pos++;
        if (peek(s) == '+' || peek(s) == '-')
            s->pos++;
        if (!skip_digits(s))
            return refuse(s, "bad number");
    }
    return true;
}

/* The four digits at p as a number, -1 when they are not hexadecimal. */
static int hex4(const char *p)
{
    int v = 0;

    for (int i = 0; i < 4; i++) {
        char c = p[i];

        if (c >= '0' && c <= '9')
            v = v << 4 | (c - '0');
        else if (c >= 'a' && c <= 'f')
            v = v << 4 | (c - 'a' + 10);
        else if (c >= 'A' && c <= 'F')
            v = v << 4 | (c - 'A' + 10);
        else
            return -1;
    }
    return v;
}

static bool is_high(int unit)
{
    return unit >= 0xd800 && unit <= 0xdbff;
}

static bool is_low(int unit)
{
    return unit >= 0xdc00 && unit <= 0xdfff;
}

/* Code point of the \u escape whose 'u' is at p; *pos_add says how many bytes
 * from 'u' on belong to it. -1: not hexadecimal. A lone surrogate comes back
 * as itself. */
static int unescape(const char *p, size_t left, size_t *pos_add)
{
    int unit = left >= 5 ? hex4(p + 1) : -1;
    int low;

    *pos_add = 5;
    if (!is_high(unit) || left < 11 || p[5] != '\\' || p[6] != 'u')
        return unit;
    low = hex4(p + 7);
    if (!is_low(low))
        return unit;
    *pos_add = 11;
    return 0x10000 + ((unit - 0xd800) << 10 | (low - 0xdc00));
}

/* pos stands behind the backslash. */
static bool scan_escape(struct scan *s)
{
    char c = peek(s);
    size_t n;
    int code;

    if (c != 'u') {
        s->pos++;
        if (c == '\0' || strchr("\"\\/bfnrt", c) == NULL)
            return refuse(s, "bad escape");
        return true;
    }
    code = unescape(s->text + s->pos, s->len - s->pos, &n);
    if (code < 0)
        return refuse(s, "bad escape");
    if ((s->flags & JSON_NO_NUL) != 0) {
        if (code == 0)
            return refuse(s, "a string holds a NUL character");
        if (is_high(code) || is_low(code))
            return refuse(s, "a string holds half a surrogate pair");
    }
    s->pos += n;
    return true;
}

static bool scan_string(struct scan *s)
{
    if (peek(s) != '"')
        return refuse(s, "a string must start with a quote");
    s->pos++;
    while (s->pos < s->len) {
        unsigned char c = (unsigned char)s->text[s->pos];
        size_t n;

        if (c == '"') {
            s->pos++;
            return true;
        }
        if (c < 0x20)
            return refuse(s, "a string holds a raw control character");
        if (c == '\\') {
            s->pos++;
            if (!scan_escape(s))
                return false;
            continue;
        }
        n = utf8_next(s->text + s->pos, s->len - s->pos);
        if (n == 0)
            return refuse(s, "not UTF-8");
        s->pos += n;
    }
    return refuse(s, "a string is not closed");
}

static bool scan_word(struct scan *s, const char *word)
{
    size_t n = strlen(word);

    if (s->len - s->pos < n || memcmp(s->text + s->pos, word, n) != 0)
        return refuse(s, "unknown word");
    s->pos += n;
    return true;
}

static bool scan_scalar(struct scan *s)
{
    switch (peek(s)) {
    case '"':
        return scan_string(s);
    case 't':
        return scan_word(s, "true");
    case 'f':
        return scan_word(s, "false");
    case 'n':
        return scan_word(s, "null");
    default:
        return scan_number(s);
    }
}

/* The next character of the string body at *p, decoded; -1 at its quote. The
 * text has passed the grammar, so every step is in bounds. */
static int key_char(const struct scan *s, size_t *p)
{
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    unsigned char c = (unsigned char)s->text[*p];
    size_t n;
    int code;

    if (c == '"')
        return -1;
    (*p)++;
    if (c == '\\') {
        c = (unsigned char)s->text[*p];
        if (c != 'u') {
            (*p)++;
            return to[strchr(from, c) - from];
        }
        code = unescape(s->text + *p, s->len - *p, &n);
        *p += n;
        return code;
    }
    if (c < 0x80)
        return c;
    code = c & (c < 0xe0 ? 0x1f : c < 0xf0 ? 0x0f : 0x07);
    for (; (s->text[*p] & 0xc0) == 0x80; (*p)++)
        code = code << 6 | (s->text[*p] & 0x3f);
    return code;
}

/* Seeded, so that nobody outside can choose keys that collide. */
static uint64_t key_hash(const struct scan *s, size_t p)
{
    uint64_t h = s->seed;
    int c;

    while ((c = key_char(s, &p)) >= 0) {
        h = (h ^ (uint64_t)c) * 0x9e3779b97f4a7c15u;
        h ^= h >> 29;
    }
    return h;
}

static bool key_equal(const struct scan *s, size_t p, size_t q)
{
    int c;

    do {
        c = key_char(s, &p);
        if (c != key_char(s, &q))
            return false;
    } while (c >= 0);
    return true;
}

/* Behind the string whose body starts at p. Valid text only. */
static size_t string_end(const struct scan *s, size_t p)
{
    while (s->text[p] != '"')
        p += s->text[p] == '\\' ? 2 : 1;
    return p + 1;
}

/* Start of the next key's body of an object in valid text: the first string
 * at nesting level 0 from p on. Then *p stands at the member's end (the comma
 * or `end`). */
static size_t next_key(const struct scan *s, size_t *p, size_t end)
{
    size_t key = 0;
    int level = 0;

    for (; *p < end; (*p)++) {
        char c = s->text[*p];

        if (c == '"') {
            if (key == 0)
                key = *p + 1;
            *p = string_end(s, *p + 1) - 1;
        } else if (c == '{' || c == '[') {
            level++;
        } else if (c == '}' || c == ']') {
            level--;
        } else if (c == ',' && level == 0) {
            break;
        }
    }
    return key;
}

/* Looks for twins among the keys of the object that closes at pos. Done at
 * the end of the object because then one table serves all levels. */
static bool keys_unique(struct scan *s, const struct frame *f)
{
    /* Position of a key's body; 0 = free. Only the part used is cleared. */
    uint32_t table[KEY_SLOTS] __attribute__((uninitialized));
    size_t mask = 4;
    size_t p = f->start;

    if (f->members < 2)
        return true;
    while (mask < 2 * (size_t)f->members)
        mask *= 2;
    memset(table, 0, mask * sizeof(table[0]));
    mask--;
    for (unsigned i = 0; i < f->members; i++) {
        size_t key = next_key(s, &p, s->pos);
        size_t slot = (size_t)key_hash(s, key) & mask;

        for (; table[slot] != 0; slot = (slot + 1) & mask) {
            if (key_equal(s, table[slot], key))
                return refuse(s, "an object names a member twice");
        }
        table[slot] = (uint32_t)key;
        p++; /* over the comma */
    }
    return true;
}

/* A member's name and colon. */
static bool scan_key(struct scan *s, struct frame *f)
{
    bool limit = (s->flags & JSON_NO_DUP_KEYS) != 0;

    if (limit && f->members == JSON_MEMBERS_MAX)
        return refuse(s, "an object has too many members");
    if (limit)
        f->members++;
    skip_space(s);
    if (!scan_string(s))
        return false;
    skip_space(s);
    if (peek(s) != ':')
        return refuse(s, "a colon is missing");
    s->pos++;
    skip_space(s);
    return true;
}

/* At '{' or '['. *ret_value: a value comes next, not the end of this one. */
static bool open_frame(struct scan *s, struct frame *f, bool *ret_value)
{
    f->object = peek(s) == '{';
    f->members = 0;
    s->pos++;
    f->start = (uint32_t)s->pos;
    skip_space(s);
    *ret_value = peek(s) != (f->object ? '}' : ']');
    return !*ret_value || !f->object || scan_key(s, f);
}

/* Behind a value in f: a comma (*ret_value) or the closing bracket. */
static bool after_value(struct scan *s, struct frame *f, bool *ret_value)
{
    char c = peek(s);

    *ret_value = c == ',';
    if (c == ',') {
        s->pos++;
        skip_space(s);
        return !f->object || scan_key(s, f);
    }
    if (c != (f->object ? '}' : ']'))
        return refuse(s, "a comma or a closing bracket is missing");
    if (f->object && !keys_unique(s, f))
        return false;
    s->pos++;
    return true;
}

static bool scan_text(struct scan *s, size_t depth_max)
{
    struct frame stack[DEPTH_LIMIT] __attribute__((uninitialized));
    size_t depth = 0;
    bool want_value = true;

    do {
        skip_space(s);
        if (!want_value) {
            if (!after_value(s, &stack[depth - 1], &want_value))
                return false;
            depth -= !want_value;
        } else if (peek(s) == '{' || peek(s) == '[') {
            if (depth == depth_max)
                return refuse(s, "nested too deep");
            if (!open_frame(s, &stack[depth++], &want_value))
                return false;
        } else {
            if (!scan_scalar(s))
                return false;
            want_value = false;
        }
    } while (want_value || depth > 0);
    skip_space(s);
    return s->pos == s->len || refuse(s, "text follows the value");
}

bool json_check(const char *text, size_t len, int flags, int depth_max,
                const char **ret_why)
{
    struct scan s = { .text = text, .len = len, .flags = flags };
    size_t depth = depth_max < 1 ? 1 : (size_t)depth_max;
    bool ok = len < UINT32_MAX || refuse(&s, "too long");

    if (depth > DEPTH_LIMIT)
        depth = DEPTH_LIMIT;
    /* 16 bytes that the kernel draws for each process (getauxval(3)); glibc
     * takes the first half for the stack guard. */
    memcpy(&s.seed, (const char *)getauxval(AT_RANDOM) + 8, sizeof(s.seed));
    ok = ok && scan_text(&s, depth);
    if (!ok && ret_why != NULL)
        *ret_why = s.why;
    return ok;
}
