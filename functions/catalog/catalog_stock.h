/* catalog_stock - how many can be bought, from inventory, a second old at most;
 * when inventory is away, the last number known, however old. */
#ifndef BODEGA_CATALOG_STOCK_H
#define BODEGA_CATALOG_STOCK_H

#include "catalog/catalog_store.h"
#include "inventory/inventory_client.h"

#define STOCK_UNKNOWN -1

/* To declare among the function's calls. */
extern struct http_dest stock_dest;

/* ret[i]: what is available of items[i], or STOCK_UNKNOWN. Never fails. */
void stock_fill(struct req *r, const struct product *items, size_t n,
                int64_t *ret);

#endif
