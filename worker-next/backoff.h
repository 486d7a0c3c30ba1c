/* Exponential back-off with jitter, so that many workers do not come back in step. Pure. */
#ifndef NIANSHEN_WORKER_BACKOFF_H
#define NIANSHEN_WORKER_BACKOFF_H

#include <stdint.h>

enum { BACKOFF_FIRST_MS = 100, BACKOFF_MAX_MS = 5000 };

struct backoff {
    uint32_t random; /* state of the jitter */
    int delay_ms; /* of the last wait; 0: none yet */
};

void backoff_init(struct backoff *backoff, uint32_t seed);
/* How long to wait now: between half of the delay and all of it; the delay doubles each time, up to BACKOFF_MAX_MS. */
int backoff_next_ms(struct backoff *backoff);
/* After a success. */
void backoff_reset(struct backoff *backoff);

#endif
