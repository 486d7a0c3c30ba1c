#include "core/apply_query.h"

#include <string.h>

/* ---- moves ---- */

static struct apply_move *move_of(struct apply_range *range, const struct batch_position *position, int64_t expected_offset)
{
    for (size_t i = range->move_count; i > 0; i--)
        if (range->moves[i - 1].position == position) return &range->moves[i - 1];
    struct apply_move *move = &range->moves[range->move_count++];
    *move = (struct apply_move){.position = position, .expected_offset = expected_offset, .next_offset = expected_offset, .end_offset = -1};
    return move;
}

/* Where the partition stands before the last range when that range has no record of it. */
static int64_t offset_before_end(const struct apply_range *range, const struct batch_position *position)
{
    return range->from == 0 ? position->expected_offset : position->records_offset;
}

void apply_range_fill(struct apply_range *range)
{
    const struct batch *batch = range->batch;
    range->move_count = 0;
    for (size_t i = range->from; i < range->from + range->count; i++) {
        const struct batch_record *record = &batch->records[i];
        struct apply_move *move = move_of(range, &batch->positions[record->position], record->expected_offset);
        move->next_offset = record->mark.offset + 1;
        move->last = record;
    }
    if (range->from + range->count < batch->record_count) return;
    for (size_t i = 0; i < batch->position_count; i++) {
        const struct batch_position *position = &batch->positions[i];
        int64_t before = offset_before_end(range, position);
        if (position->next_offset > before) move_of(range, position, before)->next_offset = position->next_offset;
    }
}

/* ---- columns: the parameters are named as in sql/functions/50_apply.sql ---- */

enum move_column {
    P_TOPIC,
    P_PARTITION,
    P_EPOCH,
    P_EXPECTED,
    P_NEXT,
    P_END,
    P_LAST_OFFSET,
    P_LAST_APPEND_MS,
    P_LAST_SHA256,
};

enum record_column {
    R_TOPIC,
    R_PARTITION,
    R_OFFSET,
    R_APPEND_MS,
    R_KIND,
    R_UNIT,
    R_YEAR,
    R_SOURCE,
    R_ID,
    R_SHA256,
    R_BODY,
    R_CODE,
    R_TEXT,
};

enum chunk_column {
    C_FAILED_COUNT,
    C_PASSED_COUNT,
    C_UNSORTED_LIST,
    C_UNSORTED_INDEX,
    C_FIRST_KEY,
    C_LAST_KEY,
    C_LISTED,
};

enum failed_column { F_RECORD, F_INDEX, F_PLACE, F_KEY, F_REASON, F_WARNING };
enum error_column { E_RECORD, E_LIST, E_INDEX, E_CODE, E_KEY, E_MASKED, E_POSITION, E_EXPECTED };

enum {
    MOVE_COLUMNS = P_LAST_SHA256 + 1,
    RECORD_COLUMNS = R_TEXT + 1,
    CHUNK_COLUMNS = C_LISTED + 1,
    FAILED_COLUMNS = F_WARNING + 1,
    ERROR_COLUMNS = E_EXPECTED + 1,
    PARAMETERS = MOVE_COLUMNS + RECORD_COLUMNS + CHUNK_COLUMNS + FAILED_COLUMNS + ERROR_COLUMNS + 4 /* p_hold, p_published_… */,
};
_Static_assert(PARAMETERS == 47, "as many as APPLY_CALL passes, and one less than APPLY_FREE");

static void add_text(struct database_query *query, const char *text)
{
    query_add_text(query, text, text == NULL ? 0 : strlen(text));
}

static void add_int4(struct database_query *query, bool has_value, int32_t value)
{
    if (has_value)
        query_add_int4(query, value);
    else
        query_add_null(query);
}

static void add_int8(struct database_query *query, bool has_value, int64_t value)
{
    if (has_value)
        query_add_int8(query, value);
    else
        query_add_null(query);
}

static void add_sha256(struct database_query *query, bool has_value, const uint8_t *hash)
{
    query_add_bytea(query, has_value ? hash : NULL, EVENT_SHA256_BYTES);
}

static void array_open(struct database_query *query, char type)
{
    switch (type) {
    case 't':
        query_text_array(query);
        break;
    case '4':
        query_int4_array(query);
        break;
    case '8':
        query_int8_array(query);
        break;
    default:
        query_bytea_array(query);
    }
}

static void move_add(struct database_query *query, const struct apply_move *move, enum move_column column)
{
    switch (column) {
    case P_TOPIC:
        add_text(query, topic_kind_name(move->position->topic));
        break;
    case P_PARTITION:
        query_add_int4(query, move->position->number);
        break;
    case P_EPOCH:
        query_add_int8(query, move->position->epoch);
        break;
    case P_EXPECTED:
        query_add_int8(query, move->expected_offset);
        break;
    case P_NEXT:
        query_add_int8(query, move->next_offset);
        break;
    case P_END:
        add_int8(query, move->end_offset >= 0, move->end_offset);
        break;
    case P_LAST_OFFSET:
        add_int8(query, move->last != NULL, move->last != NULL ? move->last->mark.offset : 0);
        break;
    case P_LAST_APPEND_MS:
        add_int8(query, move->last != NULL, move->last != NULL ? move->last->mark.append_ms : 0);
        break;
    case P_LAST_SHA256:
        add_sha256(query, move->last != NULL, move->last != NULL ? move->last->mark.sha256 : NULL);
        break;
    }
}

static const char *record_kind(const struct batch_record *record)
{
    static const char *const kinds[] = {
        [EVENT_UNIT_REVIEW_CONFIRMED] = "unit-review", [EVENT_MEMBER_REVIEW_SUBMITTED] = "chunk", [EVENT_REVIEW_APPROVED] = "approved",
        [EVENT_REVIEW_RETURNED] = "returned",          [EVENT_REVIEW_WITHDRAWN] = "withdrawn",
    };
    return record->code != NULL ? "dead-letter" : kinds[record->event.type];
}

static const char *list_name(bool is_failed)
{
    return is_failed ? "failed" : "passed";
}

static void chunk_add(struct database_query *query, const struct batch_record *record, enum chunk_column column)
{
    const struct event_chunk *chunk = &record->event.chunk;
    bool is_chunk = record->code == NULL && record->event.type == EVENT_MEMBER_REVIEW_SUBMITTED;
    bool is_unsorted = is_chunk && !chunk->is_sorted;
    switch (column) {
    case C_FAILED_COUNT:
        add_int4(query, is_chunk, (int32_t)chunk->failed_count);
        break;
    case C_PASSED_COUNT:
        add_int4(query, is_chunk, (int32_t)chunk->passed_count);
        break;
    case C_UNSORTED_LIST:
        add_text(query, is_unsorted ? list_name(chunk->unsorted_list == EVENT_LIST_FAILED) : NULL);
        break;
    case C_UNSORTED_INDEX:
        add_int4(query, is_unsorted, chunk->unsorted_index);
        break;
    case C_FIRST_KEY:
        add_text(query, chunk->first_key);
        break;
    case C_LAST_KEY:
        add_text(query, chunk->last_key);
        break;
    case C_LISTED:
        add_text(query, chunk->listed);
        break;
    }
}

static void record_add(struct database_query *query, const struct batch_record *record, enum record_column column)
{
    const struct event *event = &record->event;
    bool is_dead = record->code != NULL;
    switch (column) {
    case R_TOPIC:
        add_text(query, topic_kind_name(record->topic));
        break;
    case R_PARTITION:
        query_add_int4(query, record->number);
        break;
    case R_OFFSET:
        query_add_int8(query, record->mark.offset);
        break;
    case R_APPEND_MS:
        query_add_int8(query, record->mark.append_ms);
        break;
    case R_KIND:
        add_text(query, record_kind(record));
        break;
    case R_UNIT:
        add_text(query, is_dead ? record->unit : event->unit);
        break;
    case R_YEAR:
        add_int4(query, !is_dead, event->year);
        break;
    case R_SOURCE:
        add_text(query, event->source);
        break;
    case R_ID:
        add_text(query, event->id);
        break;
    case R_SHA256:
        add_sha256(query, !is_dead, event->content_sha256);
        break;
    case R_BODY:
        add_text(query, event->body);
        break;
    case R_CODE:
        add_text(query, is_dead ? record->code : event->refusal);
        break;
    case R_TEXT:
        add_text(query, is_dead ? record->text : event->refusal_field);
        break;
    }
}

/* `number` is the record's place in the range, from 1. */
static void failed_add(struct database_query *query, int32_t number, const struct event_chunk *chunk, enum failed_column column)
{
    for (size_t i = 0; i < chunk->failed_count; i++) {
        const struct event_failed *failed = &chunk->failed[i];
        if (column == F_RECORD)
            query_add_int4(query, number);
        else if (column == F_INDEX)
            query_add_int4(query, (int32_t)i);
        else if (column == F_PLACE)
            add_int4(query, failed->place > 0, failed->place);
        else
            add_text(query, column == F_KEY ? failed->key : column == F_REASON ? failed->reason : failed->warnings);
    }
}

static void error_add(struct database_query *query, int32_t number, const struct event_row_error *error, enum error_column column)
{
    switch (column) {
    case E_RECORD:
        query_add_int4(query, number);
        break;
    case E_LIST:
        add_text(query, list_name(error->list == EVENT_LIST_FAILED));
        break;
    case E_INDEX:
        query_add_int4(query, error->index);
        break;
    case E_CODE:
        add_text(query, error->code);
        break;
    case E_KEY:
        add_text(query, error->key);
        break;
    case E_MASKED:
        add_text(query, error->masked);
        break;
    case E_POSITION:
        add_int4(query, error->position != 0, error->position);
        break;
    case E_EXPECTED:
        query_add_text(query, error->expected == '\0' ? NULL : &error->expected, 1);
        break;
    }
}

/* ---- the call ---- */

/* One letter a column: text, int4, int8, bytea. */
static const char move_types[MOVE_COLUMNS] = "t4888888b";
static const char record_types[RECORD_COLUMNS] = "t488tt4ttbttt";
static const char chunk_types[CHUNK_COLUMNS] = "44t4ttt";
static const char failed_types[FAILED_COLUMNS] = "444ttt";
static const char error_types[ERROR_COLUMNS] = "4t4ttt4t";

static void moves_build(struct database_query *query, const struct apply_range *range)
{
    for (int column = 0; column < MOVE_COLUMNS; column++) {
        array_open(query, move_types[column]);
        for (size_t i = 0; i < range->move_count; i++) move_add(query, &range->moves[i], (enum move_column)column);
    }
}

void apply_query_add_records(struct database_query *query, const struct batch_record *records, size_t count)
{
    for (int column = 0; column < RECORD_COLUMNS; column++) {
        array_open(query, record_types[column]);
        for (size_t i = 0; i < count; i++) record_add(query, &records[i], (enum record_column)column);
    }
}

static void chunks_build(struct database_query *query, const struct batch_record *records, size_t count)
{
    for (int column = 0; column < CHUNK_COLUMNS; column++) {
        array_open(query, chunk_types[column]);
        for (size_t i = 0; i < count; i++) chunk_add(query, &records[i], (enum chunk_column)column);
    }
}

static void entries_build(struct database_query *query, const struct batch_record *records, size_t count)
{
    for (int column = 0; column < FAILED_COLUMNS; column++) {
        array_open(query, failed_types[column]);
        for (size_t i = 0; i < count; i++) failed_add(query, (int32_t)i + 1, &records[i].event.chunk, (enum failed_column)column);
    }
    for (int column = 0; column < ERROR_COLUMNS; column++) {
        array_open(query, error_types[column]);
        for (size_t i = 0; i < count; i++)
            for (size_t k = 0; k < records[i].event.chunk.error_count; k++)
                error_add(query, (int32_t)i + 1, &records[i].event.chunk.errors[k], (enum error_column)column);
    }
}

void apply_query_build(struct database_query *query, const char *sql, const struct apply_range *range, const char *held_unit)
{
    const struct batch_record *records = range->batch->records + range->from;
    query_reset(query, sql);
    moves_build(query, range);
    apply_query_add_records(query, records, range->count);
    chunks_build(query, records, range->count);
    entries_build(query, records, range->count);
    query_text_array(query);
    if (held_unit != NULL) add_text(query, held_unit);
}

void apply_query_nothing_published(struct database_query *query)
{
    query_text_array(query);
    query_int4_array(query);
    query_int8_array(query);
}
