/* async_text - see async_text.h. */
#include <sodium.h>
#include "async/async_text.h"
#include "base/id.h"
#include "base/url.h"

#define NAME_MAX_LEN 63

bool async_name_ok(const char *name)
{
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789");

    return n > 0 && n <= NAME_MAX_LEN && name[n] == '\0' && name[0] >= 'a' &&
           strcmp(name, "async") != 0;
}

static bool printable(const char *s)
{
    for (; *s != '\0'; s++) {
        if (*s < 0x21 || *s > 0x7e || *s == '#' || *s == '\\')
            return false;
    }
    return true;
}

bool async_path_ok(struct arena *a, const char *path)
{
    return printable(path) && url_path_ok(a, path, strcspn(path, "?"));
}

/* ---- callbacks ----------------------------------------------------------- */

const char *async_path_at(struct arena *a, const char *url, const char *origin)
{
    size_t n = strlen(origin);
    const char *path = url + n;

    if (strncmp(url, origin, n) != 0)
        return NULL;
    if (*path == '\0' || *path == '?')
        path = arena_printf(a, "/%s", path);
    return async_path_ok(a, path) ? path : NULL;
}

bool async_origin_ok(const char *origin)
{
    const char *host = strstr(origin, "://");
    size_t n;

    if (strncmp(origin, "http://", 7) != 0 &&
        strncmp(origin, "https://", 8) != 0)
        return false;
    host += 3;
    n = strspn(host, "abcdefghijklmnopqrstuvwxyz0123456789.-:[]");
    return n > 0 && host[n] == '\0';
}

/* ---- base64 -------------------------------------------------------------- */

const char *async_base64(struct arena *a, const void *p, size_t len)
{
    size_t max = sodium_base64_ENCODED_LEN(len, sodium_base64_VARIANT_ORIGINAL);

    return sodium_bin2base64(arena_alloc(a, max), max, p, len,
                             sodium_base64_VARIANT_ORIGINAL);
}

const char *async_unbase64(struct arena *a, const char *text, size_t *ret_len)
{
    size_t max = strlen(text) / 4 * 3 + 1;
    unsigned char *out = arena_alloc(a, max + 1);

    if (sodium_base642bin(out, max, text, strlen(text), NULL, ret_len, NULL,
                          sodium_base64_VARIANT_ORIGINAL) != 0)
        return NULL;
    return (const char *)out;
}

/* ---- sealing ------------------------------------------------------------- */

static void key_bytes(const char *key,
                      unsigned char out[crypto_secretbox_KEYBYTES])
{
    (void)crypto_generichash(out, crypto_secretbox_KEYBYTES,
                             (const unsigned char *)key, strlen(key), NULL, 0);
}

const char *async_seal(struct arena *a, const char *key, const char *text)
{
    size_t len = strlen(text);
    size_t all = crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES + len;
    unsigned char *box = arena_alloc(a, all);
    unsigned char k[crypto_secretbox_KEYBYTES];

    id_random(box, crypto_secretbox_NONCEBYTES);
    key_bytes(key, k);
    (void)crypto_secretbox_easy(box + crypto_secretbox_NONCEBYTES,
                                (const unsigned char *)text, len, box, k);
    return async_base64(a, box, all);
}

const char *async_open(struct arena *a, const char *key, const char *sealed)
{
    size_t head = crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES;
    size_t len;
    const unsigned char *box =
        (const unsigned char *)async_unbase64(a, sealed, &len);
    unsigned char k[crypto_secretbox_KEYBYTES];
    char *text;

    if (box == NULL || len < head)
        return NULL;
    text = arena_alloc(a, len - head + 1);
    key_bytes(key, k);
    if (crypto_secretbox_open_easy(
            (unsigned char *)text, box + crypto_secretbox_NONCEBYTES,
            len - crypto_secretbox_NONCEBYTES, box, k) != 0)
        return NULL;
    return text;
}
