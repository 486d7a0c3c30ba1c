#include "worker/position.h"

#include <stdlib.h>

#include "worker/worker.h"

void position_commit(struct worker *worker)
{
    struct partitions *partitions = &worker->partitions;
    struct kafka_position *at = calloc(partitions->count + 1, sizeof *at);
    size_t count = 0;
    if (at == NULL) return; /* only lag tools miss it, until the next time */
    for (size_t i = 0; i < partitions->count; i++) {
        struct partition *partition = &partitions->list[i];
        if (!partition_is_read(partition) || partition->committed_offset == partition->stored_offset) continue;
        partition->committed_offset = partition->stored_offset;
        at[count++] = (struct kafka_position){partition->at.topic, partition->at.number, partition->stored_offset};
    }
    if (count > 0) kafka_consumer_commit(worker->consumer, at, count);
    free(at);
}
