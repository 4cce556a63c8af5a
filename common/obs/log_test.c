/* log_test - lines as they arrive at the other end of a pipe. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cJSON.h>
#include "obs/log.h"

static int reader;

/* stdout becomes a pipe that the test reads. */
static void start(void)
{
    int fds[2];

    cr_assert_eq(pipe(fds), 0);
    cr_assert_geq(dup2(fds[1], STDOUT_FILENO), 0);
    (void)close(fds[1]);
    cr_assert_eq(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
    reader = fds[0];
    (void)unsetenv("K_REVISION");
    log_init("cart", LOG_INFO);
}

TestSuite(log, .init = start);

static const char *read_all(void)
{
    static char text[1 << 17];
    size_t len = 0;
    ssize_t n;

    while ((n = read(reader, text + len, sizeof(text) - 1 - len)) > 0)
        len += (size_t)n;
    text[len] = '\0';
    return text;
}

Test(log, one_object_per_line_in_a_fixed_order)
{
    const char *line;
    char *parsed;

    log_info("4bf92f3577b34da6a3ce929d0e0e4736", "request",
             LOG_STR("route", "/cart"), LOG_INT("us", -12));
    line = read_all();
    cr_assert_eq(line[strlen(line) - 1], '\n');
    parsed = strstr(line, "Z\",");
    cr_assert_str_eq(parsed, "Z\",\"level\":\"info\",\"function\":\"cart\","
                             "\"msg\":\"request\",\"trace\":"
                             "\"4bf92f3577b34da6a3ce929d0e0e4736\","
                             "\"route\":\"/cart\",\"us\":-12}\n");
    cr_assert_eq(strncmp(line, "{\"time\":\"2", 10), 0);
    cr_assert_eq(parsed - line, 9 + 23, "milliseconds, RFC 3339");
}

Test(log, revision_comes_from_the_platform)
{
    cr_assert_eq(setenv("K_REVISION", "cart-00007", 1), 0);
    log_init("cart", LOG_INFO);
    log_warn(NULL, "m", LOG_INT("n", 1));
    cr_assert_not_null(strstr(read_all(), "\"level\":\"warn\",\"function\":"
                                          "\"cart\",\"revision\":"
                                          "\"cart-00007\",\"msg\":\"m\","
                                          "\"n\":1}\n"));
}

Test(log, levels)
{
    enum log_level level = LOG_INFO;

    log_write(LOG_DEBUG, NULL, "no", NULL, 0);
    cr_assert_str_eq(read_all(), "");
    cr_assert(log_level_parse("debug", &level));
    log_init("cart", level);
    log_write(LOG_DEBUG, NULL, "yes", NULL, 0);
    cr_assert_not_null(strstr(read_all(), "\"msg\":\"yes\"}\n"));
    cr_assert(log_level_parse("error", &level));
    log_init("cart", level);
    log_warn(NULL, "no", LOG_INT("n", 1));
    cr_assert_str_eq(read_all(), "");
    cr_assert_not(log_level_parse("loud", &level));
    cr_assert_eq(level, LOG_ERROR);
}

Test(log, nothing_breaks_out_of_a_string)
{
    const char *line;

    log_info(NULL, "a\"b\\c\nd\x1b[31m\x7f",
             LOG_STR("x", "\xe2\x80\xa8\xe2\x80\xa9\xc2\x9b|\xff|\xc3\xa9"
                          "\xe2\x80\xa6\xf0\x9f\x93\xa6"));
    line = read_all();
    cr_assert_not_null(
        strstr(line, "\"msg\":\"a\\\"b\\\\c\\u000ad\\u001b[31m\\u007f\""));
    cr_assert_not_null(strstr(line,
                              "\"x\":\"\\u2028\\u2029\\u009b|\\ufffd|\xc3\xa9"
                              "\xe2\x80\xa6\xf0\x9f\x93\xa6\"}\n"));
}

Test(log, a_line_is_never_longer_than_a_pipe_keeps_whole)
{
    static char big[10000];
    const char *line;
    cJSON *parsed;

    memset(big, 1, sizeof(big) - 1); /* each byte becomes six */
    log_info(NULL, big, LOG_STR("a", "kept"), LOG_STR("b", big),
             LOG_STR("c", "after"));
    line = read_all();
    cr_assert_leq(strlen(line), PIPE_BUF);
    parsed = cJSON_Parse(line);
    cr_assert_not_null(parsed, "cut, but whole JSON: %s", line);
    cr_assert_str_eq(cJSON_GetStringValue(cJSON_GetObjectItem(parsed, "a")),
                     "kept");
    cr_assert_null(cJSON_GetObjectItem(parsed, "b"));
    cr_assert(cJSON_IsTrue(cJSON_GetObjectItem(parsed, "cut")));
    cJSON_Delete(parsed);
}

Test(log, held_lines_leave_together_and_a_warning_takes_them_along)
{
    const char *text;

    log_hold(true);
    log_info(NULL, "one", LOG_INT("i", 1));
    log_info(NULL, "two", LOG_INT("i", 2));
    cr_assert_str_empty(read_all());
    log_warn(NULL, "three", LOG_INT("i", 3));
    text = read_all();
    cr_assert_lt(strstr(text, "one"), strstr(text, "two"));
    cr_assert_lt(strstr(text, "two"), strstr(text, "three"));
    log_info(NULL, "four", LOG_INT("i", 4));
    cr_assert_str_empty(read_all());
    log_flush();
    cr_assert_not_null(strstr(read_all(), "four"));
    log_info(NULL, "five", LOG_INT("i", 5));
    log_hold(false);
    cr_assert_not_null(strstr(read_all(), "five"));
}

/* A pipe takes PIPE_BUF bytes whole or not at all; packets show the writes. */
Test(log, held_lines_never_make_a_write_that_a_pipe_may_tear)
{
    static char text[1 << 16];
    int fds[2];
    int lines = 0;
    ssize_t n;

    cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds), 0);
    cr_assert_eq(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
    cr_assert_geq(dup2(fds[1], STDOUT_FILENO), 0);
    log_init("cart", LOG_INFO);
    log_hold(true);
    for (int i = 0; i < 100; i++)
        log_info(NULL, "a line like others", LOG_INT("i", i));
    log_hold(false);
    while ((n = read(fds[0], text, sizeof(text))) > 0) {
        cr_assert_leq(n, PIPE_BUF);
        cr_assert_eq(text[n - 1], '\n', "whole lines only");
        for (ssize_t i = 0; i < n; i++)
            lines += text[i] == '\n';
    }
    cr_assert_eq(lines, 100);
}

/* Would hang, not fail, if a line waited for its reader. */
Test(log, a_stuck_reader_costs_lines_not_time, .timeout = 20)
{
    const char *text;
    int lines = 0;
    char dropped[32];

    for (int i = 0; i < 3000; i++)
        log_info(NULL, "the reader sleeps", LOG_INT("i", i));
    text = read_all();
    for (const char *s = text; (s = strchr(s, '\n')) != NULL; s++)
        lines++;
    cr_assert_lt(lines, 3000);
    cr_assert_eq(text[strlen(text) - 1], '\n', "no torn line");
    log_info(NULL, "awake", LOG_INT("i", 0));
    log_info(NULL, "again", LOG_INT("i", 0));
    text = read_all();
    (void)snprintf(dropped, sizeof(dropped), "\"dropped\":%d,", 3000 - lines);
    cr_assert_not_null(strstr(text, dropped), "no %s in %s", dropped, text);
    cr_assert_null(strstr(strchr(text, '\n'), "dropped"));
}

Test(log, lost_while_held_are_told_once)
{
    const char *text;
    const char *at;
    int64_t told = 0;
    int lines = 0;

    log_hold(true);
    for (int i = 0; i < 3000; i++)
        log_info(NULL, "the reader sleeps", LOG_INT("i", i));
    log_flush();
    text = read_all();
    for (const char *s = text; (s = strchr(s, '\n')) != NULL; s++)
        lines++;
    cr_assert_lt(lines, 3000);
    for (int i = 0; i < 100; i++)
        log_info(NULL, "awake", LOG_INT("i", i));
    log_flush();
    text = read_all();
    for (const char *s = text; (at = strstr(s, "\"dropped\":")); s = at + 1)
        told += strtoll(at + 10, NULL, 10);
    cr_assert_eq(told, 3000 - lines);
}
