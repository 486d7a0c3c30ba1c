/*
 * A region of memory that is freed at once: one per micro-batch, so that no decoder owns single strings.
 * The most it may hold is named when it is made; beyond that arena_take returns NULL.
 */
#ifndef NIANSHEN_CORE_ARENA_H
#define NIANSHEN_CORE_ARENA_H

#include <stddef.h>

struct arena;

/* Caller owns the arena. NULL when memory is out. */
struct arena *arena_new(size_t bytes_max);
void arena_free(struct arena *arena);

/* Forgets all that was taken; keeps at least one block for reuse. */
void arena_reset(struct arena *arena);

/* `bytes` of zeroed memory aligned for any type; NULL when `bytes_max` would be passed or memory is out. */
void *arena_take(struct arena *arena, size_t bytes);

/* A NUL-terminated copy of `length` bytes; copies lie close together. */
char *arena_copy(struct arena *arena, const char *text, size_t length);

size_t arena_used_bytes(const struct arena *arena);

#endif
