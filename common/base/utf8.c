/* utf8 - RFC 3629 section 4, the table of well-formed byte sequences. */
#include "base/utf8.h"

static bool between(unsigned char c, unsigned lo, unsigned hi)
{
    return c >= lo && c <= hi;
}

size_t utf8_next(const char *s, size_t len)
{
    const unsigned char *p = (const unsigned char *)s;
    unsigned lo = 0x80; /* bounds of the second byte */
    unsigned hi = 0xbf;
    size_t n;

    if (len == 0)
        return 0;
    if (p[0] < 0x80)
        return 1;
    if (!between(p[0], 0xc2, 0xf4))
        return 0;
    n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    if (p[0] == 0xe0)
        lo = 0xa0; /* below: overlong */
    else if (p[0] == 0xed)
        hi = 0x9f; /* above: surrogates */
    else if (p[0] == 0xf0)
        lo = 0x90; /* below: overlong */
    else if (p[0] == 0xf4)
        hi = 0x8f; /* above: past U+10FFFF */
    if (n > len || !between(p[1], lo, hi))
        return 0;
    for (size_t i = 2; i < n; i++) {
        if (!between(p[i], 0x80, 0xbf))
            return 0;
    }
    return n;
}

bool utf8_ok(const char *s, size_t len)
{
    size_t n;

    for (size_t i = 0; i < len; i += n) {
        n = (unsigned char)s[i] < 0x80 ? 1 : utf8_next(s + i, len - i);
        if (n == 0)
            return false;
    }
    return true;
}

char *utf8_from_latin1(struct arena *a, const char *s, size_t len)
{
    char *out = arena_calloc(a, len + 1, 2);
    size_t o = 0;

    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)s[i];

        if (c < 0x80) {
            out[o++] = (char)c;
        } else {
            out[o++] = (char)(0xc0 | c >> 6);
            out[o++] = (char)(0x80 | (c & 0x3f));
        }
    }
    return out;
}
