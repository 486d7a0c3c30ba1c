/* A clock that only goes forward, for patience and deadlines; what events say about time comes from core/moment.h. */
#ifndef NIANSHEN_PRODUCER_CLOCK_H
#define NIANSHEN_PRODUCER_CLOCK_H

#include <stdint.h>

int64_t clock_monotonic_ms(void);

#endif
