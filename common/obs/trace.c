/* trace - W3C Trace Context level 1 (https://www.w3.org/TR/trace-context-1/)
 * and a ring of finished spans, from which io/otlp.c sends. */
#include <inttypes.h>
#include <pthread.h>
#include "base/arena.h"
#include "base/buf.h"
#include "base/id.h"
#include "base/json.h"
#include "base/utf8.h"
#include "obs/metrics.h"
#include "obs/trace.h"

#define RING_SPANS 1024u
#define NAME_LEN   63

struct span {
    struct trace trace;
    enum span_kind kind;
    bool error;
    int64_t start_wall_us;
    int64_t duration_us;
    char name[NAME_LEN + 1];
};

static struct {
    struct span *spans; /* NULL: export is off */
    unsigned head;      /* next to take; both only grow */
    unsigned tail;      /* next to fill */
} ring;

static struct metric dropped_total = {
    .name = "bodega_spans_dropped_total",
    .help = "Spans not exported because the ring was full.",
    .kind = METRIC_COUNTER,
};

/* One getrandom(2) serves 32 requests. A forked worker must not hand out the
 * same ids as its parent, so the child starts with an empty pool. */
static struct {
    unsigned char bytes[512];
    size_t left;
    bool registered;
} pool;

static void pool_forget(void)
{
    pool.left = 0;
}

static void random_hex(size_t len, char *out)
{
    if (!pool.registered) {
        pool.registered = true;
        if (pthread_atfork(NULL, NULL, pool_forget) != 0)
            abort();
    }
    if (pool.left < len) {
        id_random(pool.bytes, sizeof(pool.bytes));
        pool.left = sizeof(pool.bytes);
    }
    pool.left -= len;
    id_hex(pool.bytes + pool.left, len, out);
}

/* Copies `len` lower-case hex digits; false for others, or for all zeros when
 * `nonzero`. */
static bool take_hex(const char *s, size_t len, bool nonzero, char *out)
{
    bool seen = false;

    for (size_t i = 0; i < len; i++) {
        bool digit = s[i] >= '0' && s[i] <= '9';

        if (!digit && !(s[i] >= 'a' && s[i] <= 'f'))
            return false;
        seen |= s[i] != '0';
        out[i] = s[i];
    }
    out[len] = '\0';
    return seen || !nonzero;
}

/* Section 3.2: version "-" trace-id "-" parent-id "-" flags. A version above
 * 00 may be longer when a dash follows; ff is forbidden. */
static bool parse(struct trace *t, const char *s)
{
    size_t len = s != NULL ? strnlen(s, TRACEPARENT_LEN + 1) : 0;
    char version[3];
    char flags[3];

    if (len < TRACEPARENT_LEN || !take_hex(s, 2, false, version))
        return false;
    if (strcmp(version, "ff") == 0 ||
        (s[TRACEPARENT_LEN] != '\0' &&
         (strcmp(version, "00") == 0 || s[TRACEPARENT_LEN] != '-')))
        return false;
    if (s[2] != '-' || s[35] != '-' || s[52] != '-' ||
        !take_hex(s + 3, 32, true, t->trace_id) ||
        !take_hex(s + 36, 16, true, t->parent_id) ||
        !take_hex(s + 53, 2, false, flags))
        return false;
    /* flags are hex; the last bit is "sampled" */
    t->sampled = strchr("13579bdf", flags[1]) != NULL;
    return true;
}

void trace_start(struct trace *t, const char *traceparent)
{
    if (!parse(t, traceparent)) {
        random_hex(16, t->trace_id);
        t->parent_id[0] = '\0';
        t->sampled = true;
    }
    random_hex(8, t->span_id);
}

void trace_child(struct trace *t, const struct trace *parent)
{
    memcpy(t->trace_id, parent->trace_id, sizeof(t->trace_id));
    memcpy(t->parent_id, parent->span_id, sizeof(t->parent_id));
    t->sampled = parent->sampled;
    random_hex(8, t->span_id);
}

void trace_format(const struct trace *t, char out[TRACEPARENT_LEN + 1])
{
    memcpy(out, "00-", 3);
    memcpy(out + 3, t->trace_id, 32);
    out[35] = '-';
    memcpy(out + 36, t->span_id, 16);
    memcpy(out + 52, t->sampled ? "-01" : "-00", 4);
}

void span_export_enable(void)
{
    if (ring.spans == NULL)
        ring.spans = calloc(RING_SPANS, sizeof(*ring.spans));
    if (ring.spans == NULL)
        abort();
}

static void copy_name(char out[NAME_LEN + 1], const char *name)
{
    size_t len = strnlen(name, NAME_LEN + 1);

    if (len > NAME_LEN) {
        len = NAME_LEN; /* and back to the start of a character */
        while (len > 0 && (name[len] & 0xc0) == 0x80)
            len--;
    }
    memcpy(out, name, len);
    out[len] = '\0';
}

void span_end(const struct trace *t, enum span_kind kind, const char *name,
              int64_t start_wall_us, int64_t duration_us, bool error)
{
    struct span *s;

    if (ring.spans == NULL || !t->sampled)
        return;
    if (ring.tail - ring.head == RING_SPANS) {
        metric_add(&dropped_total, 1);
        return;
    }
    s = &ring.spans[ring.tail++ % RING_SPANS];
    s->trace = *t;
    s->kind = kind;
    s->error = error;
    s->start_wall_us = start_wall_us;
    s->duration_us = duration_us;
    copy_name(s->name, name);
}

static void span_json(struct buf *b, const struct span *s)
{
    buf_printf(b, "{\"traceId\":\"%s\",\"spanId\":\"%s\"", s->trace.trace_id,
               s->trace.span_id);
    if (s->trace.parent_id[0] != '\0')
        buf_printf(b, ",\"parentSpanId\":\"%s\"", s->trace.parent_id);
    buf_str(b, ",\"name\":");
    json_quote(b, s->name);
    /* fixed64 is a string in protobuf's JSON mapping */
    buf_printf(b,
               ",\"kind\":%d,\"startTimeUnixNano\":\"%" PRId64
               "000\",\"endTimeUnixNano\":\"%" PRId64 "000\"",
               (int)s->kind, s->start_wall_us,
               s->start_wall_us + s->duration_us);
    if (s->error)
        buf_str(b, ",\"status\":{\"code\":2}"); /* STATUS_CODE_ERROR */
    buf_char(b, '}');
}

char *span_export_take(int max, const char *service)
{
    struct arena *a;
    struct buf b;
    char *body;

    if (ring.tail == ring.head)
        return NULL;
    a = arena_new(0);
    buf_init(&b, a);
    buf_str(&b, "{\"resourceSpans\":[{\"resource\":{\"attributes\":[{"
                "\"key\":\"service.name\",\"value\":{\"stringValue\":");
    json_quote(&b, service);
    buf_str(&b, "}}]},\"scopeSpans\":[{\"scope\":{\"name\":\"bodega\"},"
                "\"spans\":[");
    for (int i = 0; i < max && ring.head != ring.tail; i++) {
        if (i > 0)
            buf_char(&b, ',');
        span_json(&b, &ring.spans[ring.head++ % RING_SPANS]);
    }
    buf_str(&b, "]}]}]}");
    body = strdup(b.data);
    if (body == NULL)
        abort();
    arena_free(a);
    return body;
}
