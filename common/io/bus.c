/* bus - what NATS and Kafka have in common: events, order per key, tries,
 * retry and dead-letter topics, draining.
 *
 * Every delivery goes to the lane of its key. A lane is a queue worked off by
 * one task, so events of one key never overlap; at most RUNNING_MAX lanes run
 * at a time and the rest wait their turn. A delivery from a retry topic waits
 * for its not-before time outside any lane. */
#include <assert.h>
#include <inttypes.h>
#include "base/backoff.h"
#include "base/clock.h"
#include "io/bus_driver.h"
#include "io/pg.h"
#include "obs/metrics.h"
#include "sched/loop.h"

#define RUNNING_MAX    64
#define LIMIT_TOPIC    256  /* unfinished deliveries of one subject */
#define LIMIT_RETRY    1000 /* most of them only wait for their time */
#define TRIES_IN_PLACE 3
#define HANDLER_MS     30000
#define PUBLISH_MS     10000
#define CLOSE_MS       5000 /* for the last flush */
#define TOUCH_MS       20000
#define LANE_BUCKETS   256
int64_t bus_retry_ms[BUS_RETRY_LEVELS] = { 1000, 5000, 30000, 120000, 600000 };

struct lane {
    char *key;
    struct delivery *head, *tail;
    struct lane *chain; /* of the hash bucket */
    struct lane *ready_next;
    bool running;
};

static const struct bus_driver *driver;
static const char *bus_url, *bus_source;
static bool opened, open_ok, stopping, closing;
static const struct subscription *subscriptions;
static enum err (*dead_handler)(struct req *, const struct event *);

static struct lane *lanes[LANE_BUCKETS];
static struct lane *ready_head, *ready_tail;
static int running;
static struct delivery *unfinished;
static struct bus_consumer *consumers;
static struct timer *touch_timer, *close_timer;
static void (*drain_done)(void *arg);
static void *drain_arg;

static struct metric events_metric = {
    .name = "bodega_bus_events_total",
    .help = "Events published and consumed, by what became of them.",
    .kind = METRIC_COUNTER,
    .labels = { "topic", "outcome" },
};
static struct metric lag_metric = {
    .name = "bodega_bus_lag",
    .help = "Events behind the one delivered last.",
    .kind = METRIC_GAUGE,
    .labels = { "topic" },
};

void bus_init(enum bus_kind kind, const char *url, const char *source)
{
    driver = kind == BUS_NATS ? &bus_nats : &bus_kafka;
    bus_url = url;
    bus_source = source;
}

static bool open_once(void)
{
    assert(driver != NULL);
    if (!opened) {
        opened = true;
        open_ok = driver->open(bus_url);
    }
    return open_ok;
}

const char *bus_trouble(void)
{
    if (!opened)
        return NULL;
    return open_ok ? driver->trouble() : "the bus library is missing";
}

bool bus_set_up(void)
{
    bool all = open_once();

    for (const struct bus_consumer *c = consumers; all && c; c = c->all_next)
        all = driver->ready(c->subject);
    return all;
}

/* ---- publishing ---------------------------------------------------------- */

void bus_published(struct bus_pub *op, enum err e)
{
    op->err = e;
    if (op->abandoned)
        free(op);
    else
        await_done(&op->wait);
}

/* Publishers that wait for the driver, first come first served so that the
 * order of calls stays the order on the bus. */
struct hold {
    struct await wait;
    struct hold *next;
};
static struct hold *holds;

void bus_ready(void)
{
    if (holds != NULL)
        await_done(&holds->wait);
}

/* Wait for our turn to publish to `subject`. The caller publishes before it
 * parks, so the next in line, woken here, comes after it. */
static enum err hold_turn(const char *subject, int64_t deadline_us)
{
    struct hold h = { 0 }, **end = &holds;
    bool in_time = true;

    if (holds == NULL && driver->ready(subject))
        return OK;
    while (*end != NULL)
        end = &(*end)->next;
    *end = &h;
    while (in_time && !closing && (holds != &h || !driver->ready(subject))) {
        h.wait = (struct await){ 0 };
        in_time = await_until(&h.wait, deadline_us);
    }
    for (end = &holds; *end != &h; end = &(*end)->next)
        ;
    *end = h.next;
    bus_ready();
    return in_time && !closing ? OK : ERR_UNAVAILABLE;
}

static enum err publish_wire(const struct bus_wire *w, int64_t deadline_us)
{
    struct bus_pub *op;
    enum err e;

    if (closing || !open_once())
        return ERR_UNAVAILABLE;
    TRY(hold_turn(w->subject, deadline_us));
    op = calloc(1, sizeof(*op));
    if (op == NULL)
        return ERR_OVERLOAD;
    driver->publish(w, op);
    if (!await_until(&op->wait, deadline_us)) {
        op->abandoned = true; /* bus_published frees it */
        return ERR_UNCERTAIN;
    }
    e = op->err;
    free(op);
    return e;
}

static enum err publish_event(struct req *r, const struct event *e,
                              const char *msg_id)
{
    char traceparent[TRACEPARENT_LEN + 1];
    struct event copy = *e;
    struct bus_wire w;
    enum err err;

    if (copy.source == NULL)
        copy.source = bus_source;
    if (copy.traceparent == NULL) {
        trace_format(&r->trace, traceparent);
        copy.traceparent = traceparent;
    }
    bus_wire_encode(r->arena, &copy, &w);
    if (msg_id != NULL)
        w.msg_id = msg_id;
    err = publish_wire(&w, r->deadline_us);
    metric_add(&events_metric, 1, e->type,
               err == OK ? "published" : "publish_failed");
    return err;
}

enum err bus_publish(struct req *r, const struct event *e)
{
    return publish_event(r, e, NULL);
}

enum err bus_republish(struct req *r, const struct event *e)
{
    return publish_event(
        r, e, arena_printf(r->arena, "%s/%" PRId64, e->id, clock_wall_us()));
}

/* ---- the end of a delivery ------------------------------------------------*/

static void unlink_delivery(struct delivery *d)
{
    if (d->prev != NULL)
        d->prev->next = d->next;
    else
        unfinished = d->next;
    if (d->next != NULL)
        d->next->prev = d->prev;
}

static void finish(struct delivery *d, bool done)
{
    timer_cancel(d->timer);
    unlink_delivery(d);
    driver->finish(d, done);
    arena_free(d->arena);
}

static void touch_all(void *arg)
{
    (void)arg;
    for (struct delivery *d = unfinished; d != NULL; d = d->next)
        driver->touch(d);
    touch_timer = timer_start(TOUCH_MS, touch_all, NULL);
}

/* ---- tries, retry topic, dead letter --------------------------------------*/

static const struct subscription *find_subscription(const struct delivery *d)
{
    const char *topic = d->event.type;

    if (d->consumer->kind == BUS_CONSUME_TOPIC) {
        const struct subscription *s = d->consumer->sub;

        return strcmp(s->topic->name, topic) == 0 ? s : NULL;
    }
    for (const struct subscription *s = subscriptions; s->topic != NULL; s++)
        if (strcmp(s->topic->name, topic) == 0)
            return s;
    return NULL;
}

static void log_event(const struct req *r, const struct delivery *d, int64_t us,
                      enum err e, const char *outcome)
{
    struct log_field f[8 + REQ_LOG_FIELDS_MAX];
    size_t n = 0;

    f[n++] = (struct log_field)LOG_STR("topic", d->event.type);
    f[n++] = (struct log_field)LOG_STR("order", d->event.key);
    f[n++] = (struct log_field)LOG_STR("event", d->event.id);
    f[n++] = (struct log_field)LOG_INT("attempt", d->event.attempt);
    f[n++] = (struct log_field)LOG_STR("outcome", outcome);
    f[n++] = (struct log_field)LOG_INT("us", us);
    if (e != OK)
        f[n++] = (struct log_field)LOG_STR("error", err_info(e)->slug);
    if (r->log_detail != NULL || r->detail != NULL)
        f[n++] = (struct log_field)LOG_STR(
            "detail", r->log_detail != NULL ? r->log_detail : r->detail);
    for (size_t i = 0; i < r->log_count; i++)
        f[n++] = r->log[i];
    log_write(e == OK ? LOG_INFO : LOG_WARN, r->trace.trace_id, "event", f, n);
}

/* One call of the handler as a unit of work of its own. */
static enum err attempt(struct delivery *d,
                        enum err (*handler)(struct req *, const struct event *),
                        struct arena *a)
{
    struct req r;
    int64_t start = clock_us(), wall = clock_wall_us();
    enum err e;
    const char *outcome;

    req_init(&r, a, HANDLER_MS, d->event.traceparent);
    e = handler(&r, &d->event);
    pg_end(&r);
    outcome = e == OK                           ? "ok"
              : err_info(e)->cls == CLASS_FINAL ? "final"
                                                : "failed";
    log_event(&r, d, clock_us() - start, e, outcome);
    metric_add(&events_metric, 1, d->event.type, outcome);
    span_end(&r.trace, SPAN_CONSUMER, d->event.type, wall, clock_us() - start,
             e != OK);
    arena_reset(a);
    return e;
}

/* Publish the message as it came to `bodega.<where>.<group>` and wait until it
 * is there; tries until it works or we are told to stop. */
static bool move(struct delivery *d, const char *where, enum err why, int tries,
                 int64_t wait_ms)
{
    struct arena *a = d->arena;
    const char *group = d->consumer->group;
    struct bus_wire w = d->wire;

    w.count = 0;
    for (size_t i = 0; i < d->wire.count; i++)
        if (strncmp(d->wire.headers[i].name, "bodega-", 7) != 0)
            bus_wire_add(&w, d->wire.headers[i].name, d->wire.headers[i].value);
    w.subject = arena_printf(a, "bodega.%s.%s", where, group);
    w.key = d->event.key;
    w.msg_id =
        arena_printf(a, "%s/%s/%s/%d", d->event.id, group, d->ref, tries);
    bus_wire_add(&w, "bodega-group", group);
    bus_wire_add(&w, "bodega-topic",
                 d->event.origin_topic != NULL
                     ? d->event.origin_topic
                     : d->consumer->subject + strlen("bodega."));
    bus_wire_add(&w, "bodega-attempt", arena_printf(a, "%d", tries));
    bus_wire_add(&w, "bodega-error", err_info(why)->slug);
    if (wait_ms > 0)
        bus_wire_add(
            &w, "bodega-not-before",
            arena_printf(a, "%" PRId64, clock_wall_us() / 1000 + wait_ms));
    for (int i = 0; !d->lost; i++) {
        if (publish_wire(&w, clock_us() + PUBLISH_MS * INT64_C(1000)) == OK) {
            metric_add(&events_metric, 1, d->event.type, where);
            return true;
        }
        if (stopping)
            return false;
        task_sleep(backoff_ms(i, 100, 5000));
    }
    return false;
}

/* Try it here; true when the delivery is dealt with for good. */
static bool consume_event(struct delivery *d, struct arena *a)
{
    const struct subscription *s = d->readable ? find_subscription(d) : NULL;
    bool from_retry = d->consumer->kind == BUS_CONSUME_RETRY;
    int tries = d->tries_before, level;
    enum err e;

    if (s == NULL)
        return move(d, "dead", ERR_MALFORMED, tries, 0);
    for (int i = 0;; i++) {
        d->event.attempt = ++tries;
        e = attempt(d, s->handler, a);
        if (e == OK)
            return true;
        if (err_info(e)->cls == CLASS_FINAL)
            return move(d, "dead", e, tries, 0);
        if (from_retry || i + 1 == TRIES_IN_PLACE)
            break;
        task_sleep(backoff_ms(i, 100, 2000));
        if (stopping || d->lost)
            return false;
    }
    level = tries - TRIES_IN_PLACE;
    if (level < 0 || level >= BUS_RETRY_LEVELS)
        return move(d, "dead", e, tries, 0);
    return move(d, "retry", e, tries, bus_retry_ms[level]);
}

/* A dead letter has nowhere further to go: try until it is stored. */
static bool consume_dead(struct delivery *d, struct arena *a)
{
    d->event.attempt = d->tries_before;
    for (int i = 0; attempt(d, dead_handler, a) != OK; i++) {
        task_sleep(backoff_ms(i, 500, 30000));
        if (stopping || d->lost)
            return false;
    }
    return true;
}

/* ---- lanes ----------------------------------------------------------------*/

static void pump(void *arg);

static struct lane **lane_slot(const char *key)
{
    uint32_t h = 2166136261u; /* FNV-1a */

    for (const char *p = key; *p != '\0'; p++)
        h = (h ^ (unsigned char)*p) * 16777619u;

    struct lane **at = &lanes[h % LANE_BUCKETS];

    while (*at != NULL && strcmp((*at)->key, key) != 0)
        at = &(*at)->chain;
    return at;
}

static void lane_free(struct lane *l)
{
    struct lane **at = lane_slot(l->key);

    assert(*at == l && l->head == NULL);
    *at = l->chain;
    free(l->key);
    free(l);
}

static struct delivery *lane_pop(struct lane *l)
{
    struct delivery *d = l->head;

    if (d != NULL) {
        l->head = d->lane_next;
        if (l->head == NULL)
            l->tail = NULL;
    }
    return d;
}

/* Called by the driver, or by the timer when it takes too long. */
static void closed(void *arg)
{
    void (*done)(void *) = drain_done;
    struct bus_consumer *c;

    drain_done = NULL;
    if (arg == NULL)
        timer_cancel(close_timer);
    close_timer = NULL;
    while (arg == NULL && (c = consumers) != NULL) {
        consumers = c->all_next;
        free(c->subject);
        free(c);
    }
    if (done != NULL)
        done(drain_arg);
}

static void close_if_idle(void)
{
    if (!stopping || closing || running > 0)
        return;
    closing = true;
    bus_ready();
    timer_cancel(touch_timer);
    touch_timer = NULL;
    close_timer = timer_start(CLOSE_MS, closed, &close_timer);
    if (opened && open_ok)
        driver->close(closed, NULL);
    else
        loop_defer(closed, NULL);
}

static void lane_main(void *arg)
{
    struct lane *l = arg;
    struct arena *a = arena_new(0);
    struct delivery *d;

    while ((d = lane_pop(l)) != NULL) {
        bool done = false;

        if (!d->lost)
            done = d->consumer->kind == BUS_CONSUME_DEAD ? consume_dead(d, a)
                                                         : consume_event(d, a);
        finish(d, done);
    }
    arena_free(a);
    lane_free(l);
    running--;
    loop_defer(pump, NULL);
}

static void pump_later(void *arg)
{
    (void)arg;
    pump(NULL);
}

static void pump(void *arg)
{
    (void)arg;
    while (running < RUNNING_MAX && ready_head != NULL) {
        struct lane *l = ready_head;

        ready_head = l->ready_next;
        if (ready_head == NULL)
            ready_tail = NULL;
        l->running = true;
        running++;
        if (task_start(lane_main, l))
            continue;
        running--; /* too many tasks: this lane goes first later */
        l->running = false;
        l->ready_next = ready_head;
        ready_head = l;
        if (ready_tail == NULL)
            ready_tail = l;
        timer_start(100, pump_later, NULL);
        return;
    }
    close_if_idle();
}

static void enqueue(void *arg)
{
    struct delivery *d = arg;
    struct lane **at = lane_slot(d->event.key), *l = *at;

    d->timer = NULL;
    if (l == NULL) {
        l = calloc(1, sizeof(*l));
        if (l == NULL || (l->key = strdup(d->event.key)) == NULL)
            abort();
        *at = l;
        if (ready_tail != NULL)
            ready_tail->ready_next = l;
        else
            ready_head = l;
        ready_tail = l;
    }
    if (l->tail != NULL)
        l->tail->lane_next = d;
    else
        l->head = d;
    l->tail = d;
    pump(NULL);
}

static int64_t header_int(const struct bus_wire *w, const char *name)
{
    const char *v = bus_wire_get(w, name);

    return v != NULL ? strtoll(v, NULL, 10) : 0;
}

void bus_deliver(struct delivery *d)
{
    int64_t wait, tries = header_int(&d->wire, "bodega-attempt");

    d->next = unfinished;
    if (unfinished != NULL)
        unfinished->prev = d;
    unfinished = d;
    d->readable = bus_wire_decode(d->arena, &d->wire, d->ref, &d->event);
    /* on an origin topic these headers would be somebody's joke */
    if (d->consumer->kind != BUS_CONSUME_TOPIC) {
        d->tries_before = tries < 0 ? 0 : tries > 1000 ? 1000 : (int)tries;
        wait =
            header_int(&d->wire, "bodega-not-before") - clock_wall_us() / 1000;
    } else {
        d->event.origin_topic = NULL;
        wait = 0;
    }
    if (d->lag >= 0)
        metric_set(&lag_metric, d->lag, d->consumer->subject);
    if (stopping)
        finish(d, false);
    else if (wait > 0)
        d->timer = timer_start(wait < bus_retry_ms[BUS_RETRY_LEVELS - 1]
                                   ? wait
                                   : bus_retry_ms[BUS_RETRY_LEVELS - 1],
                               enqueue, d);
    else
        enqueue(d);
}

/* ---- subscribing ----------------------------------------------------------*/

static struct bus_consumer *consumer_add(struct bus_consumer *list,
                                         enum bus_consumer_kind kind,
                                         const char *group, const char *subject,
                                         const struct subscription *sub)
{
    struct bus_consumer *c = calloc(1, sizeof(*c));
    size_t len = strlen("bodega.") + strlen(subject) + 1;
    char *full = malloc(len);

    if (c == NULL || full == NULL)
        abort();
    (void)snprintf(full, len, "bodega.%s", subject);
    c->kind = kind;
    c->group = group;
    c->subject = full;
    c->sub = sub;
    c->limit = kind == BUS_CONSUME_RETRY ? LIMIT_RETRY : LIMIT_TOPIC;
    c->next = list;
    c->all_next = consumers;
    consumers = c;
    return c;
}

static void consume(struct bus_consumer *list)
{
    if (!open_once())
        return;
    driver->consume(list);
    if (driver->touch != NULL && touch_timer == NULL)
        touch_timer = timer_start(TOUCH_MS, touch_all, NULL);
}

void bus_subscribe(const char *group, const struct subscription *subs)
{
    struct bus_consumer *list = NULL;
    char retry[64];

    subscriptions = subs;
    (void)snprintf(retry, sizeof(retry), "retry.%s", group);
    list = consumer_add(list, BUS_CONSUME_RETRY, group, retry, NULL);
    for (; subs->topic != NULL; subs++)
        list = consumer_add(list, BUS_CONSUME_TOPIC, group, subs->topic->name,
                            subs);
    consume(list);
}

void bus_subscribe_dead(const char *const *groups,
                        enum err (*handler)(struct req *, const struct event *))
{
    struct bus_consumer *list = NULL;
    char dead[64];

    dead_handler = handler;
    for (; *groups != NULL; groups++) {
        (void)snprintf(dead, sizeof(dead), "dead.%s", *groups);
        list = consumer_add(list, BUS_CONSUME_DEAD, "relay", dead, NULL);
    }
    consume(list);
}

enum err event_data(struct req *r, const struct event *e,
                    const struct json_field *fields, void *out)
{
    enum err err = json_decode(r->arena, e->data, e->data_len, fields,
                               JSON_LENIENT, out, &r->errors);

    return err == ERR_BAD_JSON ? ERR_INVALID : err;
}

/* ---- draining -------------------------------------------------------------*/

void bus_drain(void (*done)(void *arg), void *arg)
{
    assert(!stopping);
    stopping = true;
    drain_done = done;
    drain_arg = arg;
    if (opened && open_ok)
        driver->stop();
    /* what no task has begun goes back; lanes that run find an empty queue */
    for (size_t i = 0; i < LANE_BUCKETS; i++) {
        for (struct lane *l = lanes[i], *chain; l != NULL; l = chain) {
            struct delivery *d;

            chain = l->chain;
            while ((d = lane_pop(l)) != NULL)
                finish(d, false);
            if (!l->running)
                lane_free(l);
        }
    }
    ready_head = ready_tail = NULL;
    for (struct delivery *d = unfinished, *next; d != NULL; d = next) {
        next = d->next;
        if (d->timer != NULL)
            finish(d, false);
    }
    close_if_idle();
}
