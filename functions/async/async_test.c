/* What a call may look like, and that nobody reads a token on the bus. */
#include <criterion/criterion.h>
#include "async/async_text.c"

static struct arena *arena;

static void setup(void)
{
    arena = arena_new(0);
}

static void teardown(void)
{
    arena_free(arena);
}

TestSuite(async, .init = setup, .fini = teardown);

Test(async, only_functions_are_called_and_never_itself)
{
    cr_assert(async_name_ok("cart"));
    cr_assert(async_name_ok("cart2"));
    cr_assert_not(async_name_ok("async"));
    cr_assert_not(async_name_ok(""));
    cr_assert_not(async_name_ok("2cart"));
    cr_assert_not(async_name_ok("cart.openfaas-fn"));
    cr_assert_not(async_name_ok("cart/../order"));
    cr_assert_not(async_name_ok("Cart"));
}

Test(async, paths_mean_one_thing)
{
    cr_assert(async_path_ok(arena, "/"));
    cr_assert(async_path_ok(arena, "/api/carts/a%20b?x=/../1"));
    cr_assert_not(async_path_ok(arena, ""));
    cr_assert_not(async_path_ok(arena, "-"));
    cr_assert_not(async_path_ok(arena, "/a/../internal/orders"));
    cr_assert_not(async_path_ok(arena, "/a/%2e%2e/internal/orders"));
    cr_assert_not(async_path_ok(arena, "/a b"));
    cr_assert_not(async_path_ok(arena, "/a#b"));
    cr_assert_not(async_path_ok(arena, "/a\\b"));
    cr_assert_not(async_path_ok(arena, "/a\r\nHost: b"));
    cr_assert_not(async_path_ok(arena, "/caf\xc3\xa9"));
}

Test(async, callbacks_stay_at_their_origin)
{
    const char *origin = "https://hooks.example:8443";

    cr_assert_str_eq(
        async_path_at(arena, "https://hooks.example:8443/a?b", origin), "/a?b");
    cr_assert_str_eq(async_path_at(arena, "https://hooks.example:8443", origin),
                     "/");
    cr_assert_str_eq(
        async_path_at(arena, "https://hooks.example:8443?b=1", origin),
        "/?b=1");
    cr_assert_null(
        async_path_at(arena, "https://hooks.example:84430/", origin));
    cr_assert_null(
        async_path_at(arena, "https://hooks.example:8443@evil/", origin));
    cr_assert_null(
        async_path_at(arena, "https://hooks.example:8443.evil/", origin));
    cr_assert_null(async_path_at(arena, "http://hooks.example:8443/", origin));
    cr_assert_null(async_path_at(arena, "", origin));
    cr_assert_null(
        async_path_at(arena, "https://hooks.example:8443/a b", origin));
}

Test(async, origins_are_bare)
{
    cr_assert(async_origin_ok("http://127.0.0.1:9000"));
    cr_assert(async_origin_ok("https://hooks.example"));
    cr_assert(async_origin_ok("http://[::1]:80"));
    cr_assert_not(async_origin_ok("https://"));
    cr_assert_not(async_origin_ok("https://hooks.example/"));
    cr_assert_not(async_origin_ok("https://user@hooks.example"));
    cr_assert_not(async_origin_ok("ftp://hooks.example"));
    cr_assert_not(async_origin_ok("hooks.example"));
}

Test(async, base64_of_rfc_4648)
{
    size_t len;

    cr_assert_str_eq(async_base64(arena, "", 0), "");
    cr_assert_str_eq(async_base64(arena, "f", 1), "Zg==");
    cr_assert_str_eq(async_base64(arena, "foobar", 6), "Zm9vYmFy");
    cr_assert_str_eq(async_unbase64(arena, "Zm9vYg==", &len), "foob");
    cr_assert_eq(len, 4);
    cr_assert_str_eq(async_unbase64(arena, "", &len), "");
    cr_assert_eq(len, 0);
    cr_assert_null(async_unbase64(arena, "Zm9*", &len));
    cr_assert_null(async_unbase64(arena, "Zg", &len));
}

Test(async, only_the_key_opens_what_is_sealed)
{
    const char *text = "Bearer of-a-token";
    const char *sealed = async_seal(arena, "key", text);
    char *bent = arena_strdup(arena, sealed);

    cr_assert_null(strstr(sealed, "token"));
    cr_assert_str_neq(sealed, async_seal(arena, "key", text), "never twice");
    cr_assert_str_eq(async_open(arena, "key", sealed), text);
    cr_assert_null(async_open(arena, "kez", sealed));
    bent[40] = bent[40] == 'A' ? 'B' : 'A';
    cr_assert_null(async_open(arena, "key", bent));
    cr_assert_null(async_open(arena, "key", "Zg=="));
    cr_assert_null(async_open(arena, "key", "not base64"));
}
