#include "worker-next/position.h"

#include <stdlib.h>

#include "worker-next/worker.h"

static size_t positions_of(struct shard *shard, struct kafka_position *at)
{
    size_t count = 0;
    for (int topic = 0; topic < TOPIC_INPUTS && shard->state == SHARD_READING; topic++) {
        struct partition *partition = &shard->partitions[topic];
        if (partition->committed_offset == partition->stored_offset) continue;
        partition->committed_offset = partition->stored_offset;
        at[count++] = (struct kafka_position){partition->topic, partition->number, partition->stored_offset};
    }
    return count;
}

void position_commit(struct worker *worker)
{
    struct shards *shards = &worker->shards;
    struct kafka_position *at = calloc(shards->count * TOPIC_INPUTS + 1, sizeof *at);
    size_t count = 0;
    if (at == NULL) return; /* only lag tools miss it, until the next time */
    for (size_t i = 0; i < shards->count; i++) count += positions_of(&shards->list[i], at + count);
    if (count > 0) kafka_consumer_commit(worker->consumer, at, count);
    free(at);
}
