/*
 * Kafka's records on their way into bundles. Each partition has a queue of records as they came. A shard's three topics are merged by
 * append time, so that little has to wait for what another topic brings: while one of them is known to have more and nothing of it is here
 * yet, the others wait for it a little. At the live end nothing waits.
 */
#ifndef NIANSHEN_WORKER_INTAKE_H
#define NIANSHEN_WORKER_INTAKE_H

#include "worker-next/shards.h"

/*
 * Bounded memory: what waits in the queues, and two bundles a lane, one of them perhaps with the database. While the queues are full Kafka
 * is not asked for anything, not even for a rebalance: pausing would throw away what was prefetched. That lasts as long as the database
 * works on one micro-batch of each lane at most; an outage empties queues and bundles, and Kafka is heard again.
 */
enum {
    INTAKE_QUEUED_RECORDS_MAX = 16384,
    INTAKE_QUEUED_BYTES_MAX = 8 * 1024 * 1024,
    /* the other steps get their turn after these */
    INTAKE_RECORDS_A_ROUND = 200,
    INTAKE_BYTES_A_ROUND = 256 * 1024, /* decoded in a few milliseconds: so long an idle database waits for the first of a backlog */
    INTAKE_MERGE_MS = 1000, /* the longest wait for a topic that has more */
    INTAKE_FULL_MS = 50, /* the same while there is no room for it */
    INTAKE_GATHER_MS = 20, /* while behind: the longest wait for a bundle to become full while the database has nothing to do */
};

struct worker;
struct lane;

enum intake_found { INTAKE_QUEUED, INTAKE_PASSED_OVER, INTAKE_PROVEN, INTAKE_CHANGED /* the last record applied is another one */ };

/* True when the next happening may be asked for. */
bool intake_is_open(const struct worker *worker);
/* Takes the record over. */
enum intake_found intake_record(struct worker *worker, struct shard *shard, struct kafka_record *record);
/* The end of a partition. False: its last applied record is not there. */
bool intake_end(struct shard *shard, const struct kafka_position *end);

/* Decodes into the bundle that the lane fills. */
bool intake_fill(struct worker *worker, struct lane *lane);
/* True when the lane's bundle should be applied now. */
bool intake_is_due(struct worker *worker, struct lane *lane);

#endif
