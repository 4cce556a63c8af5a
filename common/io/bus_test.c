/* The bus's contract, kept by both drivers: run it with BUS=nats (the default)
 * and with BUS=kafka, from the root of the repository. It starts a server of
 * its own. Whoever publishes or consumes is a process of its own, so it can be
 * killed; it tells what it saw through a pipe, one line per event. */
#include <criterion/criterion.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/id.h"
#include "io/bus_driver.h"
#include "sched/loop.h"

#define NATS_PORT    21601
#define KAFKA_PORT   21611
#define RESTART_PORT 40 /* added for the server that a test restarts */
#define LINES_MAX    4096
#define WAIT_MS      90000 /* until a test gives up, far above what it takes */

static bool on_kafka(void)
{
    const char *bus = getenv("BUS");

    return bus != NULL && strcmp(bus, "kafka") == 0;
}

static int base_port(void)
{
    return on_kafka() ? KAFKA_PORT : NATS_PORT;
}

static void server(const char *verb, int at)
{
    char command[256];

    int n = snprintf(command, sizeof(command),
                     "tests/harness/%s.sh %s /tmp/bodega-bus-test-%d",
                     on_kafka() ? "kafka" : "nats", verb, at);

    if (strcmp(verb, "start") == 0)
        (void)snprintf(command + n, sizeof(command) - (size_t)n, " %d", at);
    cr_assert_eq(system(command), 0, "%s", command);
}

static void forget(int at)
{
    char command[256];

    server("stop", at);
    (void)snprintf(command, sizeof(command), "rm -rf /tmp/bodega-bus-test-%d",
                   at);
    cr_assert_eq(system(command), 0);
}

ReportHook(PRE_ALL)(struct criterion_test_set *tests)
{
    (void)tests;
    forget(base_port()); /* left by a run that was killed */
    server("start", base_port());
}

ReportHook(POST_ALL)(struct criterion_global_stats *stats)
{
    (void)stats;
    forget(base_port());
}

/* ---- names of this test, so that none meets another's events ------------- */

static char topic_name[64], group_a[64], group_b[64];
static struct topic topic = { .name = topic_name };
static int port;

static void names(void)
{
    char id[ID_UUID_LEN + 1];

    port = base_port();
    id_uuid7(id);
    (void)snprintf(topic_name, sizeof(topic_name), "test.t%s", id);
    (void)snprintf(group_a, sizeof(group_a), "a%s", id);
    (void)snprintf(group_b, sizeof(group_b), "b%s", id);
    for (int i = 0; i < BUS_RETRY_LEVELS; i++)
        bus_retry_ms[i] = 50 * (i + 1);
    bus_nats_ack_wait_s = 3;
}

/* ---- processes ----------------------------------------------------------- */

struct process {
    pid_t pid;
    FILE *from;
};

static int out = -1; /* in the child: where its lines go */

static void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *fmt, ...)
{
    char line[512];
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    cr_assert_eq(write(out, line, (size_t)n), n);
}

static void on_drained(void *arg)
{
    (void)arg;
    loop_stop();
}

static uv_signal_t on_term;

static void on_signal(uv_signal_t *h, int signal)
{
    (void)signal;
    uv_close((uv_handle_t *)h, NULL);
    bus_drain(on_drained, NULL);
}

/* A child that runs begin() on its own loop until SIGTERM, then drains. */
static struct process start(void (*begin)(void))
{
    static char url[64];
    struct process p;
    int fds[2];

    cr_assert_eq(pipe(fds), 0);
    p.pid = fork();
    cr_assert_geq(p.pid, 0);
    if (p.pid == 0) {
        out = fds[1];
        close(fds[0]);
        log_init("test", LOG_ERROR);
        (void)snprintf(url, sizeof(url), "%s127.0.0.1:%d",
                       on_kafka() ? "" : "nats://", port);
        bus_init(on_kafka() ? BUS_KAFKA : BUS_NATS, url, "test");
        uv_signal_init(loop_get(), &on_term);
        uv_signal_start(&on_term, on_signal, SIGTERM);
        begin();
        loop_run();
        _exit(0);
    }
    close(fds[1]);
    p.from = fdopen(fds[0], "r");
    return p;
}

static void end(struct process *p, int signal)
{
    int status;

    kill(p->pid, signal);
    cr_assert_eq(waitpid(p->pid, &status, 0), p->pid);
    if (signal == SIGTERM)
        cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0,
                  "a drained process ends well");
}

/* The next line without its newline; fails the test when none comes. */
static char *line(struct process *p)
{
    static char buf[512];
    struct pollfd fd = { .fd = fileno(p->from), .events = POLLIN };

    setvbuf(p->from, NULL, _IONBF, 0);
    cr_assert_eq(poll(&fd, 1, WAIT_MS), 1, "nothing came");
    cr_assert_not_null(fgets(buf, sizeof(buf), p->from));
    buf[strcspn(buf, "\n")] = '\0';
    return buf;
}

/* ---- publishing ---------------------------------------------------------- */

static int pub_count, pub_keys = 1, pub_from;
static const char *pub_data; /* instead of {"n":i} */
static const char *pub_id;   /* instead of a new one */
static bool pub_again;       /* bus_republish */
static int pub_left;

static void publish_one(void *arg)
{
    int i = *(int *)arg;
    char id[ID_UUID_LEN + 1], key[16], data[32];
    struct event e = { .id = pub_id != NULL ? pub_id : id,
                       .type = topic_name,
                       .key = key };
    struct arena *a = arena_new(0);
    struct req r;
    enum err err;

    id_uuid7(id);
    (void)snprintf(key, sizeof(key), "k %d%%", i % pub_keys);
    (void)snprintf(data, sizeof(data), "{\"n\":%d}", i);
    e.data = pub_data != NULL ? pub_data : data;
    e.data_len = strlen(e.data);
    req_init(&r, a, 60000,
             "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    err = pub_again ? bus_republish(&r, &e) : bus_publish(&r, &e);
    if (err != OK)
        say("failed %s\n", err_info(err)->slug);
    arena_free(a);
    if (--pub_left == 0)
        say("published\n");
}

static void begin_publish(void)
{
    static int numbers[LINES_MAX];

    pub_left = pub_count;
    for (int i = 0; i < pub_count; i++) {
        numbers[i] = pub_from + i;
        cr_assert(task_start(publish_one, &numbers[i]));
    }
}

/* Publish `count` events and wait until the bus has them all. */
static void publish(int count, int keys)
{
    struct process p;

    pub_count = count;
    pub_keys = keys;
    p = start(begin_publish);
    cr_assert_str_eq(line(&p), "published");
    end(&p, SIGTERM);
    pub_from += count;
}

/* ---- consuming ----------------------------------------------------------- */

static const char *group;
static enum err (*behave)(struct req *r, const struct event *e);

/* key number attempt id trace-id */
static enum err handle(struct req *r, const struct event *e)
{
    enum err err = behave != NULL ? behave(r, e) : OK;

    say("%d %s %d %s %s\n", e->key[2] - '0',
        strncmp(e->data, "{\"n\":", 5) == 0 ? e->data + 5 : "?", e->attempt,
        e->id, r->trace.trace_id);
    return err;
}

static void begin_consume(void)
{
    static struct subscription subs[2];

    subs[0] = (struct subscription){ &topic, handle, "" };
    bus_subscribe(group, subs);
}

static enum err handle_dead(struct req *r, const struct event *e)
{
    (void)r;
    say("%s %s %s %d %s %s\n", e->group, e->origin_topic, e->error, e->attempt,
        e->id, e->data);
    return OK;
}

static void begin_dead(void)
{
    static const char *groups[2];

    groups[0] = group;
    bus_subscribe_dead(groups, handle_dead);
}

static struct process
consume(const char *as, enum err (*how)(struct req *, const struct event *))
{
    group = as;
    behave = how;
    return start(begin_consume);
}

static struct process consume_dead(const char *of)
{
    group = of;
    return start(begin_dead);
}

struct seen {
    int key, n, attempt;
    char id[64], trace[40];
};

static struct seen see(struct process *p)
{
    struct seen s = { 0 };
    const char *text = line(p);

    cr_assert_eq(sscanf(text, "%d %d} %d %63s %39s", &s.key, &s.n, &s.attempt,
                        s.id, s.trace),
                 5, "%s", text);
    return s;
}

/* `count` events numbered from 0, each once, those of a key in order. */
static void expect_all(struct process *p, int count, int keys)
{
    int last[10];

    for (int k = 0; k < 10; k++)
        last[k] = k - keys;
    for (int i = 0; i < count; i++) {
        struct seen s = see(p);

        cr_assert_eq(s.n, last[s.key] + keys, "key %d: %d after %d", s.key, s.n,
                     last[s.key]);
        last[s.key] = s.n;
    }
}

/* ---- the contract -------------------------------------------------------- */

static enum err dawdle(struct req *r, const struct event *e)
{
    (void)r;
    (void)e;
    task_sleep((int64_t)id_random_below(4));
    return OK;
}

Test(bus, every_group_gets_every_event_in_order_per_key, .init = names)
{
    struct process a = consume(group_a, dawdle), b;

    publish(300, 7);
    b = consume(group_b, dawdle); /* comes late, starts at the earliest */
    expect_all(&a, 300, 7);
    expect_all(&b, 300, 7);
    end(&a, SIGTERM);
    end(&b, SIGTERM);
}

Test(bus, more_than_may_be_in_flight_all_arrive, .init = names)
{
    struct process a;

    publish(2000, 5);
    a = consume(group_a, dawdle);
    expect_all(&a, 2000, 5);
    end(&a, SIGTERM);
}

Test(bus, a_trace_goes_on_in_the_consumer, .init = names)
{
    struct process a = consume(group_a, NULL);

    publish(1, 1);
    cr_assert_str_eq(see(&a).trace, "0af7651916cd43dd8448eb211c80319c");
    end(&a, SIGTERM);
}

static enum err hang(struct req *r, const struct event *e)
{
    (void)r;
    say("begun %s\n", e->id);
    task_sleep(3600000);
    return OK;
}

Test(bus, what_a_killed_consumer_had_comes_again, .init = names)
{
    struct process a = consume(group_a, hang);
    char begun[64];
    struct seen s;

    publish(1, 1);
    cr_assert_eq(sscanf(line(&a), "begun %63s", begun), 1);
    end(&a, SIGKILL);
    a = consume(group_a, NULL);
    s = see(&a);
    cr_assert_str_eq(s.id, begun);
    end(&a, SIGTERM);
}

static enum err unavailable(struct req *r, const struct event *e)
{
    (void)r;
    (void)e;
    return ERR_UNAVAILABLE;
}

Test(bus, a_failing_event_is_retried_then_dead, .init = names)
{
    struct process a = consume(group_a, unavailable);
    struct process dead = consume_dead(group_a);
    char id[64], expected[512];

    publish(1, 1);
    for (int attempt = 1; attempt <= 3 + BUS_RETRY_LEVELS; attempt++) {
        struct seen s = see(&a);

        cr_assert_eq(s.attempt, attempt);
        if (attempt == 1)
            (void)snprintf(id, sizeof(id), "%s", s.id);
        cr_assert_str_eq(s.id, id);
    }
    (void)snprintf(expected, sizeof(expected),
                   "%s %s unavailable 8 %s {\"n\":0}", group_a, topic_name, id);
    cr_assert_str_eq(line(&dead), expected);
    end(&a, SIGTERM);
    end(&dead, SIGTERM);
}

static enum err third_time(struct req *r, const struct event *e)
{
    (void)r;
    return e->attempt < 5 ? ERR_UNCERTAIN : OK;
}

Test(bus, a_retry_that_works_ends_it, .init = names)
{
    struct process a = consume(group_a, third_time);

    publish(1, 1);
    for (int attempt = 1; attempt <= 5; attempt++)
        cr_assert_eq(see(&a).attempt, attempt);
    publish(1, 1); /* and the next one is the next thing seen */
    cr_assert_eq(see(&a).n, 1);
    end(&a, SIGTERM);
}

static enum err conflict_on_0(struct req *r, const struct event *e)
{
    (void)r;
    return strcmp(e->data, "{\"n\":0}") == 0 ? ERR_CONFLICT : OK;
}

Test(bus, a_final_error_is_dead_at_once_and_holds_up_nobody, .init = names)
{
    struct process a = consume(group_a, conflict_on_0);
    struct process dead = consume_dead(group_a);
    char expected[512];
    struct seen s;

    publish(3, 1);
    s = see(&a);
    (void)snprintf(expected, sizeof(expected), "%s %s conflict 1 %s {\"n\":0}",
                   group_a, topic_name, s.id);
    cr_assert_str_eq(line(&dead), expected);
    cr_assert_eq(see(&a).n, 1);
    cr_assert_eq(see(&a).n, 2);
    end(&a, SIGTERM);
    end(&dead, SIGTERM);
}

Test(bus, poison_is_dead_without_reaching_the_handler, .init = names)
{
    struct process a, dead;
    const char *got;

    pub_data = "{\"n\":";
    publish(1, 1);
    pub_data = NULL;
    publish(1, 1);
    a = consume(group_a, NULL);
    dead = consume_dead(group_a);
    cr_assert_eq(see(&a).n, 1, "the one behind the poison");
    got = line(&dead);
    cr_assert_not_null(strstr(got, " malformed-request 0 "), "%s", got);
    /* kept as text that a database takes */
    cr_assert_not_null(strstr(got, " \"{\\\"n\\\":\""), "%s", got);
    end(&a, SIGTERM);
    end(&dead, SIGTERM);
}

Test(bus, a_replay_is_no_duplicate, .init = names)
{
    struct process a = consume(group_a, NULL);

    pub_id = "0190b5a0-0000-7000-8000-000000000001";
    publish(1, 1);
    cr_assert_str_eq(see(&a).id, pub_id);
    pub_again = true;
    publish(1, 1);
    cr_assert_str_eq(see(&a).id, pub_id);
    end(&a, SIGTERM);
}

static enum err slow(struct req *r, const struct event *e)
{
    (void)r;
    (void)e;
    task_sleep(50);
    return OK;
}

/* What was begun ends, is acknowledged and does not come again; the rest is
 * left for the next consumer. */
Test(bus, draining_loses_and_repeats_nothing, .init = names)
{
    struct process a = consume(group_a, slow);
    struct seen s = { 0 };
    char text[512];
    int n;

    publish(20, 1);
    for (int i = 0; i < 5; i++)
        s = see(&a);
    cr_assert_eq(s.n, 4);
    end(&a, SIGTERM);
    for (n = s.n; fgets(text, sizeof(text), a.from) != NULL;)
        n++; /* finished while it drained */
    cr_assert_lt(n, 19, "it stopped before the end");
    a = consume(group_a, NULL);
    while (++n < 20)
        cr_assert_eq(see(&a).n, n);
    end(&a, SIGTERM);
}

Test(bus, it_goes_on_when_the_server_comes_back, .init = names)
{
    struct process a;

    port += RESTART_PORT;
    forget(port);
    server("start", port);
    a = consume(group_a, NULL);
    publish(1, 1);
    cr_assert_eq(see(&a).n, 0);
    server("stop", port);
    server("start", port);
    publish(1, 1);
    cr_assert_eq(see(&a).n, 1);
    end(&a, SIGTERM);
    forget(port);
}

Test(bus, a_header_survives_the_journey)
{
    struct arena *a = arena_new(0);

    cr_assert_str_eq(bus_header_escape(a, "k 1\"%\n\xc3\xa9"),
                     "k%201%22%25%0A%C3%A9");
    cr_assert_str_eq(bus_header_unescape(a, "k%201%22%25%C3%A9"),
                     "k 1\"%\xc3\xa9");
    cr_assert_null(bus_header_unescape(a, "%C3"), "half a character");
    cr_assert_null(bus_header_unescape(a, "a%0d%0aNats-Msg-Id: x"));
    arena_free(a);
}
