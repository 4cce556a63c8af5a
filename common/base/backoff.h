/* backoff - full jitter: rand(0, min(cap, base * 2^attempt)) milliseconds
 * (AWS Builders' Library, "Timeouts, retries and backoff with jitter"). */
#ifndef BODEGA_BASE_BACKOFF_H
#define BODEGA_BASE_BACKOFF_H

#include <stdint.h>

/* attempt 0 is the first retry. Never overflows; at least 1 ms. */
int64_t backoff_ms(int attempt, int64_t base_ms, int64_t cap_ms);

#endif
