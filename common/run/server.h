/* server - the listening socket and the worker processes behind it. Private
 * to run/. */
#ifndef BODEGA_RUN_SERVER_H
#define BODEGA_RUN_SERVER_H

#include <stdbool.h>

/* Bind HOST and PORT and listen; on failure one line on stderr and exit 1. */
void server_listen(void);
/* Take what already waits, then listen no more; drain_check is called when
 * that is so. */
void server_stop(void);
bool server_listening(void);
/* With WORKERS > 1: become the parent of so many workers. Returns in each
 * worker; the parent waits for them and exits. Call it before the loop is
 * used. */
void server_fork(void);

#endif
