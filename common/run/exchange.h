/* exchange - one HTTP request and its answer. It lives in the arena of its
 * req and outlasts the connection when the client leaves first. Private to
 * run/. */
#ifndef BODEGA_RUN_EXCHANGE_H
#define BODEGA_RUN_EXCHANGE_H

#include "run/http1.h"
#include "run/runtime.h"

#define EXCHANGE_MAGIC    0x65786368u
#define ROUTE_PARAMS_MAX  4
#define PATH_SEGMENTS_MAX 16

struct conn;

struct http_exchange {
    uint32_t magic;
    struct req r;
    struct conn *conn; /* NULL: the client is gone, or was answered for us */
    struct http1_head head;
    struct http1_body body;
    int64_t start_us;
    int64_t start_wall_us;

    /* what dispatch found */
    const struct route *route; /* NULL: built in, or no such route */
    void (*builtin)(struct http_exchange *x);
    const char *label; /* of metrics and log: the route's pattern */
    bool quiet;        /* a probe: not logged */
    bool is_head;
    bool in_flight;
    bool answered_for; /* 504 was sent while its handler still ran */
    const char *path; /* without the query */
    const char *query_text;
    const char *param_names[ROUTE_PARAMS_MAX];
    const char *params[ROUTE_PARAMS_MAX];
    const struct url_query *query;
    const char *allow; /* for 405 and OPTIONS */

    /* the answer */
    int status; /* 0: none yet */
    const char *content_type;
    const char *reply;
    size_t reply_len;
    struct buf headers; /* extra "Name: value\r\n"; data NULL: none */
    bool own_cache_control;
    bool must_close;
    bool streaming;
    struct await *stream_wait; /* a sender waiting for the socket */
    size_t bytes_out;
};

/* Takes an arena from the pool. */
struct http_exchange *exchange_new(struct conn *c);
/* Give everything back; the exchange is gone. */
void exchange_free(struct http_exchange *x);
size_t exchange_count(void);

/* ---- answer.c */
/* Append status line and fields; `close` ends the connection after it. */
void answer_head(struct buf *b, const struct http_exchange *x, bool close);

/* ---- dispatch.c */
/* The head is complete: find the route and check all that needs no body. OK
 * and the most bytes its body may have, or the error to answer. */
enum err dispatch_head(struct http_exchange *x, size_t *ret_max_body);
/* The body is complete: answer, now or later. */
void dispatch_run(struct http_exchange *x);
/* Answer with an error and end the exchange. */
void dispatch_fail(struct http_exchange *x, enum err e);

/* ---- route.c */
/* Sets route, params, label and allow; OK, ERR_BAD_PATH, ERR_NOT_FOUND or
 * ERR_METHOD. */
enum err route_find(struct http_exchange *x, const struct route *routes);
enum err route_query(struct http_exchange *x);

/* ---- negotiate.c */
bool accept_matches(const char *accept, const char *type);
/* `content_type` is one of "a|b", with no parameter but charset=utf-8. */
bool content_type_in(const char *content_type, const char *list);

/* ---- builtin.c */
/* NULL when the path is no built-in one. */
void (*builtin_find(const char *path))(struct http_exchange *x);
bool builtin_is_probe(const char *path, const char *user_agent);

/* ---- problem.c */
/* Make the error e, with the words in x->r, the answer of x. */
void problem_reply(struct http_exchange *x, enum err e);

#endif
