/* bus_event - CloudEvents 1.0 binary mode: attributes are headers, the data is
 * the message. NATS protocol binding section 3.1 and Kafka protocol binding
 * section 3.2; the `partitionkey` and `traceparent` extensions go along. */
#include "base/clock.h"
#include "base/json.h"
#include "base/url.h"
#include "io/bus_driver.h"

void bus_wire_add(struct bus_wire *w, const char *name, const char *value)
{
    if (value == NULL || w->count == BUS_HEADERS_MAX)
        return;
    w->headers[w->count++] = (struct bus_header){ name, value };
}

const char *bus_wire_get(const struct bus_wire *w, const char *name)
{
    for (size_t i = 0; i < w->count; i++)
        if (strcmp(w->headers[i].name, name) == 0)
            return w->headers[i].value;
    return NULL;
}

void bus_wire_encode(struct arena *a, const struct event *e, struct bus_wire *w)
{
    const char *time = e->time;

    if (time == NULL) {
        char *now = arena_alloc(a, CLOCK_ISO_LEN + 1);

        clock_iso(clock_wall_us(), now);
        time = now;
    }
    *w = (struct bus_wire){
        .subject = arena_printf(a, "bodega.%s", e->type),
        .key = e->key != NULL && e->key[0] != '\0' ? e->key : e->id,
        .msg_id = e->id,
        .data = e->data,
        .data_len = e->data_len,
    };
    bus_wire_add(w, "ce-specversion", "1.0");
    bus_wire_add(w, "ce-id", e->id);
    bus_wire_add(w, "ce-source", e->source);
    bus_wire_add(w, "ce-type", e->type);
    bus_wire_add(w, "ce-time", time);
    bus_wire_add(w, "ce-partitionkey", w->key);
    bus_wire_add(w, "ce-traceparent", e->traceparent);
    bus_wire_add(w, "content-type", "application/json");
}

/* Header `name`; when it is missing or empty, `absent` and *ok false. */
static const char *required(const struct bus_wire *w, const char *name,
                            const char *absent, bool *ok)
{
    const char *v = bus_wire_get(w, name);

    if (v != NULL && v[0] != '\0')
        return v;
    *ok = false;
    return absent;
}

bool bus_wire_decode(struct arena *a, const struct bus_wire *w, const char *ref,
                     struct event *e)
{
    bool ok = true;
    const char *key = bus_wire_get(w, "ce-partitionkey");
    const char *time = bus_wire_get(w, "ce-time");

    if (strcmp(required(w, "ce-specversion", "", &ok), "1.0") != 0)
        ok = false;
    *e = (struct event){
        .id = required(w, "ce-id", ref, &ok),
        .source = required(w, "ce-source", "", &ok),
        .type = required(w, "ce-type", "", &ok),
        .time = time != NULL ? time : "",
        .traceparent = bus_wire_get(w, "ce-traceparent"),
        .data = w->data,
        .data_len = w->data_len,
        .attempt = 1,
        .origin_topic = bus_wire_get(w, "bodega-topic"),
        .group = bus_wire_get(w, "bodega-group"),
        .error = bus_wire_get(w, "bodega-error"),
    };
    e->key = key != NULL ? key : w->key != NULL ? w->key : e->id;
    if (!json_check(w->data, w->data_len, JSON_REQUEST, JSON_DEPTH_MAX, NULL)) {
        /* whoever stores it for a look needs text that a database takes */
        struct buf b;

        buf_init(&b, a);
        json_quote_len(&b, w->data, w->data_len);
        e->data = b.data;
        e->data_len = b.len;
        ok = false;
    }
    return ok;
}

static bool plain(unsigned char c)
{
    return c >= 0x21 && c <= 0x7e && c != '"' && c != '%';
}

const char *bus_header_escape(struct arena *a, const char *value)
{
    struct buf b;
    const char *p = value;

    while (plain((unsigned char)*p))
        p++;
    if (*p == '\0')
        return value;
    buf_init(&b, a);
    for (p = value; *p != '\0'; p++) {
        if (plain((unsigned char)*p))
            buf_char(&b, *p);
        else
            buf_printf(&b, "%%%02X", (unsigned)(unsigned char)*p);
    }
    return b.data;
}

const char *bus_header_unescape(struct arena *a, const char *value)
{
    return url_decode(a, value, strlen(value), false);
}
