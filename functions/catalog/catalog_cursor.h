/* catalog_cursor - where the next page begins, as a word that clients hand back
 * unread: a checksum and the last row's name and sku, in hex. It holds nothing
 * secret; the checksum refuses one that was altered or belongs to another
 * list, which would quietly give a wrong page. */
#ifndef BODEGA_CATALOG_CURSOR_H
#define BODEGA_CATALOG_CURSOR_H

#include <stdbool.h>
#include "catalog/catalog_store.h"

#define CURSOR_MAX 600 /* characters */

/* The cursor behind `last` in the list of `q`. */
const char *cursor_make(struct arena *a, const struct product_query *q,
                        const struct product *last);
/* Sets q->after_name and q->after_sku; false when it is none of this list. */
bool cursor_read(struct arena *a, const char *cursor, struct product_query *q);

#endif
