#include <criterion/criterion.h>
#include "run/fn.h"
#undef FN_MAIN
#define FN_MAIN(f) /* the test has a main of its own */
#include "hello.c"

Test(hello, greets_by_name)
{
    struct arena *a = arena_new(0);

    cr_assert_str_eq(greet(a, "Ada"), "hello, Ada");
    arena_free(a);
}
