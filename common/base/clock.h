/* clock - two clocks. Durations and deadlines use clock_us (CLOCK_MONOTONIC);
 * wall time is only for what people and other systems read. Business expiry
 * is decided by the database's now(), never by these. */
#ifndef BODEGA_BASE_CLOCK_H
#define BODEGA_BASE_CLOCK_H

#include <stdint.h>

#define CLOCK_ISO_LEN 24 /* 2026-11-24T11:09:39.123Z */

int64_t clock_us(void);      /* microseconds, monotonic */
int64_t clock_wall_us(void); /* microseconds since 1970, UTC */
/* RFC 3339 with milliseconds, UTC. */
void clock_iso(int64_t wall_us, char out[CLOCK_ISO_LEN + 1]);

#endif
