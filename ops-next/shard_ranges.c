#include "ops-next/shard_ranges.h"

#include <stdlib.h>
#include <sysexits.h>

#include "core/language.h"

static bool memory_out(struct session *session)
{
    return fault_set(&session->fault, FAULT_RETRY, EX_OSERR, "memory-out", language_pick("内存不足", "out of memory for the partitions"));
}

static struct topic_range *range_of(const struct shard_ranges *ranges, const struct database_result *result, size_t row)
{
    enum topic_kind topic;
    int64_t partition = result_int8(result, row, 1);
    bool is_known =
        topic_kind_of_name(result_text(result, row, 0), &topic) && (int)topic < TOPIC_INPUTS && partition < (int64_t)ranges->count;
    return is_known ? &ranges->list[partition][topic] : NULL;
}

static bool positions_take(struct shard_ranges *ranges, const struct database_result *result, struct session *session)
{
    size_t rows = result_rows(result);
    ranges->count = rows == 0 ? 0 : (size_t)result_int8(result, 0, 1) + 1; /* the highest comes first */
    ranges->list = calloc(ranges->count + 1, sizeof *ranges->list);
    if (ranges->list == NULL) return memory_out(session);
    for (size_t shard = 0; shard < ranges->count; shard++)
        for (int topic = 0; topic < TOPIC_INPUTS; topic++)
            ranges->list[shard][topic] = (struct topic_range){.topic = (enum topic_kind)topic, .partition = (int32_t)shard};
    for (size_t row = 0; row < rows; row++) {
        struct topic_range *range = range_of(ranges, result, row);
        if (range == NULL) continue;
        range->from = result_int8(result, row, 3);
        range->to = result_int8(result, row, 2);
    }
    return true;
}

/* Those of a partition follow each other. */
static bool gaps_take(struct shard_ranges *ranges, const struct database_result *result, struct session *session)
{
    size_t rows = result_rows(result);
    ranges->gaps = calloc(rows + 1, sizeof *ranges->gaps);
    if (ranges->gaps == NULL) return memory_out(session);
    for (size_t row = 0; row < rows; row++) {
        struct topic_range *range = range_of(ranges, result, row);
        ranges->gaps[row] = (struct range_gap){result_int8(result, row, 2), result_int8(result, row, 3)};
        if (range == NULL) continue;
        if (range->gap_count++ == 0) range->gaps = &ranges->gaps[row];
    }
    return true;
}

bool shard_ranges_ask(struct shard_ranges *ranges, struct session *session)
{
    struct database_result *positions = NULL, *gaps = NULL;
    *ranges = (struct shard_ranges){0};
    session_ask(session, "SELECT topic, partition, next_offset, purged_before FROM nianshen_next.partition_status ORDER BY partition DESC");
    bool is_good = session_run(session, &positions) && positions_take(ranges, positions, session);
    if (is_good) {
        session_ask(session, "SELECT topic, partition, from_offset, to_offset FROM nianshen_next.offset_not_applied "
                             "ORDER BY topic, partition, from_offset");
        is_good = session_run_long(session, &gaps) && gaps_take(ranges, gaps, session);
    }
    result_free(positions);
    result_free(gaps);
    return is_good;
}

void shard_ranges_free(struct shard_ranges *ranges)
{
    free(ranges->list);
    free(ranges->gaps);
    *ranges = (struct shard_ranges){0};
}
