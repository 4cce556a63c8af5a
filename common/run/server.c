/* server - see server.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "run/conn.h"
#include "run/server.h"
#include "sched/loop.h"

#define BACKLOG 1024
/* Connections the kernel has already accepted for us are served, not reset. */
#define STOP_MS 100

static uv_tcp_t listener;
static bool listening;

static void die(const char *what, int error)
{
    fprintf(stderr, "%s: cannot %s %s port %d: %s\n", runtime.f->name, what,
            runtime.host, (int)runtime.port, strerror(error));
    exit(1);
}

static socklen_t make_address(struct sockaddr_storage *ret)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;
    in_port_t port = htons((uint16_t)runtime.port);

    memset(ret, 0, sizeof(*ret));
    if (inet_pton(AF_INET, runtime.host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = port;
        return sizeof(*v4);
    }
    (void)inet_pton(AF_INET6, runtime.host, &v6->sin6_addr);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = port;
    return sizeof(*v6);
}

static int open_socket(void)
{
    struct sockaddr_storage address;
    socklen_t len = make_address(&address);
    int on = 1;
    int off = 0;
    int fd = socket(address.ss_family,
                    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        die("open", errno);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    /* inherited by every accepted connection: one call instead of one each */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (address.ss_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    if (runtime.workers > 1)
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)&address, len) != 0)
        die("bind", errno);
    return fd;
}

static void on_connection(uv_stream_t *s, int status)
{
    if (status == 0)
        conn_accept(s);
}

void server_listen(void)
{
    int e;

    uv_tcp_init(loop_get(), &listener);
    e = uv_tcp_open(&listener, open_socket());
    if (e == 0)
        e = uv_listen((uv_stream_t *)&listener, BACKLOG, on_connection);
    if (e != 0)
        die("listen on", -e);
    listening = true;
}

bool server_listening(void)
{
    return listening;
}

static void stop(void *arg)
{
    (void)arg;
    listening = false;
    uv_close((uv_handle_t *)&listener, NULL);
    drain_check();
}

void server_stop(void)
{
    if (listening) /* --setup never did */
        timer_start(STOP_MS, stop, NULL);
}

/* ---- workers ------------------------------------------------------------- */

static void tell_all(const pid_t *pids, int n, int signal)
{
    for (int i = 0; i < n; i++) {
        if (pids[i] > 0)
            kill(pids[i], signal);
    }
}

static void forget(pid_t *pids, int n, pid_t pid)
{
    for (int i = 0; i < n; i++) {
        if (pids[i] == pid)
            pids[i] = 0;
    }
}

/* Wait for every worker; one that dies takes the others with it, and whoever
 * started us starts us anew. */
static int watch_workers(pid_t *pids, int n, const sigset_t *set)
{
    int left = n;
    int code = 0;
    int signal;

    while (left > 0 && sigwait(set, &signal) == 0) {
        int status;
        pid_t pid;

        if (signal != SIGCHLD) {
            tell_all(pids, n, SIGTERM);
            continue;
        }
        while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
            forget(pids, n, pid);
            left--;
            if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
                continue;
            code = 1;
            tell_all(pids, n, SIGTERM);
        }
    }
    return code;
}

void server_fork(void)
{
    static pid_t pids[256];
    int n = (int)runtime.workers;
    sigset_t set;
    sigset_t old;

    if (n <= 1)
        return;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, &old);
    for (int i = 0; i < n; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            prctl(PR_SET_PDEATHSIG, SIGTERM);
            sigprocmask(SIG_SETMASK, &old, NULL);
            return;
        }
        if (pids[i] < 0)
            die("fork for", errno);
    }
    exit(watch_workers(pids, n, &set));
}
