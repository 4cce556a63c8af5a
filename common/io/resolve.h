/* resolve - a host name to addresses without blocking the loop. libpq and
 * hiredis would call getaddrinfo(3) themselves, and a name server that does
 * not answer would then stop every request of the process. */
#ifndef BODEGA_IO_RESOLVE_H
#define BODEGA_IO_RESOLVE_H

#define RESOLVE_MAX 8 /* addresses kept, in the resolver's order */

struct resolve;
/* Numeric addresses in text form, valid during the call; n = 0: not found. */
typedef void resolve_fn(void *arg, const char *const *addresses, int n);

/* fn is called once, later, or at once (NULL is returned) when `host` is a
 * numeric address already or nothing could be started. */
struct resolve *resolve_start(const char *host, resolve_fn *fn, void *arg);
/* fn will not be called. Accepts NULL. */
void resolve_cancel(struct resolve *q);

#endif
