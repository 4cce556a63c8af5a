/* trace - W3C Trace Context (level 1) and the spans we export.
 * A unit of work has one trace; it reads traceparent from HTTP or an event and
 * sends its own span id on to whatever it calls. */
#ifndef BODEGA_OBS_TRACE_H
#define BODEGA_OBS_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#define TRACEPARENT_LEN 55

struct trace {
    char trace_id[33];  /* 32 lower-case hex digits */
    char span_id[17];   /* ours */
    char parent_id[17]; /* the caller's, "" when we started the trace */
    bool sampled;
};

/* Continue `traceparent` (may be NULL or malformed: then a new trace). */
void trace_start(struct trace *t, const char *traceparent);
/* A child of `parent` for an outgoing call or an event. */
void trace_child(struct trace *t, const struct trace *parent);
void trace_format(const struct trace *t, char out[TRACEPARENT_LEN + 1]);

enum span_kind {
    SPAN_SERVER = 2,
    SPAN_CLIENT = 3,
    SPAN_PRODUCER = 4,
    SPAN_CONSUMER = 5,
    SPAN_INTERNAL = 1
};

/* Hand a finished span to the export ring. Never blocks and never fails: when
 * the ring (1,024 spans) is full the span is dropped and counted in
 * bodega_spans_dropped_total. Strings are copied (truncated to 63 bytes).
 * Does nothing when export is off or the trace is not sampled. */
void span_end(const struct trace *t, enum span_kind kind, const char *name,
              int64_t start_wall_us, int64_t duration_us, bool error);

/* Turn export on; io/otlp.c calls these. */
void span_export_enable(void);
/* OTLP/HTTP JSON body (opentelemetry-proto 1.x, ExportTraceServiceRequest) of
 * at most `max` waiting spans, malloc'ed, the caller frees; NULL when none. */
char *span_export_take(int max, const char *service);

#endif
