/* log - a line is built in one static buffer and leaves in one write(2), with
 * others when they are held. A write is at most PIPE_BUF bytes long, because
 * only then does a pipe shared by several processes keep lines apart, and
 * takes them whole or not at all. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "obs/log.h"
#include "obs/metrics.h"

/* How fd 1 is written without ever waiting for its reader. */
enum sink { SINK_UNKNOWN, SINK_FILE, SINK_NONBLOCK, SINK_SOCKET, SINK_POLL };

#define LINE_MAX_BYTES ((size_t)PIPE_BUF)
/* Kept free for the end of the line: `,"cut":true`, `}` and the newline. */
#define LINE_TAIL ((size_t)16)
#define MSG_MAX   ((size_t)2048)

static struct {
    enum log_level level;
    enum sink sink;
    int fd;
    int64_t dropped; /* lines nobody has been told of */
    int64_t told;    /* of these, by a line that waits */
    bool hold;
    int lines; /* waiting */
    size_t waiting_len;
    char waiting[LINE_MAX_BYTES];
    char who[256]; /* ,"function":"cart","revision":"..." */
} lg = { .level = LOG_INFO, .fd = STDOUT_FILENO };

static struct metric dropped_total = {
    .name = "bodega_log_lines_dropped_total",
    .help = "Log lines that stdout did not take at once.",
    .kind = METRIC_COUNTER,
};

struct line {
    char *at;
    size_t len;
    size_t max;
    bool full; /* something did not fit */
};

static void put(struct line *l, const char *p, size_t len)
{
    if (l->full || len > l->max - l->len) {
        l->full = true;
        return;
    }
    memcpy(l->at + l->len, p, len);
    l->len += len;
}

static void put_str(struct line *l, const char *s)
{
    put(l, s, strlen(s));
}

static void put_int(struct line *l, int64_t v)
{
    char text[INT_TEXT_MAX + 1];

    put(l, text, int_text(v, text));
}

/* Terminals act on C0, DEL and C1 characters, and log readers that split at
 * Unicode line ends on U+2028 and U+2029. `n` is utf8_next's answer. */
static bool must_escape(const unsigned char *s, size_t n)
{
    if (n == 1)
        return s[0] < 0x20 || s[0] == 0x7f || s[0] == '"' || s[0] == '\\';
    if (n == 2)
        return s[0] == 0xc2 && s[1] < 0xa0;
    return n == 3 && s[0] == 0xe2 && s[1] == 0x80 &&
           (s[2] == 0xa8 || s[2] == 0xa9);
}

static void put_escape(struct line *l, const unsigned char *s, size_t n)
{
    unsigned code = 0xfffd;
    char text[8];

    if (n == 1 && (s[0] == '"' || s[0] == '\\')) {
        put(l, (const char[]){ '\\', (char)s[0] }, 2);
        return;
    }
    if (n == 1)
        code = s[0];
    else if (n == 2)
        code = s[1];
    else if (n == 3)
        code = 0x2000 + (s[2] & 0x3fu);
    (void)snprintf(text, sizeof(text), "\\u%04x", code);
    put(l, text, 6);
}

static void put_quoted(struct line *l, const char *s, size_t max)
{
    size_t len = strnlen(s, max);
    size_t from = 0; /* start of the run that needs no escape */

    put(l, "\"", 1);
    for (size_t i = 0; i < len && !l->full;) {
        const unsigned char *u = (const unsigned char *)s + i;
        size_t n;

        if (*u >= 0x20 && *u < 0x7f && *u != '"' && *u != '\\') {
            i++; /* nearly always */
            continue;
        }
        n = *u >= 0x80 ? utf8_next(s + i, len - i) : 1;
        if (n > 0 && !must_escape(u, n)) {
            i += n;
            continue;
        }
        put(l, s + from, i - from);
        put_escape(l, u, n);
        i += n > 0 ? n : 1;
        from = i;
    }
    put(l, s + from, len - from);
    put(l, "\"", 1);
}

static void put_member(struct line *l, const struct log_field *f)
{
    size_t before = l->len;

    put(l, ",\"", 2);
    put_str(l, f->name); /* ours: nothing in it needs an escape */
    put(l, "\":", 2);
    if (f->str != NULL)
        put_quoted(l, f->str, SIZE_MAX);
    else
        put_int(l, f->num);
    if (l->full)
        l->len = before; /* all of a field or nothing */
}

/* RFC 3339. Only the milliseconds change within a second. */
static void put_time(struct line *l)
{
    static char text[CLOCK_ISO_LEN + 1];
    static int64_t text_s = -1;
    int64_t now = clock_wall_us();
    int ms = (int)(now / 1000 % 1000);

    if (now / 1000000 != text_s) {
        clock_iso(now, text);
        text_s = now / 1000000;
    }
    text[20] = (char)('0' + ms / 100);
    text[21] = (char)('0' + ms / 10 % 10);
    text[22] = (char)('0' + ms % 10);
    put(l, text, CLOCK_ISO_LEN);
}

/* A private file description, so that O_NONBLOCK does not reach the other
 * processes that share this stdout. */
static void sink_find(void)
{
    struct stat st;
    int fd;

    lg.sink = SINK_POLL;
    if (fstat(STDOUT_FILENO, &st) != 0)
        return;
    if (S_ISREG(st.st_mode)) {
        lg.sink = SINK_FILE;
    } else if (S_ISSOCK(st.st_mode)) {
        lg.sink = SINK_SOCKET;
    } else if (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode)) {
        fd = open("/proc/self/fd/1",
                  O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (fd < 0)
            return;
        lg.sink = SINK_NONBLOCK;
        lg.fd = fd;
    }
}

static bool sink_write(const char *p, size_t len)
{
    struct pollfd ready = { .fd = lg.fd, .events = POLLOUT };
    ssize_t n;

    if (lg.sink == SINK_UNKNOWN)
        sink_find();
    if (lg.sink == SINK_POLL && poll(&ready, 1, 0) != 1)
        return false;
    do {
        if (lg.sink == SINK_SOCKET)
            n = send(lg.fd, p, len, MSG_DONTWAIT | MSG_NOSIGNAL);
        else
            n = write(lg.fd, p, len);
    } while (n < 0 && errno == EINTR);
    return n == (ssize_t)len;
}

void log_flush(void)
{
    if (lg.lines == 0)
        return;
    if (sink_write(lg.waiting, lg.waiting_len)) {
        lg.dropped -= lg.told;
    } else {
        lg.dropped += lg.lines;
        metric_add(&dropped_total, lg.lines);
    }
    lg.told = 0;
    lg.lines = 0;
    lg.waiting_len = 0;
}

void log_hold(bool on)
{
    lg.hold = on;
    if (!on)
        log_flush();
}

static void sink_line(const struct line *l, enum log_level level, int64_t tells)
{
    if (l->len > sizeof(lg.waiting) - lg.waiting_len)
        log_flush();
    memcpy(lg.waiting + lg.waiting_len, l->at, l->len);
    lg.waiting_len += l->len;
    lg.lines++;
    lg.told += tells;
    if (!lg.hold || level >= LOG_WARN)
        log_flush();
}

void log_init(const char *function, enum log_level level)
{
    const char *revision = getenv("K_REVISION");
    struct line who = { .at = lg.who, .max = sizeof(lg.who) - 1 };
    struct log_field fields[] = { LOG_STR("function", function),
                                  LOG_STR("revision", revision) };

    put_member(&who, &fields[0]);
    if (revision != NULL && *revision != '\0')
        put_member(&who, &fields[1]);
    lg.who[who.len] = '\0';
    lg.level = level;
    if (lg.fd != STDOUT_FILENO)
        (void)close(lg.fd);
    lg.fd = STDOUT_FILENO;
    sink_find();
}

bool log_level_parse(const char *word, enum log_level *ret)
{
    static const char *const words[] = { "debug", "info", "warn", "error" };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(word, words[i]) == 0) {
            *ret = (enum log_level)i;
            return true;
        }
    }
    return false;
}

void log_write(enum log_level level, const char *trace_id, const char *msg,
               const struct log_field *fields, size_t count)
{
    static const char *const heads[] = { "\",\"level\":\"debug\"",
                                         "\",\"level\":\"info\"",
                                         "\",\"level\":\"warn\"",
                                         "\",\"level\":\"error\"" };
    static char bytes[LINE_MAX_BYTES];
    struct line l = { .at = bytes, .max = LINE_MAX_BYTES - LINE_TAIL };
    struct log_field trace = LOG_STR("trace", trace_id);
    struct log_field dropped = LOG_INT("dropped", lg.dropped - lg.told);

    if (level < lg.level)
        return;
    put_str(&l, "{\"time\":\"");
    put_time(&l);
    put_str(&l, heads[level]);
    put_str(&l, lg.who);
    put_str(&l, ",\"msg\":");
    put_quoted(&l, msg, MSG_MAX / 6); /* an escape takes 6 bytes at most */
    if (trace_id != NULL)
        put_member(&l, &trace);
    if (dropped.num > 0)
        put_member(&l, &dropped);
    for (size_t i = 0; i < count; i++)
        put_member(&l, &fields[i]);
    l.max = LINE_MAX_BYTES;
    if (l.full) {
        l.full = false;
        put_str(&l, ",\"cut\":true");
    }
    put_str(&l, "}\n");
    sink_line(&l, level, dropped.num);
}
