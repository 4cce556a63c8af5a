/* describe - the tables of a function as JSON, for the generators. The order
 * of everything is the order of the tables, so the text changes only when a
 * table does. */
#include "run/runtime.h"

static void key(struct buf *b, const char *name)
{
    char last = b->len > 0 ? b->data[b->len - 1] : '{';

    if (last != '{' && last != '[')
        buf_char(b, ',');
    json_quote(b, name);
    buf_char(b, ':');
}

static void text(struct buf *b, const char *name, const char *value)
{
    key(b, name);
    json_quote(b, value);
}

static void number(struct buf *b, const char *name, int64_t value)
{
    key(b, name);
    buf_int(b, value);
}

static void flag(struct buf *b, const char *name, bool value)
{
    key(b, name);
    buf_str(b, value ? "true" : "false");
}

static void comma(struct buf *b)
{
    if (b->data[b->len - 1] != '[')
        buf_char(b, ',');
}

/* "a|b|c" as a JSON list. */
static void bar_list(struct buf *b, const char *s)
{
    buf_char(b, '[');
    while (s != NULL && *s != '\0') {
        size_t n = strcspn(s, "|");

        comma(b);
        json_quote_len(b, s, n);
        s += n + (s[n] == '|');
    }
    buf_char(b, ']');
}

/* ---- JSON Schema (draft 2020-12, as OpenAPI 3.1 has it) ---------------- */

static void schema(struct buf *b, const struct json_field *fields);

static void string_limits(struct buf *b, const struct json_field *f)
{
    if (f->min > 0)
        number(b, "minLength", f->min);
    if (f->max > 0)
        number(b, "maxLength", f->max);
    if (f->format != NULL)
        text(b, "format", f->format);
    if (f->one_of != NULL) {
        key(b, "enum");
        bar_list(b, f->one_of);
    }
}

static void type(struct buf *b, const char *name, bool nullable)
{
    key(b, "type");
    if (nullable)
        buf_printf(b, "[\"%s\",\"null\"]", name);
    else
        buf_printf(b, "\"%s\"", name);
}

static void int_limits(struct buf *b, const struct json_field *f)
{
    bool free_range = f->min == 0 && f->max == 0;

    number(b, "minimum", free_range ? -MONEY_MAX : f->min);
    number(b, "maximum", free_range ? MONEY_MAX : f->max);
}

static void list_schema(struct buf *b, const struct json_field *f)
{
    type(b, "array", f->nullable);
    if (f->min > 0)
        number(b, "minItems", f->min);
    if (f->max > 0)
        number(b, "maxItems", f->max);
    key(b, "items");
    schema(b, f->of);
}

static void object_body(struct buf *b, const struct json_field *fields,
                        bool nullable);

static void field_schema(struct buf *b, const struct json_field *f)
{
    buf_char(b, '{');
    if (f->help != NULL)
        text(b, "description", f->help);
    switch (f->kind) {
    case JSON_KIND_STR:
        type(b, "string", f->nullable);
        string_limits(b, f);
        break;
    case JSON_KIND_INT:
        type(b, "integer", false);
        int_limits(b, f);
        break;
    case JSON_KIND_BOOL:
        type(b, "boolean", false);
        break;
    case JSON_KIND_OBJ:
        object_body(b, f->of, f->nullable);
        break;
    case JSON_KIND_LIST:
        list_schema(b, f);
        break;
    case JSON_KIND_RAW:
        break;
    }
    buf_char(b, '}');
}

static void object_body(struct buf *b, const struct json_field *fields,
                        bool nullable)
{
    type(b, "object", nullable);
    key(b, "properties");
    buf_char(b, '{');
    for (const struct json_field *f = fields; f->name != NULL; f++) {
        key(b, f->name);
        field_schema(b, f);
    }
    buf_char(b, '}');
    key(b, "required");
    buf_char(b, '[');
    for (const struct json_field *f = fields; f->name != NULL; f++) {
        if (!f->required)
            continue;
        comma(b);
        json_quote(b, f->name);
    }
    buf_char(b, ']');
    flag(b, "additionalProperties", false);
}

static void schema(struct buf *b, const struct json_field *fields)
{
    if (fields == NULL) {
        buf_str(b, "null");
        return;
    }
    buf_char(b, '{');
    object_body(b, fields, false);
    buf_char(b, '}');
}

/* ---- routes ------------------------------------------------------------ */

static void query_params(struct buf *b, const struct query_param *p)
{
    key(b, "query");
    buf_char(b, '[');
    for (; p != NULL && p->name != NULL; p++) {
        comma(b);
        buf_char(b, '{');
        text(b, "name", p->name);
        text(b, "help", p->help);
        flag(b, "integer", p->integer);
        number(b, "min", p->min);
        number(b, "max", p->max);
        buf_char(b, '}');
    }
    buf_char(b, ']');
}

static void errors(struct buf *b, const enum err *e)
{
    key(b, "errors");
    buf_char(b, '[');
    for (; e != NULL && *e != OK; e++) {
        comma(b);
        buf_char(b, '{');
        number(b, "status", err_info(*e)->status);
        text(b, "code", err_info(*e)->slug);
        text(b, "title", err_info(*e)->title);
        buf_char(b, '}');
    }
    buf_char(b, ']');
}

static void headers_in(struct buf *b, const char *s)
{
    key(b, "headers");
    buf_char(b, '[');
    while (s != NULL && *s != '\0') {
        size_t n = strcspn(s, "|");
        bool required = n > 0 && s[n - 1] == '!';

        comma(b);
        buf_str(b, "{\"name\":");
        json_quote_len(b, s, n - required);
        flag(b, "required", required);
        buf_char(b, '}');
        s += n + (s[n] == '|');
    }
    buf_char(b, ']');
}

static const char *auth_name(enum route_auth a)
{
    static const char *const names[] = { "public", "internal", "admin" };

    return names[a];
}

static void body_columns(struct buf *b, const struct route *p)
{
    number(b, "max_body", (int64_t)p->max_body);
    key(b, "consumes");
    bar_list(b, p->consumes != NULL ? p->consumes
                : p->max_body > 0   ? "application/json"
                                    : NULL);
    text(b, "produces", p->produces ? p->produces : "application/json");
    key(b, "in");
    schema(b, p->in);
    key(b, "out");
    schema(b, p->out);
}

static void route(struct buf *b, const struct route *p)
{
    buf_char(b, '{');
    text(b, "method", method_name(p->method));
    text(b, "path", p->path);
    text(b, "help", p->help);
    text(b, "auth", auth_name(p->auth));
    number(b, "timeout_ms",
           p->stream            ? 0
           : p->timeout_ms != 0 ? p->timeout_ms
                                : 5000);
    number(b, "status", p->status != 0 ? p->status : 200);
    number(b, "also_status", p->also_status);
    flag(b, "internal_doc", p->internal_doc);
    flag(b, "stream", p->stream);
    number(b, "cache_s", p->cache_s);
    query_params(b, p->query);
    headers_in(b, p->headers_in);
    body_columns(b, p);
    errors(b, p->errors);
    buf_char(b, '}');
}

static void routes(struct buf *b, const struct route *p)
{
    key(b, "routes");
    buf_char(b, '[');
    for (; p != NULL && p->path != NULL; p++) {
        comma(b);
        route(b, p);
    }
    buf_char(b, ']');
}

/* ---- the rest -------------------------------------------------------- */

static void config_field(const struct cfg_field *c, void *arg)
{
    static const char *const kinds[] = { "string", "integer", "secret" };
    struct buf *b = arg;

    comma(b);
    buf_char(b, '{');
    text(b, "env", c->env);
    text(b, "kind", kinds[c->kind]);
    text(b, "default", c->def);
    if (c->kind == CFG_KIND_INT) {
        number(b, "min", c->min);
        number(b, "max", c->max);
    }
    text(b, "help", c->help);
    buf_char(b, '}');
}

static void topic(struct buf *b, const struct topic *t, const char *help)
{
    comma(b);
    buf_char(b, '{');
    text(b, "topic", t->name);
    text(b, "help", help);
    key(b, "data");
    schema(b, t->fields);
    buf_char(b, '}');
}

static void events(const struct function *f, struct buf *b)
{
    key(b, "emits");
    buf_char(b, '[');
    for (size_t i = 0; f->emits != NULL && f->emits[i] != NULL; i++)
        topic(b, f->emits[i], f->emits[i]->help);
    buf_char(b, ']');
    key(b, "consumes");
    buf_char(b, '[');
    for (const struct subscription *s = f->subs; s && s->topic; s++)
        topic(b, s->topic, s->help);
    buf_char(b, ']');
}

static void jobs(struct buf *b, const struct job *j)
{
    key(b, "jobs");
    buf_char(b, '[');
    for (; j != NULL && j->name != NULL; j++) {
        comma(b);
        buf_char(b, '{');
        text(b, "name", j->name);
        number(b, "every_ms", j->every_ms);
        text(b, "help", j->help);
        buf_char(b, '}');
    }
    buf_char(b, ']');
}

static void uses(struct buf *b, int bits)
{
    key(b, "uses");
    bar_list(b,
             arena_printf(b->arena, "%s%s%s", bits & USES_PG ? "postgres|" : "",
                          bits & USES_REDIS ? "redis|" : "",
                          bits & USES_BUS ? "bus|" : ""));
}

static void calls(struct buf *b, struct http_dest *const *d)
{
    key(b, "calls");
    buf_char(b, '[');
    for (; d != NULL && *d != NULL; d++) {
        comma(b);
        json_quote(b, (*d)->name);
    }
    buf_char(b, ']');
}

void describe_json(const struct function *f, struct buf *b)
{
    buf_char(b, '{');
    text(b, "name", f->name);
    text(b, "help", f->help);
    uses(b, f->uses);
    calls(b, f->calls);
    routes(b, f->routes);
    key(b, "config");
    buf_char(b, '[');
    config_each(f, config_field, b);
    buf_char(b, ']');
    events(f, b);
    jobs(b, f->jobs);
    buf_str(b, "}\n");
}

void describe_short(const struct function *f, struct buf *b)
{
    buf_char(b, '{');
    text(b, "name", f->name);
    text(b, "help", f->help);
    key(b, "routes");
    buf_char(b, '[');
    for (const struct route *p = f->routes; p && p->path; p++) {
        comma(b);
        buf_char(b, '{');
        text(b, "method", method_name(p->method));
        text(b, "path", p->path);
        text(b, "help", p->help);
        buf_char(b, '}');
    }
    buf_str(b, "]}\n");
}

static void help_field(const struct cfg_field *c, void *arg)
{
    const char *note = c->kind == CFG_KIND_SECRET ? "from a secret file" : "";
    struct buf *b = arg;

    buf_printf(b, "  %-18s %s", c->env, c->help);
    if (c->def == NULL)
        buf_printf(b, " (required%s%s)", *note ? ", " : "", note);
    else if (c->kind == CFG_KIND_SECRET)
        buf_printf(b, " (%s)", note);
    else
        buf_printf(b, " (default \"%s\")", c->def);
    buf_char(b, '\n');
}

void describe_help(const struct function *f, struct buf *b)
{
    buf_printf(b, "%s - %s\n\nusage: %s [--describe | --help | --version]\n\n",
               f->name, f->help, f->name);
    buf_str(b, "routes:\n");
    for (const struct route *p = f->routes; p && p->path; p++)
        buf_printf(b, "  %-6s %s  %s\n", method_name(p->method), p->path,
                   p->help);
    buf_str(b, "\nsettings, from the environment:\n");
    config_each(f, help_field, b);
}
