/* Sorting places of a list: stable, and linear where the list is made of few runs that ascend, as ours are. Memory from the arena. */
#ifndef NIANSHEN_RULES_SORT_H
#define NIANSHEN_RULES_SORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"

typedef int (*sort_compare)(const void *context, uint32_t a, uint32_t b);

/* The numbers 0 to count - 1 in the order that `compare` gives them. NULL: the arena is full. */
uint32_t *sort_places(struct arena *arena, size_t count, sort_compare compare, const void *context);

#endif
