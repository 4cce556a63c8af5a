/* lazy - libraries opened on first use. Linking libpq alone costs 5 ms at
 * every process start and 5 MB (it drags in LDAP and Kerberos); a function
 * that answers from Redis, or only says it is ready, never pays that.
 *
 *     #define PQ_FUNCTIONS(X) X(PQsocket) X(PQstatus)
 *     static struct { PQ_FUNCTIONS(LAZY_POINTER) } pq;
 *     #define PQ_SYMBOL(f) LAZY_SYMBOL(pq, f)
 *     static const struct lazy_symbol pq_symbols[] = {
 *         PQ_FUNCTIONS(PQ_SYMBOL) { NULL, NULL } };
 *     if (!lazy_open("libpq.so.5", pq_symbols)) ...
 *     pq.PQsocket(c);
 */
#ifndef BODEGA_IO_LAZY_H
#define BODEGA_IO_LAZY_H

#include <stdbool.h>

struct lazy_symbol {
    const char *name;
    void **where;
};
#define LAZY_POINTER(f)       __typeof__(&f) f;
#define LAZY_SYMBOL(table, f) { #f, (void **)&(table).f },

/* Open the library (never closed) and fill every pointer. False, with one log
 * line naming what is missing, when the library or a symbol is absent. */
bool lazy_open(const char *soname, const struct lazy_symbol *symbols);

#endif
