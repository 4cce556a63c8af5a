/* route - from a request target to a row of the route table. */
#include <assert.h>
#include "run/exchange.h"

struct segment {
    const char *s;
    size_t len;
};

/* Split at '/'; the first character is '/'. 0 when there are too many. */
static size_t split(const char *path, struct segment seg[PATH_SEGMENTS_MAX])
{
    size_t n = 0;

    while (*path == '/') {
        if (n == PATH_SEGMENTS_MAX)
            return 0;
        path++;
        seg[n] = (struct segment){ path, strcspn(path, "/") };
        path += seg[n++].len;
    }
    return n;
}

static bool is_param(struct segment s)
{
    return s.len > 2 && s.s[0] == '{' && s.s[s.len - 1] == '}';
}

/* One bit per segment, the first the highest, set where it is spelled out:
 * of two routes that match, the larger number is the more specific one.
 * -1: no match. */
static long match(const struct route *route, const struct segment *path,
                  size_t n)
{
    const char *want = route->path;
    long literal = 0;

    for (size_t i = 0; i < n; i++) {
        struct segment part = { want + 1, 0 };
        bool param;

        if (*want != '/')
            return -1;
        part.len = strcspn(part.s, "/");
        param = is_param(part);
        if (param ? path[i].len == 0
                  : path[i].len != part.len ||
                        memcmp(path[i].s, part.s, part.len) != 0)
            return -1;
        want = part.s + part.len;
        literal = literal * 2 + !param;
    }
    return *want == '\0' ? literal : -1;
}

static void set_params(struct http_exchange *x, const struct segment *path)
{
    struct segment want[PATH_SEGMENTS_MAX];
    size_t n = split(x->route->path, want);
    size_t count = 0;

    for (size_t i = 0; i < n; i++) {
        if (!is_param(want[i]))
            continue;
        assert(count < ROUTE_PARAMS_MAX);
        x->param_names[count] =
            arena_strndup(x->r.arena, want[i].s + 1, want[i].len - 2);
        x->params[count++] = arena_strndup(x->r.arena, path[i].s, path[i].len);
    }
}

const char *method_name(enum http_method m)
{
    static const char *const names[] = { "?",   "GET",    "POST",
                                         "PUT", "DELETE", "PATCH" };

    assert(m >= GET && m <= PATCH);
    return names[m];
}

/* Methods seen so far as bits; the Allow list says HEAD wherever GET is. */
static const char *allow_list(struct arena *a, unsigned methods)
{
    struct buf b;

    buf_init(&b, a);
    for (enum http_method m = GET; m <= PATCH; m++) {
        if ((methods & 1u << m) == 0)
            continue;
        buf_str(&b, method_name(m));
        buf_str(&b, m == GET ? ", HEAD, " : ", ");
    }
    buf_str(&b, "OPTIONS");
    return b.data;
}

/* Path to segments, each percent-decoded once. */
static enum err read_path(struct http_exchange *x,
                          struct segment seg[PATH_SEGMENTS_MAX], size_t *ret_n)
{
    struct req *r = &x->r;

    if (!url_path_ok(r->arena, x->path, strlen(x->path)))
        return fail(r, ERR_BAD_PATH, "the path does not decode cleanly");
    *ret_n = split(x->path, seg);
    for (size_t i = 0; i < *ret_n; i++) {
        const char *s;

        if (memchr(seg[i].s, '%', seg[i].len) == NULL)
            continue;
        s = url_decode(r->arena, seg[i].s, seg[i].len, false);
        if (s == NULL)
            return fail(r, ERR_BAD_PATH, "the path does not decode cleanly");
        seg[i] = (struct segment){ s, strlen(s) };
    }
    return OK;
}

enum err route_find(struct http_exchange *x, const struct route *routes)
{
    const char *method = x->is_head ? "GET" : x->head.method;
    struct segment seg[PATH_SEGMENTS_MAX];
    unsigned methods = 0;
    long best = -1;
    size_t n = 0;

    TRY(read_path(x, seg, &n));
    for (const struct route *p = routes; p && p->path != NULL; p++) {
        long fit = match(p, seg, n);

        if (fit < 0)
            continue;
        methods |= 1u << p->method;
        x->label = p->path;
        if (fit > best && strcmp(method_name(p->method), method) == 0) {
            best = fit;
            x->route = p;
        }
    }
    if (methods == 0)
        return ERR_NOT_FOUND;
    if (x->route == NULL) {
        x->allow = allow_list(x->r.arena, methods);
        return ERR_METHOD;
    }
    x->label = x->route->path;
    set_params(x, seg);
    return OK;
}

static const struct query_param *param_find(const struct query_param *p,
                                            const char *name)
{
    for (; p != NULL && p->name != NULL; p++) {
        if (strcmp(p->name, name) == 0)
            return p;
    }
    return NULL;
}

static bool integer_ok(const char *s, const struct query_param *p)
{
    const char *digits = *s == '-' ? s + 1 : s;
    int64_t v;

    if (*digits == '\0' || strlen(digits) > 18 ||
        strspn(digits, "0123456789") != strlen(digits))
        return false;
    v = strtoll(s, NULL, 10);
    return v >= p->min && v <= p->max;
}

static void check_param(struct req *r, const struct query_param *p,
                        const char *name, const char *value)
{
    const char *where;

    if (p == NULL) {
        fail_at(r, ERR_INVALID, "?", "a query parameter is not known here");
        return;
    }
    where = arena_printf(r->arena, "?%s", name);
    if (p->integer && !integer_ok(value, p))
        fail_at(r, ERR_INVALID, where,
                "must be a whole number from %lld to %lld", (long long)p->min,
                (long long)p->max);
    if (!p->integer && strlen(value) > (size_t)p->max)
        fail_at(r, ERR_INVALID, where, "must not exceed %lld bytes",
                (long long)p->max);
}

enum err route_query(struct http_exchange *x)
{
    const char *text = x->query_text;
    struct req *r = &x->r;
    const char *name;

    if (text == NULL)
        return OK;
    x->query = url_query_parse(r->arena, text, strlen(text));
    if (x->query == NULL)
        return fail(r, ERR_MALFORMED, "the query does not decode cleanly");
    for (size_t i = 0; (name = url_query_name(x->query, i)) != NULL; i++)
        check_param(r, param_find(x->route->query, name), name,
                    url_query_get(x->query, name));
    if (r->errors.count > 0)
        return fail(r, ERR_INVALID, "the query is not acceptable");
    return OK;
}
