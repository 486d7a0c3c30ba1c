/*
 * A dead letter goes out with its original, which is read again from its topic. While that can't be read, for its partition has no leader,
 * or may be another topic's, for it is not proven, the dead letters of the partition stay in the database, and hold back neither outcomes
 * nor dead letters of others.
 */
#ifndef NIANSHEN_WORKER_OUTBOX_ORIGINALS_H
#define NIANSHEN_WORKER_OUTBOX_ORIGINALS_H

#include "core/database.h"

struct outbox_portion;
struct worker;

/* Adds a parameter to the query that takes rows: of which of the partitions that are ours the dead letters stay. */
void outbox_originals_add(struct worker *worker, struct database_query *query);
/* These rows are all that waits. A partition that was tried and is not among them is not waited for: another worker may have published. */
void outbox_originals_all_taken(struct worker *worker, const struct database_result *rows);
/* Hands the dead letter of that row over to the producer. FAULT_RETRY: its original is not there yet, or the row is left for later. */
bool outbox_original_send(struct worker *worker, struct outbox_portion *portion, size_t row, uint64_t tag, struct fault *fault);
/* Nothing is to be read again now. */
void outbox_originals_rest(struct worker *worker);

#endif
