/* money - checked integer sums; text in and out by ISO 4217 exponents. */
#include <inttypes.h>
#include "base/money.h"

static bool in_range(int64_t v)
{
    return v >= -MONEY_MAX && v <= MONEY_MAX;
}

bool money_add(int64_t a, int64_t b, int64_t *ret_sum)
{
    int64_t v;

    if (__builtin_add_overflow(a, b, &v) || !in_range(v))
        return false;
    *ret_sum = v;
    return true;
}

bool money_mul(int64_t unit, int64_t quantity, int64_t *ret_product)
{
    int64_t v;

    if (__builtin_mul_overflow(unit, quantity, &v) || !in_range(v))
        return false;
    *ret_product = v;
    return true;
}

/* Codes in `list` lie four bytes apart. */
static bool listed(const char *list, const char *code)
{
    for (; *list != '\0'; list += 4) {
        if (memcmp(list, code, 3) == 0)
            return true;
    }
    return false;
}

/* The exceptions of ISO 4217 table A.1; every other code has two digits. */
int money_exponent(const char *currency)
{
    static const char none[] = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX "
                               "UYI VND VUV XAF XOF XPF ";
    static const char three[] = "BHD IQD JOD KWD LYD OMR TND ";
    static const char four[] = "CLF UYW ";

    for (int i = 0; i < 3; i++) {
        if (currency[i] < 'A' || currency[i] > 'Z')
            return -1;
    }
    if (currency[3] != '\0')
        return -1;
    if (listed(none, currency))
        return 0;
    if (listed(three, currency))
        return 3;
    return listed(four, currency) ? 4 : 2;
}

bool money_format(int64_t minor, const char *currency, char *out, size_t cap)
{
    int digits = money_exponent(currency);
    uint64_t whole = minor < 0 ? 0 - (uint64_t)minor : (uint64_t)minor;
    uint64_t part;
    uint64_t scale = 1;
    const char *sign = minor < 0 ? "-" : "";
    int n;

    if (digits < 0)
        return false;
    for (int i = 0; i < digits; i++)
        scale *= 10;
    part = whole % scale;
    whole /= scale;
    if (digits == 0)
        n = snprintf(out, cap, "%s%" PRIu64 " %s", sign, whole, currency);
    else
        n = snprintf(out, cap, "%s%" PRIu64 ".%0*" PRIu64 " %s", sign, whole,
                     digits, part, currency);
    return n > 0 && (size_t)n < cap;
}

/* Append the digits at *p to *v; how many there were, -1 when *v
 * leaves the range of money. */
static int take_digits(const char **p, int64_t *v)
{
    int n = 0;

    for (; **p >= '0' && **p <= '9'; (*p)++) {
        *v = *v * 10 + (**p - '0');
        if (!in_range(*v))
            return -1;
        n++;
    }
    return n;
}

bool money_parse(const char *text, const char *currency, int64_t *ret_minor)
{
    int digits = money_exponent(currency);
    bool negative = *text == '-';
    const char *p = text + negative;
    int64_t v = 0;
    int n = 0;

    if (digits < 0 || take_digits(&p, &v) < 1)
        return false;
    if (*p == '.') {
        p++;
        n = take_digits(&p, &v);
        if (n < 1 || n > digits)
            return false;
    }
    if (*p != '\0')
        return false;
    for (; n < digits; n++) {
        if (!money_mul(v, 10, &v))
            return false;
    }
    *ret_minor = negative ? -v : v;
    return true;
}
