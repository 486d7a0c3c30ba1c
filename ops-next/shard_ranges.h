/* What a snapshot of the database says of each shard: how far its topics were applied, and what of them was passed over. */
#ifndef NIANSHEN_OPS_SHARD_RANGES_H
#define NIANSHEN_OPS_SHARD_RANGES_H

#include "ops-next/topic_range.h"
#include "ops/session.h"

struct shard_ranges {
    struct topic_range (*list)[TOPIC_INPUTS]; /* by shard; one that was never claimed ends at 0 */
    size_t count;
    struct range_gap *gaps;
};

/* From where a partition was purged to its position. False: the session's fault is set. shard_ranges_free in either case. */
bool shard_ranges_ask(struct shard_ranges *ranges, struct session *session);
void shard_ranges_free(struct shard_ranges *ranges);

#endif
