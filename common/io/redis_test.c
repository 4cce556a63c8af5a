/* Against a real Redis that each test starts for itself. Run from the root of
 * the repository. */
#include <criterion/criterion.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/arena.h"
#include "base/clock.h"
#include "io/redis.h"
#include "sched/loop.h"
#include "sched/task.h"

/* Tests run side by side: each has a port of its own. */
enum { VALUES = 21411, ORDER, SCRIPT, KILLED, STOPPED, PASSWORD, NOBODY };

static void shell(const char *command, int port, const char *password)
{
    char line[256];
    snprintf(line, sizeof(line),
             "tests/harness/private_redis.sh %s %s/bodega-redis-%d %d %s",
             command, P_tmpdir, port, port, password);
    cr_assert_eq(system(line), 0, "%s", line);
}

static void send_signal(int port, int sig)
{
    char path[64];
    int pid = 0;
    snprintf(path, sizeof(path), "%s/bodega-redis-%d/pid", P_tmpdir, port);
    FILE *f = fopen(path, "re");
    cr_assert_not_null(f);
    cr_assert_eq(fscanf(f, "%d", &pid), 1);
    fclose(f);
    cr_assert_eq(kill(pid, sig), 0);
}

static void (*body)(struct req *r);

static void main_task(void *arg)
{
    struct req r;
    struct arena *a = arena_new(0);
    (void)arg;
    req_init(&r, a, 60000, NULL);
    body(&r);
    redis_close();
    arena_free(a);
    loop_stop();
}

static void run_with(int port, const char *host, const char *password_file,
                     void (*fn)(struct req *r))
{
    char url[64];
    signal(SIGPIPE, SIG_IGN);
    snprintf(url, sizeof(url), "redis://%s:%d/2", host, port);
    redis_init(url, password_file);
    body = fn;
    cr_assert(task_start(main_task, NULL));
    loop_run();
}

static void run(int port, void (*fn)(struct req *r))
{
    shell("stop", port, "");
    shell("start", port, "");
    run_with(port, "127.0.0.1", NULL, fn);
    shell("stop", port, "");
}

static void must(struct req *r, enum err e)
{
    cr_assert_eq(e, OK, "%s: %s", err_info(e)->slug,
                 r->log_detail ? r->log_detail : "");
}

/* --- values --- */

static void values_round_trip(struct req *r)
{
    static const char odd[] = "a\0b\r\n\"%s\xff";
    struct redis_val v;
    must(r, redis_call(r, &v, "ssb", "SET", "k", odd, sizeof(odd)));
    cr_assert_eq(v.kind, REDIS_STR);
    cr_assert_str_eq(v.str, "OK");
    must(r, redis_call(r, &v, "ss", "GET", "k"));
    cr_assert_eq(v.kind, REDIS_STR);
    cr_assert_eq(v.len, sizeof(odd));
    cr_assert_eq(memcmp(v.str, odd, sizeof(odd)), 0);
    must(r, redis_call(r, &v, "ss", "GET", "nothing"));
    cr_assert_eq(v.kind, REDIS_NIL);
    must(r, redis_call(r, &v, "ssi", "INCRBY", "n", (int64_t)-5));
    cr_assert_eq(v.kind, REDIS_INT);
    cr_assert_eq(v.num, -5);
    must(r, redis_call(r, NULL, "sssi", "HSET", "h", "f", (int64_t)7));
    must(r, redis_call(r, &v, "ss", "HGETALL", "h"));
    cr_assert_eq(v.kind, REDIS_LIST);
    cr_assert_eq(v.count, 2);
    cr_assert_str_eq(v.items[0].str, "f");
    cr_assert_str_eq(v.items[1].str, "7");
    cr_assert_eq(redis_call(r, &v, "ss", "LPOP", "k"), ERR_INTERNAL);
    cr_assert_str_eq(r->log_detail, "redis: WRONGTYPE Operation against a key "
                                    "holding the wrong kind of value");
    cr_assert_eq(redis_call(r, &v, "ss", "SECRET", "word"), ERR_INTERNAL);
    cr_assert_null(strstr(r->log_detail, "word"));
    static char big[1024 * 1024 + 1];
    cr_assert_eq(redis_call(r, &v, "ssb", "SET", "k", big, sizeof(big)),
                 ERR_TOO_LARGE);
    must(r, redis_call(r, &v, "ssb", "SET", "k", big, sizeof(big) - 1));
    must(r, redis_call(r, &v, "sss", "APPEND", "k", "12"));
    cr_assert_eq(redis_call(r, &v, "ss", "GET", "k"), ERR_INTERNAL);
    must(r, redis_call(r, &v, "s", "PING"));
}

Test(redis, values_round_trip)
{
    run(VALUES, values_round_trip);
}

/* --- order --- */

static struct await all_done;
static int running;

struct worker {
    int n;
    int bad;
};

static void echo(struct worker *w, struct req *r)
{
    for (int i = 0; i < 10; i++) {
        struct redis_val v[3];
        struct redis_batch *b = redis_batch(r);
        int64_t n = w->n * 10 + i;
        redis_add(b, "si", "ECHO", n);
        redis_add(b, "ss", "NONSENSE", "x");
        redis_add(b, "si", "ECHO", n + 1);
        enum err e = redis_run(b, v, 3);
        bool good = e == ERR_INTERNAL && v[1].kind == REDIS_NIL &&
                    strtoll(v[0].str, NULL, 10) == n &&
                    strtoll(v[2].str, NULL, 10) == n + 1;
        w->bad += !good;
    }
}

static void worker_task(void *arg)
{
    struct req r;
    struct arena *a = arena_new(0);
    req_init(&r, a, 60000, NULL);
    echo(arg, &r);
    arena_free(a);
    if (--running == 0)
        await_done(&all_done);
}

static void answers_in_order(struct req *r)
{
    static struct worker ws[500];
    running = 500;
    for (int i = 0; i < 500; i++) {
        ws[i].n = i;
        cr_assert(task_start(worker_task, &ws[i]));
    }
    cr_assert(await_until(&all_done, r->deadline_us));
    for (int i = 0; i < 500; i++)
        cr_assert_eq(ws[i].bad, 0);
}

Test(redis, answers_in_order)
{
    run(ORDER, answers_in_order);
}

/* --- scripts --- */

static void script_is_sent_again(struct req *r)
{
    static struct redis_lua add = {
        .source = "return redis.call('INCRBY', KEYS[1], ARGV[1])"
    };
    struct redis_val v;
    int64_t two = 2;
    must(r, redis_script(r, &v, &add, 1, "si", "n", two));
    cr_assert_eq(v.num, 2);
    cr_assert_eq(strlen(add.sha), 40);
    must(r, redis_script(r, &v, &add, 1, "si", "n", two));
    cr_assert_eq(v.num, 4);
    must(r, redis_call(r, NULL, "ss", "SCRIPT", "FLUSH"));
    must(r, redis_script(r, &v, &add, 1, "si", "n", two));
    cr_assert_eq(v.num, 6);
    must(r, redis_call(r, &v, "sss", "SCRIPT", "EXISTS", add.sha));
    cr_assert_eq(v.items[0].num, 1);
    cr_assert_eq(redis_script(r, &v, &add, 1, "ss", "n", "x"), ERR_INTERNAL);
    static struct redis_lua no_keys = { .source = "return ARGV[1] .. '!'" };
    must(r, redis_script(r, &v, &no_keys, 0, "s", "hey"));
    cr_assert_str_eq(v.str, "hey!");
}

Test(redis, script_is_sent_again)
{
    run(SCRIPT, script_is_sent_again);
}

/* --- away and back --- */

/* Ask until it works; each failure must be the one that says it is away. */
static void wait_back(struct req *r)
{
    enum err e;
    while ((e = redis_call(r, NULL, "s", "PING")) != OK) {
        cr_assert_eq(e, ERR_UNAVAILABLE);
        task_sleep(20);
    }
    cr_assert_null(redis_trouble());
}

static void killed_and_back(struct req *r)
{
    struct redis_val v;
    cr_assert_null(redis_trouble());
    must(r, redis_call(r, NULL, "sss", "SET", "k", "v"));
    shell("kill", KILLED, "");
    cr_assert_eq(redis_call(r, &v, "ss", "GET", "k"), ERR_UNAVAILABLE);
    task_sleep(0);
    cr_assert_eq(redis_call(r, &v, "ss", "GET", "k"), ERR_UNAVAILABLE);
    cr_assert_not_null(redis_trouble());
    shell("start", KILLED, "");
    wait_back(r);
    must(r, redis_call(r, &v, "ss", "GET", "k"));
    cr_assert_eq(v.kind, REDIS_NIL);
}

Test(redis, killed_and_back)
{
    run(KILLED, killed_and_back);
}

/* The server holds its sockets and says nothing. The first caller gives up by
 * its own deadline and its late answer goes to nobody; the second waits until
 * the connection is dropped. */
static void stopped_and_back(struct req *r)
{
    struct redis_val v;
    must(r, redis_call(r, NULL, "sss", "SET", "k", "v"));
    send_signal(STOPPED, SIGSTOP);
    int64_t deadline_us = r->deadline_us;
    r->deadline_us = clock_us() + 100000;
    cr_assert_eq(redis_call(r, &v, "ss", "GET", "k"), ERR_DEADLINE);
    r->deadline_us = deadline_us;
    send_signal(STOPPED, SIGCONT);
    must(r, redis_call(r, &v, "ss", "ECHO", "mine"));
    cr_assert_str_eq(v.str, "mine");
    send_signal(STOPPED, SIGSTOP);
    cr_assert_eq(redis_call(r, &v, "ss", "GET", "k"), ERR_UNAVAILABLE);
    cr_assert_str_eq(redis_trouble(), "no answer from redis");
    send_signal(STOPPED, SIGCONT);
    wait_back(r);
    must(r, redis_call(r, &v, "ss", "GET", "k"));
    cr_assert_str_eq(v.str, "v");
}

Test(redis, stopped_and_back)
{
    run(STOPPED, stopped_and_back);
}

/* --- password and database --- */

static void right_password(struct req *r)
{
    struct redis_val v;
    must(r, redis_call(r, &v, "ss", "CLIENT", "INFO"));
    cr_assert_not_null(strstr(v.str, " db=2 "));
}

static void wrong_password(struct req *r)
{
    cr_assert_eq(redis_call(r, NULL, "s", "PING"), ERR_UNAVAILABLE);
    cr_assert_not_null(redis_trouble());
    cr_assert_null(strstr(redis_trouble(), "sesame"));
}

Test(redis, password)
{
    char path[] = P_tmpdir "/bodega-redis-password-XXXXXX";
    int fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    dprintf(fd, "open sesame\n");
    shell("stop", PASSWORD, "");
    shell("start", PASSWORD, "'open sesame'");
    run_with(PASSWORD, "localhost", path, right_password);
    dprintf(fd, "shut\n");
    run_with(PASSWORD, "localhost", path, wrong_password);
    close(fd);
    unlink(path);
    shell("stop", PASSWORD, "");
}

static void nobody_home(struct req *r)
{
    cr_assert_eq(redis_call(r, NULL, "s", "PING"), ERR_UNAVAILABLE);
    cr_assert_not_null(redis_trouble());
}

Test(redis, nobody_home)
{
    run_with(NOBODY, "127.0.0.1", NULL, nobody_home);
    run_with(NOBODY, "no.such.host.invalid", NULL, nobody_home);
}
