/* clock_test - formats against dates worked out by hand. */
#include <criterion/criterion.h>
#include "base/clock.h"

static void check(int64_t us, const char *expected)
{
    char out[CLOCK_ISO_LEN + 1];

    clock_iso(us, out);
    cr_assert_str_eq(out, expected);
}

Test(clock, iso)
{
    check(0, "1970-01-01T00:00:00.000Z");
    check(999, "1970-01-01T00:00:00.000Z");
    check(1000, "1970-01-01T00:00:00.001Z");
    check(1709164800000000, "2024-02-29T00:00:00.000Z");
    check(1795518579123456, "2026-11-24T11:09:39.123Z");
    check(-1, "1969-12-31T23:59:59.999Z");
    check(-1000000, "1969-12-31T23:59:59.000Z");
}

Test(clock, monotonic_never_goes_back)
{
    int64_t last = clock_us();

    for (int i = 0; i < 1000; i++) {
        int64_t now = clock_us();

        cr_assert_geq(now, last);
        last = now;
    }
}

Test(clock, wall_is_the_systems)
{
    time_t before = time(NULL);
    int64_t us = clock_wall_us();
    time_t after = time(NULL);

    /* time() may lag by a tick (coarse clock). */
    cr_assert_geq(us / 1000000, before);
    cr_assert_leq(us / 1000000, after + 1);
}
