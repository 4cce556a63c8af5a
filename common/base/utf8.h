/* utf8 - validity as RFC 3629 has it: no overlong forms, no surrogates. */
#ifndef BODEGA_BASE_UTF8_H
#define BODEGA_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include "base/arena.h"

/* Length (1 .. 4) of the well-formed sequence that s[0..len) begins with; 0
 * when there is none. */
size_t utf8_next(const char *s, size_t len);
bool utf8_ok(const char *s, size_t len);
/* ISO 8859-1 to UTF-8; every byte sequence is valid input. */
char *utf8_from_latin1(struct arena *a, const char *s, size_t len);

#endif
