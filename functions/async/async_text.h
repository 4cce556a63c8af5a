/* async_text - what a call is allowed to look like, and how its parts travel
 * in an event. */
#ifndef BODEGA_ASYNC_TEXT_H
#define BODEGA_ASYNC_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include "base/arena.h"

/* A function's name as `make new` allows it, and not this one's: a call that
 * calls again would never end. */
bool async_name_ok(const char *name);
/* "/path?query" that every reader takes for the same: printable ASCII, no
 * fragment, no backslash, no "." or ".." segment. */
bool async_path_ok(struct arena *a, const char *path);

/* Where `url` goes on behind `origin` ("https://host:port"): "/path?query".
 * NULL when it belongs to another origin or is not acceptable. The whole
 * origin is compared as text, so that no two parsers can see two hosts. */
const char *async_path_at(struct arena *a, const char *url, const char *origin);
/* "http://" or "https://", a host, maybe a port, nothing behind it. */
bool async_origin_ok(const char *origin);

/* Base64 (RFC 4648 section 4), and back: NULL when it is none. */
const char *async_base64(struct arena *a, const void *p, size_t len);
const char *async_unbase64(struct arena *a, const char *text, size_t *ret_len);

/* Encrypt text under a key (any text, hashed), as base64: XSalsa20-Poly1305
 * with a random nonce in front. async_open gives NULL when key or text is
 * not the same as then. */
const char *async_seal(struct arena *a, const char *key, const char *text);
const char *async_open(struct arena *a, const char *key, const char *sealed);

#endif
