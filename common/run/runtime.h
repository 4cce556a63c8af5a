/* runtime - what the rooms of run/ share: the function being served and the
 * values every function is configured with. Private to run/. */
#ifndef BODEGA_RUN_RUNTIME_H
#define BODEGA_RUN_RUNTIME_H

#include <stdbool.h>
#include <stdint.h>
#include "run/fn.h"

struct runtime {
    const struct function *f;
    int64_t started_us; /* clock_us at the entry of fn_main */
    bool draining;

    int64_t port;
    const char *host; /* numeric address */
    const char *role; /* all, http or worker */
    const char *log_level;
    const char *public_url;
    int64_t max_connections;
    int64_t max_requests;
    int64_t drain_ms;
    int64_t workers;
    const char *otlp_url; /* "": off */
    const char *internal_token;
    const char *admin_token;
    int64_t pg_pool;
    const char *redis_url;
    const char *bus;
    const char *bus_url;
};

extern struct runtime runtime;

/* Whether this process answers the function's own routes, and whether it runs
 * its subscriptions and jobs. */
bool role_serves(void);
bool role_works(void);

/* ---- config.c */
/* Fill runtime and the function's variables from the environment and secret
 * files; on a bad or missing value print one line and exit with status 2. */
void config_load(const struct function *f);
/* Where the secret of this variable is read from; the caller frees it. NULL
 * when there is none. */
char *config_secret_path(const char *env);
/* Calls fn for every setting of the function, the runtime's own first. */
void config_each(const struct function *f,
                 void (*fn)(const struct cfg_field *c, void *arg), void *arg);

/* ---- describe.c */
void describe_json(const struct function *f, struct buf *out);
void describe_help(const struct function *f, struct buf *out);
/* The same in short, for GET /. */
void describe_short(const struct function *f, struct buf *out);
const char *method_name(enum http_method m);

/* ---- jobs.c */
void jobs_start(const struct job *jobs);
void jobs_stop(void);
int jobs_running(void);

/* ---- drain.c */
void drain_watch_signals(void);
/* What SIGTERM does. */
void drain_begin(void);
/* Something that a drain waits for has ended. */
void drain_check(void);

#endif
