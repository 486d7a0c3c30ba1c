/* Claiming shards. */
#include <string.h>

#include "worker-next/store_internal.h"

static const struct database_statement statement_claim = {
    "claim",
    "SELECT shard, topic, epoch, next_offset, last_offset, last_append_ms, last_sha256, purged_before, halted, has_outbox, has_removals "
    "FROM nianshen_engine.claim($1, $2)"};
static const struct database_statement statement_end = {"end_stale_backends", "SELECT nianshen_engine.end_stale_backends($1)"};
enum {
    CLAIM_SHARD,
    CLAIM_TOPIC,
    CLAIM_EPOCH,
    CLAIM_NEXT,
    CLAIM_LAST,
    CLAIM_LAST_MS,
    CLAIM_SHA256,
    CLAIM_PURGED,
    CLAIM_HALTED,
    CLAIM_OUTBOX,
    CLAIM_REMOVALS
};

static void shards_add(struct store *store)
{
    struct database_query *query = store_query(store);
    query_int4_array(query);
    for (size_t i = 0; i < store->shard_count; i++) query_add_int4(query, store->shards[i].shard);
}

static void partition_read(struct database_result *result, size_t row, struct store_partition *partition)
{
    size_t bytes = 0;
    *partition = (struct store_partition){
        .next_offset = result_int8(result, row, CLAIM_NEXT),
        .purged_before = result_int8(result, row, CLAIM_PURGED),
        .has_last = !result_is_null(result, row, CLAIM_LAST),
    };
    const void *sha256 = result_bytea(result, row, CLAIM_SHA256, &bytes);
    if (!result_is_null(result, row, CLAIM_HALTED)) partition->halted = result_text(result, row, CLAIM_HALTED);
    if (!partition->has_last) return;
    partition->last.offset = result_int8(result, row, CLAIM_LAST);
    partition->last.append_ms = result_int8(result, row, CLAIM_LAST_MS);
    if (bytes == sizeof partition->last.sha256) memcpy(partition->last.sha256, sha256, bytes);
}

/* The rows come in the order of the shards that were asked for, three each. */
static bool claimed(struct store *store)
{
    struct database_result *result = store->answer = store_take(store, store->statements - 1);
    for (size_t row = 0; row < result_rows(result) && row / TOPIC_INPUTS < store->shard_count; row++) {
        struct store_shard *shard = &store->shards[row / TOPIC_INPUTS];
        shard->epoch = result_int8(result, row, CLAIM_EPOCH);
        shard->has_outbox = result_bool(result, row, CLAIM_OUTBOX);
        shard->has_removals = result_bool(result, row, CLAIM_REMOVALS);
        partition_read(result, row, &shard->partitions[row % TOPIC_INPUTS]);
    }
    return true;
}

static void claim(struct store *store)
{
    shards_add(store);
    query_text(store->query, store->name);
    store_add(store, &statement_claim, true);
    store_end(store, claimed);
}

void store_claim(struct store *store, struct store_shard *shards, size_t count)
{
    store_begin(store);
    store->shards = shards;
    store->shard_count = count;
    store->has_ended_backends = false;
    claim(store);
}

static bool ended(struct store *store)
{
    store_pipeline(store);
    claim(store);
    return true;
}

bool store_claim_again(struct store *store)
{
    if (store->finish != claimed || store->has_ended_backends) return false;
    store->has_ended_backends = true;
    store_pipeline(store);
    shards_add(store);
    store_add(store, &statement_end, true);
    store_end(store, ended);
    return true;
}
