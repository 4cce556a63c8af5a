/* inventory_store - see inventory_store.h. */
#include "inventory/inventory_store.h"

/* Lines as two array parameters, one entry per sku (lines of the same sku are
 * summed: two lines of three are six, not three twice). */
struct arrays {
    const char **skus;
    int64_t *quantities;
    size_t n;
};

static void arrays_init(struct req *r, struct arrays *a, size_t max)
{
    a->skus = arena_calloc(r->arena, max, sizeof(*a->skus));
    a->quantities = arena_calloc(r->arena, max, sizeof(*a->quantities));
    a->n = 0;
}

static void arrays_add(struct arrays *a, const char *sku, int64_t quantity)
{
    for (size_t i = 0; i < a->n; i++) {
        if (!strcmp(a->skus[i], sku)) {
            a->quantities[i] += quantity; /* bounded: 200 lines of 10^6 */
            return;
        }
    }
    a->skus[a->n] = sku;
    a->quantities[a->n++] = quantity;
}

/* ---- hold --------------------------------------------------------------- */

static enum err tell_short(struct req *r, const struct reserve_in *in,
                           const struct pg_rows *shorts)
{
    for (size_t i = 0; i < in->line_count; i++) {
        for (int k = 0; k < shorts->count; k++) {
            if (strcmp(in->lines[i].sku, pg_str(shorts, k, 0)) != 0)
                continue;
            fail_at(r, ERR_OUT_OF_STOCK,
                    arena_printf(r->arena, "/lines/%zu", i),
                    "%s: not enough in stock", in->lines[i].sku);
        }
    }
    return fail(r, ERR_OUT_OF_STOCK, "some lines can't be had now");
}

enum err store_reserve(struct req *r, const struct reserve_in *in)
{
    struct arrays a;
    struct pg_rows shorts;

    arrays_init(r, &a, in->line_count);
    for (size_t i = 0; i < in->line_count; i++)
        arrays_add(&a, in->lines[i].sku, in->lines[i].quantity);
    TRY(pg_query(r, &shorts,
                 "select unnest(reserve($1::uuid, $2::bigint, $3::text[],"
                 " $4::bigint[]))",
                 "siss", in->order_id, in->ttl_s, pg_text_array(r, a.skus, a.n),
                 pg_int_array(r, a.quantities, a.n)));
    return shorts.count ? tell_short(r, in, &shorts) : OK;
}

enum err store_levels(struct req *r, const struct sku_list *in,
                      struct stock_levels *ret)
{
    const char **skus = arena_calloc(r->arena, in->count, sizeof(*skus));
    struct pg_rows rows;

    for (size_t i = 0; i < in->count; i++)
        skus[i] = in->items[i].sku;
    TRY(pg_read(r, &rows,
                "select w.sku, coalesce(s.on_hand - s.reserved, 0)"
                " from unnest($1::text[]) with ordinality as w (sku, n)"
                " left join stock s on s.sku = w.sku order by w.n",
                "s", pg_text_array(r, skus, in->count)));
    ret->count = (size_t)rows.count;
    ret->items = arena_calloc(r->arena, ret->count, sizeof(*ret->items));
    for (int i = 0; i < rows.count; i++)
        ret->items[i] =
            (struct stock_level){ pg_str(&rows, i, 0), pg_int(&rows, i, 1) };
    return OK;
}

/* ---- the order's life ------------------------------------------------------
 */

struct change {
    const struct event *event;
    const struct order_paid_data *paid;
    const char *order_id;
    const char *sql;
};

static enum err commit_tx(struct req *r, void *arg)
{
    const struct change *c = arg;
    struct arrays a;
    struct pg_rows row;
    bool first;

    TRY(inbox_once(r, c->event, &first));
    if (!first)
        return OK;
    arrays_init(r, &a, c->paid->line_count);
    for (size_t i = 0; i < c->paid->line_count; i++)
        arrays_add(&a, c->paid->lines[i].sku, c->paid->lines[i].quantity);
    TRY(pg_query(r, &row,
                 "select commit_order($1::uuid, $2::text[], $3::bigint[])",
                 "sss", c->paid->order_id, pg_text_array(r, a.skus, a.n),
                 pg_int_array(r, a.quantities, a.n)));
    bool done = pg_bool(&row, 0, 0);
    struct order_ref ref = { c->paid->order_id };
    note_str(r, "stock", done ? "committed" : "short");
    return outbox_add(r, done ? &inventory_committed : &inventory_shortfall,
                      ref.order_id, &ref);
}

enum err store_commit(struct req *r, const struct event *e,
                      const struct order_paid_data *paid)
{
    struct change c = { .event = e, .paid = paid };

    return pg_transaction(r, commit_tx, &c);
}

static enum err change_tx(struct req *r, void *arg)
{
    const struct change *c = arg;
    bool first;

    TRY(inbox_once(r, c->event, &first));
    return first ? pg_query(r, NULL, c->sql, "s", c->order_id) : OK;
}

enum err store_release(struct req *r, const struct event *e,
                       const char *order_id)
{
    struct change c = { .event = e,
                        .order_id = order_id,
                        .sql = "select release($1::uuid)" };

    return pg_transaction(r, change_tx, &c);
}

enum err store_give_back(struct req *r, const char *order_id)
{
    return pg_query(r, NULL, "select release($1::uuid)", "s", order_id);
}

enum err store_return(struct req *r, const struct event *e,
                      const char *order_id)
{
    struct change c = { .event = e,
                        .order_id = order_id,
                        .sql = "select return_order($1::uuid)" };

    return pg_transaction(r, change_tx, &c);
}

enum err store_expire(struct req *r, int max)
{
    struct pg_rows rows;

    TRY(pg_query(r, &rows,
                 "select distinct order_id from reservation where"
                 " state = 'held' and expires_at < now() limit $1::bigint",
                 "i", (int64_t)max));
    /* One transaction an order: releasing many at once would lock many rows
     * for as long as the slowest takes. */
    for (int i = 0; i < rows.count; i++)
        TRY(pg_query(r, NULL,
                     "select release($1::uuid) where exists (select 1 from"
                     " reservation where order_id = $1::uuid"
                     " and state = 'held' and expires_at < now())",
                     "s", pg_str(&rows, i, 0)));
    return OK;
}

/* ---- staff
 * -------------------------------------------------------------------- */

const struct json_field stock_info_fields[] = {
    JSON_STR(struct stock_info, sku, .required = true),
    JSON_INT(struct stock_info, on_hand, .required = true),
    JSON_INT(struct stock_info, reserved, .required = true),
    JSON_INT(struct stock_info, available, .required = true), JSON_END
};

enum err store_info(struct req *r, const char *sku, struct stock_info *ret)
{
    struct pg_rows row;

    TRY(pg_read(r, &row,
                "select on_hand, reserved, on_hand - reserved from stock"
                " where sku = $1",
                "s", sku));
    if (row.count == 0)
        return fail(r, ERR_NOT_FOUND, "no such product in stock");
    *ret = (struct stock_info){ sku, pg_int(&row, 0, 0), pg_int(&row, 0, 1),
                                pg_int(&row, 0, 2) };
    return OK;
}

enum err store_receive(struct req *r, const char *reference,
                       const struct stock_line *lines, size_t n,
                       int64_t *ret_booked)
{
    const char **skus = arena_calloc(r->arena, n, sizeof(*skus));
    int64_t *quantities = arena_calloc(r->arena, n, sizeof(*quantities));
    struct pg_rows row;

    for (size_t i = 0; i < n; i++) {
        skus[i] = lines[i].sku;
        quantities[i] = lines[i].quantity;
    }
    TRY(pg_query(r, &row, "select receive($1, $2::text[], $3::bigint[])", "sss",
                 reference, pg_text_array(r, skus, n),
                 pg_int_array(r, quantities, n)));
    *ret_booked = pg_int(&row, 0, 0);
    return OK;
}

enum err store_adjust(struct req *r, const char *sku, int64_t delta,
                      const char *reason, const char *reference)
{
    enum err e = pg_query(r, NULL, "select adjust($1, $2::bigint, $3, $4)",
                          "siss", sku, delta, reason, reference);

    if (e == ERR_CONFLICT)
        return fail(r, e, "less would be left than is promised to orders");
    return e;
}
