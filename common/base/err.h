/* err - every error is one row of one table. Code and class decide what the
 * runtime does with it: an HTTP answer (RFC 9457 problem+json), or ack, retry
 * or dead letter for an event. No function invents a status of its own. */
#ifndef BODEGA_BASE_ERR_H
#define BODEGA_BASE_ERR_H

enum err_class {
    CLASS_FINAL,    /* trying again gives the same answer */
    CLASS_RETRY,    /* nothing happened; trying again may work */
    CLASS_UNCERTAIN /* it may have happened: look it up, never redo blindly */
};

/* X(name, HTTP status, slug = problem type and "code", class, title) */
#define ERR_TABLE(X)                                                           \
    X(ERR_MALFORMED, 400, "malformed-request", FINAL, "Malformed request")     \
    X(ERR_BAD_JSON, 400, "invalid-json", FINAL, "Not valid JSON")              \
    X(ERR_BAD_PATH, 400, "bad-path", FINAL, "Path is not acceptable")          \
    X(ERR_KEY_MISSING, 400, "idempotency-key-missing", FINAL,                  \
      "Idempotency-Key header is required")                                    \
    X(ERR_KEY_INVALID, 400, "idempotency-key-invalid", FINAL,                  \
      "Idempotency-Key is not acceptable")                                     \
    X(ERR_BAD_SIGNATURE, 400, "bad-signature", FINAL, "Signature refused")     \
    X(ERR_UNAUTHORIZED, 401, "unauthorized", FINAL, "Credentials required")    \
    X(ERR_FORBIDDEN, 403, "forbidden", FINAL, "Not allowed")                   \
    X(ERR_NOT_FOUND, 404, "not-found", FINAL, "No such thing")                 \
    X(ERR_METHOD, 405, "method-not-allowed", FINAL, "Method not allowed")      \
    X(ERR_NOT_ACCEPTABLE, 406, "not-acceptable", FINAL,                        \
      "No representation matches Accept")                                      \
    X(ERR_CLIENT_SLOW, 408, "request-timeout", FINAL, "Request came too slow") \
    X(ERR_CONFLICT, 409, "conflict", FINAL, "Conflicts with current state")    \
    X(ERR_TWIN_RUNNING, 409, "request-in-progress", RETRY,                     \
      "A request with this key is still running")                              \
    X(ERR_OUT_OF_STOCK, 409, "out-of-stock", FINAL, "Not enough in stock")     \
    X(ERR_TOO_LARGE, 413, "body-too-large", FINAL, "Body too large")           \
    X(ERR_URI_TOO_LONG, 414, "uri-too-long", FINAL, "URI too long")            \
    X(ERR_MEDIA_TYPE, 415, "unsupported-media-type", FINAL,                    \
      "Content type not supported")                                            \
    X(ERR_EXPECT, 417, "expectation-failed", FINAL, "Expectation failed")      \
    X(ERR_INVALID, 422, "invalid", FINAL, "Request is not acceptable")         \
    X(ERR_AMOUNT, 422, "amount-out-of-range", FINAL, "Amount out of range")    \
    X(ERR_KEY_REUSED, 422, "idempotency-key-reused", FINAL,                    \
      "Idempotency-Key was used with another request")                         \
    X(ERR_RATE, 429, "rate-limited", RETRY, "Too many requests")               \
    X(ERR_HEAD_TOO_LARGE, 431, "head-too-large", FINAL,                        \
      "Request header fields too large")                                       \
    X(ERR_INTERNAL, 500, "internal", RETRY, "Something went wrong here")       \
    X(ERR_NOT_IMPLEMENTED, 501, "not-implemented", FINAL,                      \
      "Not supported by this server")                                          \
    X(ERR_UPSTREAM, 502, "bad-gateway", RETRY,                                 \
      "A service behind this one failed")                                      \
    X(ERR_OVERLOAD, 503, "overloaded", RETRY, "Too busy, try again soon")      \
    X(ERR_UNAVAILABLE, 503, "unavailable", RETRY,                              \
      "A part needed for this is away")                                        \
    X(ERR_UNCERTAIN, 503, "outcome-unknown", UNCERTAIN,                        \
      "The outcome is not known yet")                                          \
    X(ERR_DEADLINE, 504, "deadline-exceeded", RETRY, "Took too long")          \
    X(ERR_HTTP_VERSION, 505, "http-version", FINAL,                            \
      "HTTP version not supported")

enum err {
    OK = 0,
#define X(name, status, slug, class, title) name,
    ERR_TABLE(X)
#undef X
    ERR_COUNT
};

struct err_info {
    int status;       /* HTTP status code */
    const char *slug; /* last part of the problem type; also member "code" */
    enum err_class cls;
    const char *title; /* a sentence for people */
};

/* The row of an error. Any value outside the table gives ERR_INTERNAL's. */
const struct err_info *err_info(enum err e);

/* The error whose row has this slug; ERR_INTERNAL when none has. */
enum err err_from_slug(const char *slug);

/* Pass an error up. The only macro in Bodega that hides a return. */
#define TRY(expr)                                                              \
    do {                                                                       \
        enum err try_err_ = (expr);                                            \
        if (try_err_ != OK)                                                    \
            return try_err_;                                                   \
    } while (0)

#endif
