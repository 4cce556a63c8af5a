/* url - every byte is decoded exactly once; what is left after that is data. */
#include "base/url.h"
#include "base/utf8.h"

#define QUERY_MAX 64

struct url_query {
    size_t count;
    const char *name[QUERY_MAX];
    const char *value[QUERY_MAX];
};

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

char *url_decode(struct arena *a, const char *s, size_t len, bool plus_is_space)
{
    char *out = arena_alloc(a, len + 1);
    size_t o = 0;

    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)s[i];

        if (c == '+' && plus_is_space) {
            c = ' ';
        } else if (c == '%') {
            int hi = i + 2 < len ? hex_digit(s[i + 1]) : -1;
            int lo = i + 2 < len ? hex_digit(s[i + 2]) : -1;

            if (hi < 0 || lo < 0)
                return NULL;
            c = (unsigned char)(hi << 4 | lo);
            i += 2;
        }
        if (c < 0x20 || c == 0x7f)
            return NULL;
        out[o++] = (char)c;
    }
    return utf8_ok(out, o) ? out : NULL;
}

/* No backslash (some servers take it for '/'), no "." or ".." segment. */
static bool segments_ok(const char *s, size_t len)
{
    size_t start = 0;

    for (size_t i = 0; i <= len; i++) {
        size_t n = i - start;

        if (i < len && s[i] == '\\')
            return false;
        if (i < len && s[i] != '/')
            continue;
        if ((n == 1 || n == 2) && memcmp(s + start, "..", n) == 0)
            return false;
        start = i + 1;
    }
    return true;
}

/* What nearly every path is: printable ASCII that decodes to itself, with no
 * segment that begins with a dot. */
static bool plain(const char *s, size_t len)
{
    char last = '\0';

    for (size_t i = 0; i < len; last = s[i++]) {
        if (s[i] < ' ' || s[i] > '~' || s[i] == '%' || s[i] == '\\' ||
            (s[i] == '.' && last == '/'))
            return false;
    }
    return true;
}

bool url_path_ok(struct arena *a, const char *path, size_t len)
{
    const char *decoded;

    if (len == 0 || path[0] != '/')
        return false;
    if (plain(path, len))
        return true;
    if (!segments_ok(path, len))
        return false;
    decoded = url_decode(a, path, len, false);
    return decoded != NULL && segments_ok(decoded, strlen(decoded));
}

static bool unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
           c == '~';
}

void url_encode(struct buf *b, const char *s)
{
    static const char digits[] = "0123456789ABCDEF";

    for (; *s != '\0'; s++) {
        unsigned char c = (unsigned char)*s;
        char escape[3] = { '%', digits[c >> 4], digits[c & 15] };

        if (unreserved(*s))
            buf_char(b, *s);
        else
            buf_add(b, escape, sizeof(escape));
    }
}

/* One "name=value"; no '=' means an empty value. */
static bool add_pair(struct arena *a, struct url_query *q, const char *s,
                     size_t len)
{
    const char *eq = memchr(s, '=', len);
    size_t name_len = eq == NULL ? len : (size_t)(eq - s);
    const char *name;
    const char *value = "";

    if (q->count == QUERY_MAX)
        return false;
    name = url_decode(a, s, name_len, true);
    if (eq != NULL)
        value = url_decode(a, eq + 1, len - name_len - 1, true);
    if (name == NULL || value == NULL || url_query_get(q, name) != NULL)
        return false;
    q->name[q->count] = name;
    q->value[q->count++] = value;
    return true;
}

struct url_query *url_query_parse(struct arena *a, const char *s, size_t len)
{
    struct url_query *q = arena_alloc(a, sizeof(*q));
    size_t n;

    if (s == NULL)
        return q;
    for (size_t i = 0; i < len; i += n + 1) {
        const char *amp = memchr(s + i, '&', len - i);

        n = amp == NULL ? len - i : (size_t)(amp - s) - i;
        if (n > 0 && !add_pair(a, q, s + i, n))
            return NULL;
    }
    return q;
}

const char *url_query_get(const struct url_query *q, const char *name)
{
    for (size_t i = 0; i < q->count; i++) {
        if (strcmp(q->name[i], name) == 0)
            return q->value[i];
    }
    return NULL;
}

const char *url_query_name(const struct url_query *q, size_t n)
{
    return n < q->count ? q->name[n] : NULL;
}
