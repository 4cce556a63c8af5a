/* conn - client connections: bytes in, answers out, and the patience we have
 * with slow peers. One request at a time per connection; what a client sends
 * ahead waits. An idle connection owns no buffer. Private to run/. */
#ifndef BODEGA_RUN_CONN_H
#define BODEGA_RUN_CONN_H

#include <stddef.h>
#include <uv.h>
#include "run/exchange.h"

/* Take a waiting connection from the listening socket. */
void conn_accept(uv_stream_t *listener);
size_t conn_count(void);

/* x has its answer: send it and go on with the connection. Does nothing when
 * the client is gone. x->bytes_out is set; x itself stays the caller's. */
void conn_answer(struct conn *c, struct http_exchange *x);

/* ---- streams: see http_stream in fn.h */
void conn_stream_begin(struct conn *c, struct http_exchange *x);
/* Parks while the client is behind. False when it left. */
bool conn_stream_send(struct http_exchange *x, const char *data, size_t len);

/* No more keep-alive: close what is idle, the rest after its answer. */
void conn_drain_all(void);

#endif
