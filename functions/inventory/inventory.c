/* inventory - what can be bought, and who holds it. Owns schema inventory.
 * Nothing is oversold because every hold is one row lock and one check in
 * Postgres; nothing is lost because each change writes the ledger with it. */
#include "base/csv.h"
#include "inventory/inventory_store.h"

#define IMPORT_MAX   20000 /* lines of one import */
#define EXPIRE_BATCH 100
#define QUANTITY_MAX 1000000000

/* ---- for other functions ---------------------------------------------------
 */

static enum err reserve(struct req *r)
{
    struct reserve_in in = { 0 };

    TRY(req_json(r, reserve_in_fields, &in));
    note_str(r, "order", in.order_id);
    TRY(store_reserve(r, &in));
    return reply_empty(r, 204);
}

static enum err give_back(struct req *r)
{
    const char *id = req_param(r, "order_id");

    if (!id_is_uuid(id))
        return fail(r, ERR_NOT_FOUND, "no such order");
    note_str(r, "order", id);
    TRY(store_give_back(r, id));
    return reply_empty(r, 204);
}

static enum err availability(struct req *r)
{
    struct sku_list in = { 0 };
    struct stock_levels out = { 0 };

    TRY(req_json(r, sku_list_fields, &in));
    TRY(store_levels(r, &in, &out));
    return reply_json(r, 200, stock_levels_fields, &out);
}

/* ---- staff: receive
 * ----------------------------------------------------------- */

struct rejected {
    int64_t line;
    const char *sku;
    const char *reason;
};
struct import_out {
    int64_t rows;
    int64_t booked;    /* products whose stock grew */
    int64_t unchanged; /* booked under this reference before */
    struct rejected *report;
    size_t report_count;
};
static const struct json_field rejected_fields[] = {
    JSON_INT(struct rejected, line, .required = true),
    JSON_STR(struct rejected, sku),
    JSON_STR(struct rejected, reason, .required = true), JSON_END
};
static const struct json_field import_out_fields[] = {
    JSON_INT(struct import_out, rows, .required = true),
    JSON_INT(struct import_out, booked, .required = true),
    JSON_INT(struct import_out, unchanged, .required = true),
    JSON_LIST(struct import_out, report, report_count, struct rejected,
              rejected_fields, .required = true),
    JSON_END
};

struct import_in { /* the JSON form */
    struct stock_line *items;
    size_t count;
};
static const struct json_field item_fields[] = {
    JSON_STR(struct stock_line, sku, .required = true, .min = 1, .max = 64),
    JSON_INT(struct stock_line, quantity, .required = true, .min = 1,
             .max = QUANTITY_MAX),
    JSON_END
};
static const struct json_field import_in_fields[] = {
    JSON_LIST(struct import_in, items, count, struct stock_line, item_fields,
              .required = true, .min = 1, .max = IMPORT_MAX),
    JSON_END
};

static bool parse_quantity(const char *s, int64_t *ret)
{
    char *end;

    if (*s < '0' || *s > '9')
        return false;
    long long v = strtoll(s, &end, 10);
    *ret = v;
    return *end == '\0' && v >= 1 && v <= QUANTITY_MAX;
}

static const char *check_row(const struct csv_row *row, struct stock_line *ret)
{
    if (row->count != 2)
        return "must have two fields: sku,quantity";
    if (!*row->field[0] || strlen(row->field[0]) > 64)
        return "sku must have 1 to 64 characters";
    if (!parse_quantity(row->field[1], &ret->quantity))
        return "quantity must be a whole number from 1 to 1000000000";
    ret->sku = row->field[0];
    return NULL;
}

static void read_row(struct import_out *out, struct import_in *in,
                     const struct csv *csv, const struct csv_row *row,
                     const char *why)
{
    out->rows++;
    if (!why)
        why = check_row(row, &in->items[in->count]);
    if (!why)
        in->count++;
    else
        out->report[out->report_count++] =
            (struct rejected){ (int64_t)csv->line,
                               row->count ? row->field[0] : NULL, why };
}

static enum err read_csv(struct req *r, struct import_out *out,
                         struct import_in *in)
{
    size_t len;
    const char *body = req_body(r, &len);
    struct csv csv;
    struct csv_row row;

    csv_init(&csv, body, len);
    in->items = arena_calloc(r->arena, IMPORT_MAX, sizeof(*in->items));
    out->report = arena_calloc(r->arena, IMPORT_MAX, sizeof(*out->report));
    if (csv_next(&csv, r->arena, &row) != CSV_ROW || row.count != 2 ||
        strcmp(row.field[0], "sku") != 0 ||
        strcmp(row.field[1], "quantity") != 0)
        return fail(r, ERR_INVALID, "the first line must be sku,quantity");
    for (;;) {
        row.count = 0;
        enum csv_result got = csv_next(&csv, r->arena, &row);

        if (got == CSV_END)
            return OK;
        if (out->rows == IMPORT_MAX)
            return fail(r, ERR_TOO_LARGE, "at most %d lines at a time",
                        IMPORT_MAX);
        read_row(out, in, &csv, &row, got == CSV_BAD ? "not a CSV line" : NULL);
    }
}

static enum err import_stock(struct req *r)
{
    const char *reference = req_query(r, "reference");
    const char *type = req_header(r, "content-type");
    struct import_out out = { 0 };
    struct import_in in = { 0 };

    if (!reference || !*reference)
        return fail_at(r, ERR_INVALID, "/reference",
                       "name the delivery, so that it counts once");
    if (type && !strncmp(type, "text/csv", 8)) {
        TRY(read_csv(r, &out, &in));
    } else {
        TRY(req_json(r, import_in_fields, &in));
        out.rows = (int64_t)in.count;
    }
    if (in.count)
        TRY(store_receive(r, reference, in.items, in.count, &out.booked));
    out.unchanged = (int64_t)in.count - out.booked;
    note_int(r, "rows", out.rows);
    return reply_json(r, 200, import_out_fields, &out);
}

/* ---- staff: look and adjust
 * ------------------------------------------------------- */

static enum err get_stock(struct req *r)
{
    struct stock_info info;

    TRY(store_info(r, req_param(r, "sku"), &info));
    return reply_json(r, 200, stock_info_fields, &info);
}

struct adjust_in {
    int64_t delta;
    const char *reason;
    const char *reference;
};
static const struct json_field adjust_in_fields[] = {
    JSON_INT(struct adjust_in, delta, .required = true, .min = -QUANTITY_MAX,
             .max = QUANTITY_MAX),
    JSON_STR(struct adjust_in, reason, .required = true, .min = 1, .max = 200),
    JSON_STR(struct adjust_in, reference, .min = 1, .max = 200,
             .help = "counts once per reference"),
    JSON_END
};

static enum err adjust_stock(struct req *r)
{
    const char *sku = req_param(r, "sku");
    struct adjust_in in = { 0 };
    struct stock_info info;

    TRY(req_json(r, adjust_in_fields, &in));
    if (in.delta == 0)
        return fail_at(r, ERR_INVALID, "/delta", "must not be 0");
    if (!*sku || strlen(sku) > 64)
        return fail(r, ERR_NOT_FOUND, "no such product");
    TRY(store_adjust(r, sku, in.delta, in.reason, in.reference));
    TRY(store_info(r, sku, &info));
    return reply_json(r, 200, stock_info_fields, &info);
}

/* ---- events and jobs
 * ---------------------------------------------------------------- */

static enum err on_paid(struct req *r, const struct event *e)
{
    struct order_paid_data paid = { 0 };

    TRY(event_data(r, e, order_paid_fields, &paid));
    return store_commit(r, e, &paid);
}

static enum err on_cancelled(struct req *r, const struct event *e)
{
    struct order_end end = { 0 };

    TRY(event_data(r, e, order_end_fields, &end));
    return store_release(r, e, end.order_id);
}

static enum err on_refunded(struct req *r, const struct event *e)
{
    struct order_end end = { 0 };

    TRY(event_data(r, e, order_end_fields, &end));
    return end.restock ? store_return(r, e, end.order_id) : OK;
}

static enum err expire(struct req *r)
{
    return store_expire(r, EXPIRE_BATCH);
}

/* ---- tables
 * ----------------------------------------------------------------------------
 */

static const enum err out_of_stock[] = { ERR_OUT_OF_STOCK, OK };
static const enum err may_conflict[] = { ERR_CONFLICT, OK };

static const struct query_param import_query[] = {
    { "reference", "names the delivery; each counts once", .max = 200 }, { 0 }
};

static const struct route routes[] = {
    { POST, "/api/admin/stock/import", import_stock,
      "book goods received, CSV or JSON", .auth = AUTH_ADMIN,
      .max_body = 4194304, .timeout_ms = 30000,
      .consumes = "text/csv|application/json", .query = import_query,
      .in = import_in_fields, .out = import_out_fields },
    { GET, "/api/admin/stock/{sku}", get_stock, "stock of one product",
      .auth = AUTH_ADMIN, .out = stock_info_fields },
    { POST, "/api/admin/stock/{sku}/adjust", adjust_stock,
      "correct the stock of one product", .auth = AUTH_ADMIN, .max_body = 4096,
      .in = adjust_in_fields, .out = stock_info_fields,
      .errors = may_conflict },
    { POST, "/internal/inventory/reservations", reserve,
      "hold an order's lines, all or none", .auth = AUTH_INTERNAL,
      .max_body = 65536, .in = reserve_in_fields, .status = 204,
      .errors = out_of_stock, .internal_doc = true },
    { DELETE, "/internal/inventory/reservations/{order_id}", give_back,
      "give back what an order still holds", .auth = AUTH_INTERNAL,
      .status = 204, .internal_doc = true },
    { POST, "/internal/inventory/availability", availability,
      "what can be bought now", .auth = AUTH_INTERNAL, .max_body = 65536,
      .in = sku_list_fields, .out = stock_levels_fields, .internal_doc = true },
    { 0 }
};

static const struct topic *const emits[] = { &inventory_committed,
                                             &inventory_shortfall, NULL };

static const struct subscription subs[] = {
    { &order_paid_topic, on_paid, "the stock leaves the shelf" },
    { &order_cancelled_topic, on_cancelled, "the hold is given back" },
    { &order_refunded_topic, on_refunded, "returned goods are shelved" },
    { 0 }
};

static const struct job jobs[] = {
    { "expire", 1000, expire, "release holds whose time is over" }, { 0 }
};

static const struct function inventory = { .name = "inventory",
                                           .help = "stock and reservations",
                                           .routes = routes,
                                           .uses = USES_PG | USES_BUS,
                                           .emits = emits,
                                           .subs = subs,
                                           .jobs = jobs };
FN_MAIN(inventory)
