/* catalog_admin - staff's bulk import of products. */
#ifndef BODEGA_CATALOG_ADMIN_H
#define BODEGA_CATALOG_ADMIN_H

#include "catalog/catalog_store.h"

#define IMPORT_BODY_MAX 16777216 /* bytes */

extern const struct query_param import_query[];
extern const struct json_field import_in_fields[];
extern const struct json_field import_out_fields[];

/* POST /api/admin/products/import */
enum err import_products(struct req *r);

#endif
