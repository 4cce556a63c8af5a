/* catalog_import - which rows of a list are products, and what becomes of the
 * others. Every row is counted once: it is an item, a duplicate of one, differs
 * from one, or is rejected with a reason. */
#ifndef BODEGA_CATALOG_IMPORT_H
#define BODEGA_CATALOG_IMPORT_H

#include "catalog/catalog_store.h"

#define IMPORT_ROWS_MAX 200000

struct import_note {
    int64_t line; /* of the file, or number of the item */
    const char *sku;
    const char *reason;
};

struct import_row { /* as it stands in the list; NULL for "no such column" */
    const char *sku;
    const char *name;
    const char *price; /* "2.55" */
    const char *currency;
    const char *quantity;
    const char *description;
    const char *category;
    const char *image;
};

struct import {
    struct arena *arena; /* holds all below */
    struct product *items;
    int64_t *lines; /* where each item was */
    size_t count;
    struct import_note *notes; /* of rows that differ or are rejected */
    size_t note_count;
    int64_t rows;
    int64_t duplicates; /* the same product again, name and price too */
    int64_t differs;    /* the same product with another name or price */
    int64_t rejected;
    uint32_t *slots; /* private: hash table of item number + 1 */
    size_t slot_count;
    size_t item_room, note_room;
};

void import_init(struct import *im, struct arena *a);
/* Take a row in; nothing of `row` is kept, and nothing in `scratch`. The first
 * row of a product decides its name and price. */
void import_add(struct import *im, struct arena *scratch, int64_t line,
                const struct import_row *row);
/* A row that could not even be read. */
void import_reject(struct import *im, int64_t line, const char *sku,
                   const char *reason);

/* Why this is no product (static), or NULL when it is one; then *ret is
 * filled, from `a`. */
const char *import_check(struct arena *a, const struct import_row *row,
                         struct product *ret);

#endif
