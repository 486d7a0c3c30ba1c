/*
 * A dead letter goes out with its original, which is read again from its topic. While that can't be read, for its partition has no leader,
 * or may be another topic's, for it is not proven, the dead letters of the partition stay in the database, and hold back neither outcomes
 * nor dead letters of others.
 */
#ifndef NIANSHEN_WORKER_OUTBOX_ORIGINALS_H
#define NIANSHEN_WORKER_OUTBOX_ORIGINALS_H

#include "core/database.h"

struct worker;

/* Adds a parameter to the query that takes rows: of which of the partitions that are ours the dead letters stay. */
void outbox_originals_add(struct worker *worker, struct database_query *query);
/* What was taken is all that waits: a partition that was tried and is not among it is not waited for, another worker may have published it.
 */
void outbox_originals_all_taken(struct worker *worker);
/* Hands the dead letter of that row over to the producer. FAULT_RETRY: its original is not there yet, or the row is left for later. */
bool outbox_original_send(struct worker *worker, size_t row, struct fault *fault);

#endif
