/* curl_loop - sockets become uv_poll handles and the one timeout a timer;
 * curl_multi_socket_action(3) describes the dance. */
#include <assert.h>
#include "io/curl_loop.h"
#include "sched/loop.h"
#include "sched/task.h"

#define CONNECT_TIMEOUT_MS 1000L
/* Idle connections kept over all destinations, and for how long: shorter
 * than servers commonly keep theirs, so that few are closed under us. */
#define IDLE_CONNECTIONS 256L
#define IDLE_SECONDS     30L

struct curl_api cu;
#define CU_SYMBOL(f) LAZY_SYMBOL(cu, f)
static const struct lazy_symbol symbols[] = { CURL_FUNCTIONS(CU_SYMBOL){
    NULL, NULL } };

static CURLM *multi;
static struct timer *timeout;

struct transfer {
    struct await wait;
    CURLcode code;
};

struct watch {
    uv_poll_t poll;
    curl_socket_t fd;
};

static void must(CURLMcode code)
{
    /* Only misuse and lack of memory end here. */
    if (code != CURLM_OK)
        abort();
}

/* Take out what has ended and wake its task. */
static void collect(void)
{
    CURLMsg *msg;
    int left;

    while ((msg = cu.curl_multi_info_read(multi, &left)) != NULL) {
        CURL *easy = msg->easy_handle;
        CURLcode code = msg->data.result;
        char *private = NULL;
        struct transfer *t;

        (void)cu.curl_easy_getinfo(easy, CURLINFO_PRIVATE, &private);
        t = (struct transfer *)(void *)private;
        must(cu.curl_multi_remove_handle(multi, easy));
        t->code = code;
        await_done(&t->wait);
    }
}

static void act(curl_socket_t fd, int events)
{
    int running;

    must(cu.curl_multi_socket_action(multi, fd, events, &running));
    collect();
}

static void on_timeout(void *arg)
{
    (void)arg;
    timeout = NULL;
    act(CURL_SOCKET_TIMEOUT, 0);
}

static int timer_wanted(CURLM *m, long ms, void *arg)
{
    (void)m;
    (void)arg;
    timer_cancel(timeout);
    timeout = ms >= 0 ? timer_start(ms, on_timeout, NULL) : NULL;
    return 0;
}

static void on_socket(uv_poll_t *poll, int status, int events)
{
    struct watch *w = poll->data;
    int flags = 0;

    if (status < 0)
        flags = CURL_CSELECT_ERR;
    if ((events & UV_READABLE) != 0)
        flags |= CURL_CSELECT_IN;
    if ((events & UV_WRITABLE) != 0)
        flags |= CURL_CSELECT_OUT;
    act(w->fd, flags);
}

static void watch_closed(uv_handle_t *h)
{
    free(h->data);
}

static struct watch *watch_new(curl_socket_t fd)
{
    struct watch *w = calloc(1, sizeof(*w));

    if (w == NULL || uv_poll_init_socket(loop_get(), &w->poll, fd) != 0)
        abort();
    w->fd = fd;
    w->poll.data = w;
    return w;
}

static int socket_wanted(CURL *easy, curl_socket_t fd, int what, void *arg,
                         void *known)
{
    struct watch *w = known;
    int events = 0;

    (void)easy;
    (void)arg;
    if (what == CURL_POLL_REMOVE) {
        if (w != NULL)
            uv_close((uv_handle_t *)&w->poll, watch_closed);
        return 0;
    }
    if (w == NULL) {
        w = watch_new(fd);
        must(cu.curl_multi_assign(multi, fd, w));
    }
    if ((what & CURL_POLL_IN) != 0)
        events |= UV_READABLE;
    if ((what & CURL_POLL_OUT) != 0)
        events |= UV_WRITABLE;
    if (uv_poll_start(&w->poll, events, on_socket) != 0)
        abort();
    return 0;
}

bool curl_loop_open(void)
{
    if (multi != NULL)
        return true;
    if (!lazy_open("libcurl.so.4", symbols))
        return false;
    if (cu.curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return false;
    multi = cu.curl_multi_init();
    if (multi == NULL)
        abort();
    must(cu.curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, socket_wanted));
    must(cu.curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, timer_wanted));
    must(cu.curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, IDLE_CONNECTIONS));
    return true;
}

CURL *curl_loop_easy(const char *protocols)
{
    CURL *e = cu.curl_easy_init();

    if (e == NULL)
        abort();
    (void)cu.curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    /* Cancelling a call must not wait for the resolver's thread. */
    (void)cu.curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L);
    (void)cu.curl_easy_setopt(e, CURLOPT_PROXY, "");
    (void)cu.curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, protocols);
    (void)cu.curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
    (void)cu.curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
    (void)cu.curl_easy_setopt(e, CURLOPT_MAXAGE_CONN, IDLE_SECONDS);
    return e;
}

bool curl_loop_run(CURL *easy, int64_t deadline_us, CURLcode *ret)
{
    struct transfer t = { .code = CURLE_OK };

    assert(multi != NULL);
    (void)cu.curl_easy_setopt(easy, CURLOPT_PRIVATE, &t);
    must(cu.curl_multi_add_handle(multi, easy));
    if (!await_until(&t.wait, deadline_us)) {
        must(cu.curl_multi_remove_handle(multi, easy));
        return false;
    }
    *ret = t.code;
    return true;
}

void curl_loop_close(void)
{
    if (multi == NULL)
        return;
    must(cu.curl_multi_cleanup(multi));
    multi = NULL;
    timer_cancel(timeout);
    timeout = NULL;
}

void curl_loop_append(struct curl_slist **list, const char *line)
{
    struct curl_slist *longer = cu.curl_slist_append(*list, line);

    if (longer == NULL)
        abort();
    *list = longer;
}
