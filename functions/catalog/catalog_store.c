/* catalog_store - see catalog_store.h. */
#include "catalog/catalog_store.h"

/* ---- search ------------------------------------------------------------ */

#define WORDS_MAX 16

/* A letter, a digit or a part of a character beyond ASCII. */
static bool word_byte(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
           (c >= 'A' && c <= 'Z') || (c & 0x80);
}

const char *store_tsquery(struct arena *a, const char *typed)
{
    struct buf b;

    buf_init(&b, a);
    for (int n = 0; *typed && n < WORDS_MAX; n++) {
        size_t len = 0;

        while (*typed && !word_byte(*typed))
            typed++;
        while (typed[len] && word_byte(typed[len]))
            len++;
        if (len == 0)
            break;
        /* Quoted, so that no word can be an operator. */
        buf_str(&b, b.len ? " & '" : "'");
        buf_add(&b, typed, len);
        buf_str(&b, "':*");
        typed += len;
    }
    return b.data;
}

/* One text per filter: each gets a plan of its own, and its index. */
#define LIST_SQL(filter)                                                       \
    "select sku, name, category, image, price, currency from product"          \
    " where active and (name, sku) > ($1, $2)" filter                          \
    " order by name, sku limit $3::bigint"
#define IN_CATEGORY(n) " and category = $" n
#define MATCHES(n)     " and search @@ to_tsquery('simple', fold($" n "))"

static const char list_sql[] = LIST_SQL("");
static const char list_category_sql[] = LIST_SQL(IN_CATEGORY("4"));
static const char list_search_sql[] = LIST_SQL(MATCHES("4"));
static const char list_both_sql[] = LIST_SQL(IN_CATEGORY("4") MATCHES("5"));

static enum err run_list(struct req *r, const struct product_query *q,
                         const char *search, struct pg_rows *rows)
{
    const char *name = q->after_name;
    const char *sku = q->after_sku;

    if (q->category && search)
        return pg_read(r, rows, list_both_sql, "ssiss", name, sku, q->limit,
                       q->category, search);
    if (q->category)
        return pg_read(r, rows, list_category_sql, "ssis", name, sku, q->limit,
                       q->category);
    if (search)
        return pg_read(r, rows, list_search_sql, "ssis", name, sku, q->limit,
                       search);
    return pg_read(r, rows, list_sql, "ssi", name, sku, q->limit);
}

enum err store_list(struct req *r, const struct product_query *q,
                    struct products *ret)
{
    const char *search = q->q ? store_tsquery(r->arena, q->q) : NULL;
    struct pg_rows rows = { 0 };

    if (!search || *search) /* signs without a word match nothing */
        TRY(run_list(r, q, search, &rows));
    ret->count = (size_t)rows.count;
    ret->items = arena_calloc(r->arena, ret->count, sizeof(*ret->items));
    for (int i = 0; i < rows.count; i++)
        ret->items[i] = (struct product){ .sku = pg_str(&rows, i, 0),
                                          .name = pg_str(&rows, i, 1),
                                          .category = pg_str(&rows, i, 2),
                                          .image = pg_str(&rows, i, 3),
                                          .price = pg_int(&rows, i, 4),
                                          .currency = pg_str(&rows, i, 5),
                                          .description = "" };
    return OK;
}

/* ---- one, some, all ---------------------------------------------------- */

enum err store_get(struct req *r, const char *sku, struct product *ret)
{
    struct pg_rows row;

    TRY(pg_read(r, &row,
                "select name, description, category, image, price, currency"
                " from product where sku = $1 and active",
                "s", sku));
    if (row.count == 0)
        return fail(r, ERR_NOT_FOUND, "no such product");
    *ret = (struct product){ .sku = sku,
                             .name = pg_str(&row, 0, 0),
                             .description = pg_str(&row, 0, 1),
                             .category = pg_str(&row, 0, 2),
                             .image = pg_str(&row, 0, 3),
                             .price = pg_int(&row, 0, 4),
                             .currency = pg_str(&row, 0, 5) };
    return OK;
}

enum err store_prices(struct req *r, const struct sku_list *in,
                      struct price_list *ret)
{
    const char **skus = arena_calloc(r->arena, in->count, sizeof(*skus));
    struct pg_rows rows;

    for (size_t i = 0; i < in->count; i++)
        skus[i] = in->items[i].sku;
    TRY(pg_read(r, &rows,
                "select p.sku, p.name, p.price, p.currency"
                " from unnest($1::text[]) with ordinality as w (sku, n)"
                " join product p on p.sku = w.sku where p.active order by w.n",
                "s", pg_text_array(r, skus, in->count)));
    ret->count = (size_t)rows.count;
    ret->items = arena_calloc(r->arena, ret->count, sizeof(*ret->items));
    for (int i = 0; i < rows.count; i++)
        ret->items[i] =
            (struct product_price){ pg_str(&rows, i, 0), pg_str(&rows, i, 1),
                                    pg_int(&rows, i, 2), pg_str(&rows, i, 3) };
    return OK;
}

enum err store_categories(struct req *r, struct categories *ret)
{
    struct pg_rows rows;

    TRY(pg_read(r, &rows,
                "select category, count(*) from product where active"
                " and category <> '' group by category order by category"
                " limit 100",
                ""));
    ret->count = (size_t)rows.count;
    ret->items = arena_calloc(r->arena, ret->count, sizeof(*ret->items));
    for (int i = 0; i < rows.count; i++)
        ret->items[i] =
            (struct category){ pg_str(&rows, i, 0), pg_int(&rows, i, 1) };
    return OK;
}

/* ---- import ------------------------------------------------------------ */

/* Rows in sku order, so that two imports seldom wait for each other in a circle
 * (then one of them starts again); xmax is 0 in a row that was inserted. */
static const char import_sql[] =
    "with done as ("
    " insert into product as p (sku, name, description, category, image,"
    "  price, currency)"
    " select * from unnest($1::text[], $2::text[], $3::text[], $4::text[],"
    "  $5::text[], $6::bigint[], $7::text[]) as w (sku) order by w.sku"
    " on conflict (sku) do update set name = excluded.name,"
    "  description = coalesce(nullif(excluded.description, ''), p.description),"
    "  category = coalesce(nullif(excluded.category, ''), p.category),"
    "  image = coalesce(nullif(excluded.image, ''), p.image),"
    "  price = excluded.price, currency = excluded.currency, active = true,"
    "  updated_at = now()"
    " where (p.name, p.price, p.currency, p.active) is distinct from"
    "  (excluded.name, excluded.price, excluded.currency, true)"
    "  or excluded.description not in ('', p.description)"
    "  or excluded.category not in ('', p.category)"
    "  or excluded.image not in ('', p.image)"
    " returning xmax = 0 as created) "
    "select count(*) filter (where created),"
    " count(*) filter (where not created) from done";

static enum err import_some(struct req *r, const struct product *items,
                            size_t n, struct pg_rows *ret)
{
    enum { SKU, NAME, DESCRIPTION, CATEGORY, IMAGE, CURRENCY, TEXTS };
    const char **text[TEXTS];
    const char *array[TEXTS];
    int64_t *prices = arena_calloc(r->arena, n, sizeof(*prices));

    for (int t = 0; t < TEXTS; t++)
        text[t] = arena_calloc(r->arena, n, sizeof(**text));
    for (size_t i = 0; i < n; i++) {
        text[SKU][i] = items[i].sku;
        text[NAME][i] = items[i].name;
        text[DESCRIPTION][i] = items[i].description;
        text[CATEGORY][i] = items[i].category;
        text[IMAGE][i] = items[i].image;
        text[CURRENCY][i] = items[i].currency;
        prices[i] = items[i].price;
    }
    for (int t = 0; t < TEXTS; t++)
        array[t] = pg_text_array(r, text[t], n);
    return pg_query(r, ret, import_sql, "sssssss", array[SKU], array[NAME],
                    array[DESCRIPTION], array[CATEGORY], array[IMAGE],
                    pg_int_array(r, prices, n), array[CURRENCY]);
}

struct import_job {
    const struct product *items;
    size_t n;
    int64_t created;
    int64_t updated;
};

/* Statements end after five seconds; so many rows take a tenth of that. */
#define ROWS_A_STATEMENT 5000

static enum err import_tx(struct req *r, void *arg)
{
    struct import_job *job = arg;

    job->created = job->updated = 0;
    for (size_t at = 0; at < job->n; at += ROWS_A_STATEMENT) {
        size_t left = job->n - at;
        struct pg_rows row;

        TRY(import_some(r, job->items + at,
                        left < ROWS_A_STATEMENT ? left : ROWS_A_STATEMENT,
                        &row));
        job->created += pg_int(&row, 0, 0);
        job->updated += pg_int(&row, 0, 1);
    }
    return OK;
}

enum err store_import(struct req *r, const struct product *items, size_t n,
                      int64_t *ret_created, int64_t *ret_updated)
{
    struct import_job job = { .items = items, .n = n };

    TRY(pg_transaction(r, import_tx, &job));
    *ret_created = job.created;
    *ret_updated = job.updated;
    return OK;
}
