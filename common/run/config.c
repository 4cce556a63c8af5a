/* config - settings from the environment and from secret files. A bad value
 * ends the process before it listens, with one line that names the variable
 * and what it may be. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <fcntl.h>
#include <unistd.h>
#include "run/runtime.h"

#define SECRET_MAX 65536

struct runtime runtime;

static const char *database_url; /* its file is what counts */

static const struct cfg_field common_fields[] = {
    CFG_INT("PORT", &runtime.port, "8080", 1, 65535, "port to listen on"),
    CFG_STR("HOST", &runtime.host, "0.0.0.0", "numeric address to listen on"),
    CFG_STR("ROLE", &runtime.role, "all",
            "all; http: routes only; worker: subscriptions and jobs only"),
    CFG_STR("LOG_LEVEL", &runtime.log_level, "info",
            "debug, info, warn or error"),
    CFG_STR("PUBLIC_URL", &runtime.public_url, "http://127.0.0.1:8080",
            "where shoppers reach the shop"),
    CFG_INT("MAX_CONNECTIONS", &runtime.max_connections, "10000", 1, 1000000,
            "open connections; beyond it the longest idle one is closed"),
    CFG_INT("MAX_REQUESTS", &runtime.max_requests, "2000", 1, 19000,
            "requests in flight; more are answered 503"),
    CFG_INT("DRAIN_MS", &runtime.drain_ms, "10000", 0, 3600000,
            "milliseconds to finish after SIGTERM"),
    CFG_INT("WORKERS", &runtime.workers, "1", 1, 256,
            "processes that share the port"),
    CFG_STR("OTLP_URL", &runtime.otlp_url, "",
            "OTLP/HTTP collector for spans, empty for none"),
    { 0 }
};
static const struct cfg_field internal_fields[] = {
    CFG_SECRET("INTERNAL_TOKEN", &runtime.internal_token, NULL,
               "token between functions"),
    { 0 }
};
static const struct cfg_field admin_fields[] = {
    CFG_SECRET("ADMIN_TOKEN", &runtime.admin_token, NULL, "token of staff"),
    { 0 }
};
static const struct cfg_field pg_fields[] = {
    CFG_SECRET("DATABASE_URL", &database_url, NULL,
               "Postgres connection string"),
    CFG_INT("PG_POOL", &runtime.pg_pool, "4", 1, 64, "Postgres connections"),
    { 0 }
};
static const struct cfg_field redis_fields[] = {
    CFG_STR("REDIS_URL", &runtime.redis_url, "redis://127.0.0.1:6379",
            "redis://host:port[/db]"),
    { 0 }
};
static const char *redis_password;
static const struct cfg_field redis_secret_fields[] = {
    CFG_SECRET("REDIS_PASSWORD", &redis_password, "", "Redis password"), { 0 }
};
static const struct cfg_field bus_fields[] = {
    CFG_STR("BUS", &runtime.bus, "nats", "nats or kafka"),
    CFG_STR("BUS_URL", &runtime.bus_url, "nats://127.0.0.1:4222",
            "nats://host:port, or Kafka's bootstrap list"),
    { 0 }
};

__attribute__((noreturn, format(printf, 2, 3))) static void
refuse(const char *env, const char *fmt, ...)
{
    va_list ap;

    fprintf(stderr, "%s: %s ", runtime.f->name, env);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    exit(2);
}

static bool serves(const struct function *f, enum route_auth auth)
{
    for (const struct route *p = f->routes; p != NULL && p->path; p++) {
        if (p->auth == auth)
            return true;
    }
    return false;
}

static void each_of(const struct cfg_field *t,
                    void (*fn)(const struct cfg_field *c, void *arg), void *arg)
{
    for (; t != NULL && t->env != NULL; t++)
        fn(t, arg);
}

void config_each(const struct function *f,
                 void (*fn)(const struct cfg_field *c, void *arg), void *arg)
{
    each_of(common_fields, fn, arg);
    if (serves(f, AUTH_INTERNAL) || f->calls != NULL)
        each_of(internal_fields, fn, arg);
    if (serves(f, AUTH_ADMIN))
        each_of(admin_fields, fn, arg);
    if (f->uses & USES_PG)
        each_of(pg_fields, fn, arg);
    if (f->uses & USES_REDIS) {
        each_of(redis_fields, fn, arg);
        each_of(redis_secret_fields, fn, arg);
    }
    if (f->uses & USES_BUS)
        each_of(bus_fields, fn, arg);
    each_of(f->config, fn, arg);
}

/* ---- secrets -------------------------------------------------------- */

static char *format(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static char *format(const char *fmt, ...)
{
    char text[4096];
    va_list ap;
    char *s;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    s = strdup(text);
    if (s == NULL)
        abort();
    return s;
}

static void lower(char *s)
{
    for (; *s != '\0'; s++) {
        if (*s >= 'A' && *s <= 'Z')
            *s = (char)(*s - 'A' + 'a');
    }
}

char *config_secret_path(const char *env)
{
    static const char *const folders[] = { "/var/openfaas/secrets",
                                           "/etc/bodega/secrets" };
    char file_env[128];
    char name[128];
    const char *set;

    (void)snprintf(file_env, sizeof(file_env), "%s_FILE", env);
    set = getenv(file_env);
    if (set != NULL && *set != '\0')
        return format("%s", set);
    (void)snprintf(name, sizeof(name), "%s", env);
    lower(name);
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        char *path = format("%s/%s", folders[i], name);

        if (access(path, F_OK) == 0)
            return path;
        free(path);
    }
    return NULL;
}

/* The file's text without its last newline. */
static char *read_secret(const struct cfg_field *c, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char *text = calloc(1, SECRET_MAX + 1);
    ssize_t n = fd < 0 || text == NULL ? -1 : read(fd, text, SECRET_MAX + 1);
    char *copy;

    if (n < 0)
        refuse(c->env, "cannot be read from %s: %s", path, strerror(errno));
    close(fd);
    if (n > SECRET_MAX)
        refuse(c->env, "may have %d bytes; %s has more", SECRET_MAX, path);
    text[n] = '\0';
    if (n > 0 && text[n - 1] == '\n')
        text[--n] = '\0';
    if (n > 0 && text[n - 1] == '\r')
        text[--n] = '\0';
    if (n == 0 || strlen(text) != (size_t)n)
        refuse(c->env, "must be one line of text; %s is not", path);
    copy = strdup(text);
    explicit_bzero(text, SECRET_MAX + 1);
    free(text);
    if (copy == NULL)
        abort();
    return copy;
}

static void load_secret(const struct cfg_field *c)
{
    char *path = config_secret_path(c->env);
    char name[128];

    if (path != NULL) {
        *(const char **)c->var = read_secret(c, path);
        free(path);
        return;
    }
    (void)snprintf(name, sizeof(name), "%s", c->env);
    lower(name);
    if (c->def == NULL)
        refuse(c->env,
               "is missing: name its file in %s_FILE, or put it in "
               "/var/openfaas/secrets/%s or /etc/bodega/secrets/%s",
               c->env, name, name);
    *(const char **)c->var = c->def;
}

/* ---- plain values ------------------------------------------------------ */

static void load_int(const struct cfg_field *c, const char *text)
{
    char *end;
    long long v;

    errno = 0;
    v = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || v < c->min || v > c->max)
        refuse(c->env, "must be a whole number from %lld to %lld",
               (long long)c->min, (long long)c->max);
    *(int64_t *)c->var = v;
}

static void load_field(const struct cfg_field *c, void *arg)
{
    const char *text = getenv(c->env);

    (void)arg;
    if (c->kind == CFG_KIND_SECRET) {
        load_secret(c);
        return;
    }
    if (text == NULL)
        text = c->def;
    if (text == NULL)
        refuse(c->env, "must be set: %s", c->help);
    if (c->kind == CFG_KIND_INT)
        load_int(c, text);
    else
        *(const char **)c->var = text;
}

static void check_host(void)
{
    unsigned char address[16];

    if (strcmp(runtime.host, "localhost") == 0)
        runtime.host = "127.0.0.1";
    if (inet_pton(AF_INET, runtime.host, address) != 1 &&
        inet_pton(AF_INET6, runtime.host, address) != 1)
        refuse("HOST", "must be a numeric IPv4 or IPv6 address");
}

static void check_public_url(void)
{
    size_t n = strlen(runtime.public_url);
    char *copy = format("%s", runtime.public_url);

    if (strncmp(copy, "http://", 7) != 0 && strncmp(copy, "https://", 8) != 0)
        refuse("PUBLIC_URL", "must begin with http:// or https://");
    while (n > 0 && copy[n - 1] == '/')
        copy[--n] = '\0';
    runtime.public_url = copy;
}

static bool role_is(const char *role)
{
    return strcmp(runtime.role, role) == 0 || strcmp(runtime.role, "all") == 0;
}

bool role_serves(void)
{
    return role_is("http");
}

bool role_works(void)
{
    return role_is("worker");
}

void config_load(const struct function *f)
{
    enum log_level level;

    runtime.f = f;
    config_each(f, load_field, NULL);
    check_host();
    check_public_url();
    if (!log_level_parse(runtime.log_level, &level))
        refuse("LOG_LEVEL", "must be debug, info, warn or error");
    if (!role_serves() && !role_works())
        refuse("ROLE", "must be all, http or worker");
    if (f->uses & USES_BUS && strcmp(runtime.bus, "nats") != 0 &&
        strcmp(runtime.bus, "kafka") != 0)
        refuse("BUS", "must be nats or kafka");
}
