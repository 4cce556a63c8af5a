#include "io/resolve.h"
#include <arpa/inet.h>
#include <netdb.h>
#include <stdbool.h>
#include "sched/loop.h"

struct resolve {
    uv_getaddrinfo_t uv; /* first: the handle is the object */
    resolve_fn *fn;      /* NULL once cancelled */
    void *arg;
};

static bool is_numeric(const char *host)
{
    unsigned char raw[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, host, raw) == 1 ||
           inet_pton(AF_INET6, host, raw) == 1;
}

static void on_answer(uv_getaddrinfo_t *uv, int status, struct addrinfo *list)
{
    struct resolve *q = (struct resolve *)(void *)uv;
    char text[RESOLVE_MAX][INET6_ADDRSTRLEN];
    const char *all[RESOLVE_MAX];
    int n = 0;
    for (struct addrinfo *a = list; status == 0 && a && n < RESOLVE_MAX;
         a = a->ai_next)
        if (getnameinfo(a->ai_addr, a->ai_addrlen, text[n], sizeof(text[n]),
                        NULL, 0, NI_NUMERICHOST) == 0) {
            all[n] = text[n];
            n++;
        }
    if (q->fn)
        q->fn(q->arg, all, n);
    uv_freeaddrinfo(list);
    free(q);
}

struct resolve *resolve_start(const char *host, resolve_fn *fn, void *arg)
{
    if (is_numeric(host)) {
        fn(arg, &host, 1);
        return NULL;
    }
    static const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
    struct resolve *q = calloc(1, sizeof(*q));
    if (q) {
        q->fn = fn;
        q->arg = arg;
        if (uv_getaddrinfo(loop_get(), &q->uv, on_answer, host, NULL, &hints) ==
            0)
            return q;
        free(q);
    }
    fn(arg, NULL, 0);
    return NULL;
}

void resolve_cancel(struct resolve *q)
{
    if (q)
        q->fn = NULL;
}
