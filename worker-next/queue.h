/*
 * Records as they came, waiting to be decoded: one queue a partition, all in one pool of fixed size. Pure: no I/O here.
 */
#ifndef NIANSHEN_WORKER_QUEUE_H
#define NIANSHEN_WORKER_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/kafka.h"

struct queued;

struct queue_pool {
    struct queued *list;
    int32_t free; /* place + 1 of the first free one; 0: none */
    size_t count, bytes; /* of what waits in all queues */
};

struct queue { /* places + 1 in the pool; zero: empty */
    int32_t first, last;
};

/* False when memory is out. */
bool queue_pool_init(struct queue_pool *pool, size_t records_max);
void queue_pool_free(struct queue_pool *pool); /* all queues are cleared before */

/* Takes the record over. False: the pool is full, and the record stays the caller's. */
bool queue_push(struct queue_pool *pool, struct queue *queue, const struct kafka_record *record);
/* The first record, borrowed; NULL when there is none. */
const struct kafka_record *queue_head(const struct queue_pool *pool, const struct queue *queue);
/* Takes the first record out, without releasing it. */
void queue_pop(struct queue_pool *pool, struct queue *queue);
/* Releases all that waits. */
void queue_clear(struct queue_pool *pool, struct queue *queue);

#endif
