/* id - randomness straight from getrandom(2); digests from libsodium. */
#include <errno.h>
#include <sodium.h>
#include <stdatomic.h>
#include <sys/random.h>
#include "base/clock.h"
#include "base/id.h"

void id_random(void *out, size_t len)
{
    unsigned char *p = out;

    while (len > 0) {
        ssize_t n = getrandom(p, len, 0);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            fputs("id: the kernel gives no random bytes\n", stderr);
            abort();
        }
        p += n;
        len -= (size_t)n;
    }
}

uint64_t id_random_below(uint64_t bound)
{
    uint64_t v;
    /* 2^64 mod bound values at the bottom would make the rest uneven. */
    uint64_t skip = (0 - bound) % bound;

    do {
        id_random(&v, sizeof(v));
    } while (v < skip);
    return v % bound;
}

/* Milliseconds and a 12-bit counter in one number that only grows (RFC 9562
 * section 6.2, methods 1 and 4). The counter starts in its lower half, so
 * that within one millisecond there is room to count. */
static uint64_t next_tick(uint16_t noise)
{
    static _Atomic uint64_t last;
    uint64_t ms = (uint64_t)(clock_wall_us() / 1000);
    uint64_t fresh = ms << 12 | (noise & 0x7ff);
    uint64_t seen = atomic_load(&last);
    uint64_t next;

    do {
        next = fresh > seen ? fresh : seen + 1;
    } while (!atomic_compare_exchange_weak(&last, &seen, next));
    return next;
}

void id_uuid7(char out[ID_UUID_LEN + 1])
{
    unsigned char b[16];
    char hex[33];
    uint64_t tick;
    size_t o = 0;

    id_random(b + 6, sizeof(b) - 6);
    tick = next_tick((uint16_t)(b[6] << 8 | b[7]));
    for (int i = 0; i < 6; i++)
        b[i] = (unsigned char)(tick >> (52 - 8 * i));
    b[6] = (unsigned char)(0x70 | (tick >> 8 & 0x0f));
    b[7] = (unsigned char)tick;
    b[8] = (unsigned char)(0x80 | (b[8] & 0x3f));
    id_hex(b, sizeof(b), hex);
    for (int i = 0; i < 32; i++) {
        if (i == 8 || i == 12 || i == 16 || i == 20)
            out[o++] = '-';
        out[o++] = hex[i];
    }
    out[o] = '\0';
}

bool id_is_uuid(const char *s)
{
    for (int i = 0; i < ID_UUID_LEN; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        bool hex = (s[i] >= '0' && s[i] <= '9') || (s[i] >= 'a' && s[i] <= 'f');

        if (dash ? s[i] != '-' : !hex)
            return false;
    }
    return s[ID_UUID_LEN] == '\0';
}

void id_token(char out[ID_TOKEN_LEN + 1])
{
    unsigned char b[32];

    id_random(b, sizeof(b));
    (void)sodium_bin2base64(out, ID_TOKEN_LEN + 1, b, sizeof(b),
                            sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    sodium_memzero(b, sizeof(b));
}

void id_sha256_hex(const void *p, size_t len, char out[ID_HASH_LEN + 1])
{
    unsigned char hash[crypto_hash_sha256_BYTES];

    (void)crypto_hash_sha256(hash, p, len);
    id_hex(hash, sizeof(hash), out);
}

void id_mark_hex(const void *p, size_t len, char out[ID_MARK_LEN + 1])
{
    static const unsigned char key[crypto_shorthash_KEYBYTES];
    unsigned char hash[crypto_shorthash_BYTES];

    (void)crypto_shorthash(hash, p, len, key);
    id_hex(hash, sizeof(hash), out);
}

void id_hmac_hex(const void *key, size_t key_len, const void *p, size_t len,
                 char out[ID_HASH_LEN + 1])
{
    crypto_auth_hmacsha256_state st;
    unsigned char mac[crypto_auth_hmacsha256_BYTES];

    (void)crypto_auth_hmacsha256_init(&st, key, key_len);
    (void)crypto_auth_hmacsha256_update(&st, p, len);
    (void)crypto_auth_hmacsha256_final(&st, mac);
    id_hex(mac, sizeof(mac), out);
    sodium_memzero(&st, sizeof(st));
}

bool id_equal(const char *a, const char *b)
{
    size_t len = strlen(a);

    return len == strlen(b) && sodium_memcmp(a, b, len) == 0;
}

void id_hex(const void *p, size_t len, char *out)
{
    (void)sodium_bin2hex(out, 2 * len + 1, p, len);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool id_unhex(const char *hex, void *out, size_t len)
{
    unsigned char *p = out;

    if (strlen(hex) != 2 * len)
        return false;
    for (size_t i = 0; i < len; i++) {
        int hi = hex_digit(hex[2 * i]);
        int lo = hex_digit(hex[2 * i + 1]);

        if (hi < 0 || lo < 0)
            return false;
        p[i] = (unsigned char)(hi << 4 | lo);
    }
    return true;
}
