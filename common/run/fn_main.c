/* fn_main - all of main: read the settings, listen, then open what the
 * function needs, so that the first probe is answered at once. */
#include <sys/resource.h>
#include "io/otlp.h"
#include "run/conn.h"
#include "run/server.h"
#include "sched/loop.h"

#ifndef BODEGA_VERSION
#define BODEGA_VERSION "dev"
#endif

#define SETUP_MS   60000
#define WARM_UP_MS 20 /* whoever started us is asking for a first answer */

static int print(const struct function *f,
                 void (*write)(const struct function *f, struct buf *b))
{
    struct arena *a = arena_new(65536);
    struct buf b;
    size_t n;

    buf_init(&b, a);
    write(f, &b);
    n = fwrite(b.data, 1, b.len, stdout);
    arena_free(a);
    return fflush(stdout) == 0 && n > 0 ? 0 : 1;
}

static void print_version(const struct function *f, struct buf *b)
{
    buf_printf(b, "%s %s\n", f->name, BODEGA_VERSION);
}

static void init_parts(const struct function *f)
{
    static char *database_file; /* they live as long as the process */
    static char *password_file;

    database_file = config_secret_path("DATABASE_URL");
    password_file = config_secret_path("REDIS_PASSWORD");
    if (f->uses & USES_PG)
        pg_init(database_file, (int)runtime.pg_pool, f->name);
    if (f->uses & USES_REDIS)
        redis_init(runtime.redis_url, password_file);
    if (f->uses & USES_BUS)
        bus_init(strcmp(runtime.bus, "kafka") == 0 ? BUS_KAFKA : BUS_NATS,
                 runtime.bus_url, f->name);
    if (runtime.internal_token != NULL)
        http_client_token(runtime.internal_token);
}

static void subscribe(const struct function *f)
{
    if (f->subs != NULL)
        bus_subscribe(f->name, f->subs);
    if (f->work != NULL)
        f->work();
}

/* When the socket already answers: opening libraries takes milliseconds. A
 * request that comes before opens what it needs itself. */
static void warm_up(void *arg)
{
    const struct function *f = runtime.f;

    (void)arg;
    if (f->uses & USES_PG)
        pg_warm();
    if (f->uses & USES_REDIS)
        redis_warm();
    otlp_start(runtime.otlp_url, f->name);
    if (!role_works())
        return;
    subscribe(f);
    jobs_start(f->jobs);
}

/* An autoscaler can only see lag on what exists: before the first event, make
 * the topics, stream and durable consumers of this function, then go. */
static void set_up(void *arg)
{
    int64_t end_us = clock_us() + SETUP_MS * 1000LL;

    subscribe(runtime.f);
    while (!bus_set_up()) {
        if (clock_us() > end_us) {
            log_error(NULL, "the bus could not be set up",
                      LOG_STR("why", bus_trouble()));
            exit(1);
        }
        task_sleep(100);
    }
    drain_begin();
    (void)arg;
}

static int setup(const struct function *f)
{
    config_load(f);
    if (f->subs == NULL && f->work == NULL)
        return 0;
    log_init(f->name, LOG_INFO);
    drain_watch_signals();
    init_parts(f);
    if (!task_start(set_up, NULL))
        return 1;
    loop_run();
    return 0;
}

static int command(const struct function *f, const char *word)
{
    if (strcmp(word, "--describe") == 0)
        return print(f, describe_json);
    if (strcmp(word, "--help") == 0)
        return print(f, describe_help);
    if (strcmp(word, "--version") == 0)
        return print(f, print_version);
    if (strcmp(word, "--setup") == 0)
        return setup(f);
    fprintf(stderr, "usage: %s [--describe | --help | --version | --setup]\n",
            f->name);
    return 2;
}

/* A connection is a file. */
static void raise_file_limit(void)
{
    struct rlimit l;

    if (getrlimit(RLIMIT_NOFILE, &l) != 0 || l.rlim_cur == l.rlim_max)
        return;
    l.rlim_cur = l.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &l);
}

static void serve(const struct function *f)
{
    enum log_level level = LOG_INFO;

    (void)log_level_parse(runtime.log_level, &level);
    log_init(f->name, level);
    raise_file_limit();
    server_fork();
    task_limit((size_t)runtime.max_requests + 1000);
    drain_watch_signals();
    init_parts(f);
    if (f->start != NULL)
        f->start();
    server_listen();
    log_info(NULL, "listening", LOG_STR("host", runtime.host),
             LOG_INT("port", runtime.port),
             LOG_INT("us", clock_us() - runtime.started_us));
    timer_start(WARM_UP_MS, warm_up, NULL);
    loop_run();
}

int fn_main(const struct function *f, int argc, char **argv)
{
    runtime.started_us = clock_us();
    if (argc == 2)
        return command(f, argv[1]);
    if (argc > 2)
        return command(f, "");
    config_load(f);
    serve(f);
    return 0;
}
