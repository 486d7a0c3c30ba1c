#include "worker-next/queue.h"

#include <stdlib.h>

struct queued {
    struct kafka_record record;
    int32_t next; /* place + 1; 0: none */
};

bool queue_pool_init(struct queue_pool *pool, size_t records_max)
{
    *pool = (struct queue_pool){.list = calloc(records_max, sizeof *pool->list)};
    if (pool->list == NULL) return false;
    for (size_t i = 0; i + 1 < records_max; i++) pool->list[i].next = (int32_t)i + 2;
    pool->free = 1;
    return true;
}

void queue_pool_free(struct queue_pool *pool)
{
    free(pool->list);
    *pool = (struct queue_pool){0};
}

static size_t record_bytes(const struct kafka_record *record)
{
    return record->key_bytes + record->value_bytes;
}

bool queue_push(struct queue_pool *pool, struct queue *queue, const struct kafka_record *record)
{
    int32_t place = pool->free;
    if (place == 0) return false;
    struct queued *queued = &pool->list[place - 1];
    pool->free = queued->next;
    *queued = (struct queued){.record = *record};
    if (queue->last == 0)
        queue->first = place;
    else
        pool->list[queue->last - 1].next = place;
    queue->last = place;
    pool->count++;
    pool->bytes += record_bytes(record);
    return true;
}

const struct kafka_record *queue_head(const struct queue_pool *pool, const struct queue *queue)
{
    return queue->first == 0 ? NULL : &pool->list[queue->first - 1].record;
}

void queue_pop(struct queue_pool *pool, struct queue *queue)
{
    int32_t place = queue->first;
    struct queued *queued = &pool->list[place - 1];
    queue->first = queued->next;
    if (queue->first == 0) queue->last = 0;
    pool->count--;
    pool->bytes -= record_bytes(&queued->record);
    queued->next = pool->free;
    pool->free = place;
}

void queue_clear(struct queue_pool *pool, struct queue *queue)
{
    while (queue->first != 0) {
        struct kafka_record record = *queue_head(pool, queue);
        queue_pop(pool, queue);
        kafka_record_release(&record);
    }
}
