/* builtin - paths every function answers: probes, metrics, what it is. */
#include "run/conn.h"
#include "run/exchange.h"

static void healthz(struct http_exchange *x)
{
    (void)reply_bytes(&x->r, 200, "text/plain; charset=utf-8", "ok\n", 3);
}

static const char *part_state(int uses, const char *trouble)
{
    if ((runtime.f->uses & uses) == 0)
        return "unused";
    return trouble == NULL ? "up" : "down";
}

/* Not ready while draining and while the truth (Postgres) is away; without
 * Redis or the bus a function still answers what it can. */
static void readyz(struct http_exchange *x)
{
    int uses = runtime.f->uses;
    const char *pg = part_state(USES_PG, uses & USES_PG ? pg_trouble() : NULL);
    const char *redis =
        part_state(USES_REDIS, uses & USES_REDIS ? redis_trouble() : NULL);
    const char *bus =
        part_state(USES_BUS, uses & USES_BUS ? bus_trouble() : NULL);
    bool ready = !runtime.draining && strcmp(pg, "down") != 0;
    const char *text = arena_printf(
        x->r.arena,
        "{\"ready\":%s,\"postgres\":\"%s\",\"redis\":\"%s\",\"bus\":\"%s\"}\n",
        ready ? "true" : "false", pg, redis, bus);

    (void)reply_bytes(&x->r, ready ? 200 : 503, "application/json", text,
                      strlen(text));
}

static void metrics(struct http_exchange *x)
{
    struct buf b;

    buf_init(&b, x->r.arena);
    metrics_text(&b);
    (void)reply_bytes(&x->r, 200, "text/plain; version=0.0.4; charset=utf-8",
                      b.data, b.len);
}

static void self(struct http_exchange *x)
{
    struct buf b;

    buf_init(&b, x->r.arena);
    describe_short(runtime.f, &b);
    (void)reply_bytes(&x->r, 200, "application/json", b.data, b.len);
}

static const struct {
    const char *path;
    void (*run)(struct http_exchange *x);
} builtins[] = { { "/healthz", healthz }, { "/_/health", healthz },
                 { "/readyz", readyz },   { "/_/ready", readyz },
                 { "/metrics", metrics }, { "/", self } };

void (*builtin_find(const char *path))(struct http_exchange *x)
{
    for (size_t i = 0; i < sizeof(builtins) / sizeof(builtins[0]); i++) {
        if (strcmp(builtins[i].path, path) == 0)
            return builtins[i].run;
    }
    return NULL;
}

bool builtin_is_probe(const char *path, const char *user_agent)
{
    if (strcmp(path, "/") != 0 && builtin_find(path) != NULL)
        return true;
    if (user_agent == NULL)
        return false;
    return strncmp(user_agent, "kube-probe/", 11) == 0 ||
           (strncmp(user_agent, "Knative-", 8) == 0 &&
            strstr(user_agent, "-Probe") != NULL);
}
