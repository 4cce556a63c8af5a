/* query - fuzz target: what a path or query decodes to is clean, and encodes
 * and decodes to itself. */
#include <stdint.h>
#include "base/url.h"
#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int fact)
{
    if (!fact)
        abort();
}

static void clean(struct arena *a, const char *s)
{
    const char *again;
    struct buf b;

    must(utf8_ok(s, strlen(s)));
    for (const char *p = s; *p != '\0'; p++)
        must((unsigned char)*p >= 0x20 && *p != 0x7f);
    buf_init(&b, a);
    url_encode(&b, s);
    again = url_decode(a, b.data, b.len, true);
    must(again != NULL && strcmp(again, s) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    struct arena *a = arena_new(0);
    struct url_query *q = url_query_parse(a, text, size);
    const char *name;

    for (size_t i = 0; q != NULL && (name = url_query_name(q, i)); i++) {
        clean(a, name);
        clean(a, url_query_get(q, name));
    }
    if (url_path_ok(a, text, size)) {
        const char *path = url_decode(a, text, size, false);

        must(path != NULL && path[0] == '/' && strstr(path, "/../") == NULL);
        clean(a, path);
    }
    arena_free(a);
    return 0;
}
