/* The floor for process start: a static program that answers one fixed 200 per
 * connection and does nothing else. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int main(void)
{
    static const char answer[] =
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    struct sockaddr_in at = { .sin_family = AF_INET };
    int s = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    char in[4096];

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    at.sin_port = htons((unsigned short)strtol(getenv("PORT"), NULL, 10));
    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(s, (struct sockaddr *)&at, sizeof(at)) != 0 || listen(s, 64) != 0)
        return 1;
    for (;;) {
        int c = accept(s, NULL, NULL);

        if (read(c, in, sizeof(in)) > 0 &&
            write(c, answer, sizeof(answer) - 1) < 0)
            return 1;
        close(c);
    }
}
