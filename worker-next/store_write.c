/*
 * The second round trip of a micro-batch: what the engine has marked as new or changed, one statement a table, then positions and outbox,
 * then COMMIT. The locks of the first round trip are still held, so nothing that was compared there can have changed: a session that lost
 * them has lost its transaction, too. store_rows.c holds the statements of the tables.
 */
#include <stdlib.h>
#include <string.h>

#include "core/record_bytes.h"
#include "worker-next/outcome_bytes.h"
#include "worker-next/store_rows.h"

static const struct database_statement statement_exceptions = {
    "write_exceptions",
    "SELECT nianshen_engine.write_exceptions($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)"};
static const struct database_statement statement_end = {
    "batch_end",
    "SELECT shard, batch FROM nianshen_engine.batch_end($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)"};

#define ARRAY(type, count, add)                                                                                                            \
    do {                                                                                                                                   \
        query_##type##_array(query);                                                                                                       \
        for (size_t i = 0; i < (count); i++) add;                                                                                          \
    } while (0)

/* ---- exceptions ---- */

struct exceptions {
    const struct review_event **list; /* not simply applied */
    size_t count;
    const struct batch_record **again; /* held before */
    size_t again_count;
};

static const char *const fate_names[] = {
    [FATE_APPLIED] = "applied", [FATE_DUPLICATE] = "duplicate", [FATE_DEAD_LETTER] = "dead-letter", [FATE_HELD] = "held"};

static bool exceptions_find(struct micro_batch *batch, struct exceptions *out)
{
    *out = (struct exceptions){.list = arena_take(batch->arena, (batch->record_count + 1) * sizeof(const struct review_event *)),
                               .again = arena_take(batch->arena, (batch->record_count + 1) * sizeof(struct batch_record *))};
    if (out->list == NULL || out->again == NULL) return false;
    for (size_t i = 0; i < batch->record_count; i++) {
        if (batch->records[i].is_applied_before) out->again[out->again_count++] = &batch->records[i];
        if (batch->events[i].fate != FATE_APPLIED) out->list[out->count++] = &batch->events[i];
    }
    return true;
}

static const struct kafka_record *record_of(const struct micro_batch *batch, const struct review_event *in)
{
    return &batch->records[in - batch->events].record;
}

/* Dead letters and held records keep their bytes, duplicates do not. */
static bool keeps_bytes(const struct review_event *in)
{
    return in->fate != FATE_DUPLICATE;
}

static void query_keys_and_values(struct database_query *query, const struct micro_batch *batch, const struct exceptions *exceptions)
{
    const struct review_event *const *list = exceptions->list;
    ARRAY(bytea, exceptions->count,
          query_add_bytea(query, keeps_bytes(list[i]) ? record_of(batch, list[i])->key : NULL, record_of(batch, list[i])->key_bytes));
    ARRAY(bytea, exceptions->count,
          query_add_bytea(query, keeps_bytes(list[i]) ? record_of(batch, list[i])->value : NULL, record_of(batch, list[i])->value_bytes));
}

static bool query_headers(struct database_query *query, const struct micro_batch *batch, const struct exceptions *exceptions)
{
    query_bytea_array(query);
    for (size_t i = 0; i < exceptions->count; i++) {
        size_t bytes = 0;
        const void *headers = NULL;
        if (keeps_bytes(exceptions->list[i])) {
            headers = record_headers_pack(batch->arena, record_of(batch, exceptions->list[i]), &bytes);
            if (headers == NULL) return false;
        }
        query_add_bytea(query, headers, bytes);
    }
    return true;
}

static const char *unit_of(const struct review_event *in)
{
    return in->review == NULL ? NULL : in->review->unit;
}

static void query_again(struct database_query *query, const struct exceptions *exceptions)
{
    const struct batch_record *const *again = exceptions->again;
    ARRAY(int4, exceptions->again_count, query_add_int4(query, again[i]->record.partition));
    ARRAY(int4, exceptions->again_count, query_add_int4(query, (int32_t)again[i]->record.topic));
    ARRAY(int8, exceptions->again_count, query_add_int8(query, again[i]->record.offset));
}

static bool write_exceptions(struct store *store)
{
    struct exceptions exceptions;
    struct micro_batch *batch = store->batch;
    if (!exceptions_find(batch, &exceptions)) return false;
    if (exceptions.count == 0 && exceptions.again_count == 0 && batch->held_unit == NULL) return true;
    const struct review_event *const *list = exceptions.list;
    struct database_query *query = store_query(store);
    ARRAY(int4, exceptions.count, query_add_int4(query, list[i]->partition));
    ARRAY(int4, exceptions.count, query_add_int4(query, (int32_t)list[i]->topic));
    ARRAY(int8, exceptions.count, query_add_int8(query, list[i]->offset));
    ARRAY(text, exceptions.count, query_add_string(query, fate_names[list[i]->fate]));
    ARRAY(int8, exceptions.count, query_add_int8(query, list[i]->append_ms));
    ARRAY(text, exceptions.count, query_add_string(query, unit_of(list[i])));
    ARRAY(int4, exceptions.count, if (list[i]->event != NULL) query_add_int4(query, list[i]->event->year); else query_add_null(query));
    ARRAY(text, exceptions.count, query_add_string(query, list[i]->fate == FATE_DEAD_LETTER ? list[i]->code : NULL));
    ARRAY(text, exceptions.count, query_add_string(query, list[i]->fate == FATE_DEAD_LETTER ? list[i]->text : NULL));
    query_keys_and_values(query, batch, &exceptions);
    if (!query_headers(query, batch, &exceptions)) return false;
    query_again(query, &exceptions);
    ARRAY(text, exceptions.again_count, query_add_string(query, unit_of(&batch->events[exceptions.again[i] - batch->records])));
    query_text(query, batch->held_unit);
    store_add(store, &statement_exceptions, true);
    return true;
}

/* ---- positions ---- */

/* The latest append time that each move moves over; INT64_MIN: none. NULL: the arena is full. */
static int64_t *latest_of_moves(const struct micro_batch *batch)
{
    int64_t *latest = arena_take(batch->arena, (batch->move_count + 1) * sizeof *latest);
    if (latest == NULL) return NULL;
    for (size_t i = 0; i < batch->move_count; i++) latest[i] = INT64_MIN;
    size_t at = 0; /* records of a partition often follow each other */
    for (size_t i = 0; i < batch->record_count; i++) {
        const struct review_event *in = &batch->events[i];
        for (size_t tries = 0; tries < batch->move_count; tries++, at = at + 1 < batch->move_count ? at + 1 : 0)
            if (batch->moves[at].shard == in->partition && batch->moves[at].topic == in->topic) break;
        if (batch->move_count > 0 && in->append_ms > latest[at]) latest[at] = in->append_ms;
    }
    return latest;
}

static bool query_moves(struct database_query *query, const struct micro_batch *batch)
{
    const struct batch_move *moves = batch->moves;
    size_t count = batch->move_count;
    const int64_t *latest = latest_of_moves(batch);
    if (latest == NULL) return false;
    ARRAY(int4, count, query_add_int4(query, moves[i].shard));
    ARRAY(int4, count, query_add_int4(query, (int32_t)moves[i].topic));
    ARRAY(int8, count, query_add_int8(query, moves[i].epoch));
    ARRAY(int8, count, query_add_int8(query, moves[i].expected_offset));
    ARRAY(int8, count, query_add_int8(query, moves[i].next_offset));
    ARRAY(int4, count, query_add_int4(query, moves[i].records));
    ARRAY(int8, count, query_add_place(query, moves[i].last.offset, moves[i].has_last));
    ARRAY(int8, count, query_add_place(query, moves[i].last.append_ms, moves[i].has_last));
    ARRAY(bytea, count, query_add_bytea(query, moves[i].has_last ? moves[i].last.sha256 : NULL, sizeof moves[i].last.sha256));
    ARRAY(int8, count, query_add_place(query, latest[i], latest[i] != INT64_MIN));
    return true;
}

/* ---- the outbox ---- */

struct outgoing { /* of one shard */
    int32_t shard;
    size_t outcomes, dead_letters; /* how many */
    const struct outcome **list;
    size_t listed;
};

struct outgoings {
    struct outgoing *list;
    size_t count;
};

static struct outgoing *outgoing_of(struct outgoings *outgoings, int32_t shard)
{
    for (size_t i = 0; i < outgoings->count; i++)
        if (outgoings->list[i].shard == shard) return &outgoings->list[i];
    outgoings->list[outgoings->count] = (struct outgoing){.shard = shard};
    return &outgoings->list[outgoings->count++];
}

/* No more shards than moves have an outcome or a dead letter. */
static bool outgoings_find(const struct micro_batch *batch, struct outgoings *out)
{
    const struct effects *effects = &batch->effects;
    *out = (struct outgoings){.list = arena_take(batch->arena, (batch->move_count + batch->record_count + 1) * sizeof *out->list)};
    if (out->list == NULL) return false;
    for (size_t i = 0; i < batch->record_count; i++)
        if (batch->events[i].fate == FATE_DEAD_LETTER) outgoing_of(out, batch->events[i].partition)->dead_letters++;
    for (size_t i = 0; i < effects->outcome_count; i++) outgoing_of(out, effects->outcomes[i].partition)->outcomes++;
    for (size_t i = 0; i < out->count; i++) {
        out->list[i].list = arena_take(batch->arena, (out->list[i].outcomes + 1) * sizeof(const struct outcome *));
        if (out->list[i].list == NULL) return false;
    }
    for (size_t i = 0; i < effects->outcome_count; i++) {
        struct outgoing *outgoing = outgoing_of(out, effects->outcomes[i].partition);
        outgoing->list[outgoing->listed++] = &effects->outcomes[i];
    }
    return true;
}

static bool query_outbox(struct database_query *query, const struct micro_batch *batch)
{
    struct outgoings outgoings;
    if (!outgoings_find(batch, &outgoings)) return false;
    ARRAY(int4, outgoings.count, query_add_int4(query, outgoings.list[i].shard));
    query_bytea_array(query);
    for (size_t i = 0; i < outgoings.count; i++) {
        size_t bytes = 0;
        const struct outgoing *outgoing = &outgoings.list[i];
        const void *packed = outgoing->listed == 0 ? NULL : outcome_pack(batch->arena, outgoing->list, outgoing->listed, &bytes);
        if (outgoing->listed > 0 && packed == NULL) return false;
        query_add_bytea(query, packed, bytes);
    }
    const struct review_event *events = batch->events;
    ARRAY(int4, batch->record_count, if (events[i].fate == FATE_DEAD_LETTER) query_add_int4(query, events[i].partition));
    ARRAY(int4, batch->record_count, if (events[i].fate == FATE_DEAD_LETTER) query_add_int4(query, (int32_t)events[i].topic));
    ARRAY(int8, batch->record_count, if (events[i].fate == FATE_DEAD_LETTER) query_add_int8(query, events[i].offset));
    return true;
}

static bool write_end(struct store *store, const struct store_published *published, size_t published_count)
{
    struct database_query *query = store_query(store);
    if (!query_moves(query, store->batch) || !query_outbox(query, store->batch)) return false;
    ARRAY(int4, published_count, query_add_int4(query, published[i].shard));
    ARRAY(int8, published_count, query_add_int8(query, published[i].batch));
    store_add(store, &statement_end, true);
    return true;
}

/* ---- the request ---- */

static bool written(struct store *store)
{
    struct database_result *result = store->answer = store_take(store, store->statements - 2);
    store->is_in_transaction = false;
    store->outbox_count = 0;
    for (size_t row = 0; row < result_rows(result); row++)
        store->outbox[store->outbox_count++] = (struct store_published){(int32_t)result_int8(result, row, 0), result_int8(result, row, 1)};
    return true;
}

/* Continues the transaction of store_load. */
void store_write(struct store *store, struct micro_batch *batch, const struct store_published *published, size_t published_count)
{
    store->is_in_transaction = false;
    store_begin(store);
    store->batch = batch;
    store->outbox = calloc(batch->move_count + batch->record_count + 1, sizeof *store->outbox);
    if (store->outbox != NULL && store_write_rows(store) && write_exceptions(store) && write_end(store, published, published_count)) {
        store->is_in_transaction = true;
        store_add(store, &store_statement_commit, false);
        store_end(store, written);
    } else {
        store_memory(store);
        store_give_up(store);
    }
}

int64_t store_outbox_batch(const struct store *store, int32_t shard)
{
    for (size_t i = 0; i < store->outbox_count; i++)
        if (store->outbox[i].shard == shard) return store->outbox[i].batch;
    return -1;
}
