#include "worker-next/backoff.h"

void backoff_init(struct backoff *backoff, uint32_t seed)
{
    *backoff = (struct backoff){.random = seed | 1};
}

/* Xorshift (Marsaglia): enough to spread workers out. */
static uint32_t random_next(struct backoff *backoff)
{
    backoff->random ^= backoff->random << 13;
    backoff->random ^= backoff->random >> 17;
    backoff->random ^= backoff->random << 5;
    return backoff->random;
}

int backoff_next_ms(struct backoff *backoff)
{
    backoff->delay_ms = backoff->delay_ms == 0 ? BACKOFF_FIRST_MS : backoff->delay_ms * 2;
    if (backoff->delay_ms > BACKOFF_MAX_MS) backoff->delay_ms = BACKOFF_MAX_MS;
    int half = backoff->delay_ms / 2;
    return half + (int)(random_next(backoff) % (uint32_t)(half + 1));
}

void backoff_reset(struct backoff *backoff)
{
    backoff->delay_ms = 0;
}
