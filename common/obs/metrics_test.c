/* metrics_test - the text, checked by us and by Prometheus' own promtool. */
#include <criterion/criterion.h>
#include <sys/wait.h>
#include <unistd.h>
#include "obs/metrics.h"

static struct metric orders = { .name = "bodega_orders_total",
                                .help = "Orders by status.",
                                .kind = METRIC_COUNTER,
                                .labels = { "status", "reason" } };
static struct metric depth = { .name = "bodega_queue_depth",
                               .help = "Jobs that wait.",
                               .kind = METRIC_GAUGE };
static struct metric took = { .name = "bodega_request_seconds",
                              .help = "Time per request.",
                              .kind = METRIC_HISTOGRAM,
                              .labels = { "route" } };

static struct arena *arena;

static void start(void)
{
    arena = arena_new(0);
}

static void stop(void)
{
    arena_free(arena);
}

TestSuite(metrics, .init = start, .fini = stop);

static const char *text(void)
{
    struct buf b;

    buf_init(&b, arena);
    metrics_text(&b);
    return b.data;
}

static void assert_has(const char *part)
{
    cr_assert_not_null(strstr(text(), part), "no <%s> in <%s>", part, text());
}

Test(metrics, counters_and_gauges)
{
    metric_add(&orders, 2, "paid", "");
    metric_add(&orders, 3, "paid", "");
    metric_add(&orders, 1, "pa", "id");
    metric_add(&orders, 4, "paid", "");
    metric_set(&depth, 7);
    metric_set(&depth, -3);
    assert_has("# HELP bodega_orders_total Orders by status.\n"
               "# TYPE bodega_orders_total counter\n"
               "bodega_orders_total{status=\"paid\",reason=\"\"} 9\n"
               "bodega_orders_total{status=\"pa\",reason=\"id\"} 1\n");
    assert_has("# TYPE bodega_queue_depth gauge\nbodega_queue_depth -3\n");
    cr_assert_eq(metric_total(&orders), 10);
}

Test(metrics, label_values_are_escaped)
{
    metric_add(&orders, 1, "a\"b\\c\nd", NULL);
    assert_has("{status=\"a\\\"b\\\\c\\nd\",reason=\"\"} 1\n");
}

Test(metrics, histograms_are_cumulative_and_in_seconds)
{
    metric_observe_us(&took, 250, "/x");
    metric_observe_us(&took, 251, "/x");
    metric_observe_us(&took, 9999999, "/x");
    metric_observe_us(&took, 10000001, "/x");
    assert_has("_bucket{route=\"/x\",le=\"0.00025\"} 1\n");
    assert_has("_bucket{route=\"/x\",le=\"0.0005\"} 2\n");
    assert_has("_bucket{route=\"/x\",le=\"5\"} 2\n");
    assert_has("_bucket{route=\"/x\",le=\"10\"} 3\n");
    assert_has("_bucket{route=\"/x\",le=\"+Inf\"} 4\n");
    assert_has("_sum{route=\"/x\"} 20.000501\n");
    assert_has("_count{route=\"/x\"} 4\n");
    cr_assert_eq(metric_total(&took), 4);
}

Test(metrics, series_are_bounded)
{
    int lines = 0;

    for (int i = 0; i < 1000; i++)
        metric_add(&orders, 1, arena_printf(arena, "s%d", i), "r");
    for (const char *s = text();
         (s = strstr(s, "bodega_orders_total{")) != NULL; s++)
        lines++;
    cr_assert_eq(lines, METRIC_SERIES_MAX);
    assert_has("{status=\"other\",reason=\"other\"} 745\n");
    cr_assert_eq(metric_total(&orders), 1000);
    metric_add(&orders, 1, "s0", "r");
    assert_has("{status=\"s0\",reason=\"r\"} 2\n");
}

/* The number behind a name at the start of a line. */
static double value_of(const char *name)
{
    const char *at = strstr(text(), arena_printf(arena, "\n%s ", name));

    cr_assert_not_null(at, "%s", name);
    return strtod(at + strlen(name) + 2, NULL);
}

Test(metrics, tells_of_the_process)
{
    double fds = value_of("process_open_fds");
    double started = value_of("process_start_time_seconds");
    int fd = dup(STDIN_FILENO);

    cr_assert_eq((int)value_of("process_open_fds"), (int)fds + 1);
    (void)close(fd);
    cr_assert_gt(value_of("process_resident_memory_bytes"), 500e3);
    cr_assert_lt(value_of("process_resident_memory_bytes"), 4e9);
    cr_assert_geq(value_of("process_cpu_seconds_total"), 0);
    cr_assert_leq(started, (double)time(NULL) + 1);
    cr_assert_gt(started, (double)time(NULL) - 600);
}

Test(metrics, promtool_accepts_it)
{
    const char *out;
    FILE *tool;
    int status;

    metric_add(&orders, 1, "a\"b\\c\nd", "caf\xc3\xa9");
    metric_set(&depth, 7);
    metric_observe_us(&took, 1234, "/x");
    out = text();
    tool = popen("promtool check metrics >&2", "w");
    cr_assert_not_null(tool);
    cr_assert_eq(fwrite(out, 1, strlen(out), tool), strlen(out));
    status = pclose(tool);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %d",
              status);
}
