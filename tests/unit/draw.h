/* Numbers by chance that are the same in every run, for tests that try many. */
#ifndef NIANSHEN_TESTS_UNIT_DRAW_H
#define NIANSHEN_TESTS_UNIT_DRAW_H

#include <stddef.h>
#include <stdint.h>

/* One of 0 … below - 1 (splitmix64); `state` is the caller's, any number at first. */
static inline size_t draw(uint64_t *state, size_t below)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (size_t)((z ^ (z >> 31)) % below);
}

#endif
