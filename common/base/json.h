/* json - strict checking, and tables that describe a struct once: the same
 * table decodes a request, encodes an answer, and becomes the OpenAPI schema.
 *
 * cJSON builds the tree; json_check runs first because cJSON accepts what
 * RFC 8259 refuses. Numbers are integers only: money and counts, never doubles.
 */
#ifndef BODEGA_BASE_JSON_H
#define BODEGA_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

enum json_check_flags {
    JSON_RFC8259 = 0,      /* the grammar and UTF-8, nothing else */
    JSON_NO_DUP_KEYS = 1,  /* refuse an object that names a member twice */
    JSON_NO_NUL = 2,       /* refuse \u0000 in strings */
    JSON_REQUEST = 3       /* what every request body must pass */
};
#define JSON_DEPTH_MAX   32
#define JSON_MEMBERS_MAX 1000 /* members of one object, with JSON_NO_DUP_KEYS */

/* True when text[0..len) is one JSON value. Iterative, no allocation, at most
 * 13 KiB of stack; depth_max levels at most (1 .. 512). On false
 * *ret_why (may be NULL) is a short static sentence. */
bool json_check(const char *text, size_t len, int flags, int depth_max,
                const char **ret_why);

enum json_kind {
    JSON_KIND_STR,  /* const char *; NULL = absent */
    JSON_KIND_INT,  /* int64_t */
    JSON_KIND_BOOL, /* bool */
    JSON_KIND_OBJ,  /* pointer to a struct; NULL = absent */
    JSON_KIND_LIST, /* pointer to an array of structs + size_t count */
    JSON_KIND_RAW   /* const char *, already JSON; encode only */
};

struct json_field {
    const char *name; /* NULL ends the table */
    enum json_kind kind;
    size_t offset;
    size_t count_offset;         /* LIST: where the size_t count lies */
    size_t item_size;            /* OBJ, LIST: size of the struct */
    const struct json_field *of; /* OBJ, LIST: its table */
    bool required;
    bool nullable;   /* encode NULL as null instead of leaving it out */
    bool omit_zero;  /* encode: leave out an INT that is 0 or a false BOOL */
    bool one_line;   /* STR: refuse control characters (headers, SMTP) */
    int64_t min;     /* INT: smallest; STR: shortest, in bytes; LIST: fewest */
    int64_t max;     /* likewise; 0 with min 0 = JSON's own limits */
    const char *format; /* OpenAPI format or NULL; "email" and "uuid" are
                           checked while decoding */
    const char *one_of; /* "a|b|c" or NULL */
    const char *help;
};

#define JSON_TYPE_(S, m, T)                                                    \
    (offsetof(S, m) +                                                          \
     0 * sizeof(char[__builtin_types_compatible_p(__typeof__(((S *)0)->m), T) \
                         ? 1                                                   \
                         : -1]))
#define JSON_STR(S, m, ...)                                                    \
    { .name = #m, .kind = JSON_KIND_STR,                                       \
      .offset = JSON_TYPE_(S, m, const char *), __VA_ARGS__ }
#define JSON_INT(S, m, ...)                                                    \
    { .name = #m, .kind = JSON_KIND_INT,                                       \
      .offset = JSON_TYPE_(S, m, int64_t), __VA_ARGS__ }
#define JSON_BOOL(S, m, ...)                                                   \
    { .name = #m, .kind = JSON_KIND_BOOL,                                      \
      .offset = JSON_TYPE_(S, m, bool), __VA_ARGS__ }
/* member m is a `T *`, described by table `fields` */
#define JSON_OBJ(S, m, T, fields, ...)                                         \
    { .name = #m, .kind = JSON_KIND_OBJ, .offset = JSON_TYPE_(S, m, T *),      \
      .item_size = sizeof(T), .of = fields, __VA_ARGS__ }
/* member m is a `T *`, member n is its `size_t` count */
#define JSON_LIST(S, m, n, T, fields, ...)                                     \
    { .name = #m, .kind = JSON_KIND_LIST, .offset = JSON_TYPE_(S, m, T *),     \
      .count_offset = JSON_TYPE_(S, n, size_t), .item_size = sizeof(T),        \
      .of = fields, __VA_ARGS__ }
#define JSON_RAW(S, m, ...)                                                    \
    { .name = #m, .kind = JSON_KIND_RAW,                                       \
      .offset = JSON_TYPE_(S, m, const char *), __VA_ARGS__ }
#define JSON_END { .name = NULL }

#define JSON_ERRORS_MAX 16
struct json_error {
    const char *pointer; /* RFC 6901, e.g. "/items/0/quantity" */
    const char *detail;  /* "must be at least 1"; never the value itself */
};
struct json_errors {
    size_t count; /* may not exceed JSON_ERRORS_MAX; the rest is dropped */
    struct json_error at[JSON_ERRORS_MAX];
};

enum json_mode {
    JSON_STRICT, /* unknown members are errors: what clients send us */
    JSON_LENIENT /* unknown members are skipped: what others may extend */
};

/* Fill *obj from text. Strings and lists live in `a`. OK, ERR_BAD_JSON (not
 * JSON), ERR_INVALID (JSON of the wrong shape) or ERR_AMOUNT (an integer
 * outside +-(2^53 - 1)); the first error decides which, and errs (may be NULL)
 * says where and why. 1.0 and 1e3 are no integers. null counts as absent where
 * the field is nullable, and in JSON_LENIENT wherever it is not required.
 * Members absent from the text keep what *obj held. */
enum err json_decode(struct arena *a, const char *text, size_t len,
                     const struct json_field *fields, enum json_mode mode,
                     void *obj, struct json_errors *errs);
/* Append obj as JSON. */
void json_encode(struct buf *b, const struct json_field *fields,
                 const void *obj);
/* Append s as a JSON string, quotes included. Bytes that are not UTF-8 come
 * out as U+FFFD. NULL gives null. */
void json_quote(struct buf *b, const char *s);
void json_quote_len(struct buf *b, const char *s, size_t len);

#endif
