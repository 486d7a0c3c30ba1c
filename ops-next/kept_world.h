/*
 * Reviews kept in memory between micro-batches: the state of a rebuild, without a database. Each review is one block (rules/keep.h), found
 * by unit and year; a micro-batch works on shallow copies, whose changes are kept afterwards.
 *
 * Memory grows with the units that are kept; rebuild a large database shard by shard.
 */
#ifndef NIANSHEN_OPS_KEPT_WORLD_H
#define NIANSHEN_OPS_KEPT_WORLD_H

#include "rules/review.h"

struct kept_world;

/* NULL: memory is out. */
struct kept_world *kept_world_new(void);
void kept_world_free(struct kept_world *kept);
/* Forgets all reviews. */
void kept_world_clear(struct kept_world *kept);

/*
 * Fills world->reviews with one review for each unit and year that the events name, and sets each event's `review`. `units` and `years`:
 * those of the events, in their order; a NULL unit has no review. Reference data of the units (created_ms, superiors, limits, roster) are
 * the caller's to fill. False: memory or the arena is out.
 */
bool kept_world_open(struct kept_world *kept, struct world *world, struct review_event *events, const char *const *units,
                     const int32_t *years, size_t count);
/* Keeps what review_apply made of the world's reviews; those of year 0 hold nothing. False: memory is out. */
bool kept_world_keep(struct kept_world *kept, const struct world *world);

/* Calls `visit` for each review, in no particular order, until it returns false. */
typedef bool (*kept_visit_fn)(void *context, const struct review *review);
bool kept_world_visit(const struct kept_world *kept, kept_visit_fn visit, void *context);

#endif
