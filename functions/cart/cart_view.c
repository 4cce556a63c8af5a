/* cart_view - see cart_view.h. */
#include "cart/cart_view.h"
#include "io/memo.h"

static const struct json_field cart_view_line_fields[] = {
    JSON_STR(struct cart_view_line, sku, .required = true),
    JSON_STR(struct cart_view_line, name,
             .help = "missing when catalog does not know it or is away"),
    JSON_INT(struct cart_view_line, unit_price, .omit_zero = true,
             .help = "minor units; missing like the name"),
    JSON_INT(struct cart_view_line, quantity, .required = true),
    JSON_INT(struct cart_view_line, line_total, .required = true,
             .help = "minor units; 0 when it can't be bought"),
    JSON_BOOL(struct cart_view_line, unavailable, .omit_zero = true,
              .help = "not for sale, and not in the total"),
    JSON_END
};

const struct json_field cart_view_fields[] = {
    JSON_STR(struct cart_view, id, .required = true),
    JSON_LIST(struct cart_view, items, count, struct cart_view_line,
              cart_view_line_fields, .required = true),
    JSON_INT(struct cart_view, total, .required = true, .help = "minor units"),
    JSON_STR(struct cart_view, currency, .help = "missing with no price"),
    JSON_INT(struct cart_view, items_count, .required = true,
             .help = "pieces in all lines"),
    JSON_BOOL(struct cart_view, partial, .omit_zero = true,
              .help = "catalog is away: names or prices may be missing or old"),
    JSON_END
};

static void keep_price(struct memo_item *item, const struct product_price *p)
{
    struct cart_price *c = item->value;

    *c = (struct cart_price){ .for_sale = p != NULL };
    if (p) {
        c->price = p->price;
        snprintf(c->currency, sizeof(c->currency), "%s", p->currency);
        snprintf(c->name, sizeof(c->name), "%s", p->name);
    }
    item->state = MEMO_FRESH;
}

/* Not catalog_dest: reading a cart has a partial answer instead of a wait. */
struct http_dest prices_dest = { .name = "catalog",
                                 .url = &catalog_url,
                                 .timeout_ms = 500 };

/* Answers come in the order asked, with the unknown left out. */
static enum err fetch_prices(struct req *r, struct memo_item **items, size_t n)
{
    struct sku_list skus = { .count = n };
    struct price_list found = { 0 };
    size_t at = 0;

    skus.items = arena_calloc(r->arena, n, sizeof(*skus.items));
    for (size_t i = 0; i < n; i++)
        skus.items[i].sku = items[i]->key;
    TRY(http_json(r, &prices_dest, "POST", "/internal/catalog/prices",
                  sku_list_fields, &skus, price_list_fields, &found));
    for (size_t i = 0; i < n; i++) {
        bool known =
            at < found.count && !strcmp(found.items[at].sku, items[i]->key);

        keep_price(items[i], known ? &found.items[at++] : NULL);
    }
    return OK;
}

static struct memo prices = { .fetch = fetch_prices,
                              .fresh_ms = 1000,
                              .value_size = sizeof(struct cart_price) };

/* Lines in a second currency can't be added up, nor bought together. */
static bool buyable(const struct cart_view *v, const struct cart_price *p)
{
    return p->for_sale && (!v->currency || !strcmp(v->currency, p->currency));
}

static enum err add_line(struct req *r, struct cart_view *v,
                         const struct cart_line *line, enum memo_state state,
                         const struct cart_price *p)
{
    struct cart_view_line *l = &v->items[v->count++];

    *l =
        (struct cart_view_line){ .sku = line->sku, .quantity = line->quantity };
    v->items_count += line->quantity;
    if (state != MEMO_FRESH)
        v->partial = true;
    if (state == MEMO_UNKNOWN)
        return OK;
    l->name = p->for_sale ? p->name : NULL;
    l->unit_price = p->price;
    l->unavailable = !buyable(v, p);
    if (l->unavailable)
        return OK;
    v->currency = p->currency;
    if (!money_mul(p->price, line->quantity, &l->line_total) ||
        !money_add(v->total, l->line_total, &v->total))
        return fail(r, ERR_AMOUNT, "the cart's total is out of range");
    return OK;
}

enum err cart_view_make(struct req *r, const char *id,
                        const struct cart_lines *lines, struct cart_view *ret)
{
    size_t n = lines->count;
    struct memo_item *items = arena_calloc(r->arena, n, sizeof(*items));
    struct cart_price *values = arena_calloc(r->arena, n, sizeof(*values));

    for (size_t i = 0; i < n; i++) {
        items[i].key = lines->items[i].sku;
        items[i].value = &values[i];
    }
    /* A partial answer beats an error: each line says what is known of it. */
    enum err e = memo_get(r, &prices, items, n);
    if (e != OK)
        note_str(r, "prices", err_info(e)->slug);
    *ret = (struct cart_view){ .id = id };
    ret->items = arena_calloc(r->arena, n, sizeof(*ret->items));
    for (size_t i = 0; i < n; i++)
        TRY(add_line(r, ret, &lines->items[i], items[i].state, &values[i]));
    return OK;
}
