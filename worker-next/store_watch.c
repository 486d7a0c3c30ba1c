/* What others did to our shards, halts, and moving removed members. */
#include "worker-next/store_internal.h"

static const struct database_statement statement_look = {"look", "SELECT * FROM nianshen_engine.look($1)"};
static const struct database_statement statement_halt = {"halt_store", "SELECT nianshen_engine.halt_store($1, $2, $3, $4)"};
static const struct database_statement statement_settle = {"settle", "SELECT nianshen_engine.settle($1, $2)"};

static bool looked(struct store *store)
{
    enum { LOOK_EPOCH = 1, LOOK_HALTED, LOOK_HELD };
    struct database_result *result = store->answer = store_take(store, store->statements - 1);
    for (size_t row = 0; row < result_rows(result) && row < store->shard_count; row++) {
        struct store_look *look = &store->looks[row];
        int64_t halted = result_int8(result, row, LOOK_HALTED);
        look->epoch = result_int8(result, row, LOOK_EPOCH);
        look->has_held = result_bool(result, row, LOOK_HELD);
        for (int topic = 0; topic < TOPIC_INPUTS; topic++) look->is_resumed[topic] = (halted >> topic & 1) == 0;
    }
    return true;
}

void store_look(struct store *store, struct store_look *looks, size_t count)
{
    store_begin(store);
    store->looks = looks;
    store->shard_count = count;
    struct database_query *query = store_query(store);
    query_int4_array(query);
    for (size_t i = 0; i < count; i++) query_add_int4(query, looks[i].shard);
    store_add(store, &statement_look, true);
    store_end(store, looked);
}

static bool halted(struct store *store)
{
    (void)store;
    return true;
}

void store_halt(struct store *store, int32_t shard, int64_t epoch, enum topic_kind topic, const char *why)
{
    store_begin(store);
    struct database_query *query = store_query(store);
    query_int4(query, shard);
    query_int4(query, (int32_t)topic);
    query_int8(query, epoch);
    query_text(query, why);
    store_add(store, &statement_halt, true);
    store_end(store, halted);
}

static bool settled(struct store *store)
{
    struct database_result *result = store->answer = store_take(store, store->statements - 1);
    store->settled = result_int8(result, 0, 0);
    return true;
}

void store_settle(struct store *store, const int32_t *shards, size_t count)
{
    store_begin(store);
    struct database_query *query = store_query(store);
    query_int4_array(query);
    for (size_t i = 0; i < count; i++) query_add_int4(query, shards[i]);
    query_int4(query, STORE_SETTLE_ROWS_MAX);
    store_add(store, &statement_settle, true);
    store_end(store, settled);
}

int64_t store_settled(const struct store *store)
{
    return store->settled;
}
