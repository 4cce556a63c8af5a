/* negotiate - Accept and Content-Type (RFC 9110 sections 8.3 and 12.5.1). */
#include <strings.h>
#include "run/exchange.h"

struct span {
    const char *s;
    size_t len;
};

/* Cut the next piece up to `sep` off *rest and trim it. */
static struct span next_piece(const char **rest, char sep)
{
    const char stop[2] = { sep, '\0' };
    struct span p = { *rest, strcspn(*rest, stop) };

    *rest += p.len + ((*rest)[p.len] != '\0');
    while (p.len > 0 && (*p.s == ' ' || *p.s == '\t')) {
        p.s++;
        p.len--;
    }
    while (p.len > 0 && (p.s[p.len - 1] == ' ' || p.s[p.len - 1] == '\t'))
        p.len--;
    return p;
}

static bool span_is(struct span p, const char *word, size_t n)
{
    return p.len == n && strncasecmp(p.s, word, n) == 0;
}

/* How well a media range names the type: 0 not at all, 1 for any type, 2 for
 * its family, 3 by its full name. */
static int range_fits(struct span range, const char *type)
{
    size_t n = strcspn(type, ";");
    size_t family = strcspn(type, "/") + 1;

    if (span_is(range, "*/*", 3))
        return 1;
    if (range.len == family + 1 && range.s[family] == '*' &&
        strncasecmp(range.s, type, family) == 0)
        return 2;
    return span_is(range, type, n) ? 3 : 0;
}

/* "q=0", "q=0.0" ...: not acceptable. */
static bool is_q_zero(struct span param)
{
    if (param.len < 3 || strncasecmp(param.s, "q=0", 3) != 0)
        return false;
    for (size_t i = 3; i < param.len; i++) {
        if (param.s[i] != '.' && param.s[i] != '0')
            return false;
    }
    return true;
}

bool accept_matches(const char *accept, const char *type)
{
    int best = 0;
    bool wanted = false;
    char item[256];

    while (*accept != '\0') {
        struct span range = next_piece(&accept, ',');
        const char *rest = item;
        bool refused = false;
        int fit;

        (void)snprintf(item, sizeof(item), "%.*s", (int)range.len, range.s);
        fit = range_fits(next_piece(&rest, ';'), type);
        while (*rest != '\0')
            refused |= is_q_zero(next_piece(&rest, ';'));
        /* the most specific range decides (RFC 9110 section 12.5.1) */
        if (fit > best || (fit == best && fit > 0 && !refused)) {
            best = fit;
            wanted = !refused;
        }
    }
    return wanted;
}

static bool params_ok(const char *rest)
{
    while (*rest != '\0') {
        struct span p = next_piece(&rest, ';');

        if (p.len != 0 && !span_is(p, "charset=utf-8", 13) &&
            !span_is(p, "charset=\"utf-8\"", 15))
            return false;
    }
    return true;
}

bool content_type_in(const char *content_type, const char *list)
{
    const char *rest = content_type;
    struct span type = next_piece(&rest, ';');
    bool multipart =
        type.len > 10 && strncasecmp(type.s, "multipart/", 10) == 0;

    while (*list != '\0') {
        struct span one = next_piece(&list, '|');

        if (span_is(type, one.s, one.len))
            return multipart || params_ok(rest);
    }
    return false;
}
