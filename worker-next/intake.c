#include "worker-next/intake.h"

#include <sysexits.h>

#include "worker-next/worker.h"

static bool is_full(const struct queue_pool *pool)
{
    return pool->count >= INTAKE_QUEUED_RECORDS_MAX || pool->bytes >= INTAKE_QUEUED_BYTES_MAX;
}

bool intake_is_open(const struct worker *worker)
{
    return worker->consumer != NULL && !worker->is_stopping && !worker->assignment.is_revoking && !is_full(&worker->shards.pool);
}

/* ---- what comes ---- */

/* The first record after a claim is the last one applied: anything else means that the topic is not what it was. */
static enum intake_found record_prove(struct partition *partition, const struct kafka_record *record)
{
    if (!record_is_marked(record, &partition->proof)) return INTAKE_CHANGED;
    partition->is_proving = false;
    return INTAKE_PROVEN;
}

/* Records of shards that are not read (any more) may still come out of the client's queue. */
enum intake_found intake_record(struct worker *worker, struct shard *shard, struct kafka_record *record)
{
    enum intake_found found = INTAKE_PASSED_OVER;
    struct partition *partition = shard == NULL ? NULL : &shard->partitions[record->topic];
    if (partition != NULL && shard->state == SHARD_READING && partition->is_proving)
        found = record_prove(partition, record);
    else if (partition != NULL && shard->state == SHARD_READING && record->offset >= partition->read_offset &&
             queue_push(&worker->shards.pool, &partition->queue, record))
        found = INTAKE_QUEUED;
    if (found == INTAKE_QUEUED) {
        partition->read_offset = record->offset + 1;
        partition->end_offset = -1;
    } else {
        kafka_record_release(record);
    }
    return found;
}

bool intake_end(struct shard *shard, const struct kafka_position *end)
{
    struct partition *partition = &shard->partitions[end->topic];
    if (partition->is_proving) return false;
    if (end->offset >= partition->read_offset) partition->end_offset = end->offset;
    return true;
}

/* ---- merging ---- */

static const struct kafka_record *head_of(const struct worker *worker, const struct partition *partition)
{
    return queue_head(&worker->shards.pool, &partition->queue);
}

/* Nothing of it waits, and the broker has no more as far as it told. */
static bool is_at_end(const struct worker *worker, const struct partition *partition)
{
    if (partition->end_offset >= partition->read_offset) return true;
    int64_t end = kafka_consumer_end(worker->consumer, partition->topic, partition->number);
    return end >= 0 && end <= partition->read_offset;
}

/* Whether the shard's records may be taken although one of its topics has more than is here. */
static bool may_overtake(struct worker *worker, struct shard *shard)
{
    int64_t wait_ms = is_full(&worker->shards.pool) ? INTAKE_FULL_MS : INTAKE_MERGE_MS;
    if (shard->merge_since_ms == 0) shard->merge_since_ms = worker->now_ms;
    if (worker->now_ms - shard->merge_since_ms >= wait_ms) return true;
    worker_wake_at(worker, shard->merge_since_ms + wait_ms);
    return false;
}

/* The partition with the oldest record; among equals the topic that others wait for. NULL: none may be taken now. */
static struct partition *next_of(struct worker *worker, struct shard *shard)
{
    struct partition *oldest = NULL;
    bool is_whole = true;
    for (int topic = 0; topic < TOPIC_INPUTS; topic++) {
        struct partition *partition = &shard->partitions[topic];
        const struct kafka_record *head = head_of(worker, partition);
        if (head == NULL)
            is_whole = is_whole && is_at_end(worker, partition);
        else if (oldest == NULL || head->append_ms < head_of(worker, oldest)->append_ms)
            oldest = partition;
    }
    if (is_whole)
        shard->merge_since_ms = 0;
    else if (oldest != NULL && !may_overtake(worker, shard))
        return NULL;
    return oldest;
}

/* ---- filling ---- */

static void memory_is_out(struct worker *worker)
{
    struct fault fault = {0};
    fault_set(&fault, FAULT_FATAL, EX_OSERR, "memory", "no memory left for a single record");
    worker_fail(worker, &fault);
}

static bool record_take(struct worker *worker, struct lane *lane, const struct shard *shard, struct partition *partition)
{
    enum bundle_added added = bundle_add(lane->filling, shard, partition, head_of(worker, partition), worker->input_partitions);
    if (added == BUNDLE_ADDED) queue_pop(&worker->shards.pool, &partition->queue);
    if (added == BUNDLE_FAILED) memory_is_out(worker);
    return added == BUNDLE_ADDED;
}

/* Markers of transactions at the end are passed over, so that the position is what the broker says. */
static bool ends_take(struct worker *worker, struct lane *lane, const struct shard *shard, struct partition *partitions)
{
    bool moved = false;
    for (int topic = 0; topic < TOPIC_INPUTS; topic++) {
        struct partition *partition = &partitions[topic];
        if (partition->end_offset <= partition->taken_offset || head_of(worker, partition) != NULL) continue;
        if (!bundle_add_end(lane->filling, shard, partition)) memory_is_out(worker);
        moved = true;
    }
    return moved;
}

/* Some records of one shard; returns how many. */
static size_t shard_take(struct worker *worker, struct lane *lane, struct shard *shard, size_t records_max, size_t bytes_max)
{
    size_t count = 0;
    while (count < records_max && lane->filling->bytes < bytes_max && !bundle_is_full(lane->filling)) {
        struct partition *partition = next_of(worker, shard);
        if (partition == NULL || !record_take(worker, lane, shard, partition)) break;
        count++;
    }
    return count;
}

static bool is_ready(const struct lane *lane, const struct shard *shard)
{
    return shard->lane == lane->number && shard_is_proven(shard);
}

bool intake_fill(struct worker *worker, struct lane *lane)
{
    bool moved = false;
    size_t count = 0, bytes_max = lane->filling->bytes + INTAKE_BYTES_A_ROUND;
    struct shards *shards = &worker->shards;
    if (worker->is_stopping || worker->assignment.is_revoking || lane->is_doubted) return false;
    bool was_empty = bundle_is_empty(lane->filling);
    for (size_t i = 0; i < shards->count && count < INTAKE_RECORDS_A_ROUND && !bundle_is_full(lane->filling); i++) {
        struct shard *shard = &shards->list[lane->turn % shards->count];
        size_t taken = is_ready(lane, shard) ? shard_take(worker, lane, shard, INTAKE_RECORDS_A_ROUND - count, bytes_max) : 0;
        if (is_ready(lane, shard)) moved = ends_take(worker, lane, shard, shard->partitions) || moved;
        count += taken;
        if (count < INTAKE_RECORDS_A_ROUND && lane->filling->bytes < bytes_max) lane->turn++;
    }
    if (was_empty && !bundle_is_empty(lane->filling)) lane->filling->since_ms = worker->now_ms;
    return moved || count > 0;
}

/* ---- handing over ---- */

static bool has_more(const struct worker *worker, const struct lane *lane)
{
    for (size_t i = 0; i < worker->shards.count; i++) {
        const struct shard *shard = &worker->shards.list[i];
        for (int topic = 0; is_ready(lane, shard) && topic < TOPIC_INPUTS; topic++)
            if (head_of(worker, &shard->partitions[topic]) != NULL || !is_at_end(worker, &shard->partitions[topic])) return true;
    }
    return false;
}

bool intake_is_due(struct worker *worker, struct lane *lane)
{
    int64_t due_ms = lane->filling->since_ms + INTAKE_GATHER_MS;
    if (bundle_is_empty(lane->filling)) return false;
    if (bundle_is_full(lane->filling) || worker->now_ms >= due_ms || !has_more(worker, lane)) return true;
    worker_wake_at(worker, due_ms);
    return false;
}
