/* id - identifiers, random tokens and the digests used with them. */
#ifndef BODEGA_BASE_ID_H
#define BODEGA_BASE_ID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ID_UUID_LEN  36 /* characters, without the NUL */
#define ID_TOKEN_LEN 43 /* base64url of 256 bits, no padding */
#define ID_HASH_LEN  64 /* hex of SHA-256 */
#define ID_MARK_LEN  16 /* hex of SipHash */

/* UUID version 7 (RFC 9562 section 5.7), lower case; strictly increasing
 * within one process. */
void id_uuid7(char out[ID_UUID_LEN + 1]);
/* Canonical lower-case 8-4-4-4-12 form, any version. */
bool id_is_uuid(const char *s);
/* 256 random bits, unguessable; base64url without padding (RFC 4648 s. 5). */
void id_token(char out[ID_TOKEN_LEN + 1]);
/* `len` random bytes from the kernel; aborts when it has none. */
void id_random(void *out, size_t len);
/* Uniform in 0 .. bound-1; bound > 0. */
uint64_t id_random_below(uint64_t bound);

/* SHA-256 (FIPS 180-4) as lower-case hex. */
void id_sha256_hex(const void *p, size_t len, char out[ID_HASH_LEN + 1]);
/* HMAC-SHA256 (RFC 2104) as lower-case hex. */
void id_hmac_hex(const void *key, size_t key_len, const void *p, size_t len,
                 char out[ID_HASH_LEN + 1]);
/* SipHash-2-4 (Aumasson, Bernstein 2012) with an open key, as lower-case hex:
 * tells whether content is the same, an order of magnitude cheaper than
 * SHA-256, but not against one who makes two contents for it. */
void id_mark_hex(const void *p, size_t len, char out[ID_MARK_LEN + 1]);
/* Constant time in the content; false when the lengths differ. */
bool id_equal(const char *a, const char *b);

void id_hex(const void *p, size_t len, char *out); /* 2*len + NUL */
/* False unless exactly 2*len hex digits follow. */
bool id_unhex(const char *hex, void *out, size_t len);

#endif
