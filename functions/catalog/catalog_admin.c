/* catalog_admin - see catalog_admin.h. */
#include "catalog/catalog_admin.h"
#include "base/csv.h"
#include "base/utf8.h"
#include "catalog/catalog_import.h"

#define ROWS_A_TURN 2000 /* then the loop gets its turn */

/* ---- what comes and goes ----------------------------------------------- */

const struct query_param import_query[] = {
    { "sku", "CSV column of the product code (default sku)", .max = 64 },
    { "name", "CSV column of the name (default name)", .max = 64 },
    { "price", "CSV column of the price, 2.55 (default price)", .max = 64 },
    { "currency", "ISO 4217 code of all prices, or the CSV column of it",
      .max = 64 },
    { "quantity", "CSV column: 0 or less is no product", .max = 64 },
    { "description", "CSV column of the description", .max = 64 },
    { "category", "CSV column of the category", .max = 64 },
    { "image", "CSV column of the picture's address", .max = 64 },
    { "encoding", "of the CSV: utf-8 (default) or latin1", .max = 16 },
    { 0 }
};

struct import_item {
    const char *sku;
    const char *name;
    const char *description;
    const char *category;
    const char *image;
    int64_t price;
    const char *currency;
};
struct import_in {
    struct import_item *items;
    size_t count;
};
/* Loose on purpose: a bad item is reported, and the others come in. */
static const struct json_field import_item_fields[] = {
    JSON_STR(struct import_item, sku),
    JSON_STR(struct import_item, name),
    JSON_STR(struct import_item, description),
    JSON_STR(struct import_item, category),
    JSON_STR(struct import_item, image),
    JSON_INT(struct import_item, price, .help = "minor units"),
    JSON_STR(struct import_item, currency),
    JSON_END
};
const struct json_field import_in_fields[] = {
    JSON_LIST(struct import_in, items, count, struct import_item,
              import_item_fields, .required = true, .min = 1,
              .max = IMPORT_ROWS_MAX),
    JSON_END
};

struct import_out {
    int64_t rows;
    int64_t created;
    int64_t updated;
    int64_t unchanged;
    int64_t duplicates;
    int64_t differs;
    int64_t rejected;
    struct import_note *report;
    size_t report_count;
};
static const struct json_field import_note_fields[] = {
    JSON_INT(struct import_note, line, .required = true,
             .help = "of the file; of JSON the item's number"),
    JSON_STR(struct import_note, sku),
    JSON_STR(struct import_note, reason, .required = true), JSON_END
};
const struct json_field import_out_fields[] = {
    JSON_INT(struct import_out, rows, .required = true,
             .help = "the sum of the next six"),
    JSON_INT(struct import_out, created, .required = true),
    JSON_INT(struct import_out, updated, .required = true),
    JSON_INT(struct import_out, unchanged, .required = true),
    JSON_INT(struct import_out, duplicates, .required = true,
             .help = "the same product again"),
    JSON_INT(struct import_out, differs, .required = true,
             .help = "a product again with another name or price: reported, "
                     "the first one counts"),
    JSON_INT(struct import_out, rejected, .required = true),
    JSON_LIST(struct import_out, report, report_count, struct import_note,
              import_note_fields, .required = true),
    JSON_END
};

/* ---- CSV --------------------------------------------------------------- */

enum column {
    SKU,
    NAME,
    PRICE,
    CURRENCY,
    QUANTITY,
    DESCRIPTION,
    CATEGORY,
    IMAGE,
    COLUMNS
};

struct layout {
    int at[COLUMNS];      /* index in a row; -1: no such column */
    size_t fields;        /* of every row */
    const char *currency; /* of all rows, or NULL */
};

static int find_column(const struct csv_row *head, const char *name)
{
    for (size_t i = 0; i < head->count; i++) {
        if (!strcmp(head->field[i], name))
            return (int)i;
    }
    return -1;
}

static enum err read_layout(struct req *r, const struct csv_row *head,
                            struct layout *l)
{
    l->fields = head->count;
    for (int c = 0; c < COLUMNS; c++) {
        const char *param = import_query[c].name;
        const char *asked = req_query(r, param);

        l->at[c] = find_column(head, asked ? asked : param);
        if (l->at[c] >= 0)
            continue;
        if (c == CURRENCY && asked && money_exponent(asked) >= 0)
            l->currency = asked;
        else if (asked || c <= CURRENCY)
            return fail_at(r, ERR_INVALID, arena_printf(r->arena, "/%s", param),
                           "the file has no such column");
    }
    return OK;
}

static const char *cell(const struct csv_row *row, int at)
{
    return at < 0 ? NULL : row->field[at];
}

static void add_row(struct import *im, struct arena *scratch,
                    const struct layout *l, const struct csv *csv,
                    const struct csv_row *row)
{
    const struct import_row in = {
        .sku = cell(row, l->at[SKU]),
        .name = cell(row, l->at[NAME]),
        .price = cell(row, l->at[PRICE]),
        .currency = l->currency ? l->currency : cell(row, l->at[CURRENCY]),
        .quantity = cell(row, l->at[QUANTITY]),
        .description = cell(row, l->at[DESCRIPTION]),
        .category = cell(row, l->at[CATEGORY]),
        .image = cell(row, l->at[IMAGE]),
    };

    import_add(im, scratch, (int64_t)csv->line, &in);
}

static enum err read_rows(struct req *r, struct import *im, struct csv *csv,
                          struct arena *scratch)
{
    struct layout l = { 0 };
    struct csv_row row;

    if (csv_next(csv, r->arena, &row) != CSV_ROW)
        return fail(r, ERR_INVALID, "the first line must name the columns");
    TRY(read_layout(r, &row, &l));
    for (;;) {
        arena_reset(scratch);
        enum csv_result got = csv_next(csv, scratch, &row);

        if (got == CSV_END)
            return OK;
        if (im->rows == IMPORT_ROWS_MAX)
            return fail(r, ERR_TOO_LARGE, "at most %d lines at a time",
                        IMPORT_ROWS_MAX);
        if (got == CSV_BAD)
            import_reject(im, (int64_t)csv->line, NULL, "not a CSV line");
        else if (row.count != l.fields)
            import_reject(im, (int64_t)csv->line, NULL,
                          "not as many fields as the first line");
        else
            add_row(im, scratch, &l, csv, &row);
        if (im->rows % ROWS_A_TURN == 0)
            task_sleep(0);
    }
}

static enum err read_csv(struct req *r, struct import *im)
{
    const char *encoding = req_query(r, "encoding");
    struct csv csv;
    size_t len;
    const char *body = req_body(r, &len);

    if (encoding && !strcmp(encoding, "latin1")) {
        body = utf8_from_latin1(r->arena, body, len);
        len = strlen(body);
    } else if (encoding && strcmp(encoding, "utf-8") != 0) {
        return fail_at(r, ERR_INVALID, "/encoding", "utf-8 or latin1");
    } else if (len >= 3 && !memcmp(body, "\xef\xbb\xbf", 3)) {
        body += 3; /* a byte order mark is no part of the first name */
        len -= 3;
    }
    csv_init(&csv, body, len);
    struct arena *scratch = arena_new(0);
    enum err e = read_rows(r, im, &csv, scratch);
    arena_free(scratch);
    return e;
}

/* ---- JSON -------------------------------------------------------------- */

/* The rules read text; the price is written as they read it. */
static const char *price_text(struct arena *a, const struct import_item *item)
{
    int digits = item->currency ? money_exponent(item->currency) : -1;
    int64_t unit = 1;

    for (int i = 0; i < digits; i++)
        unit *= 10;
    if (item->price <= 0 || digits <= 0)
        return arena_printf(a, "%lld", (long long)item->price);
    return arena_printf(a, "%lld.%0*lld", (long long)(item->price / unit),
                        digits, (long long)(item->price % unit));
}

static enum err read_json(struct req *r, struct import *im)
{
    struct import_in in = { 0 };
    struct arena *scratch;

    TRY(req_json(r, import_in_fields, &in));
    scratch = arena_new(0);
    for (size_t i = 0; i < in.count; i++) {
        const struct import_item *item = &in.items[i];

        arena_reset(scratch);
        const struct import_row row = { .sku = item->sku,
                                        .name = item->name,
                                        .price = price_text(scratch, item),
                                        .currency = item->currency,
                                        .description = item->description,
                                        .category = item->category,
                                        .image = item->image };
        import_add(im, scratch, (int64_t)i + 1, &row);
        if (im->rows % ROWS_A_TURN == 0)
            task_sleep(0);
    }
    arena_free(scratch);
    return OK;
}

/* ---- the route --------------------------------------------------------- */

enum err import_products(struct req *r)
{
    const char *type = req_header(r, "content-type");
    struct import im;
    struct import_out out = { 0 };

    import_init(&im, r->arena);
    if (type && !strncasecmp(type, "text/csv", 8))
        TRY(read_csv(r, &im));
    else
        TRY(read_json(r, &im));
    out = (struct import_out){ .rows = im.rows,
                               .duplicates = im.duplicates,
                               .differs = im.differs,
                               .rejected = im.rejected,
                               .report = im.notes,
                               .report_count = im.note_count };
    if (im.count)
        TRY(store_import(r, im.items, im.count, &out.created, &out.updated));
    out.unchanged = (int64_t)im.count - out.created - out.updated;
    note_int(r, "rows", out.rows);
    note_int(r, "rejected", out.rejected);
    return reply_json(r, 200, import_out_fields, &out);
}
