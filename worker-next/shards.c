#include "worker-next/shards.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/log.h"

bool shards_init(struct shards *shards, size_t records_max)
{
    *shards = (struct shards){0};
    return queue_pool_init(&shards->pool, records_max);
}

void shards_free(struct shards *shards)
{
    shards_clear(shards);
    queue_pool_free(&shards->pool);
}

void shards_clear(struct shards *shards)
{
    struct queue_pool pool = shards->pool;
    for (size_t i = 0; i < shards->count; i++)
        for (int topic = 0; topic < TOPIC_INPUTS; topic++) queue_clear(&pool, &shards->list[i].partitions[topic].queue);
    free(shards->list);
    *shards = (struct shards){.pool = pool};
}

static void shard_init(struct shard *shard, int32_t number, int lane)
{
    *shard = (struct shard){.number = number, .lane = lane, .outbox_behind = -1, .publication = -1};
    for (int topic = 0; topic < TOPIC_INPUTS; topic++)
        shard->partitions[topic] = (struct partition){
            .topic = (enum topic_kind)topic,
            .number = number,
            .end_offset = -1,
            .committed_offset = -1,
        };
}

static struct shard *shard_of(struct shards *shards, int32_t number, int lanes)
{
    struct shard *shard = shards_find(shards, number);
    if (shard != NULL) return shard;
    shard = &shards->list[shards->count++];
    shard_init(shard, number, (int)(number % lanes));
    shards->index[number] = (int16_t)shards->count;
    return shard;
}

bool shards_set(struct shards *shards, const struct kafka_position *assigned, size_t count, int lanes)
{
    shards_clear(shards);
    shards->list = calloc(count + 1, sizeof *shards->list);
    if (shards->list == NULL) return false;
    for (size_t i = 0; i < count; i++) {
        const struct kafka_position *at = &assigned[i];
        if ((int)at->topic >= TOPIC_INPUTS || at->partition < 0 || at->partition >= KAFKA_PARTITIONS_MAX) return false;
        shard_of(shards, at->partition, lanes)->partitions[at->topic].is_assigned = true;
    }
    for (size_t i = 0; i < shards->count; i++) {
        const struct partition *partitions = shards->list[i].partitions;
        bool is_whole = true;
        for (int topic = 0; topic < TOPIC_INPUTS; topic++) is_whole = is_whole && partitions[topic].is_assigned;
        shards->list[i].state = is_whole ? SHARD_UNCLAIMED : SHARD_PARTIAL;
    }
    return true;
}

struct shard *shards_find(struct shards *shards, int32_t number)
{
    if (number < 0 || number >= KAFKA_PARTITIONS_MAX) return NULL;
    int place = shards->index[number];
    return place == 0 ? NULL : &shards->list[place - 1];
}

struct partition *shards_partition(struct shards *shards, enum topic_kind topic, int32_t number)
{
    struct shard *shard = (int)topic < TOPIC_INPUTS ? shards_find(shards, number) : NULL;
    return shard == NULL ? NULL : &shard->partitions[topic];
}

size_t shards_in(const struct shards *shards, enum shard_state state)
{
    size_t count = 0;
    for (size_t i = 0; i < shards->count; i++) count += shards->list[i].state == state;
    return count;
}

int64_t shards_away_since_ms(const struct shards *shards)
{
    int64_t first_ms = 0;
    for (size_t i = 0; i < shards->count; i++) {
        const struct shard *shard = &shards->list[i];
        if (shard->away_since_ms == 0 || !shard_is_ours(shard) || shard->state == SHARD_HALTED) continue;
        if (first_ms == 0 || shard->away_since_ms < first_ms) first_ms = shard->away_since_ms;
    }
    return first_ms;
}

bool shard_is_ours(const struct shard *shard)
{
    switch (shard->state) {
    case SHARD_CLAIMED:
    case SHARD_READY:
    case SHARD_READING:
    case SHARD_HALTED:
        return true;
    case SHARD_PARTIAL:
    case SHARD_UNCLAIMED:
    case SHARD_DOUBTED:
        break;
    }
    return false;
}

bool shard_is_proven(const struct shard *shard)
{
    bool is_proving = false;
    for (int topic = 0; topic < TOPIC_INPUTS; topic++) is_proving = is_proving || shard->partitions[topic].is_proving;
    return shard->state == SHARD_READING && !is_proving;
}

void shard_queues_drop(struct shards *shards, struct shard *shard)
{
    for (int topic = 0; topic < TOPIC_INPUTS; topic++) {
        struct partition *partition = &shard->partitions[topic];
        queue_clear(&shards->pool, &partition->queue);
        partition->read_offset = partition->taken_offset;
        partition->end_offset = -1;
        partition->is_proving = false;
    }
    shard->merge_since_ms = 0;
}

void shard_halt_tell(const struct shard *shard)
{
    log_error("partition-halted", log_text("topic", topic_kind_name(shard->halted_topic)), log_number("partition", shard->number),
              log_number("offset", shard->partitions[shard->halted_topic].taken_offset), log_text("text", shard->halted));
}

void shard_halt(struct shards *shards, struct shard *shard, enum topic_kind topic, const char *why)
{
    shard->state = SHARD_HALTED;
    shard->halted_topic = topic;
    snprintf(shard->halted, sizeof shard->halted, "%s", why);
    shard->halt_is_stored = false;
    shard_queues_drop(shards, shard);
    shards->must_start = true;
    shard_halt_tell(shard);
}

void partition_witness_renew(struct partition *partition)
{
    partition->has_witness = partition->has_last;
    partition->witness = partition->last;
}

bool record_is_marked(const struct kafka_record *record, const struct record_mark *mark)
{
    uint8_t sha256[KAFKA_SHA256_BYTES];
    if (record->offset != mark->offset || record->append_ms != mark->append_ms) return false;
    kafka_record_sha256(record, sha256);
    return memcmp(sha256, mark->sha256, sizeof sha256) == 0;
}
