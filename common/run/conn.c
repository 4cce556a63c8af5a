/* conn - see conn.h. */
#include <assert.h>
#include <sys/socket.h>
#include "run/conn.h"
#include "sched/loop.h"

#define CONN_MAGIC     0x636f6e6eu
#define READ_BYTES     65536 /* one buffer for all: used within a callback */
#define AHEAD_MAX      16384 /* pipelined bytes kept while one request runs */
#define DISCARD_MAX    65536 /* body of a refused request read to keep alive */
#define LINGER_MAX     ((size_t)1024 * 1024)
#define SWEEP_MS       250
#define HEAD_US        ((int64_t)5000000)
#define IDLE_US        ((int64_t)60000000)
#define LINGER_US      ((int64_t)2000000)
#define FRESH_DRAIN_US ((int64_t)500000)
#define OVERTIME_US    ((int64_t)1000000)
/* Slower than RATE_BYTES in a window is cut off: 1 KiB/s after a grace. */
#define RATE_WINDOW_US ((int64_t)5000000)
#define RATE_BYTES     5120

enum conn_state {
    CONN_IDLE,   /* no request begun */
    CONN_HEAD,   /* reading a head */
    CONN_BODY,   /* reading a body */
    CONN_RUN,    /* the handler has it */
    CONN_FLUSH,  /* the answer is on its way */
    CONN_LINGER, /* answered for good; reading what is still coming */
    CONN_CLOSING
};

struct list {
    struct conn *first;
    struct conn *last;
};

struct conn {
    uv_tcp_t tcp; /* first: a handle is its connection */
    uint32_t magic;
    enum conn_state state;
    struct conn *prev;
    struct conn *next;
    struct list *in;         /* which list it is in */
    struct http_exchange *x; /* not when IDLE, FLUSH or LINGER */
    int64_t until_us;        /* end of patience with this state */
    int64_t window_us;       /* rate window of a body or an answer */
    size_t window_bytes;
    char *ahead; /* pipelined bytes; malloc'ed */
    size_t ahead_len;
    size_t behind; /* bytes of the current read behind this request */
    unsigned served;
    int writes; /* uv_write requests in flight */
    size_t lingered;
    bool in_input; /* conn_input is on the C stack and goes on by itself */
    bool resume_queued;
    bool closed; /* the handle is closed; freed when nothing is queued */
    bool eof;
    bool paused;
    bool close_after; /* FLUSH: then close */
    bool linger_after;
};

struct write {
    uv_write_t uv;
    struct conn *conn;
    char bytes[];
};

static struct list idle;
static struct list busy;
static size_t connections;
static struct timer *sweep_timer;
static char read_buffer[READ_BYTES];

static void conn_input(struct conn *c, const char *data, size_t len);
static void conn_go_on(struct conn *c);

/* ---- lists ---------------------------------------------------------- */

static void list_remove(struct conn *c)
{
    struct list *l = c->in;

    *(c->prev != NULL ? &c->prev->next : &l->first) = c->next;
    *(c->next != NULL ? &c->next->prev : &l->last) = c->prev;
}

static void list_append(struct list *l, struct conn *c)
{
    c->in = l;
    c->next = NULL;
    c->prev = l->last;
    *(l->last != NULL ? &l->last->next : &l->first) = c;
    l->last = c;
}

static void set_state(struct conn *c, enum conn_state s)
{
    struct list *l = s == CONN_IDLE ? &idle : &busy;

    c->state = s;
    if (l == c->in && s != CONN_IDLE)
        return;
    list_remove(c);
    list_append(l, c);
}

size_t conn_count(void)
{
    return connections;
}

/* ---- the end -------------------------------------------------------- */

static void free_if_done(struct conn *c)
{
    if (!c->closed || c->resume_queued)
        return;
    c->magic = 0;
    free(c->ahead);
    free(c);
}

static void on_closed(uv_handle_t *h)
{
    struct conn *c = (struct conn *)h;

    c->closed = true;
    list_remove(c);
    connections--;
    free_if_done(c);
    drain_check();
}

static void wake_stream(struct http_exchange *x)
{
    if (x->stream_wait != NULL)
        await_done(x->stream_wait);
}

static void conn_close(struct conn *c)
{
    struct http_exchange *x = c->x;

    if (c->state == CONN_CLOSING)
        return;
    if (x != NULL) {
        c->x = NULL;
        x->conn = NULL;
        if (c->state == CONN_RUN)
            wake_stream(x);
        else
            exchange_free(x);
    }
    set_state(c, CONN_CLOSING);
    uv_close((uv_handle_t *)&c->tcp, on_closed);
}

/* Closing a socket with unread input resets the connection, and the reset
 * may overtake the answer (RFC 9112 section 9.6). So say that we are done and
 * read on for a while. */
static void conn_linger(struct conn *c)
{
    uv_os_fd_t fd;

    set_state(c, CONN_LINGER);
    c->until_us = clock_us() + LINGER_US;
    if (c->eof || uv_fileno((uv_handle_t *)&c->tcp, &fd) != 0 ||
        shutdown(fd, SHUT_WR) != 0)
        conn_close(c);
}

/* ---- output --------------------------------------------------------- */

static void on_written(uv_write_t *req, int status)
{
    struct write *w = (struct write *)req;
    struct conn *c = w->conn;

    assert(c->magic == CONN_MAGIC);
    free(w);
    c->writes--;
    if (c->state == CONN_CLOSING)
        return;
    if (status < 0) {
        conn_close(c);
        return;
    }
    if (c->state == CONN_RUN && c->x != NULL)
        wake_stream(c->x);
    else if (c->state == CONN_FLUSH && c->writes == 0)
        conn_go_on(c);
}

static void start_window(struct conn *c)
{
    c->window_us = clock_us() + RATE_WINDOW_US;
    c->window_bytes = 0;
}

/* What the socket does not take at once is copied and follows. False when the
 * connection is lost. */
static bool conn_write(struct conn *c, const uv_buf_t bufs[2])
{
    size_t total = bufs[0].len + bufs[1].len;
    size_t from_first;
    size_t skip;
    struct write *w;
    uv_buf_t rest;
    int n = uv_try_write((uv_stream_t *)&c->tcp, bufs, bufs[1].len > 0 ? 2 : 1);

    if (n < 0 && n != UV_EAGAIN)
        return false;
    skip = n > 0 ? (size_t)n : 0;
    if (skip == total)
        return true;
    w = malloc(sizeof(*w) + total - skip);
    if (w == NULL)
        return false;
    w->conn = c;
    from_first = skip < bufs[0].len ? bufs[0].len - skip : 0;
    memcpy(w->bytes, bufs[0].base + bufs[0].len - from_first, from_first);
    memcpy(w->bytes + from_first,
           bufs[1].base + (bufs[1].len - (total - skip - from_first)),
           total - skip - from_first);
    rest = uv_buf_init(w->bytes, (unsigned)(total - skip));
    if (c->writes == 0)
        start_window(c);
    c->writes++;
    if (uv_write(&w->uv, (uv_stream_t *)&c->tcp, &rest, 1, on_written) == 0)
        return true;
    c->writes--;
    free(w);
    return false;
}

static bool write_text(struct conn *c, const char *s, size_t len)
{
    const uv_buf_t bufs[2] = { { .base = (char *)(uintptr_t)s, .len = len },
                               { .base = NULL, .len = 0 } };

    return conn_write(c, bufs);
}

static bool send_answer(struct conn *c, struct http_exchange *x, bool close)
{
    bool no_body = x->is_head || x->status == 204 || x->status == 304;
    uv_buf_t bufs[2];
    struct buf b;

    buf_init(&b, x->r.arena);
    answer_head(&b, x, close);
    bufs[0] = (uv_buf_t){ .base = b.data, .len = b.len };
    bufs[1] = (uv_buf_t){ .base = (char *)(uintptr_t)x->reply,
                          .len = no_body ? 0 : x->reply_len };
    x->bytes_out += bufs[0].len + bufs[1].len;
    return conn_write(c, bufs);
}

void conn_answer(struct conn *c, struct http_exchange *x)
{
    bool unread = x->must_close;
    bool last = c->eof && c->behind == 0 && c->ahead_len == 0;
    bool close = unread || !x->head.keep_alive || runtime.draining || last;
    bool sent = true;

    assert(c->magic == CONN_MAGIC && c->x == x);
    if (!x->streaming)
        sent = send_answer(c, x, close);
    else if (!x->head.http_1_0 && !x->is_head)
        sent = write_text(c, "0\r\n\r\n", 5);
    close |= x->streaming && x->head.http_1_0;
    c->x = NULL;
    x->conn = NULL;
    c->served++;
    c->close_after = close;
    c->linger_after = unread;
    set_state(c, CONN_FLUSH);
    if (!sent)
        conn_close(c);
    else if (c->writes == 0)
        conn_go_on(c);
}

static void resume(void *arg)
{
    struct conn *c = arg;
    char *ahead = c->ahead;
    size_t len = c->ahead_len;

    c->resume_queued = false;
    if (c->closed) {
        free_if_done(c);
        return;
    }
    if (c->state != CONN_IDLE)
        return;
    assert(len > 0);
    c->ahead = NULL;
    c->ahead_len = 0;
    conn_input(c, ahead, len);
    free(ahead);
    if (c->eof && c->state <= CONN_BODY)
        conn_close(c);
}

static void on_alloc(uv_handle_t *h, size_t hint, uv_buf_t *ret)
{
    (void)h;
    (void)hint;
    *ret = uv_buf_init(read_buffer, sizeof(read_buffer));
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *b);

/* The answer is out: next request, or the end. */
static void conn_go_on(struct conn *c)
{
    assert(c->state == CONN_FLUSH && c->x == NULL);
    if (c->close_after && c->linger_after) {
        conn_linger(c);
        return;
    }
    if (c->close_after) {
        conn_close(c);
        return;
    }
    set_state(c, CONN_IDLE);
    c->until_us = clock_us() + IDLE_US;
    if (c->paused) {
        c->paused = false;
        uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read);
    }
    if (c->ahead_len > 0 && !c->in_input && !c->resume_queued) {
        c->resume_queued = true;
        loop_defer(resume, c);
    }
}

/* ---- input ---------------------------------------------------------- */

static void keep_ahead(struct conn *c, const char *data, size_t len)
{
    c->ahead = realloc(c->ahead, c->ahead_len + len);
    if (c->ahead == NULL)
        abort();
    memcpy(c->ahead + c->ahead_len, data, len);
    c->ahead_len += len;
    if (c->ahead_len >= AHEAD_MAX && !c->paused) {
        c->paused = true;
        uv_read_stop((uv_stream_t *)&c->tcp);
    }
}

/* Refuse what was read so far; the connection cannot go on. */
static void refuse(struct conn *c, enum err e, const char *why)
{
    struct http_exchange *x = c->x;

    if (x->r.magic != REQ_MAGIC)
        req_init(&x->r, x->r.arena, 5000, NULL);
    x->r.http = x;
    if (why != NULL)
        x->r.detail = why;
    x->must_close = true;
    if (x->label == NULL)
        x->label = "refused";
    set_state(c, CONN_RUN);
    dispatch_fail(x, e);
}

static size_t feed_body(struct conn *c, const char *data, size_t len)
{
    struct http_exchange *x = c->x;
    size_t used = 0;
    enum http1_result got = http1_body_feed(&x->body, data, len, &used);

    c->behind = len - used;
    c->window_bytes += used;
    if (got == HTTP1_BAD) {
        refuse(c, x->body.error, x->body.why);
    } else if (got == HTTP1_DONE) {
        set_state(c, CONN_RUN);
        dispatch_run(x);
    }
    return used;
}

/* A request that is refused for its head: when its body has come along with
 * it the connection goes on, else it ends here. */
static size_t refuse_head(struct conn *c, enum err e, const char *data,
                          size_t len)
{
    struct http_exchange *x = c->x;
    size_t used = 0;

    http1_body_init(&x->body, &x->head, DISCARD_MAX);
    if (http1_body_feed(&x->body, data, len, &used) != HTTP1_DONE)
        x->must_close = true;
    c->behind = len - used;
    set_state(c, CONN_RUN);
    dispatch_fail(x, e);
    return used;
}

static size_t head_done(struct conn *c, const char *data, size_t len)
{
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
    struct http_exchange *x = c->x;
    size_t max_body = 0;
    size_t used;
    enum err e = dispatch_head(x, &max_body);

    if (e != OK)
        return refuse_head(c, e, data, len);
    http1_body_init(&x->body, &x->head, max_body);
    set_state(c, CONN_BODY);
    start_window(c);
    used = feed_body(c, data, len);
    if (c->state == CONN_BODY && c->x == x && used == 0 &&
        x->head.expect_continue && !write_text(c, go_on, sizeof(go_on) - 1))
        conn_close(c);
    return used;
}

static size_t feed_head(struct conn *c, const char *data, size_t len)
{
    size_t used = 0;
    enum http1_result got;

    if (c->state == CONN_IDLE) {
        c->x = exchange_new(c);
        set_state(c, CONN_HEAD);
        c->until_us = c->x->start_us + HEAD_US;
    }
    got = http1_head_feed(&c->x->head, data, len, &used);
    if (got == HTTP1_BAD)
        refuse(c, c->x->head.error, c->x->head.why);
    else if (got == HTTP1_DONE)
        used += head_done(c, data + used, len - used);
    return used;
}

static void conn_input(struct conn *c, const char *data, size_t len)
{
    c->in_input = true;
    while (len > 0 && c->state <= CONN_BODY) {
        size_t used = c->state == CONN_BODY ? feed_body(c, data, len)
                                            : feed_head(c, data, len);

        data += used;
        len -= used;
    }
    c->in_input = false;
    if (len > 0 && (c->state == CONN_RUN || c->state == CONN_FLUSH))
        keep_ahead(c, data, len);
}

static void on_eof(struct conn *c)
{
    c->eof = true;
    uv_read_stop((uv_stream_t *)&c->tcp);
    /* A client may close its side and still wait for the answer; one that
     * follows a stream has left. */
    if (c->state == CONN_RUN && c->x != NULL && !c->x->streaming)
        return;
    if (c->state == CONN_FLUSH || (c->state == CONN_IDLE && c->resume_queued))
        return;
    conn_close(c);
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *b)
{
    struct conn *c = (struct conn *)s;

    assert(c->magic == CONN_MAGIC);
    if (n == 0)
        return;
    if (n == UV_EOF) {
        on_eof(c);
    } else if (n < 0) {
        conn_close(c);
    } else if (c->state == CONN_LINGER) {
        c->lingered += (size_t)n;
        if (c->lingered > LINGER_MAX)
            conn_close(c);
    } else if (c->state <= CONN_BODY && c->ahead_len == 0) {
        conn_input(c, b->base, (size_t)n);
    } else if (c->state != CONN_CLOSING) {
        keep_ahead(c, b->base, (size_t)n);
    }
}

/* ---- streams -------------------------------------------------------- */

void conn_stream_begin(struct conn *c, struct http_exchange *x)
{
    assert(c->magic == CONN_MAGIC && c->x == x && x->streaming);
    if (c->eof || !send_answer(c, x, x->head.http_1_0 || !x->head.keep_alive))
        conn_close(c);
}

/* A chunk (RFC 9112 section 7.1), or the bytes alone for HTTP/1.0. Not in the
 * arena: a stream sends for a long time. */
static bool write_chunk(struct http_exchange *x, const char *data, size_t len)
{
    char *chunk = malloc(len + 24);
    int head = 0;
    size_t n;
    bool sent;

    if (chunk == NULL)
        return false;
    if (!x->head.http_1_0)
        head = snprintf(chunk, 20, "%zx\r\n", len);
    n = (size_t)head + len;
    memcpy(chunk + head, data, len);
    if (!x->head.http_1_0) {
        memcpy(chunk + n, "\r\n", 2);
        n += 2;
    }
    x->bytes_out += n;
    sent = write_text(x->conn, chunk, n);
    free(chunk);
    return sent;
}

bool conn_stream_send(struct http_exchange *x, const char *data, size_t len)
{
    struct await w = { 0 };

    if (x->conn == NULL)
        return false;
    if (!write_chunk(x, data, len)) {
        conn_close(x->conn);
        return false;
    }
    while (x->conn != NULL && x->conn->writes > 0 && !runtime.draining) {
        w = (struct await){ 0 };
        x->stream_wait = &w;
        (void)await_until(&w, 0);
        x->stream_wait = NULL;
    }
    return x->conn != NULL;
}

/* ---- patience ------------------------------------------------------- */

/* The handler has not ended a second after its deadline: answer for it. What
 * it says later is dropped. */
static void answer_overtime(struct conn *c)
{
    struct http_exchange *late = c->x;
    struct http_exchange *x = exchange_new(c);

    req_init(&x->r, x->r.arena, 0, NULL);
    x->r.trace = late->r.trace;
    x->r.http = x;
    x->head.http_1_0 = late->head.http_1_0;
    x->head.method = late->head.method;
    x->is_head = late->is_head;
    x->must_close = true;
    x->label = late->label;
    x->start_us = late->start_us;
    x->start_wall_us = late->start_wall_us;
    late->answered_for = true;
    late->conn = NULL;
    c->x = x;
    dispatch_fail(x, ERR_DEADLINE);
}

static bool window_too_slow(struct conn *c, int64_t now, size_t moved)
{
    if (now < c->window_us)
        return false;
    if (moved < RATE_BYTES)
        return true;
    start_window(c);
    return false;
}

static void check_writes(struct conn *c, int64_t now)
{
    /* window_bytes is the queue's length when the window began */
    size_t queued = uv_stream_get_write_queue_size((uv_stream_t *)&c->tcp);
    size_t moved = c->window_bytes > queued ? c->window_bytes - queued : 0;

    if (c->window_bytes == 0)
        c->window_bytes = queued;
    else if (window_too_slow(c, now, moved))
        conn_close(c);
}

static void check_run(struct conn *c, int64_t now)
{
    if (c->writes > 0)
        check_writes(c, now);
    else if (c->x != NULL && !c->x->streaming &&
             now > c->x->r.deadline_us + OVERTIME_US)
        answer_overtime(c);
}

static void check_busy(struct conn *c, int64_t now)
{
    switch (c->state) {
    case CONN_HEAD:
        if (now > c->until_us)
            refuse(c, ERR_CLIENT_SLOW, "the head took longer than 5 seconds");
        break;
    case CONN_BODY:
        if (window_too_slow(c, now, c->window_bytes))
            refuse(c, ERR_CLIENT_SLOW, "the body came slower than 1 KiB/s");
        break;
    case CONN_RUN:
        check_run(c, now);
        break;
    case CONN_FLUSH:
        check_writes(c, now);
        break;
    case CONN_LINGER:
        if (now > c->until_us)
            conn_close(c);
        break;
    default:
        break;
    }
}

static void sweep(void *arg)
{
    int64_t now = clock_us();
    struct conn *next;

    (void)arg;
    sweep_timer = NULL;
    for (struct conn *c = busy.first; c != NULL; c = next) {
        next = c->next;
        check_busy(c, now);
    }
    for (struct conn *c = idle.first; c != NULL; c = next) {
        next = c->next;
        if (now > c->until_us)
            conn_close(c);
    }
    if (connections > 0)
        sweep_timer = timer_start(SWEEP_MS, sweep, NULL);
}

/* ---- the beginning -------------------------------------------------- */

/* Room for one more: at the limit the connection that was idle longest gives
 * way. */
static bool make_room(void)
{
    if (connections < (size_t)runtime.max_connections)
        return true;
    if (idle.first == NULL)
        return false;
    conn_close(idle.first);
    return true;
}

void conn_accept(uv_stream_t *listener)
{
    bool room = make_room();
    struct conn *c = calloc(1, sizeof(*c));

    if (c == NULL)
        abort();
    c->magic = CONN_MAGIC;
    uv_tcp_init(loop_get(), &c->tcp);
    connections++;
    list_append(&idle, c);
    c->until_us = clock_us() + (runtime.draining ? FRESH_DRAIN_US : IDLE_US);
    if (uv_accept(listener, (uv_stream_t *)&c->tcp) != 0) {
        conn_close(c);
        return;
    }
    if (!room) {
        static const char busy_text[] =
            "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\n"
            "Content-Length: 0\r\nConnection: close\r\n\r\n";

        (void)write_text(c, busy_text, sizeof(busy_text) - 1);
        conn_linger(c);
    }
    uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read);
    if (sweep_timer == NULL)
        sweep_timer = timer_start(SWEEP_MS, sweep, NULL);
}

void conn_drain_all(void)
{
    int64_t now = clock_us();
    struct conn *next;

    for (struct conn *c = idle.first; c != NULL; c = next) {
        next = c->next;
        /* One that has not asked yet is probably about to. */
        if (c->served == 0)
            c->until_us = now + FRESH_DRAIN_US;
        else if (!c->resume_queued)
            conn_close(c);
    }
    for (struct conn *c = busy.first; c != NULL; c = c->next) {
        if (c->state == CONN_RUN && c->x != NULL)
            wake_stream(c->x);
        if (c->state == CONN_FLUSH)
            c->close_after = true;
    }
}
