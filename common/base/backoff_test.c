/* backoff_test - bounds, and that the jitter is full. */
#include <criterion/criterion.h>
#include "base/backoff.h"

static void bounds(int attempt, int64_t base, int64_t cap, int64_t most)
{
    for (int i = 0; i < 200; i++) {
        int64_t ms = backoff_ms(attempt, base, cap);

        cr_assert(ms >= 1 && ms <= most, "attempt %d gave %lld", attempt,
                  (long long)ms);
    }
}

Test(backoff, stays_below_the_doubled_base_and_the_cap)
{
    bounds(0, 100, 10000, 100);
    bounds(1, 100, 10000, 200);
    bounds(5, 100, 10000, 3200);
    bounds(10, 100, 10000, 10000);
}

Test(backoff, odd_arguments)
{
    bounds(INT32_MAX, INT64_MAX / 2, INT64_MAX, INT64_MAX);
    bounds(INT32_MAX, 1, INT64_MAX, INT64_MAX);
    bounds(-5, 100, 10000, 100);
    bounds(3, 0, 0, 1);
    bounds(3, -7, -9, 1);
}

/* 200 draws from 1 .. 1000: that none falls into one half has a chance of
 * 2^-200. */
Test(backoff, uses_both_halves_of_the_range)
{
    int low = 0;

    for (int i = 0; i < 200; i++)
        low += backoff_ms(0, 1000, 1000) <= 500;
    cr_assert(low > 0 && low < 200);
}
