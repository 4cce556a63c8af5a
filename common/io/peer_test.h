/* peer_test - for tests only: start a helper program from tests/harness that
 * prints its ports on one line and ends when its standard input closes. */
#ifndef BODEGA_IO_PEER_TEST_H
#define BODEGA_IO_PEER_TEST_H

#include <criterion/criterion.h>
#include <sys/wait.h>
#include <unistd.h>

struct peer {
    pid_t pid;
    int in; /* closing it ends the peer */
    int ports[2];
};

static inline void peer_start(struct peer *p, const char *script)
{
    int in[2];
    int out[2];
    FILE *ports;
    char line[64];

    cr_assert_eq(pipe(in), 0);
    cr_assert_eq(pipe(out), 0);
    p->pid = fork();
    if (p->pid == 0) {
        (void)dup2(in[0], STDIN_FILENO);
        (void)dup2(out[1], STDOUT_FILENO);
        (void)close(in[1]);
        (void)close(out[0]);
        execl("/usr/bin/python3", "/usr/bin/python3", script, (char *)NULL);
        _exit(127);
    }
    (void)close(in[0]);
    (void)close(out[1]);
    p->in = in[1];
    ports = fdopen(out[0], "r");
    cr_assert_not_null(fgets(line, sizeof(line), ports), "%s", script);
    cr_assert_geq(sscanf(line, "%d %d", &p->ports[0], &p->ports[1]), 1);
    (void)fclose(ports);
}

static inline void peer_stop(struct peer *p)
{
    (void)close(p->in);
    (void)waitpid(p->pid, NULL, 0);
}

#endif
