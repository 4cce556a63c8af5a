/* catalog_store - products in Postgres. */
#ifndef BODEGA_CATALOG_STORE_H
#define BODEGA_CATALOG_STORE_H

#include "catalog/catalog_client.h"

struct product {
    const char *sku;
    const char *name;
    const char *description; /* the next three: "" for none */
    const char *category;
    const char *image;
    int64_t price; /* minor units */
    const char *currency;
};

struct product_query {
    const char *category;   /* NULL: all */
    const char *q;          /* words to look for; NULL: all */
    const char *after_name; /* behind this one, in order of name and sku; ""s */
    const char *after_sku;  /* begin at the start */
    int64_t limit;
};
struct products {
    struct product *items;
    size_t count;
};
/* Descriptions are left out. */
enum err store_list(struct req *r, const struct product_query *q,
                    struct products *ret);
/* ERR_NOT_FOUND for one that is unknown or not for sale. */
enum err store_get(struct req *r, const char *sku, struct product *ret);
enum err store_prices(struct req *r, const struct sku_list *in,
                      struct price_list *ret);

struct category {
    const char *name;
    int64_t count;
};
struct categories {
    struct category *items;
    size_t count;
};
enum err store_categories(struct req *r, struct categories *ret);

/* Write products (each sku once), all or none. An empty description, category
 * or image leaves what is there. */
enum err store_import(struct req *r, const struct product *items, size_t n,
                      int64_t *ret_created, int64_t *ret_updated);

/* The words of what a shopper typed as a Postgres tsquery text, each meant as
 * the beginning of a word: tea l'eau -> 'tea':* & 'l':* & 'eau':*; "" when it
 * has no word. */
const char *store_tsquery(struct arena *a, const char *typed);

#endif
