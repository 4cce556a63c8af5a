/* catalog - what is for sale. Owns schema catalog. Asks inventory how many can
 * be bought, and answers without it when inventory is away. */
#include "catalog/catalog_admin.h"
#include "catalog/catalog_cursor.h"
#include "catalog/catalog_stock.h"

#define LIMIT_DEFAULT 24
#define LIMIT_MAX     100
#define CACHE_S       1
#define BROWSE_MS     2000    /* then the gateway shows what it has kept */
#define CATEGORIES_US 1000000 /* how old the list of categories may be */

/* ---- a product as shown ------------------------------------------------ */

struct shown {
    const char *sku;
    const char *name;
    const char *description;
    int64_t price;
    const char *currency;
    const char *available; /* a JSON number, or NULL */
    const char *category;
    const char *image;
};

#define SHOWN_FIELDS                                                           \
    JSON_STR(struct shown, sku, .required = true),                             \
        JSON_STR(struct shown, name, .required = true),                        \
        JSON_INT(struct shown, price, .required = true,                        \
                 .help = "minor units"),                                       \
        JSON_STR(struct shown, currency, .required = true),                    \
        JSON_RAW(struct shown, available, .nullable = true,                    \
                 .help = "how many can be bought now; null: not known"),       \
        JSON_STR(struct shown, category), JSON_STR(struct shown, image)

static const struct json_field item_fields[] = { SHOWN_FIELDS, JSON_END };
static const struct json_field product_fields[] = {
    SHOWN_FIELDS, JSON_STR(struct shown, description), JSON_END
};

static const char *or_absent(const char *s)
{
    return *s ? s : NULL;
}

static void show(struct req *r, const struct product *p, int64_t available,
                 struct shown *ret)
{
    char *number;

    *ret = (struct shown){ .sku = p->sku,
                           .name = p->name,
                           .description = or_absent(p->description),
                           .price = p->price,
                           .currency = p->currency,
                           .category = or_absent(p->category),
                           .image = or_absent(p->image) };
    if (available == STOCK_UNKNOWN)
        return;
    number = arena_alloc(r->arena, INT_TEXT_MAX + 1);
    (void)int_text(available, number);
    ret->available = number;
}

/* ---- the list ---------------------------------------------------------- */

struct list_out {
    struct shown *items;
    size_t count;
    const char *next;
    struct category *categories;
    size_t category_count;
};
static const struct json_field category_fields[] = {
    JSON_STR(struct category, name, .required = true),
    JSON_INT(struct category, count, .required = true), JSON_END
};
#define PAGE_FIELDS                                                            \
    JSON_LIST(struct list_out, items, count, struct shown, item_fields,        \
              .required = true),                                               \
        JSON_STR(struct list_out, next,                                        \
                 .help = "cursor of the next page; absent on the last one")

static const struct json_field page_fields[] = { PAGE_FIELDS, JSON_END };
static const struct json_field first_page_fields[] = {
    PAGE_FIELDS,
    JSON_LIST(struct list_out, categories, category_count, struct category,
              category_fields, .help = "of the whole shop; without a cursor"),
    JSON_END
};

/* Counted once a second, not once a request: it reads every product. */
static enum err list_categories(struct req *r, struct list_out *out)
{
    static struct arena *kept_in;
    static struct categories kept;
    static int64_t kept_us;
    struct categories now;

    if (!kept_in || clock_us() - kept_us > CATEGORIES_US) {
        TRY(store_categories(r, &now));
        if (!kept_in)
            kept_in = arena_new(0);
        arena_reset(kept_in);
        kept = now;
        kept.items =
            arena_memdup(kept_in, now.items, now.count * sizeof(*now.items));
        for (size_t i = 0; i < now.count; i++)
            kept.items[i].name = arena_strdup(kept_in, now.items[i].name);
        kept_us = clock_us();
    }
    /* A copy: the next second may come while this request waits. */
    out->category_count = kept.count;
    out->categories =
        arena_memdup(r->arena, kept.items, kept.count * sizeof(*kept.items));
    for (size_t i = 0; i < kept.count; i++)
        out->categories[i].name = arena_strdup(r->arena, kept.items[i].name);
    return OK;
}

static enum err read_query(struct req *r, struct product_query *q)
{
    const char *cursor = req_query(r, "cursor");
    const char *category = req_query(r, "category");
    const char *words = req_query(r, "q");

    *q = (struct product_query){ .category =
                                     category && *category ? category : NULL,
                                 .q = words && *words ? words : NULL,
                                 .after_name = "",
                                 .after_sku = "",
                                 .limit =
                                     req_query_int(r, "limit", LIMIT_DEFAULT) };
    if (cursor && !cursor_read(r->arena, cursor, q))
        return fail_at(r, ERR_INVALID, "/cursor", "not a cursor of this list");
    return OK;
}

static enum err list_products(struct req *r)
{
    struct product_query q;
    struct products found;
    struct list_out out = { 0 };

    TRY(read_query(r, &q));
    size_t limit = (size_t)q.limit++; /* one more tells whether others follow */
    TRY(store_list(r, &q, &found));
    bool first = !*q.after_name;
    if (first)
        TRY(list_categories(r, &out));
    if (found.count > limit) {
        found.count = limit;
        out.next = cursor_make(r->arena, &q, &found.items[limit - 1]);
    }
    int64_t *levels = arena_calloc(r->arena, found.count, sizeof(*levels));
    stock_fill(r, found.items, found.count, levels);
    out.count = found.count;
    out.items = arena_calloc(r->arena, out.count, sizeof(*out.items));
    for (size_t i = 0; i < found.count; i++)
        show(r, &found.items[i], levels[i], &out.items[i]);
    return reply_cached(r, first ? first_page_fields : page_fields, &out,
                        CACHE_S);
}

/* ---- one product; prices ----------------------------------------------- */

static enum err get_product(struct req *r)
{
    struct product p;
    struct shown out;
    int64_t available;

    TRY(store_get(r, req_param(r, "sku"), &p));
    stock_fill(r, &p, 1, &available);
    show(r, &p, available, &out);
    return reply_cached(r, product_fields, &out, CACHE_S);
}

static enum err get_prices(struct req *r)
{
    struct sku_list in = { 0 };
    struct price_list out = { 0 };

    TRY(req_json(r, sku_list_fields, &in));
    TRY(store_prices(r, &in, &out));
    return reply_json(r, 200, price_list_fields, &out);
}

/* ---- tables ------------------------------------------------------------ */

static const struct query_param list_query[] = {
    { "category", "only this category", .max = 80 },
    { "q", "words that names begin with; case and accents don't count",
      .max = 100 },
    { "limit", "products on a page (default 24)", .max = LIMIT_MAX, .min = 1,
      .integer = true },
    { "cursor", "the `next` of the page before", .max = CURSOR_MAX },
    { 0 }
};

static const struct route routes[] = {
    { GET, "/api/catalog/products", list_products, "products by name",
      .timeout_ms = BROWSE_MS, .query = list_query, .out = first_page_fields,
      .also_status = 304, .cache_s = CACHE_S },
    { GET, "/api/catalog/products/{sku}", get_product, "one product",
      .timeout_ms = BROWSE_MS, .out = product_fields, .also_status = 304,
      .cache_s = CACHE_S },
    { POST, "/api/admin/products/import", import_products,
      "take in a list of products, CSV or JSON", .auth = AUTH_ADMIN,
      .max_body = IMPORT_BODY_MAX, .timeout_ms = 60000,
      .consumes = "text/csv|application/json", .query = import_query,
      .in = import_in_fields, .out = import_out_fields },
    { POST, "/internal/catalog/prices", get_prices,
      "name and today's price of each product", .auth = AUTH_INTERNAL,
      .max_body = 65536, .in = sku_list_fields, .out = price_list_fields,
      .internal_doc = true },
    { 0 }
};

static const struct cfg_field config[] = { INVENTORY_CFG, { 0 } };

static struct http_dest *const calls[] = { &stock_dest, NULL };

static const struct function catalog = { .name = "catalog",
                                         .help = "what is for sale",
                                         .routes = routes,
                                         .config = config,
                                         .uses = USES_PG,
                                         .calls = calls };
FN_MAIN(catalog)
