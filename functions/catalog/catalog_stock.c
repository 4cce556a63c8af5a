/* catalog_stock - see catalog_stock.h. */
#include "catalog/catalog_stock.h"
#include "io/memo.h"

/* Not inventory_dest: a page of products is not worth its five seconds. */
struct http_dest stock_dest = { .name = "inventory",
                                .url = &inventory_url,
                                .timeout_ms = 300 };

static enum err fetch_levels(struct req *r, struct memo_item **items, size_t n)
{
    struct sku_list skus = { .count = n };
    struct stock_levels levels = { 0 };

    skus.items = arena_calloc(r->arena, n, sizeof(*skus.items));
    for (size_t i = 0; i < n; i++)
        skus.items[i].sku = items[i]->key;
    TRY(inventory_levels(r, &stock_dest, &skus, &levels));
    /* One answer for each, in the order asked. */
    for (size_t i = 0; i < n && i < levels.count; i++) {
        if (strcmp(levels.items[i].sku, items[i]->key) != 0)
            return ERR_UPSTREAM;
        *(int64_t *)items[i]->value = levels.items[i].available;
        items[i]->state = MEMO_FRESH;
    }
    return OK;
}

static struct memo levels = { .fetch = fetch_levels,
                              .fresh_ms = 1000,
                              .value_size = sizeof(int64_t) };

void stock_fill(struct req *r, const struct product *items, size_t n,
                int64_t *ret)
{
    struct memo_item *asked = arena_calloc(r->arena, n, sizeof(*asked));

    for (size_t i = 0; i < n; i++) {
        ret[i] = STOCK_UNKNOWN;
        asked[i].key = items[i].sku;
        asked[i].value = &ret[i];
    }
    enum err e = memo_get(r, &levels, asked, n);

    if (e != OK)
        note_str(r, "stock", err_info(e)->slug);
}
