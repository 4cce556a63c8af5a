/* url - percent coding and query strings (RFC 3986 section 2.1, and the
 * WHATWG form rule that '+' is a space in a query). */
#ifndef BODEGA_BASE_URL_H
#define BODEGA_BASE_URL_H

#include <stdbool.h>
#include <stddef.h>
#include "base/arena.h"
#include "base/buf.h"

/* Decode once. NULL for a bad escape, an encoded or raw control byte
 * (NUL, CR, LF ...), or bytes that are not UTF-8. */
char *url_decode(struct arena *a, const char *s, size_t len,
                 bool plus_is_space);
/* A path as clients may send it: starts with '/', decodes cleanly, has no
 * backslash and no "." or ".." segment, before or after decoding. */
bool url_path_ok(struct arena *a, const char *path, size_t len);
/* Append s with everything but unreserved characters escaped. */
void url_encode(struct buf *b, const char *s);

struct url_query; /* parsed "a=1&b=2" */
/* NULL when a name or value does not decode, or there are more than 64. A
 * repeated name is refused too: which one counts is a matter of taste, and
 * tastes differ between proxies. `s` may be NULL (empty query). */
struct url_query *url_query_parse(struct arena *a, const char *s, size_t len);
const char *url_query_get(const struct url_query *q, const char *name);
/* The n-th name, NULL past the end; for refusing unknown parameters. */
const char *url_query_name(const struct url_query *q, size_t n);

#endif
