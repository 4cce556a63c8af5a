/* run_test - routes, media types and settings, without a socket. */
#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <unistd.h>
#include "run/exchange.h"

static const struct query_param search[] = {
    { "q", "words", .max = 5 },
    { "limit", "how many", .integer = true, .min = 1, .max = 100 },
    { 0 }
};

static enum err nothing(struct req *r)
{
    (void)r;
    return OK;
}

static const struct route routes[] = {
    { GET, "/api/things", nothing, "list", .query = search },
    { GET, "/api/things/{id}", nothing, "one", .auth = AUTH_PUBLIC },
    { DELETE, "/api/things/{id}", nothing, "drop", .auth = AUTH_ADMIN },
    { GET, "/api/things/newest", nothing, "the newest", .auth = AUTH_PUBLIC },
    { PUT, "/api/a/{one}/b/{two}", nothing, "two parameters",
      .auth = AUTH_PUBLIC },
    { 0 }
};

static struct http_exchange *x;

static void setup(void)
{
    x = exchange_new(NULL);
    req_init(&x->r, x->r.arena, 1000, NULL);
    x->r.http = x;
}

static void teardown(void)
{
    exchange_free(x);
}

static enum err find(const char *method, const char *path)
{
    x->head.method = method;
    x->path = path;
    x->route = NULL;
    return route_find(x, routes);
}

TestSuite(route, .init = setup, .fini = teardown);

Test(route, finds_the_row)
{
    cr_assert_eq(find("GET", "/api/things"), OK);
    cr_assert_eq(x->route, &routes[0]);
    cr_assert_eq(find("GET", "/api/things/x%2Fy"), OK);
    cr_assert_eq(x->route, &routes[1]);
    cr_assert_str_eq(req_param(&x->r, "id"), "x/y");
    cr_assert_eq(find("PUT", "/api/a/1/b/%C3%A9"), OK);
    cr_assert_str_eq(req_param(&x->r, "one"), "1");
    cr_assert_str_eq(req_param(&x->r, "two"), "\xc3\xa9");
}

Test(route, the_spelled_out_one_wins)
{
    cr_assert_eq(find("GET", "/api/things/newest"), OK);
    cr_assert_eq(x->route, &routes[3]);
}

Test(route, unknown_paths_are_not_found)
{
    static const char *const paths[] = { "/",
                                         "/api",
                                         "/api/things/",
                                         "/api//things",
                                         "/api/things/a/b",
                                         "/API/things",
                                         "/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7" };

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        cr_expect_eq(find("GET", paths[i]), ERR_NOT_FOUND, "%s", paths[i]);
}

Test(route, bad_paths_are_refused)
{
    static const char *const paths[] = {
        "/api/things/%",      "/api/things/%zz",    "/api/things/%00",
        "/api/things/%0d",    "/api/things/..",     "/api/./things",
        "/api/things/%2e%2e", "/api/things/%c0%af", "/api/things/a\\b",
        "/api/things/%5c",
    };

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        cr_expect_eq(find("GET", paths[i]), ERR_BAD_PATH, "%s", paths[i]);
}

Test(route, a_wrong_method_names_the_right_ones)
{
    cr_assert_eq(find("POST", "/api/things/newest"), ERR_METHOD);
    cr_assert_str_eq(x->allow, "GET, HEAD, DELETE, OPTIONS");
}

static enum err query(const char *text)
{
    x->route = &routes[0];
    x->query_text = text;
    x->r.errors.count = 0;
    return route_query(x);
}

Test(route, query_parameters_follow_their_table)
{
    cr_assert_eq(query("q=a+b&limit=100"), OK);
    cr_assert_str_eq(req_query(&x->r, "q"), "a b");
    cr_assert_eq(req_query_int(&x->r, "limit", 7), 100);
    cr_assert_eq(query(""), OK);
    cr_assert_eq(req_query_int(&x->r, "limit", 7), 7);
    cr_assert_null(req_query(&x->r, "q"));
}

Test(route, query_parameters_out_of_range_are_invalid)
{
    static const char *const bad[] = { "limit=0",
                                       "limit=101",
                                       "limit=",
                                       "limit=1.5",
                                       "limit=+1",
                                       "limit=1e1",
                                       "limit=99999999999999999999",
                                       "q=abcdef",
                                       "page=1" };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        cr_expect_eq(query(bad[i]), ERR_INVALID, "%s", bad[i]);
        cr_expect_eq(x->r.errors.count, 1);
    }
    cr_expect_eq(query("q=%"), ERR_MALFORMED);
    cr_expect_eq(query("q=a&q=b"), ERR_MALFORMED);
}

Test(negotiate, accept)
{
    static const struct {
        const char *accept;
        bool ok;
    } rows[] = {
        { "*/*", true },
        { "application/json", true },
        { "APPLICATION/JSON; charset=utf-8", true },
        { "application/*;q=0.1", true },
        { "text/html, application/json;q=0.9", true },
        { "text/html,*/*;q=0.8", true },
        { "text/html", false },
        { "application/xml, text/*", false },
        { "*/*;q=0", false },
        { "*/*, application/json;q=0", false },
        { "application/json;q=0.0, */*", false },
        { "applicationx/*", false },
        { ",,", false },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        cr_expect_eq(accept_matches(rows[i].accept, "application/json"),
                     rows[i].ok, "%s", rows[i].accept);
}

Test(negotiate, content_type)
{
    static const struct {
        const char *type;
        bool ok;
    } rows[] = {
        { "application/json", true },
        { "Application/JSON ; charset=UTF-8", true },
        { "text/csv;charset=\"utf-8\"", true },
        { "application/json; charset=latin1", false },
        { "application/jsonx", false },
        { "application/jso", false },
        { "text/plain", false },
        { "", false },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        cr_expect_eq(content_type_in(rows[i].type, "application/json|text/csv"),
                     rows[i].ok, "%s", rows[i].type);
}

/* ---- settings ---------------------------------------------------------- */

static const char *word;
static int64_t count;
static const char *secret;
static const struct cfg_field fields[] = {
    CFG_STR("TEST_WORD", &word, "blue", "a colour"),
    CFG_INT("TEST_COUNT", &count, "3", 1, 9, "how many"),
    CFG_SECRET("TEST_SECRET", &secret, "", "a secret"),
    { 0 }
};
static const struct cfg_field required[] = {
    CFG_SECRET("TEST_SECRET", &secret, NULL, "a secret"), { 0 }
};
static const struct function fn = {
    .name = "thing", .help = "things", .routes = routes, .config = fields
};
static const struct route public_routes[] = {
    { GET, "/x", nothing, "x", .auth = AUTH_PUBLIC }, { 0 }
};

static const struct function plain = { .name = "plain",
                                       .help = "plain things",
                                       .routes = public_routes,
                                       .config = fields };
static const struct function strict = { .name = "strict",
                                        .help = "strict things",
                                        .routes = public_routes,
                                        .config = required };

Test(config, defaults)
{
    config_load(&plain);
    cr_assert_str_eq(word, "blue");
    cr_assert_eq(count, 3);
    cr_assert_str_eq(secret, "");
    cr_assert_eq(runtime.port, 8080);
    cr_assert_null(runtime.admin_token);
}

Test(config, environment_and_secret_file)
{
    char path[] = "run_test_secret_XXXXXX";
    int fd = mkstemp(path);

    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, "s3cret word\n", 12), 12);
    close(fd);
    setenv("TEST_WORD", "red", 1);
    setenv("TEST_COUNT", "9", 1);
    setenv("TEST_SECRET_FILE", path, 1);
    setenv("PUBLIC_URL", "https://shop.example/", 1);
    config_load(&plain);
    unlink(path);
    cr_assert_str_eq(word, "red");
    cr_assert_eq(count, 9);
    cr_assert_str_eq(secret, "s3cret word");
    cr_assert_str_eq(public_url(), "https://shop.example");
}

Test(config, refuses_a_number_out_of_range, .exit_code = 2)
{
    cr_redirect_stderr();
    setenv("TEST_COUNT", "10", 1);
    config_load(&plain);
}

Test(config, refuses_what_is_no_number, .exit_code = 2)
{
    cr_redirect_stderr();
    setenv("PORT", "80a", 1);
    config_load(&plain);
}

Test(config, refuses_a_host_name, .exit_code = 2)
{
    cr_redirect_stderr();
    setenv("HOST", "shop.example", 1);
    config_load(&plain);
}

Test(config, refuses_a_missing_secret, .exit_code = 2)
{
    cr_redirect_stderr();
    config_load(&strict);
}

Test(config, refuses_a_secret_that_cannot_be_read, .exit_code = 2)
{
    cr_redirect_stderr();
    setenv("TEST_SECRET_FILE", "no/such/file", 1);
    config_load(&plain);
}

Test(config, a_function_with_staff_routes_needs_their_token, .exit_code = 2)
{
    cr_redirect_stderr();
    config_load(&fn);
}

Test(describe, is_json_and_always_the_same)
{
    struct arena *a = arena_new(0);
    struct buf one;
    struct buf two;
    const char *why = NULL;

    buf_init(&one, a);
    buf_init(&two, a);
    describe_json(&fn, &one);
    describe_json(&fn, &two);
    cr_assert(json_check(one.data, one.len, JSON_REQUEST, 32, &why), "%s", why);
    cr_assert_str_eq(one.data, two.data);
    cr_assert_not_null(strstr(one.data, "\"env\":\"ADMIN_TOKEN\""));
    cr_assert_not_null(strstr(one.data, "\"auth\":\"admin\""));
    arena_free(a);
}

Test(problem, body_is_complete_json, .init = setup, .fini = teardown)
{
    struct buf b;

    buf_init(&b, x->r.arena);
    fail_at(&x->r, ERR_INVALID, "/a\"b", "must be \"x\"");
    fail(&x->r, ERR_INVALID, "no good");
    problem_json(&x->r, ERR_INVALID, &b);
    cr_assert(json_check(b.data, b.len, JSON_REQUEST, 32, NULL));
    cr_assert_not_null(strstr(b.data, "\"pointer\":\"/a\\\"b\""));
    cr_assert_not_null(strstr(b.data, x->r.trace.trace_id));
}
