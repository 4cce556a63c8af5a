/* hello - says hello. Routes: GET /api/hello/{name}. Owns nothing, calls
 * nobody. */
#include "run/fn.h"

struct greeting {
    const char *text;
};
static const struct json_field greeting_fields[] = {
    JSON_STR(struct greeting, text, .required = true,
             .help = "what it has to say"),
    JSON_END
};

/* The words for somebody; in a's memory. */
static const char *greet(struct arena *a, const char *name)
{
    return arena_printf(a, "hello, %s", name);
}

static enum err get_greeting(struct req *r)
{
    struct greeting out = { .text = greet(r->arena, req_param(r, "name")) };

    return reply_json(r, 200, greeting_fields, &out);
}

static const struct route routes[] = { { GET, "/api/hello/{name}", get_greeting,
                                         "a greeting", .out = greeting_fields },
                                       { 0 } };

static const struct function hello = { .name = "hello",
                                       .help = "says hello",
                                       .routes = routes };
FN_MAIN(hello)
