/* payment_signature - see payment_signature.h. */
#include "payment/payment_signature.h"
#include "base/id.h"
#include <ctype.h>

#define CANDIDATES_MAX 8 /* v1 entries looked at: rotation needs two */

struct parsed {
    int64_t t;
    bool has_t;
    char v1[CANDIDATES_MAX][ID_HASH_LEN + 1];
    size_t count;
};

/* Decimal digits only, at most 12: no sign, no space, no overflow. */
static bool parse_time(const char *s, size_t len, int64_t *ret)
{
    int64_t v = 0;

    if (len == 0 || len > 12)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (!isdigit((unsigned char)s[i]))
            return false;
        v = v * 10 + (s[i] - '0');
    }
    *ret = v;
    return true;
}

static bool parse_item(struct parsed *p, const char *s, size_t len)
{
    if (len > 2 && !memcmp(s, "t=", 2)) {
        if (p->has_t)
            return false;
        p->has_t = parse_time(s + 2, len - 2, &p->t);
        return p->has_t;
    }
    if (len == 3 + ID_HASH_LEN && !memcmp(s, "v1=", 3) &&
        p->count < CANDIDATES_MAX) {
        memcpy(p->v1[p->count], s + 3, ID_HASH_LEN);
        p->v1[p->count++][ID_HASH_LEN] = '\0';
    }
    return true; /* other schemes are for other readers */
}

static bool parse(const char *header, struct parsed *p)
{
    while (*header) {
        size_t len = strcspn(header, ",");

        if (!parse_item(p, header, len))
            return false;
        header += len;
        if (*header == ',')
            header++;
    }
    return p->has_t && p->count > 0;
}

static void sign(const char *secret, const struct parsed *p, const char *body,
                 size_t len, char out[ID_HASH_LEN + 1])
{
    char head[24];
    size_t head_len =
        (size_t)snprintf(head, sizeof(head), "%lld.", (long long)p->t);
    char *text = malloc(head_len + len);

    if (!text)
        abort();
    memcpy(text, head, head_len);
    memcpy(text + head_len, body, len);
    id_hmac_hex(secret, strlen(secret), text, head_len + len, out);
    free(text);
}

bool signature_ok(const char *header, const char *body, size_t len,
                  const char *const *secrets, size_t secret_count,
                  int64_t now_s)
{
    struct parsed p = { 0 };
    bool ok = false;

    if (!header || !parse(header, &p))
        return false;
    if (p.t < now_s - SIGNATURE_TOLERANCE_S ||
        p.t > now_s + SIGNATURE_TOLERANCE_S)
        return false;
    for (size_t s = 0; s < secret_count; s++) {
        char want[ID_HASH_LEN + 1];

        if (!secrets[s] || !*secrets[s])
            continue;
        sign(secrets[s], &p, body, len, want);
        for (size_t i = 0; i < p.count; i++)
            ok |= id_equal(p.v1[i], want);
    }
    return ok;
}
