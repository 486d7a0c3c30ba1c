/*
 * Rebuilding: all that was applied of a shard's topics, up to the positions of one snapshot, is applied again by the engine, in memory.
 * Reference data and rosters come from the same snapshot. Nothing is written or published.
 *
 * Memory: two micro-batches, and the reviews of one shard and year, a few hundred bytes each and what their rows hold.
 */
#ifndef NIANSHEN_OPS_REBUILD_NEXT_H
#define NIANSHEN_OPS_REBUILD_NEXT_H

#include "ops-next/kept_world.h"
#include "ops-next/topic_range.h"

struct database;
struct rebuild;

/* `database`: an open session in a transaction that sees one snapshot; borrowed, and not to be used while a shard is rebuilt. */
struct rebuild *rebuild_new(const struct config *config, struct database *database, int32_t year, struct fault *fault);
void rebuild_free(struct rebuild *rebuild);
int32_t rebuild_partitions(const struct rebuild *rebuild);

struct rebuild_units { /* names, in strcmp's order; borrowed */
    const char *const *names;
    size_t count;
};

/*
 * Reads the three ranges of a shard and visits all reviews of the year. `only`: just these units; NULL: all. Fills each range's `first` and
 * `records`.
 */
bool rebuild_shard(struct rebuild *rebuild, struct topic_range ranges[TOPIC_INPUTS], const struct rebuild_units *only, kept_visit_fn visit,
                   void *context, struct fault *fault);

#endif
