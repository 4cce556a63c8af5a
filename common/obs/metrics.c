/* metrics - series are kept in a list per metric, in order of first use, and
 * found by a hash of their label values: a metric has few of them. */
#include <dirent.h>
#include <inttypes.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <unistd.h>
#include "base/clock.h"
#include "obs/metrics.h"

/* Upper bounds in microseconds; +Inf follows. */
static const int64_t bounds_us[] = {
    250,    500,    1000,   2500,    5000,    10000,   25000,   50000,
    100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000
};
#define BOUNDS (sizeof(bounds_us) / sizeof(bounds_us[0]))

struct metric_series {
    struct metric_series *next;
    uint64_t hash;
    char *labels[METRIC_LABELS_MAX];
    int64_t value; /* histogram: number of observations */
    int64_t sum_us;
    int64_t below[]; /* histogram: BOUNDS counts, each of its own range */
};

static struct metric *metrics;
static struct metric **metrics_end = &metrics;

static size_t label_count(const struct metric *m)
{
    size_t n = 0;

    while (m->labels[n] != NULL)
        n++;
    return n;
}

/* FNV-1a; the NUL keeps ("ab","c") and ("a","bc") apart. */
static uint64_t hash_labels(const char *const *values, size_t n)
{
    uint64_t h = 0xcbf29ce484222325u;

    for (size_t i = 0; i < n; i++) {
        const char *s = values[i];

        do {
            h = (h ^ (unsigned char)*s) * 0x100000001b3u;
        } while (*s++ != '\0');
    }
    return h;
}

static bool same_labels(const struct metric_series *s,
                        const char *const *values, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(s->labels[i], values[i]) != 0)
            return false;
    }
    return true;
}

static struct metric_series *series_new(const struct metric *m,
                                        const char *const *values, size_t n,
                                        uint64_t hash)
{
    size_t extra = m->kind == METRIC_HISTOGRAM ? BOUNDS * sizeof(int64_t) : 0;
    struct metric_series *s = calloc(1, sizeof(*s) + extra);

    if (s == NULL)
        abort();
    s->hash = hash;
    for (size_t i = 0; i < n; i++) {
        s->labels[i] = strdup(values[i]);
        if (s->labels[i] == NULL)
            abort();
    }
    return s;
}

static void enlist(struct metric *m)
{
    if (m->registered)
        return;
    m->registered = true;
    *metrics_end = m;
    metrics_end = &m->next;
}

static struct metric_series *series_find(struct metric *m,
                                         const char *const *values, size_t n)
{
    static const char *const other[] = { "other", "other", "other" };
    struct metric_series **end = &m->series;
    size_t count = 0;
    uint64_t hash;

    if (m->last != NULL && same_labels(m->last, values, n))
        return m->last;
    enlist(m);
    hash = hash_labels(values, n);
    for (; *end != NULL; end = &(*end)->next) {
        if ((*end)->hash == hash && same_labels(*end, values, n))
            return m->last = *end;
        count++;
    }
    /* One place is kept for "other". */
    if (count >= METRIC_SERIES_MAX - 1 && values != other)
        return series_find(m, other, n);
    *end = series_new(m, values, n, hash);
    return m->last = *end;
}

static struct metric_series *series_va(struct metric *m, va_list ap)
{
    const char *values[METRIC_LABELS_MAX] = { "" };
    size_t n = label_count(m);

    for (size_t i = 0; i < n; i++) {
        values[i] = va_arg(ap, const char *);
        if (values[i] == NULL)
            values[i] = "";
    }
    return series_find(m, values, n);
}

void metric_add(struct metric *m, int64_t n, ...)
{
    va_list ap;

    va_start(ap, n);
    series_va(m, ap)->value += n;
    va_end(ap);
}

void metric_set(struct metric *m, int64_t value, ...)
{
    va_list ap;

    va_start(ap, value);
    series_va(m, ap)->value = value;
    va_end(ap);
}

void metric_observe_us(struct metric *m, int64_t us, ...)
{
    struct metric_series *s;
    size_t i = 0;
    va_list ap;

    va_start(ap, us);
    s = series_va(m, ap);
    va_end(ap);
    while (i < BOUNDS && us > bounds_us[i])
        i++;
    if (i < BOUNDS)
        s->below[i]++;
    s->value++;
    s->sum_us += us;
}

int64_t metric_total(const struct metric *m)
{
    int64_t total = 0;

    for (const struct metric_series *s = m->series; s != NULL; s = s->next)
        total += s->value;
    return total;
}

/* Microseconds as decimal seconds, without a floating point number. */
static void put_seconds(struct buf *b, int64_t us)
{
    char text[32];
    int n = snprintf(text, sizeof(text), "%" PRId64 ".%06" PRId64, us / 1000000,
                     us % 1000000);

    while (text[n - 1] == '0')
        n--;
    if (text[n - 1] == '.')
        n--;
    buf_add(b, text, (size_t)n);
}

static void put_value(struct buf *b, const char *s)
{
    for (; *s != '\0'; s++) {
        if (*s == '\n')
            buf_str(b, "\\n");
        else if (*s == '"' || *s == '\\')
            buf_printf(b, "\\%c", *s);
        else
            buf_char(b, *s);
    }
}

/* name + suffix + {labels} + ' '. `le_us`: bound of the bucket, NULL: none,
 * negative: +Inf. */
static void put_head(struct buf *b, const struct metric *m, const char *suffix,
                     const struct metric_series *s, const int64_t *le_us)
{
    char sep = '{';

    buf_str(b, m->name);
    buf_str(b, suffix);
    for (size_t i = 0; m->labels[i] != NULL; i++) {
        buf_char(b, sep);
        buf_printf(b, "%s=\"", m->labels[i]);
        put_value(b, s->labels[i]);
        buf_char(b, '"');
        sep = ',';
    }
    if (le_us != NULL) {
        buf_char(b, sep);
        buf_str(b, "le=\"");
        if (*le_us < 0)
            buf_str(b, "+Inf");
        else
            put_seconds(b, *le_us);
        buf_char(b, '"');
        sep = ',';
    }
    if (sep == ',')
        buf_char(b, '}');
    buf_char(b, ' ');
}

static void put_histogram(struct buf *b, const struct metric *m,
                          const struct metric_series *s)
{
    int64_t so_far = 0;

    for (size_t i = 0; i < BOUNDS; i++) {
        so_far += s->below[i];
        put_head(b, m, "_bucket", s, &bounds_us[i]);
        buf_printf(b, "%" PRId64 "\n", so_far);
    }
    put_head(b, m, "_bucket", s, &(int64_t){ -1 });
    buf_printf(b, "%" PRId64 "\n", s->value);
    put_head(b, m, "_sum", s, NULL);
    put_seconds(b, s->sum_us);
    buf_char(b, '\n');
    put_head(b, m, "_count", s, NULL);
    buf_printf(b, "%" PRId64 "\n", s->value);
}

static void put_metric(struct buf *b, const struct metric *m)
{
    static const char *const kinds[] = { "counter", "gauge", "histogram" };

    buf_printf(b, "# HELP %s %s\n# TYPE %s %s\n", m->name, m->help, m->name,
               kinds[m->kind]);
    for (const struct metric_series *s = m->series; s != NULL; s = s->next) {
        if (m->kind == METRIC_HISTOGRAM) {
            put_histogram(b, m, s);
            continue;
        }
        put_head(b, m, "", s, NULL);
        buf_printf(b, "%" PRId64 "\n", s->value);
    }
}

static void put_process(struct buf *b, const char *name, const char *kind,
                        const char *help)
{
    buf_printf(b, "# HELP process_%s %s\n# TYPE process_%s %s\nprocess_%s ",
               name, help, name, kind, name);
}

static int64_t cpu_us(void)
{
    struct rusage u;

    (void)getrusage(RUSAGE_SELF, &u);
    return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000 +
           u.ru_utime.tv_usec + u.ru_stime.tv_usec;
}

/* Word `n` (from 0) of a /proc file, after the last ')' if there is one: the
 * program's name in /proc/self/stat may hold spaces. */
static int64_t proc_word(const char *path, int n)
{
    char text[1024];
    FILE *f = fopen(path, "re");
    size_t len = f != NULL ? fread(text, 1, sizeof(text) - 1, f) : 0;
    char *at;

    if (f != NULL)
        (void)fclose(f);
    text[len] = '\0';
    at = strrchr(text, ')');
    at = at != NULL ? at + 2 : text;
    while (n-- > 0 && at != NULL) {
        at = strchr(at, ' ');
        at = at != NULL ? at + 1 : NULL;
    }
    return at != NULL ? strtoll(at, NULL, 10) : 0;
}

static int64_t open_fds(void)
{
    DIR *d = opendir("/proc/self/fd");
    int64_t n = -3; /* ".", ".." and d itself */

    if (d == NULL)
        return 0;
    while (readdir(d) != NULL)
        n++;
    (void)closedir(d);
    return n;
}

/* proc(5): starttime, field 22, is in clock ticks since boot. */
static int64_t started_wall_us(void)
{
    int64_t ticks = proc_word("/proc/self/stat", 19);
    int64_t hz = sysconf(_SC_CLK_TCK);
    struct timespec up;

    if (clock_gettime(CLOCK_BOOTTIME, &up) != 0)
        abort();
    return clock_wall_us() - ((int64_t)up.tv_sec * 1000000 + up.tv_nsec / 1000 -
                              ticks * 1000000 / hz);
}

static void put_process_all(struct buf *b)
{
    static int64_t start_us;

    if (start_us == 0)
        start_us = started_wall_us();
    put_process(b, "cpu_seconds_total", "counter",
                "User and system CPU time spent.");
    put_seconds(b, cpu_us());
    buf_char(b, '\n');
    put_process(b, "resident_memory_bytes", "gauge", "Resident memory.");
    buf_printf(b, "%" PRId64 "\n",
               proc_word("/proc/self/statm", 1) * sysconf(_SC_PAGESIZE));
    put_process(b, "open_fds", "gauge", "Open file descriptors.");
    buf_printf(b, "%" PRId64 "\n", open_fds());
    put_process(b, "start_time_seconds", "gauge",
                "Start of the process, seconds since 1970.");
    put_seconds(b, start_us);
    buf_char(b, '\n');
}

void metrics_text(struct buf *out)
{
    for (const struct metric *m = metrics; m != NULL; m = m->next)
        put_metric(out, m);
    put_process_all(out);
}
