/* money - int64_t minor units (pence, cents) plus an ISO 4217 code. No floating
 * point anywhere. Every sum is checked: false means "out of range", nothing
 * was stored, and the caller answers ERR_AMOUNT. */
#ifndef BODEGA_BASE_MONEY_H
#define BODEGA_BASE_MONEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Largest amount that JSON readers keep exact (RFC 8259 section 6). */
#define MONEY_MAX ((int64_t)9007199254740991)

bool money_add(int64_t a, int64_t b, int64_t *ret_sum);
bool money_mul(int64_t unit, int64_t quantity, int64_t *ret_product);
/* Digits after the point of a currency (ISO 4217): JPY 0, GBP 2, KWD 3;
 * -1 for a code that is not three upper-case letters. */
int money_exponent(const char *currency);
/* "12.34 GBP" into out (at least 40 bytes); false for a bad currency. */
bool money_format(int64_t minor, const char *currency, char *out, size_t cap);
/* Parse "2.55", "10", "-0.5" as minor units of `currency`. Refuses more
 * digits after the point than the currency has, signs other than one leading
 * '-', exponents, spaces, and anything out of range. */
bool money_parse(const char *text, const char *currency, int64_t *ret_minor);

#endif
