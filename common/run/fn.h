/* fn.h - the only header a function needs. A function is a table of tables:
 * routes, config, topics, subscriptions, jobs, calls. FN_MAIN is all of main.
 * `<fn> --describe` prints the tables as JSON; stack.yml, chart values,
 * gateway routes, OpenAPI and README tables are made from that. */
#ifndef BODEGA_RUN_FN_H
#define BODEGA_RUN_FN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/backoff.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/id.h"
#include "base/json.h"
#include "base/money.h"
#include "base/url.h"
#include "io/bus.h"
#include "io/http_client.h"
#include "io/outbox.h"
#include "io/pg.h"
#include "io/redis.h"
#include "obs/log.h"
#include "obs/metrics.h"
#include "sched/req.h"
#include "sched/task.h"

enum http_method { GET = 1, POST, PUT, DELETE, PATCH };

enum route_auth {
    AUTH_PUBLIC,   /* anyone */
    AUTH_INTERNAL, /* other functions: "Authorization: Bearer <internal>" */
    AUTH_ADMIN     /* staff: "Authorization: Bearer <admin>" */
};

/* A query parameter a route accepts; any other is 422. */
struct query_param {
    const char *name; /* NULL ends the table */
    const char *help;
    int64_t max; /* longest value in bytes; with `integer`, largest value */
    int64_t min; /* with `integer`, smallest value */
    bool integer;
};

struct route {
    enum http_method method;
    const char *path; /* "/api/carts/{id}/items/{sku}"; at most 4 parameters */
    enum err (*handler)(struct req *r);
    const char *help;
    enum route_auth auth;
    size_t max_body;      /* bytes; 0: a body is refused with 413 */
    int timeout_ms;       /* the req's deadline; 0: 5,000 */
    const char *consumes; /* content type; NULL with a body: application/json;
                             "a|b" for several */
    const struct query_param *query;
    const struct json_field *in;  /* request body, for OpenAPI */
    const struct json_field *out; /* success body, for OpenAPI */
    const char *produces;         /* NULL: application/json */
    int status;                   /* success status for OpenAPI; 0: 200 */
    int also_status;        /* a second success status (202, 304); 0: none */
    const enum err *errors; /* OK-terminated: what it may answer, OpenAPI;
                               the runtime's own (400 401 404 405 413 415 422
                               503 504 ...) are added by the generator */
    const char *headers_in; /* "Idempotency-Key!" (! = required), '|' list */
    bool internal_doc;      /* leave out of the public OpenAPI */
    bool stream;            /* answers with http_stream; no timeout_ms */
    int cache_s; /* the gateway may cache a 200 this long and serve it stale
                    for a day when we are away; 0: never */
};

enum cfg_kind { CFG_KIND_STR, CFG_KIND_INT, CFG_KIND_SECRET };
struct cfg_field {
    const char *env; /* NULL ends the table */
    enum cfg_kind kind;
    void *var;
    const char *def; /* default as text; NULL: must be set */
    int64_t min, max;
    const char *help;
};
#define CFG_VAR_(v, T)                                                         \
    ((void *)((char *)(v) +                                                    \
              0 * sizeof(char[__builtin_types_compatible_p(__typeof__(v), T)   \
                                  ? 1                                          \
                                  : -1])))
#define CFG_STR(env, v, def, help)                                             \
    {                                                                          \
        env, CFG_KIND_STR, CFG_VAR_(v, const char **), def, 0, 0, help         \
    }
#define CFG_INT(env, v, def, lo, hi, help)                                     \
    {                                                                          \
        env, CFG_KIND_INT, CFG_VAR_(v, int64_t *), def, lo, hi, help           \
    }
/* Name in lower case with '_': read from $<ENV>_FILE, else
 * /var/openfaas/secrets/<name>, else /etc/bodega/secrets/<name>. The variable
 * holds the text without its trailing newline; `def` NULL: must exist. */
#define CFG_SECRET(env, v, def, help)                                          \
    {                                                                          \
        env, CFG_KIND_SECRET, CFG_VAR_(v, const char **), def, 0, 0, help      \
    }

/* Runs every `every_ms` (full jitter on the first) in one replica's process;
 * overlapping replicas must be safe (SKIP LOCKED). */
struct job {
    const char *name; /* NULL ends the table */
    int every_ms;
    enum err (*run)(struct req *r);
    const char *help;
};

enum fn_uses { USES_PG = 1, USES_REDIS = 2, USES_BUS = 4 };

struct function {
    const char *name;
    const char *help; /* one sentence */
    const struct route *routes;
    const struct cfg_field *config;
    int uses;
    const struct topic *const *emits; /* NULL-terminated or NULL */
    const struct subscription *subs;  /* ends with .topic NULL, or NULL */
    const struct job *jobs;
    struct http_dest *const *calls; /* NULL-terminated or NULL */
    void (*start)(void); /* after config, before listening; or NULL */
    void (*work)(void);  /* with the subscriptions, where this process runs
                            them (ROLE all or worker); or NULL */
};

int fn_main(const struct function *f, int argc, char **argv);
#define FN_MAIN(f)                                                             \
    int main(int argc, char **argv)                                            \
    {                                                                          \
        return fn_main(&(f), argc, argv);                                      \
    }

/* ---- the request --------------------------------------------------- */
/* Path parameter, decoded; never NULL for a name in the route's path. */
const char *req_param(const struct req *r, const char *name);
/* Query parameter, decoded; NULL when absent. */
const char *req_query(const struct req *r, const char *name);
int64_t req_query_int(const struct req *r, const char *name, int64_t absent);
/* Header by lower-case name, NULL when absent; several are joined with ", ". */
const char *req_header(const struct req *r, const char *name);
const char *req_body(const struct req *r, size_t *ret_len);
/* The token of "Authorization: Bearer ..."; NULL when absent. */
const char *req_bearer(const struct req *r);
/* Decode the body strictly; on failure r holds the words for the client. */
enum err req_json(struct req *r, const struct json_field *fields, void *out);

/* ---- the answer: exactly one of these per request ------------------- */
enum err reply_json(struct req *r, int status, const struct json_field *fields,
                    const void *obj);
/* Bytes as they are; copied. */
enum err reply_bytes(struct req *r, int status, const char *content_type,
                     const char *body, size_t len);
enum err reply_empty(struct req *r, int status);
/* Before the reply. Name and value must be header-safe (asserted); copied. */
void reply_header(struct req *r, const char *name, const char *value);
/* Cacheable answer: adds ETag (of the body) and Cache-Control: public,
 * max-age=`max_age_s`, and answers 304 when If-None-Match matches. */
enum err reply_cached(struct req *r, const struct json_field *fields,
                      const void *obj, int max_age_s);

/* Append the problem+json body (RFC 9457) that the runtime would answer for e;
 * for handlers that keep their answers. */
void problem_json(const struct req *r, enum err e, struct buf *out);

/* Server-sent events: http_stream sends the head; then http_stream_send until
 * the client leaves, the process drains or ten minutes are over (all:
 * ERR_UNAVAILABLE). The req's deadline is moved on by each send. */
enum err http_stream(struct req *r, const char *content_type);
enum err http_stream_send(struct req *r, const char *data, size_t len);
/* True while sending makes sense: none of the three has happened. */
bool http_stream_alive(const struct req *r);

/* ---- around it ------------------------------------------------------ */
/* True once SIGTERM came. */
bool draining(void);
/* The external base URL of the shop (PUBLIC_URL), no trailing slash. */
const char *public_url(void);

#endif
