/* head - fuzz target: a connection's bytes as heads and bodies. However they
 * are cut the verdict is the same, nothing is used that was not given, and
 * what an accepted head says fits together. The first byte is the size of the
 * pieces. */
#include <stdint.h>
#include "run/http1.h"

#define BODY_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int fact)
{
    if (!fact)
        abort();
}

struct verdict {
    enum http1_result head;
    enum http1_result body;
    enum err error;
    size_t used;
    size_t body_len;
};

static enum http1_result feed(struct http1_head *h, struct http1_body *b,
                              const char *s, size_t len, size_t step,
                              size_t *ret_used)
{
    enum http1_result got = HTTP1_MORE;
    size_t pos = 0;

    while (pos < len && got == HTTP1_MORE) {
        size_t n = len - pos < step ? len - pos : step;
        size_t used = 0;

        got = h != NULL ? http1_head_feed(h, s + pos, n, &used)
                        : http1_body_feed(b, s + pos, n, &used);
        must(used <= n && (got != HTTP1_MORE || used == n));
        pos += used;
    }
    *ret_used = pos;
    return got;
}

static void check_head(const struct http1_head *h)
{
    must(h->error == OK && h->target[0] != '\0');
    must(h->target[0] == '/' || strcmp(h->target, "*") == 0);
    must(strlen(h->target) <= HTTP1_TARGET_MAX);
    must(h->field_count <= HTTP1_FIELDS_MAX);
    must(!h->chunked || h->content_length == -1);
    must(h->http_1_0 || h->host != NULL);
    for (size_t i = 0; i < h->field_count; i++) {
        const char *value = h->raw.data + h->fields[i].value;

        must(value[strcspn(value, "\r\n")] == '\0');
    }
}

static struct verdict judge(struct arena *a, const char *s, size_t len,
                            size_t step)
{
    struct verdict v = { .body = HTTP1_MORE };
    struct http1_head h;
    struct http1_body b;
    size_t used;

    http1_head_init(&h, a);
    v.head = feed(&h, NULL, s, len, step, &v.used);
    v.error = h.error;
    must((v.head == HTTP1_BAD) == (h.error != OK));
    if (v.head != HTTP1_DONE)
        return v;
    check_head(&h);
    http1_body_init(&b, &h, BODY_MAX);
    v.body = feed(NULL, &b, s + v.used, len - v.used, step, &used);
    v.error = b.error;
    v.used += used;
    v.body_len = b.len;
    must(b.len <= BODY_MAX && (b.data == NULL || b.data[b.len] == '\0'));
    http1_body_release(&b);
    return v;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a;
    struct verdict whole;
    struct verdict cut;

    if (size == 0)
        return 0;
    a = arena_new(0);
    whole = judge(a, (const char *)data + 1, size - 1, size);
    cut = judge(a, (const char *)data + 1, size - 1, data[0] % 16 + 1u);
    must(whole.head == cut.head && whole.body == cut.body);
    must(whole.error == cut.error && whole.body_len == cut.body_len);
    must(whole.head != HTTP1_DONE || whole.used == cut.used);
    arena_free(a);
    return 0;
}
