#include "io/pg_private.h"
#include "base/arena.h"
#include "base/buf.h"
#include "obs/log.h"

#define CONNECT_MS 5000 /* libpq's connect_timeout does not work here */
#define URL_MAX    4096

struct pq_api pq;

/* tcp_user_timeout and keepalives: a peer that vanished without a word is
 * noticed within about 10 s with data in flight, 45 s without. gssencmode: the
 * default loads Kerberos. The rest bounds what one session can hold. */
static const char *const fixed[][2] = {
    { "client_encoding", "UTF8" }, { "gssencmode", "disable" },
    { "keepalives_idle", "30" },   { "keepalives_interval", "5" },
    { "keepalives_count", "3" },   { "tcp_user_timeout", "10000" },
};
#define FIXED (sizeof(fixed) / sizeof(fixed[0]))

static const char *config_file;
static char config_options[256];
static char config_name[64];

void conn_config(const char *url_file, const char *schema)
{
    config_file = url_file;
    snprintf(config_name, sizeof(config_name), "%s", schema);
    snprintf(config_options, sizeof(config_options),
             "-c search_path=%s -c statement_timeout=5000 "
             "-c lock_timeout=2000 "
             "-c idle_in_transaction_session_timeout=10000",
             schema);
}

static bool library(void)
{
#define PQ_ROW(f) { #f, (void **)&pq.f },
    static const struct lazy_symbol symbols[] = { PQ_FUNCTIONS(PQ_ROW){ 0 } };
    static bool ready;
    if (!ready)
        ready = lazy_open("libpq.so.5", symbols);
    return ready;
}

void conn_init(struct pg_conn *c)
{
    TAILQ_INIT(&c->pending);
    TAILQ_INIT(&c->answered);
}

/* --- the socket --- */

static void on_closed(uv_handle_t *h)
{
    free(h);
}

/* libpq may close its socket and open another while it connects, and libuv
 * must have let go of the old one before. */
static void unwatch(struct pg_conn *c)
{
    if (c->poll)
        uv_close((uv_handle_t *)c->poll, on_closed);
    c->poll = NULL;
    c->events = 0;
}

static void connect_step(struct pg_conn *c);

static void on_poll(uv_poll_t *h, int status, int events)
{
    struct pg_conn *c = h->data;
    if (c->state == CONN_OPENING) {
        connect_step(c);
        return;
    }
    if (status < 0 || events & (UV_READABLE | UV_DISCONNECT))
        pipe_read(c);
    if (c->state == CONN_UP && events & UV_WRITABLE)
        pipe_writable(c);
    /* libuv has stopped watching; what the server had to say is read. */
    if (c->state == CONN_UP && status < 0)
        conn_down(c, "connection lost");
}

void conn_watch(struct pg_conn *c, int events)
{
    if (c->poll == NULL) {
        c->poll = calloc(1, sizeof(*c->poll));
        if (c->poll == NULL ||
            uv_poll_init(loop_get(), c->poll, pq.PQsocket(c->pg)) != 0) {
            free(c->poll);
            c->poll = NULL;
            return; /* the timer of the attempt ends it */
        }
        c->poll->data = c;
    }
    if (c->events != events && uv_poll_start(c->poll, events, on_poll) == 0)
        c->events = events;
}

/* --- closing --- */

void conn_close(struct pg_conn *c)
{
    timer_cancel(c->timer);
    c->timer = NULL;
    resolve_cancel(c->resolve);
    c->resolve = NULL;
    unwatch(c);
    if (c->pg)
        pq.PQfinish(c->pg);
    c->pg = NULL;
    if (c->url) {
        explicit_bzero(c->url, strlen(c->url));
        free(c->url);
    }
    c->url = NULL;
    c->state = CONN_CLOSED;
    pipe_lost(c);
}

void conn_down(struct pg_conn *c, const char *why)
{
    /* libpq's words may have several lines and die with the connection. */
    char line[160];
    snprintf(line, sizeof(line), "%.*s", (int)strcspn(why, "\r\n"), why);
    log_warn(NULL, "postgres connection down", LOG_STR("reason", line));
    conn_close(c);
    c->on_down(c, line);
}

static void on_timeout(void *arg)
{
    struct pg_conn *c = arg;
    c->timer = NULL;
    conn_down(c, "connecting took too long");
}

/* --- opening --- */

static void ignore_notice(void *arg, const char *message)
{
    (void)arg;
    (void)message;
}

static void established(struct pg_conn *c)
{
    timer_cancel(c->timer);
    c->timer = NULL;
    pq.PQsetNoticeProcessor(c->pg, ignore_notice, NULL);
    if (pq.PQsetnonblocking(c->pg, 1) != 0 ||
        pq.PQenterPipelineMode(c->pg) != 1) {
        conn_down(c, "pipeline mode refused");
        return;
    }
    memset(c->prepared, 0, sizeof(c->prepared));
    c->generation = 1;
    c->state = CONN_UP;
    conn_watch(c, UV_READABLE);
    c->on_up(c);
}

static void connect_step(struct pg_conn *c)
{
    unwatch(c);
    switch (pq.PQconnectPoll(c->pg)) {
    case PGRES_POLLING_READING:
        conn_watch(c, UV_READABLE);
        break;
    case PGRES_POLLING_WRITING:
        conn_watch(c, UV_WRITABLE);
        break;
    case PGRES_POLLING_OK:
        established(c);
        break;
    default:
        conn_down(c, pq.PQerrorMessage(c->pg));
    }
}

/* `hosts` and `addresses` are lists of the same length, or NULL when the
 * connection string says it all. */
static void connect_start(struct pg_conn *c, const char *hosts,
                          const char *addresses)
{
    const char *names[FIXED + 8] = { "dbname" };
    const char *values[FIXED + 8] = { c->url };
    size_t n = 1;
    for (size_t i = 0; i < FIXED; i++, n++) {
        names[n] = fixed[i][0];
        values[n] = fixed[i][1];
    }
    names[n] = "options";
    values[n++] = config_options;
    names[n] = "application_name";
    values[n++] = config_name;
    if (addresses) {
        names[n] = "host";
        values[n++] = hosts;
        names[n] = "hostaddr";
        values[n++] = addresses;
    }
    c->pg = pq.PQconnectStartParams(names, values, 1);
    if (c->pg == NULL || pq.PQstatus(c->pg) == CONNECTION_BAD)
        conn_down(c, c->pg ? pq.PQerrorMessage(c->pg) : "no memory");
    else
        conn_watch(c, UV_WRITABLE);
}

/* The value of one keyword of the connection string, malloc'ed, or NULL. */
static char *url_part(const char *url, const char *keyword)
{
    PQconninfoOption *all = pq.PQconninfoParse(url, NULL);
    char *ret = NULL;
    for (PQconninfoOption *o = all; o && o->keyword; o++)
        if (strcmp(o->keyword, keyword) == 0 && o->val)
            ret = strdup(o->val);
    if (all)
        pq.PQconninfoFree(all);
    return ret;
}

static void on_resolved(void *arg, const char *const *addresses, int n)
{
    struct pg_conn *c = arg;
    c->resolve = NULL;
    if (n == 0) {
        conn_down(c, "host name not found");
        return;
    }
    char *host = url_part(c->url, "host");
    struct arena *a = arena_new(0);
    struct buf hosts, list;
    buf_init(&hosts, a);
    buf_init(&list, a);
    for (int i = 0; i < n; i++) {
        buf_printf(&hosts, "%s%s", i ? "," : "", host ? host : "");
        buf_printf(&list, "%s%s", i ? "," : "", addresses[i]);
    }
    free(host);
    connect_start(c, hosts.data, list.data);
    arena_free(a);
}

/* The connection string, malloc'ed, without the line feed editors add. NULL
 * when the file cannot be read or holds nothing. */
static char *read_url(void)
{
    FILE *f = fopen(config_file, "re");
    char *s = f ? calloc(1, URL_MAX + 1) : NULL;
    size_t n = s ? fread(s, 1, URL_MAX, f) : 0;
    if (f)
        fclose(f);
    while (n > 0 && strchr(" \t\r\n", s[n - 1]))
        s[--n] = '\0';
    if (n > 0)
        return s;
    free(s);
    return NULL;
}

/* One host name that is neither a socket's folder, nor a list, nor settled by
 * hostaddr. */
static char *name_to_resolve(const char *url)
{
    char *host = url_part(url, "host");
    char *address = url_part(url, "hostaddr");
    bool plain = host && *host && *host != '/' && *host != '@' &&
                 !strchr(host, ',') && address == NULL;
    free(address);
    if (plain)
        return host;
    free(host);
    return NULL;
}

void conn_open(struct pg_conn *c)
{
    c->state = CONN_OPENING;
    if (!library()) {
        conn_down(c, "libpq is missing");
        return;
    }
    c->url = read_url();
    if (c->url == NULL) {
        conn_down(c, "database_url cannot be read");
        return;
    }
    c->timer = timer_start(CONNECT_MS, on_timeout, c);
    char *host = name_to_resolve(c->url);
    if (host)
        c->resolve = resolve_start(host, on_resolved, c);
    else
        connect_start(c, NULL, NULL);
    free(host);
}
