/* catalog_cursor - see catalog_cursor.h. */
#include "catalog/catalog_cursor.h"
#include "base/utf8.h"

#define SUM_LEN   16
#define SEPARATOR '\x1f' /* neither a query nor a name holds control bytes */

static void checksum(struct arena *a, const struct product_query *q,
                     const char *name, const char *sku,
                     char out[ID_HASH_LEN + 1])
{
    struct buf b;
    const char *const parts[] = { q->category, q->q, name, sku };

    buf_init(&b, a);
    for (size_t i = 0; i < 4; i++) {
        buf_str(&b, parts[i] ? parts[i] : "");
        buf_char(&b, SEPARATOR);
    }
    id_sha256_hex(b.data, b.len, out);
}

const char *cursor_make(struct arena *a, const struct product_query *q,
                        const struct product *last)
{
    char sum[ID_HASH_LEN + 1];
    const char *place =
        arena_printf(a, "%s%c%s", last->name, SEPARATOR, last->sku);
    size_t len = strlen(place);
    char *hex = arena_alloc(a, 2 * len + 1);

    checksum(a, q, last->name, last->sku, sum);
    id_hex(place, len, hex);
    return arena_printf(a, "%.*s%s", SUM_LEN, sum, hex);
}

bool cursor_read(struct arena *a, const char *cursor, struct product_query *q)
{
    char sum[ID_HASH_LEN + 1];
    size_t hex_len = strlen(cursor);

    if (hex_len <= SUM_LEN || hex_len > CURSOR_MAX || hex_len % 2 != 0)
        return false;
    size_t len = (hex_len - SUM_LEN) / 2;
    char *name = arena_alloc(a, len + 1);

    if (!id_unhex(cursor + SUM_LEN, name, len) || strlen(name) != len ||
        !utf8_ok(name, len))
        return false;
    char *sku = strchr(name, SEPARATOR);

    if (!sku)
        return false;
    *sku++ = '\0';
    checksum(a, q, name, sku, sum);
    if (strncmp(sum, cursor, SUM_LEN) != 0)
        return false;
    q->after_name = name;
    q->after_sku = sku;
    return true;
}
