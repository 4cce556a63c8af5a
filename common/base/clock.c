/* clock - the kernel's two clocks, read through the vDSO. */
#include "base/clock.h"

static int64_t read_us(clockid_t id)
{
    struct timespec t;

    if (clock_gettime(id, &t) != 0)
        abort();
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t clock_us(void)
{
    return read_us(CLOCK_MONOTONIC);
}

int64_t clock_wall_us(void)
{
    return read_us(CLOCK_REALTIME);
}

void clock_iso(int64_t wall_us, char out[CLOCK_ISO_LEN + 1])
{
    int64_t sec = wall_us / 1000000;
    int64_t us = wall_us % 1000000;
    struct tm tm;
    char text[96];

    if (us < 0) { /* before 1970: round towards the past */
        us += 1000000;
        sec--;
    }
    if (gmtime_r(&(time_t){ sec }, &tm) == NULL)
        abort();
    (void)snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ",
                   tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
                   tm.tm_min, tm.tm_sec, (int)(us / 1000));
    memcpy(out, text, CLOCK_ISO_LEN);
    out[CLOCK_ISO_LEN] = '\0';
}
