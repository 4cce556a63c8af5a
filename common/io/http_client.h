/* http_client - outgoing HTTP(S): libcurl's multi interface on the loop, keep-
 * alive, the caller's deadline and traceparent on every call. Each destination
 * is a bulkhead: at most max_inflight calls wait on it, the rest fail at once,
 * and after 5 calls in a row without an answer (any status is one) a breaker
 * says ERR_UNAVAILABLE without calling for 0.5 - 1 s, then lets one call
 * through. */
#ifndef BODEGA_IO_HTTP_CLIENT_H
#define BODEGA_IO_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include "sched/req.h"

struct http_dest {
    const char *name; /* label in logs, metrics, spans */
    const char **url; /* base URL, no trailing slash; a config variable */
    int max_inflight; /* 0: 64 */
    int timeout_ms;   /* per call, cut to what the req has left; 0: 2000 */
    const char *const *headers; /* "Name: value", NULL-terminated; or NULL */
    /* below: private */
    struct http_dest_state *state;
};

struct http_call {
    const char *method;       /* "GET" ... */
    const char *path;         /* begins with '/', already encoded */
    const char *content_type; /* NULL with no body */
    const char *body;
    size_t body_len;
    const char *const *headers; /* extra "Name: value"; NULL-terminated */
    /* answer */
    int status;
    const char
        *reply;       /* NUL-terminated, in the req's arena; never NULL on OK */
    size_t reply_len; /* at most 4 MiB, more is ERR_UPSTREAM */
    const char *reply_request_id; /* the answer's Request-Id or NULL */
    const char *reply_type;       /* the answer's Content-Type or NULL */
};

/* OK whenever an HTTP answer arrived, whatever its status. ERR_UNAVAILABLE:
 * surely not processed (refused, breaker, bulkhead full, DNS). ERR_UNCERTAIN:
 * the request was sent and no whole answer came back in time (for a GET
 * treat it as ERR_DEADLINE). */
enum err http_call(struct req *r, struct http_dest *d, struct http_call *c);

/* Call one of our own functions: encodes `in` (may be NULL), sends the internal
 * token, decodes a 2xx into `out` (may be NULL). A problem+json answer comes
 * back as the error of its "code", its detail and errors copied into r. */
enum err http_json(struct req *r, struct http_dest *d, const char *method,
                   const char *path, const struct json_field *in_fields,
                   const void *in, const struct json_field *out_fields,
                   void *out);
/* The token for http_json, read from its secret file by the runtime. */
void http_client_token(const char *token);
/* Close what is kept open; before the loop ends, with no call running. */
void http_client_close(void);

#endif
