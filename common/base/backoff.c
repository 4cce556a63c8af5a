/* backoff - see the header. */
#include "base/backoff.h"
#include "base/id.h"

int64_t backoff_ms(int attempt, int64_t base_ms, int64_t cap_ms)
{
    int64_t ceiling = base_ms < 1 ? 1 : base_ms;
    int64_t ms;

    for (int i = 0; i < attempt && ceiling < cap_ms; i++) {
        if (__builtin_mul_overflow(ceiling, 2, &ceiling))
            ceiling = INT64_MAX;
    }
    if (ceiling > cap_ms)
        ceiling = cap_ms;
    if (ceiling <= 1)
        return 1;
    ms = (int64_t)id_random_below((uint64_t)ceiling + 1);
    return ms < 1 ? 1 : ms;
}
