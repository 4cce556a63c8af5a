/* curl_loop - libcurl's multi interface on the libuv loop, for http_client
 * and smtp. libcurl's own code runs from the loop, on the big stack; a task
 * only prepares a transfer and waits for it. */
#ifndef BODEGA_IO_CURL_LOOP_H
#define BODEGA_IO_CURL_LOOP_H

/* Its checking macros call the linked functions, which we do not have. */
#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>
#include "io/lazy.h"

#define CURL_FUNCTIONS(X)                                                      \
    X(curl_global_init)                                                        \
    X(curl_easy_init)                                                          \
    X(curl_easy_cleanup)                                                       \
    X(curl_easy_setopt)                                                        \
    X(curl_easy_getinfo)                                                       \
    X(curl_easy_header)                                                        \
    X(curl_easy_strerror)                                                      \
    X(curl_slist_append)                                                       \
    X(curl_slist_free_all)                                                     \
    X(curl_multi_init)                                                         \
    X(curl_multi_setopt)                                                       \
    X(curl_multi_cleanup)                                                      \
    X(curl_multi_add_handle)                                                   \
    X(curl_multi_remove_handle)                                                \
    X(curl_multi_socket_action)                                                \
    X(curl_multi_assign)                                                       \
    X(curl_multi_info_read)

/* libcurl's functions; filled by curl_loop_open. */
struct curl_api {
    CURL_FUNCTIONS(LAZY_POINTER)
};
extern struct curl_api cu;

/* Open libcurl and its multi handle; at once when they are open. False when
 * the library is missing (and a log line says so). */
bool curl_loop_open(void);
/* A new easy handle with what every transfer of ours has: no signals, no
 * proxy, connect timeout of a second, TCP keep-alive. `protocols` is a list
 * for CURLOPT_PROTOCOLS_STR. The caller cleans it up. */
CURL *curl_loop_easy(const char *protocols);
/* Run the transfer while the task waits. True when it ended, *ret says how;
 * false when the deadline (clock_us time) passed first: the transfer is then
 * cancelled, its callbacks will not be called any more. Uses
 * CURLOPT_PRIVATE. */
bool curl_loop_run(CURL *easy, int64_t deadline_us, CURLcode *ret);
/* Close idle connections and the multi handle; no transfer may be running. */
void curl_loop_close(void);

/* Append to a list; aborts without memory, as arenas do. */
void curl_loop_append(struct curl_slist **list, const char *line);

#endif
