#include "worker/partitions.h"

#include <stdlib.h>
#include <string.h>

void partitions_clear(struct partitions *partitions)
{
    free(partitions->list);
    *partitions = (struct partitions){0};
}

bool partitions_set(struct partitions *partitions, const struct kafka_position *assigned, size_t count)
{
    partitions_clear(partitions);
    if (count > (size_t)TOPIC_INPUTS * KAFKA_PARTITIONS_MAX) return false;
    partitions->list = calloc(count + 1, sizeof *partitions->list);
    if (partitions->list == NULL) return false;
    for (size_t i = 0; i < count; i++) {
        const struct kafka_position *at = &assigned[i];
        if ((int)at->topic >= TOPIC_INPUTS || at->partition < 0 || at->partition >= KAFKA_PARTITIONS_MAX) return false;
        partitions->list[i] =
            (struct partition){.at = {.topic = at->topic, .number = at->partition}, .end_offset = -1, .committed_offset = -1};
        partitions->index[at->topic][at->partition] = (int16_t)(i + 1);
        partitions->count = i + 1;
    }
    return true;
}

struct partition *partitions_find(struct partitions *partitions, enum topic_kind topic, int32_t number)
{
    if ((int)topic >= TOPIC_INPUTS || number < 0 || number >= KAFKA_PARTITIONS_MAX) return NULL;
    int place = partitions->index[topic][number];
    return place == 0 ? NULL : &partitions->list[place - 1];
}

size_t partitions_in(const struct partitions *partitions, enum partition_state state)
{
    size_t count = 0;
    for (size_t i = 0; i < partitions->count; i++)
        if (partitions->list[i].state == state) count++;
    return count;
}

static void earlier(int64_t *first_ms, int64_t since_ms)
{
    if (since_ms != 0 && (*first_ms == 0 || since_ms < *first_ms)) *first_ms = since_ms;
}

int64_t partitions_away_since_ms(const struct partitions *partitions)
{
    int64_t first_ms = 0;
    for (size_t i = 0; i < partitions->count; i++)
        if (partition_is_away(&partitions->list[i])) earlier(&first_ms, partitions->list[i].away_since_ms);
    return first_ms;
}

int64_t partitions_originals_away_since_ms(const struct partitions *partitions)
{
    int64_t first_ms = 0;
    for (size_t i = 0; i < partitions->count; i++)
        if (partition_is_proven(&partitions->list[i])) earlier(&first_ms, partitions->list[i].originals_away_since_ms);
    return first_ms;
}

bool partition_is_ours(const struct partition *partition)
{
    return partition->state != PARTITION_UNCLAIMED && partition->state != PARTITION_DOUBTED;
}

bool partition_is_away(const struct partition *partition)
{
    return partition->away_since_ms != 0 && partition_is_ours(partition) && partition->state != PARTITION_HALTED;
}

bool partition_is_read(const struct partition *partition)
{
    return partition->state == PARTITION_PROVING || partition->state == PARTITION_READING;
}

bool partition_is_proven(const struct partition *partition)
{
    return partition->state == PARTITION_READING;
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

size_t partitions_query(const struct partitions *partitions, bool (*is_wanted)(const struct partition *partition),
                        struct database_query *query)
{
    size_t count = 0;
    query_text_array(query);
    for (size_t i = 0; i < partitions->count; i++) {
        if (!is_wanted(&partitions->list[i])) continue;
        const char *topic = topic_kind_name(partitions->list[i].at.topic);
        query_add_text(query, topic, strlen(topic));
        count++;
    }
    query_int4_array(query);
    for (size_t i = 0; i < partitions->count; i++)
        if (is_wanted(&partitions->list[i])) query_add_int4(query, partitions->list[i].at.number);
    query_int8_array(query);
    for (size_t i = 0; i < partitions->count; i++)
        if (is_wanted(&partitions->list[i])) query_add_int8(query, partitions->list[i].at.epoch);
    return count;
}
