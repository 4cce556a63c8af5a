/* metrics - counters, gauges and histograms in the Prometheus text format
 * (exposition format 0.0.4). Declared once as static objects, registered on
 * first use; single-threaded like everything on the loop. */
#ifndef BODEGA_OBS_METRICS_H
#define BODEGA_OBS_METRICS_H

#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

#define METRIC_LABELS_MAX 3
#define METRIC_SERIES_MAX 256 /* per metric; more fall into one "other" */

struct metric_series;
struct metric {
    const char *name; /* bodega_..., base units: _seconds, _bytes, _total */
    const char *help;
    enum metric_kind kind;
    const char *labels[METRIC_LABELS_MAX + 1]; /* names, NULL-terminated */
    /* below: private */
    struct metric_series *series;
    struct metric_series *last; /* found: most often the next one, too */
    struct metric *next;
    bool registered;
};

/* Values for the labels follow, as many as there are names. */
void metric_add(struct metric *m, int64_t n, ...);
void metric_set(struct metric *m, int64_t value, ...);
/* Microseconds in, seconds out: buckets 0.25 ms ... 10 s. */
void metric_observe_us(struct metric *m, int64_t us, ...);
/* Sum over all series, for status pages and tests. */
int64_t metric_total(const struct metric *m);
/* Every registered metric plus process_* ones (cpu seconds, resident bytes,
 * open fds, start time). */
void metrics_text(struct buf *out);

#endif
