/* http1 - HTTP/1.1 requests as bytes arrive (RFC 9112), strictly: whatever
 * two implementations could read in two ways is refused, because a proxy in
 * front may have read it the other way. No I/O. The verdict does not depend
 * on how the bytes were cut into reads. */
#ifndef BODEGA_RUN_HTTP1_H
#define BODEGA_RUN_HTTP1_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"

#define HTTP1_TARGET_MAX   8000  /* bytes; more: 414 */
#define HTTP1_FIELDS_BYTES 16384 /* bytes of all field lines; more: 431 */
#define HTTP1_FIELDS_MAX   100   /* field lines; more: 431 */

enum http1_result {
    HTTP1_MORE, /* all bytes used, more are needed */
    HTTP1_DONE, /* complete; bytes behind it were not used */
    HTTP1_BAD   /* refused; see error and why */
};

struct http1_field {
    uint16_t name; /* offsets into raw; NUL-terminated */
    uint16_t value;
};

/* A request head. All strings lie in `raw` and live as long as its arena. */
struct http1_head {
    enum err error;  /* after HTTP1_BAD */
    const char *why; /* static, for the client; never what was sent */

    const char *method;
    const char *target; /* origin-form or "*": an absolute-form target has
                           lost its scheme and authority */
    const char *host;
    bool http_1_0;
    bool keep_alive;
    bool expect_continue;
    bool expect_unknown; /* an expectation we do not know: 417 */
    bool chunked;
    int64_t content_length; /* -1: none */

    struct http1_field fields[HTTP1_FIELDS_MAX];
    size_t field_count;

    /* private */
    struct buf raw;
    size_t line; /* where the current line begins in raw */
    size_t fields_start;
    bool saw_cr;
    bool skipped_empty;
    bool request_line_done;
};

void http1_head_init(struct http1_head *h, struct arena *a);
enum http1_result http1_head_feed(struct http1_head *h, const char *data,
                                  size_t len, size_t *ret_used);
/* The n-th value of a field by lower-case name, NULL when there is none. */
const char *http1_field(const struct http1_head *h, const char *name, size_t n);

/* A request body: by length, or chunked (RFC 9112 section 7.1). */
struct http1_body {
    enum err error; /* after HTTP1_BAD: ERR_MALFORMED or ERR_TOO_LARGE */
    const char *why;
    char *data; /* malloc'ed, NUL-terminated; NULL for an empty body */
    size_t len;

    /* private */
    size_t cap;
    size_t max;
    bool chunked;
    int state;
    uint64_t left; /* of the length or of the chunk */
    int digits;
    size_t framing; /* bytes of extensions and trailers so far */
    size_t line_len;
};

/* Nothing is allocated before bytes arrive, whatever length was announced.
 * More than `max` bytes are refused. */
void http1_body_init(struct http1_body *b, const struct http1_head *h,
                     size_t max);
enum http1_result http1_body_feed(struct http1_body *b, const char *data,
                                  size_t len, size_t *ret_used);
void http1_body_release(struct http1_body *b);

/* True for a byte of a token (RFC 9110 section 5.6.2). */
bool http1_is_token(unsigned char c);

#endif
