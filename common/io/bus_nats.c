/* bus_nats - NATS JetStream. libnats runs its own threads for the socket; what
 * they receive is handed to the loop with loop_post. Two short threads of ours
 * do what libnats only offers as blocking calls: connecting, and making sure
 * after every (re)connect that the stream and our consumers exist.
 *
 * The wire protocol above plain publish and subscribe is small and is spoken
 * here directly (NATS ADR-13 "Pull subscribe internals", ADR-15
 * "Subscriptions"): a publish is a request whose reply is the JetStream ack; a
 * pull is a request for n messages, answered by messages and at the end by a
 * status; +ACK, -NAK and +WPI go to a message's reply subject.
 *
 * Stream BODEGA holds `bodega.>`; durable consumer <group>-<topic>, explicit
 * acks. An existing stream or consumer is used as it is, so an operator may
 * have made it with more replicas. */
#include <assert.h>
#include <inttypes.h>
#include <pthread.h>
#include <nats/nats.h>
#include "base/clock.h"
#include "base/id.h"
#include "io/bus_driver.h"
#include "io/lazy.h"
#include "sched/loop.h"

#define STREAM      "BODEGA"
#define NS_PER_S    INT64_C(1000000000)
#define KEEP_DAYS   14
#define PULL_S      30   /* a pull without messages ends after this */
#define TICK_MS     5000 /* looking for pulls whose answer got lost */
#define PENDING_MAX 4096 /* publishes without an ack yet; a power of two */

/* It would move such a list further right with every run. */
/* clang-format off */
#define NATS_FUNCTIONS(X) \
    X(natsOptions_Create) \
    X(natsOptions_Destroy) \
    X(natsOptions_SetURL) \
    X(natsOptions_SetName) \
    X(natsOptions_SetMaxReconnect) \
    X(natsOptions_SetReconnectWait) \
    X(natsOptions_SetReconnectJitter) \
    X(natsOptions_SetPingInterval) \
    X(natsOptions_SetRetryOnFailedConnect) \
    X(natsOptions_SetReconnectedCB) \
    X(natsOptions_SetDisconnectedCB) \
    X(natsOptions_UseGlobalMessageDelivery) \
    X(nats_SetMessageDeliveryPoolSize) \
    X(nats_ReleaseThreadMemory) \
    X(nats_CloseAndWait) \
    X(natsConnection_Connect) \
    X(natsConnection_Destroy) \
    X(natsConnection_FlushTimeout) \
    X(natsConnection_Subscribe) \
    X(natsConnection_PublishMsg) \
    X(natsConnection_PublishRequest) \
    X(natsConnection_Publish) \
    X(natsConnection_JetStream) \
    X(natsSubscription_Destroy) \
    X(natsSubscription_SetPendingLimits) \
    X(jsCtx_Destroy) \
    X(jsStreamConfig_Init) \
    X(jsConsumerConfig_Init) \
    X(js_GetStreamInfo) \
    X(jsStreamInfo_Destroy) \
    X(js_AddStream) \
    X(js_GetConsumerInfo) \
    X(jsConsumerInfo_Destroy) \
    X(js_AddConsumer) \
    X(natsMsg_Create) \
    X(natsMsg_Destroy) \
    X(natsMsg_GetSubject) \
    X(natsMsg_GetReply) \
    X(natsMsg_GetData) \
    X(natsMsg_GetDataLength) \
    X(natsMsg_IsNoResponders) \
    X(natsMsgHeader_Set) \
    X(natsMsgHeader_Get) \
    X(natsMsgHeader_Keys)
/* clang-format on */

static struct {
    NATS_FUNCTIONS(LAZY_POINTER)
} nats;
#define NATS_SYMBOL(f) LAZY_SYMBOL(nats, f)
static const struct lazy_symbol symbols[] = { NATS_FUNCTIONS(NATS_SYMBOL){
    NULL, NULL } };

int64_t bus_nats_ack_wait_s = 60;

/* One bus_consumer here. Touched on the loop only, but for `durable` and
 * `subject`, which never change. */
struct source {
    struct bus_consumer *c;
    char durable[96];
    char next_subject[160]; /* where pulls go */
    char inbox[64];         /* <inbox>.<n>; a pull's reply adds its number */
    natsSubscription *sub;
    int held;         /* deliveries not finished */
    int pull_left;    /* messages the open pull may still bring */
    int64_t pull_no;  /* number of the open or last pull */
    int64_t pull_end; /* clock_us after which its answer must be lost */
    struct source *next;
};

static struct {
    char *url;
    char inbox[48];
    natsConnection *conn;   /* written once, by the connecting thread */
    bool connecting;        /* that thread runs */
    bool setting_up, again; /* the other one runs; once more after it */
    bool up;                /* the socket is connected */
    bool usable;            /* and the stream is there */
    bool stopping;
    struct source *sources;
    int source_count;
    natsSubscription *ack_sub;
    int64_t pub_no;
    struct {
        int64_t no;
        struct bus_pub *op;
    } pending[PENDING_MAX];
    struct timer *tick;
    void (*close_done)(void *arg);
    void *close_arg;
} bus;

static void set_up(void);
static void close_when_quiet(void);

/* Run fn on a detached thread; its last act is a loop_post. */
static void in_thread(void *(*fn)(void *))
{
    pthread_t t;
    pthread_attr_t attr;

    if (pthread_attr_init(&attr) != 0 ||
        pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED) != 0 ||
        pthread_create(&t, &attr, fn, NULL) != 0)
        abort();
    (void)pthread_attr_destroy(&attr);
}

/* ---- connection ---------------------------------------------------------- */

static void on_up(void *arg)
{
    (void)arg;
    bus.up = true;
    if (!bus.connecting) /* else bus.conn may not be written yet */
        set_up();
}

static void on_down(void *arg)
{
    (void)arg;
    bus.up = bus.usable = false;
    for (size_t i = 0; i < PENDING_MAX; i++) {
        struct bus_pub *op = bus.pending[i].op;

        bus.pending[i].op = NULL;
        if (op != NULL)
            bus_published(op, ERR_UNCERTAIN);
    }
    /* the server has forgotten our pulls */
    for (struct source *s = bus.sources; s != NULL; s = s->next)
        s->pull_left = 0;
}

static void up_cb(natsConnection *nc, void *arg)
{
    (void)nc;
    loop_post(on_up, arg);
}

static void down_cb(natsConnection *nc, void *arg)
{
    (void)nc;
    loop_post(on_down, arg);
}

static natsStatus options(natsOptions **o)
{
    natsStatus s = nats.nats_SetMessageDeliveryPoolSize(1);

    if (s == NATS_OK)
        s = nats.natsOptions_Create(o);
    if (s == NATS_OK)
        s = nats.natsOptions_SetURL(*o, bus.url);
    if (s == NATS_OK)
        s = nats.natsOptions_SetName(*o, "bodega");
    if (s == NATS_OK)
        s = nats.natsOptions_SetMaxReconnect(*o, -1);
    if (s == NATS_OK)
        s = nats.natsOptions_SetReconnectWait(*o, 250);
    if (s == NATS_OK)
        s = nats.natsOptions_SetReconnectJitter(*o, 750, 750);
    if (s == NATS_OK)
        s = nats.natsOptions_SetPingInterval(*o, 10000);
    if (s == NATS_OK)
        s = nats.natsOptions_SetRetryOnFailedConnect(*o, true, up_cb, NULL);
    if (s == NATS_OK)
        s = nats.natsOptions_SetReconnectedCB(*o, up_cb, NULL);
    if (s == NATS_OK)
        s = nats.natsOptions_SetDisconnectedCB(*o, down_cb, NULL);
    /* one delivering thread instead of one per subscription */
    if (s == NATS_OK)
        s = nats.natsOptions_UseGlobalMessageDelivery(*o, true);
    return s;
}

static void connecting_over(void *arg)
{
    (void)arg;
    bus.connecting = false;
    if (bus.up)
        set_up();
    close_when_quiet();
}

static void *connect_main(void *arg)
{
    natsOptions *o = NULL;
    natsStatus s = options(&o);

    (void)arg;
    if (s == NATS_OK)
        s = nats.natsConnection_Connect(&bus.conn, o);
    nats.natsOptions_Destroy(o);
    if (s == NATS_OK)
        loop_post(on_up, NULL);
    else if (s != NATS_NOT_YET_CONNECTED)
        abort(); /* out of memory, or a URL that can never work */
    nats.nats_ReleaseThreadMemory();
    loop_post(connecting_over, NULL);
    return NULL;
}

static bool open_bus(const char *url)
{
    char token[ID_TOKEN_LEN + 1];

    if (!lazy_open("libnats.so.3.4", symbols))
        return false;
    id_token(token);
    (void)snprintf(bus.inbox, sizeof(bus.inbox), "_INBOX.%.22s", token);
    bus.url = strdup(url);
    if (bus.url == NULL)
        abort();
    bus.connecting = true;
    in_thread(connect_main);
    return true;
}

static const char *trouble(void)
{
    if (bus.usable)
        return NULL;
    return bus.up ? "NATS has no stream yet" : "NATS is not connected";
}

static bool ready(const char *subject)
{
    (void)subject;
    return bus.usable;
}

/* ---- publishing ---------------------------------------------------------- */

struct pub_answer {
    int64_t no;
    enum err err;
};

static void on_answer(void *arg)
{
    struct pub_answer *a = arg;
    size_t slot = (size_t)a->no & (PENDING_MAX - 1);
    struct bus_pub *op = bus.pending[slot].op;

    if (op != NULL && bus.pending[slot].no == a->no) {
        bus.pending[slot].op = NULL;
        bus_published(op, a->err);
    }
    free(a);
}

/* {"stream":"BODEGA","seq":1} or {"error":{...}}; no responders: no stream */
static void ack_cb(natsConnection *nc, natsSubscription *sub, natsMsg *msg,
                   void *arg)
{
    struct pub_answer *a = malloc(sizeof(*a));
    const char *dot = strrchr(nats.natsMsg_GetSubject(msg), '.');
    const char *data = nats.natsMsg_GetData(msg);

    (void)nc;
    (void)sub;
    (void)arg;
    if (a == NULL)
        abort();
    a->no = strtoll(dot != NULL ? dot + 1 : "0", NULL, 10);
    a->err = OK;
    if (nats.natsMsg_IsNoResponders(msg) || data == NULL ||
        strstr(data, "\"error\"") != NULL)
        a->err = ERR_UNAVAILABLE;
    nats.natsMsg_Destroy(msg);
    loop_post(on_answer, a);
}

static natsMsg *message(const struct bus_wire *m, const char *reply)
{
    struct arena *a = arena_new(0);
    natsMsg *msg = NULL;
    natsStatus s = NATS_OK;

    if (m->data_len > INT32_MAX ||
        nats.natsMsg_Create(&msg, m->subject, reply, m->data,
                            (int)m->data_len) != NATS_OK) {
        arena_free(a);
        return NULL;
    }
    for (size_t i = 0; i < m->count && s == NATS_OK; i++)
        s = nats.natsMsgHeader_Set(msg, m->headers[i].name,
                                   bus_header_escape(a, m->headers[i].value));
    if (s == NATS_OK)
        s = nats.natsMsgHeader_Set(msg, "Nats-Msg-Id",
                                   bus_header_escape(a, m->msg_id));
    arena_free(a);
    if (s == NATS_OK)
        return msg;
    nats.natsMsg_Destroy(msg);
    return NULL;
}

static void publish(const struct bus_wire *m, struct bus_pub *op)
{
    int64_t no = ++bus.pub_no;
    size_t slot = (size_t)no & (PENDING_MAX - 1);
    char reply[96];
    natsMsg *msg;
    natsStatus s;

    if (!bus.usable ||
        (bus.pending[slot].op != NULL && !bus.pending[slot].op->abandoned)) {
        bus_published(op, bus.usable ? ERR_OVERLOAD : ERR_UNAVAILABLE);
        return;
    }
    if (bus.pending[slot].op != NULL)
        bus_published(bus.pending[slot].op, ERR_UNCERTAIN);
    bus.pending[slot].op = NULL;
    (void)snprintf(reply, sizeof(reply), "%s.p.%" PRId64, bus.inbox, no);
    msg = message(m, reply);
    if (msg == NULL) {
        bus_published(op, ERR_INTERNAL);
        return;
    }
    s = nats.natsConnection_PublishMsg(bus.conn, msg);
    nats.natsMsg_Destroy(msg);
    if (s == NATS_OK) {
        bus.pending[slot].no = no;
        bus.pending[slot].op = op;
    } else {
        bus_published(op,
                      s == NATS_MAX_PAYLOAD ? ERR_TOO_LARGE : ERR_UNAVAILABLE);
    }
}

/* ---- consuming ------------------------------------------------------------*/

static void pull(struct source *s)
{
    char reply[96], body[96];
    int room = s->c->limit - s->held;

    /* a few more only when a good part has room again: fewer requests */
    if (!bus.usable || bus.stopping || s->pull_left > 0 ||
        room < (s->c->limit + 3) / 4)
        return;
    s->pull_no++;
    s->pull_left = room;
    s->pull_end = clock_us() + (PULL_S + 10) * INT64_C(1000000);
    (void)snprintf(reply, sizeof(reply), "%s.%" PRId64, s->inbox, s->pull_no);
    (void)snprintf(body, sizeof(body), "{\"batch\":%d,\"expires\":%" PRId64 "}",
                   room, PULL_S * NS_PER_S);
    if (nats.natsConnection_PublishRequest(bus.conn, s->next_subject, reply,
                                           body, (int)strlen(body)) != NATS_OK)
        s->pull_left = 0; /* the tick tries again */
}

static void tick(void *arg)
{
    (void)arg;
    for (struct source *s = bus.sources; s != NULL; s = s->next) {
        if (s->pull_left > 0 && clock_us() > s->pull_end)
            s->pull_left = 0;
        pull(s);
    }
    if (bus.up && !bus.usable && !bus.connecting)
        set_up();
    bus.tick = timer_start(TICK_MS, tick, NULL);
}

/* The end of a pull: 404 and 408 in the ordinary way; 409 when the consumer
 * was deleted or the server leaves, 503 when there is no consumer. */
static void on_status(struct source *s, natsMsg *msg, const char *status)
{
    const char *dot = strrchr(nats.natsMsg_GetSubject(msg), '.');

    if (dot == NULL || strtoll(dot + 1, NULL, 10) != s->pull_no)
        return; /* of an older pull */
    s->pull_left = 0;
    if (strcmp(status, "404") == 0 || strcmp(status, "408") == 0)
        pull(s);
    else
        bus.usable = false; /* the tick sets up again */
}

/* Tokens of a reply subject, counted from the end of the nine-token form
 * $JS.ACK.<stream>.<consumer>.<delivered>.<seq>.<consumer seq>.<time>.<pending>
 * or the twelve-token form with a domain and account in front and a random
 * token at the end. */
static void place(struct delivery *d, const char *reply)
{
    int dots = 0;
    const char *token[12] = { reply }, *seq;

    for (const char *p = reply; *p != '\0'; p++)
        if (*p == '.' && ++dots < 12)
            token[dots] = p + 1;
    d->lag = -1;
    d->ref = reply;
    if (dots != 8 && dots != 11)
        return;
    seq = token[dots == 8 ? 5 : 7];
    d->ref = arena_strndup(d->arena, seq, strcspn(seq, "."));
    d->lag = strtoll(token[dots == 8 ? 8 : 10], NULL, 10);
}

static void read_headers(struct delivery *d, natsMsg *msg)
{
    const char **keys = NULL;
    int count = 0;

    if (nats.natsMsgHeader_Keys(msg, &keys, &count) != NATS_OK)
        return;
    for (int i = 0; i < count; i++) {
        const char *raw = NULL, *value;

        if (strncmp(keys[i], "Nats-", 5) == 0 ||
            nats.natsMsgHeader_Get(msg, keys[i], &raw) != NATS_OK)
            continue;
        value = bus_header_unescape(d->arena, raw);
        if (value != NULL)
            bus_wire_add(&d->wire, arena_strdup(d->arena, keys[i]),
                         arena_strdup(d->arena, value));
    }
    free(keys);
}

static void on_delivery(struct source *s, natsMsg *msg)
{
    struct arena *a = arena_new(2048);
    struct delivery *d = arena_alloc(a, sizeof(*d));
    int len = nats.natsMsg_GetDataLength(msg);
    const char *reply = arena_strdup(a, nats.natsMsg_GetReply(msg));

    d->arena = a;
    d->consumer = s->c;
    d->driver = arena_strdup(a, reply);
    d->wire.subject = s->c->subject;
    d->wire.data = arena_strndup(a, nats.natsMsg_GetData(msg), (size_t)len);
    d->wire.data_len = (size_t)len;
    read_headers(d, msg);
    place(d, reply);
    s->held++;
    if (s->pull_left > 0)
        s->pull_left--;
    bus_deliver(d);
    pull(s);
}

struct arrival {
    struct source *s;
    natsMsg *msg;
};

static void on_arrival(void *arg)
{
    struct arrival *in = arg;
    const char *status = NULL;

    if (nats.natsMsg_GetReply(in->msg) != NULL)
        on_delivery(in->s, in->msg);
    else if (nats.natsMsgHeader_Get(in->msg, "Status", &status) == NATS_OK)
        on_status(in->s, in->msg, status);
    nats.natsMsg_Destroy(in->msg);
    free(in);
}

static void arrival_cb(natsConnection *nc, natsSubscription *sub, natsMsg *msg,
                       void *arg)
{
    struct arrival *in = malloc(sizeof(*in));

    (void)nc;
    (void)sub;
    if (in == NULL)
        abort();
    *in = (struct arrival){ arg, msg };
    loop_post(on_arrival, in);
}

static void answer(const struct delivery *d, const char *word)
{
    /* an answer that is lost costs one more delivery, nothing else */
    if (bus.conn != NULL)
        (void)nats.natsConnection_Publish(bus.conn, d->driver, word,
                                          (int)strlen(word));
}

/* What is handed back at once while we stop would come straight back: our pull
 * is still open. (Closing it first is worse: nats-server 2.9 then mislays the
 * first of them until its ack wait is over.) In nanoseconds. */
#define NAK_LATER "-NAK {\"delay\":1000000000}"

static void finish(struct delivery *d, bool done)
{
    struct source *s = d->consumer->driver;

    answer(d, done ? "+ACK" : bus.stopping ? NAK_LATER : "-NAK");
    s->held--;
    pull(s);
}

static void touch(struct delivery *d)
{
    answer(d, "+WPI");
}

static void consume(struct bus_consumer *list)
{
    for (; list != NULL; list = list->next) {
        struct source *s = calloc(1, sizeof(*s));

        if (s == NULL)
            abort();
        s->c = list;
        list->driver = s;
        (void)snprintf(s->durable, sizeof(s->durable), "%s-%s", list->group,
                       list->subject + strlen("bodega."));
        /* a durable's name may have no dots */
        for (char *p = s->durable; *p != '\0'; p++)
            if (*p == '.')
                *p = '_';
        (void)snprintf(s->next_subject, sizeof(s->next_subject),
                       "$JS.API.CONSUMER.MSG.NEXT." STREAM ".%s", s->durable);
        (void)snprintf(s->inbox, sizeof(s->inbox), "%s.%d", bus.inbox,
                       bus.source_count++);
        s->next = bus.sources;
        bus.sources = s;
    }
    if (bus.tick == NULL)
        bus.tick = timer_start(TICK_MS, tick, NULL);
    if (bus.up && !bus.connecting)
        set_up();
}

/* ---- stream and consumers -------------------------------------------------*/

static bool ensure_stream(jsCtx *js)
{
    const char *subjects[] = { "bodega.>" };
    jsStreamConfig cfg;
    jsStreamInfo *info = NULL;
    natsStatus s;

    if (nats.js_GetStreamInfo(&info, js, STREAM, NULL, NULL) == NATS_OK) {
        nats.jsStreamInfo_Destroy(info);
        return true;
    }
    if (nats.jsStreamConfig_Init(&cfg) != NATS_OK)
        return false;
    cfg.Name = STREAM;
    cfg.Subjects = subjects;
    cfg.SubjectsLen = 1;
    cfg.Storage = js_FileStorage;
    cfg.MaxAge = KEEP_DAYS * 24 * 3600 * NS_PER_S;
    s = nats.js_AddStream(NULL, js, &cfg, NULL, NULL);
    return s == NATS_OK;
}

static bool ensure_consumer(jsCtx *js, const struct source *src)
{
    jsConsumerConfig cfg;
    jsConsumerInfo *info = NULL;

    if (nats.js_GetConsumerInfo(&info, js, STREAM, src->durable, NULL, NULL) ==
        NATS_OK) {
        nats.jsConsumerInfo_Destroy(info);
        return true;
    }
    if (nats.jsConsumerConfig_Init(&cfg) != NATS_OK)
        return false;
    cfg.Durable = src->durable;
    cfg.DeliverPolicy = js_DeliverAll;
    cfg.AckPolicy = js_AckExplicit;
    cfg.AckWait = bus_nats_ack_wait_s * NS_PER_S;
    cfg.MaxAckPending = src->c->limit;
    cfg.FilterSubject = src->c->subject;
    return nats.js_AddConsumer(NULL, js, STREAM, &cfg, NULL, NULL) == NATS_OK;
}

/* Subscriptions outlive reconnects; made once. */
static bool ensure_inboxes(void)
{
    char subject[96];

    if (bus.ack_sub == NULL) {
        (void)snprintf(subject, sizeof(subject), "%s.p.*", bus.inbox);
        if (nats.natsConnection_Subscribe(&bus.ack_sub, bus.conn, subject,
                                          ack_cb, NULL) != NATS_OK)
            return false;
    }
    for (struct source *s = bus.sources; s != NULL; s = s->next) {
        if (s->sub != NULL)
            continue;
        (void)snprintf(subject, sizeof(subject), "%s.*", s->inbox);
        if (nats.natsConnection_Subscribe(&s->sub, bus.conn, subject,
                                          arrival_cb, s) != NATS_OK)
            return false;
        /* pulls bound what can come; the library need not drop any */
        (void)nats.natsSubscription_SetPendingLimits(s->sub, -1, -1);
    }
    return true;
}

static void set_up_over(void *arg)
{
    bool ok = arg != NULL;

    bus.setting_up = false;
    if (bus.close_done != NULL) {
        close_when_quiet();
        return;
    }
    if (bus.again) {
        bus.again = false;
        set_up();
        return;
    }
    if (!ok || !bus.up || !ensure_inboxes())
        return; /* the tick or the next connect tries again */
    bus.usable = true;
    for (struct source *s = bus.sources; s != NULL; s = s->next)
        pull(s);
    bus_ready();
}

static void *set_up_main(void *arg)
{
    static char yes;
    jsCtx *js = NULL;
    bool ok = nats.natsConnection_JetStream(&js, bus.conn, NULL) == NATS_OK;

    (void)arg;
    ok = ok && ensure_stream(js);
    for (struct source *s = bus.sources; ok && s != NULL; s = s->next)
        ok = ensure_consumer(js, s);
    nats.jsCtx_Destroy(js);
    nats.nats_ReleaseThreadMemory();
    loop_post(set_up_over, ok ? &yes : NULL);
    return NULL;
}

static void set_up(void)
{
    if (bus.stopping)
        return;
    if (bus.tick == NULL)
        bus.tick = timer_start(TICK_MS, tick, NULL);
    bus.again = bus.setting_up;
    if (bus.setting_up)
        return;
    bus.setting_up = true;
    in_thread(set_up_main);
}

/* ---- the end -------------------------------------------------------------*/

static void stop(void)
{
    bus.stopping = true;
}

static void closed(void *arg)
{
    (void)arg;
    free(bus.url);
    bus.url = NULL;
    while (bus.sources != NULL) {
        struct source *s = bus.sources;

        bus.sources = s->next;
        free(s);
    }
    bus.close_done(bus.close_arg);
}

static void *close_main(void *arg)
{
    (void)arg;
    (void)nats.natsConnection_FlushTimeout(bus.conn, 2000);
    nats.natsSubscription_Destroy(bus.ack_sub);
    for (struct source *s = bus.sources; s != NULL; s = s->next)
        nats.natsSubscription_Destroy(s->sub);
    nats.natsConnection_Destroy(bus.conn);
    nats.nats_ReleaseThreadMemory();
    nats.nats_CloseAndWait(2000);
    loop_post(closed, NULL);
    return NULL;
}

/* Once no thread of ours uses the connection. */
static void close_when_quiet(void)
{
    if (bus.close_done == NULL || bus.connecting || bus.setting_up)
        return;
    timer_cancel(bus.tick);
    bus.tick = NULL;
    on_down(NULL);
    in_thread(close_main);
}

static void close_bus(void (*done)(void *arg), void *arg)
{
    bus.stopping = true;
    bus.close_done = done;
    bus.close_arg = arg;
    close_when_quiet();
}

const struct bus_driver bus_nats = {
    .open = open_bus,
    .trouble = trouble,
    .ready = ready,
    .publish = publish,
    .consume = consume,
    .finish = finish,
    .touch = touch,
    .stop = stop,
    .close = close_bus,
};
