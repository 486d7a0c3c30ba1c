/* What is to be published: deletes what is, reads what an earlier owner left. */
#include <stdlib.h>
#include <sysexits.h>

#include "core/record_bytes.h"
#include "worker-next/outcome_bytes.h"
#include "worker-next/store_internal.h"

static const struct database_statement statement_mark = {"outbox_delete", "SELECT nianshen_engine.outbox_delete($1, $2)"};
static const struct database_statement statement_take = {"outbox_take", "SELECT * FROM nianshen_engine.outbox_take($1, $2, $3)"};
enum {
    ROW_SHARD,
    ROW_BATCH,
    ROW_OUTCOMES,
    ROW_TOPIC,
    ROW_OFFSET,
    ROW_APPEND_MS,
    ROW_CODE,
    ROW_TEXT,
    ROW_KEY,
    ROW_VALUE,
    ROW_HEADERS,
    ROW_MORE
};

static void query_published(struct database_query *query, const struct store_published *list, size_t count)
{
    query_int4_array(query);
    for (size_t i = 0; i < count; i++) query_add_int4(query, list[i].shard);
    query_int8_array(query);
    for (size_t i = 0; i < count; i++) query_add_int8(query, list[i].batch);
}

static bool marked(struct store *store)
{
    (void)store;
    return true;
}

void store_mark(struct store *store, const struct store_published *published, size_t published_count)
{
    store_begin(store);
    query_published(store_query(store), published, published_count);
    store_add(store, &statement_mark, true);
    store_end(store, marked);
}

/* ---- taking ---- */

static const void *copy_bytes(struct arena *arena, struct database_result *result, size_t row, size_t column, size_t *bytes, bool *is_good)
{
    const void *value = result_bytea(result, row, column, bytes);
    if (value == NULL) return NULL;
    const void *copy = arena_copy(arena, value, *bytes);
    *is_good = *is_good && copy != NULL;
    return copy;
}

static const char *copy_text(struct arena *arena, const struct database_result *result, size_t row, size_t column, bool *is_good)
{
    if (result_is_null(result, row, column)) return NULL;
    const char *copy = arena_copy(arena, result_text(result, row, column), result_bytes(result, row, column));
    *is_good = *is_good && copy != NULL;
    return copy;
}

/* Everything is copied: the arena outlives the answer. */
static bool read_record(struct store *store, struct database_result *result, size_t row, size_t key_column, struct kafka_record *record)
{
    bool is_good = true;
    size_t bytes = 0;
    record->key = copy_bytes(store->arena, result, row, key_column, &record->key_bytes, &is_good);
    record->value = copy_bytes(store->arena, result, row, key_column + 1, &record->value_bytes, &is_good);
    const void *headers = copy_bytes(store->arena, result, row, key_column + 2, &bytes, &is_good);
    if (!is_good) return store_memory(store);
    if (headers == NULL || record_headers_unpack(store->arena, headers, bytes, record)) return true;
    return fault_set(&store->fault, FAULT_FATAL, EX_SOFTWARE, "store-damaged", "the headers of a stored record can not be read");
}

static bool read_dead_letter(struct store *store, struct database_result *result, size_t row, struct store_dead_letter *out)
{
    bool is_good = true;
    out->record.topic = (enum topic_kind)result_int8(result, row, ROW_TOPIC);
    out->record.partition = (int32_t)result_int8(result, row, ROW_SHARD);
    out->record.offset = result_int8(result, row, ROW_OFFSET);
    out->record.append_ms = result_int8(result, row, ROW_APPEND_MS);
    out->code = copy_text(store->arena, result, row, ROW_CODE, &is_good);
    out->text = copy_text(store->arena, result, row, ROW_TEXT, &is_good);
    return is_good ? read_record(store, result, row, ROW_KEY, &out->record) : store_memory(store);
}

static bool read_outcomes(struct store *store, struct database_result *result, size_t row, struct store_outbox_row *out)
{
    size_t bytes = 0;
    const void *packed = result_bytea(result, row, ROW_OUTCOMES, &bytes);
    if (packed == NULL || outcome_unpack(store->arena, packed, bytes, &out->outcomes, &out->outcome_count)) return true;
    return fault_set(&store->fault, FAULT_RETRY, EX_OSERR, "memory", "the outcomes of an outbox row can not be unpacked");
}

/* An outbox row comes first, then its dead letters. */
static bool taken(struct store *store)
{
    struct database_result *result = store->answer = store_take(store, store->statements - 1);
    size_t rows = result_rows(result);
    struct store_outbox_row *list = arena_take(store->arena, (rows + 1) * sizeof *list);
    struct store_dead_letter *letters = arena_take(store->arena, (rows + 1) * sizeof *letters);
    if (list == NULL || letters == NULL) return store_memory(store);
    for (size_t row = 0; row < rows; row++) {
        if (result_is_null(result, row, ROW_TOPIC)) {
            struct store_outbox_row *out = &list[store->row_count++];
            *out = (struct store_outbox_row){.shard = (int32_t)result_int8(result, row, ROW_SHARD),
                                             .batch = result_int8(result, row, ROW_BATCH),
                                             .dead_letters = letters};
            if (!read_outcomes(store, result, row, out)) return false;
        } else if (store->row_count > 0) {
            list[store->row_count - 1].dead_letter_count++;
            if (!read_dead_letter(store, result, row, letters++)) return false;
        }
        store->has_more = result_bool(result, row, ROW_MORE);
    }
    store->rows = list;
    return true;
}

void store_take_outbox(struct store *store, struct arena *arena, const struct store_published *behind, size_t shard_count)
{
    store_begin(store);
    store->arena = arena;
    struct database_query *query = store_query(store);
    query_published(query, behind, shard_count);
    query_int4(query, STORE_OUTBOX_ROWS_MAX);
    store_add(store, &statement_take, true);
    store_end(store, taken);
}

const struct store_outbox_row *store_outbox_rows(const struct store *store, size_t *count, bool *has_more)
{
    *count = store->row_count;
    *has_more = store->has_more;
    return store->rows;
}

/* ---- held records ---- */

static const struct database_statement statement_held = {"held_take", "SELECT * FROM nianshen_engine.held_take($1, $2)"};

static bool held_taken(struct store *store)
{
    enum { HELD_TOPIC, HELD_OFFSET, HELD_APPEND_MS, HELD_KEY };
    struct database_result *result = store->answer = store_take(store, store->statements - 1);
    size_t rows = result_rows(result);
    store->held = arena_take(store->arena, (rows + 1) * sizeof *store->held);
    if (store->held == NULL) return store_memory(store);
    for (size_t row = 0; row < rows; row++) {
        struct kafka_record *record = &store->held[store->held_count++];
        *record = (struct kafka_record){.topic = (enum topic_kind)result_int8(result, row, HELD_TOPIC),
                                        .partition = store->held_shard,
                                        .offset = result_int8(result, row, HELD_OFFSET),
                                        .append_ms = result_int8(result, row, HELD_APPEND_MS)};
        if (!read_record(store, result, row, HELD_KEY, record)) return false;
    }
    return true;
}

void store_take_held(struct store *store, struct arena *arena, int32_t shard)
{
    store_begin(store);
    store->arena = arena;
    store->held_shard = shard;
    struct database_query *query = store_query(store);
    query_int4(query, shard);
    query_int4(query, STORE_HELD_RECORDS_MAX);
    store_add(store, &statement_held, true);
    store_end(store, held_taken);
}

const struct kafka_record *store_held_records(const struct store *store, size_t *count)
{
    *count = store->held_count;
    return store->held;
}
