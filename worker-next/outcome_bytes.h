/*
 * Outcomes as bytes for the outbox: packed one behind the other and compressed (LZ4: JSON that repeats itself shrinks to a fifth at a cost
 * far below that of writing it). Pure; memory from the arena.
 */
#ifndef NIANSHEN_WORKER_OUTCOME_BYTES_H
#define NIANSHEN_WORKER_OUTCOME_BYTES_H

#include "core/arena.h"
#include "rules/review.h"

enum { OUTCOME_BYTES_MAX = 128 * 1024 * 1024 }; /* before compression, of one micro-batch and shard */

/* NULL: the arena is full, or they are more than OUTCOME_BYTES_MAX. */
const void *outcome_pack(struct arena *arena, const struct outcome *const *outcomes, size_t count, size_t *size_bytes);
/* False: the bytes are no outcomes, or the arena is full. */
bool outcome_unpack(struct arena *arena, const void *bytes, size_t size_bytes, struct outcome **outcomes, size_t *count);

#endif
