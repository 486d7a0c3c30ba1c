#include "core/batch.h"

#include <stdlib.h>
#include <string.h>

#include "core/text.h"

enum {
    IDENTITY_SLOTS_A_RECORD = 2, /* the hash table is at most half full */
    POSITION_ROOM_FIRST = 16,
};

_Static_assert(BATCH_RECORDS_MAX < UINT16_MAX, "record numbers fit the hash table");

struct batch *batch_new(struct batch_limits limits, uint64_t hash_seed)
{
    struct batch *batch = calloc(1, sizeof *batch);
    if (batch == NULL) return NULL;
    batch->limits = limits;
    batch->hash_seed = hash_seed;
    batch->arena = arena_new(BATCH_DECODED_BYTES_MAX);
    batch->records = calloc(limits.records, sizeof *batch->records);
    batch->identities = calloc(limits.records * IDENTITY_SLOTS_A_RECORD, sizeof *batch->identities);
    if (batch->arena != NULL && batch->records != NULL && batch->identities != NULL) return batch;
    batch_free(batch);
    return NULL;
}

void batch_free(struct batch *batch)
{
    if (batch == NULL) return;
    arena_free(batch->arena);
    free(batch->records);
    free(batch->positions);
    free(batch->identities);
    free(batch);
}

void batch_reset(struct batch *batch)
{
    arena_reset(batch->arena);
    batch->record_count = 0;
    batch->position_count = 0;
    batch->bytes = 0;
    memset(batch->identities, 0, batch->limits.records * IDENTITY_SLOTS_A_RECORD * sizeof *batch->identities);
}

bool batch_is_empty(const struct batch *batch)
{
    return batch->position_count == 0;
}

bool batch_is_full(const struct batch *batch)
{
    return batch->record_count >= batch->limits.records || batch->bytes >= batch->limits.bytes ||
           arena_used_bytes(batch->arena) >= BATCH_DECODED_BYTES_FULL;
}

/* ---- positions ---- */

static bool positions_grow(struct batch *batch)
{
    size_t room = batch->position_room == 0 ? POSITION_ROOM_FIRST : batch->position_room * 2;
    struct batch_position *positions = realloc(batch->positions, room * sizeof *positions);
    if (positions == NULL) return false;
    batch->positions = positions;
    batch->position_room = room;
    return true;
}

/* The partition's position in this micro-batch, made when it is the first time; NULL when memory is out. */
static struct batch_position *position_of(struct batch *batch, struct batch_partition *partition)
{
    if (partition->slot_batch == batch && partition->slot < batch->position_count) {
        struct batch_position *position = &batch->positions[partition->slot];
        if (position->topic == partition->topic && position->number == partition->number) return position;
    }
    if (batch->position_count == batch->position_room && !positions_grow(batch)) return NULL;
    partition->slot_batch = batch;
    partition->slot = batch->position_count++;
    batch->positions[partition->slot] = (struct batch_position){
        .topic = partition->topic,
        .number = partition->number,
        .epoch = partition->epoch,
        .expected_offset = partition->taken_offset,
        .records_offset = partition->taken_offset,
        .next_offset = partition->taken_offset,
    };
    return &batch->positions[partition->slot];
}

/* ---- identities ---- */

static uint64_t hash_text(uint64_t hash, const char *text)
{
    for (; *text != '\0'; text++) hash = (hash ^ (uint8_t)*text) * UINT64_C(0x100000001b3); /* FNV-1a */
    return (hash ^ 0xff) * UINT64_C(0x100000001b3);
}

static bool is_same_event(const struct batch_record *a, const struct batch_record *b)
{
    return a->topic == b->topic && a->event.year == b->event.year && strcmp(a->event.id, b->event.id) == 0 &&
           strcmp(a->event.source, b->event.source) == 0 && strcmp(a->event.unit, b->event.unit) == 0;
}

/* False when a record of this identity is in the batch already. The seed keeps a sender from choosing identities that collide. */
static bool identity_add(struct batch *batch, size_t number)
{
    const struct batch_record *record = &batch->records[number];
    size_t slots = batch->limits.records * IDENTITY_SLOTS_A_RECORD;
    uint64_t hash = hash_text(hash_text(hash_text(batch->hash_seed, record->event.id), record->event.source), record->event.unit);
    size_t slot = (size_t)(hash % slots);
    for (; batch->identities[slot] != 0; slot = (slot + 1) % slots)
        if (is_same_event(&batch->records[batch->identities[slot] - 1], record)) return false;
    batch->identities[slot] = (uint16_t)(number + 1);
    return true;
}

/* ---- records ---- */

static bool dead_letter_fill(struct batch *batch, const struct kafka_record *record, const struct fault *fault, struct batch_record *out)
{
    out->event = (struct event){0};
    out->code = arena_copy(batch->arena, fault->code, strlen(fault->code));
    out->text = arena_copy(batch->arena, fault->text, strlen(fault->text));
    if (out->code == NULL || out->text == NULL) return false;
    if (record->key == NULL || !text_is_name(record->key, record->key_bytes, EVENT_UNIT_BYTES_MAX)) return true;
    out->unit = arena_copy(batch->arena, record->key, record->key_bytes);
    return out->unit != NULL;
}

/*
 * Memory that is out while other records are in the arena only means that this micro-batch is full: what was decoded so far of the record
 * is thrown away with it.
 */
static enum batch_added no_room(const struct batch *batch)
{
    return batch->record_count > 0 ? BATCH_CLOSED : BATCH_FAILED;
}

/* Decodes into the place after the last record; nothing but the arena has changed when it is not added. */
static enum batch_added record_fill(struct batch *batch, const struct kafka_record *record, int32_t partitions, struct batch_record *out)
{
    struct fault fault = {0};
    *out = (struct batch_record){
        .topic = record->topic,
        .number = record->partition,
        .mark = {.offset = record->offset, .append_ms = record->append_ms},
    };
    if (event_decode(batch->arena, record, partitions, &out->event, &fault))
        return identity_add(batch, batch->record_count) ? BATCH_ADDED : BATCH_CLOSED;
    if (fault.kind != FAULT_REJECT || !dead_letter_fill(batch, record, &fault, out)) return no_room(batch);
    return BATCH_ADDED;
}

enum batch_added batch_add(struct batch *batch, struct batch_partition *partition, const struct kafka_record *record, int32_t partitions)
{
    if (batch_is_full(batch)) return BATCH_CLOSED;
    struct batch_record *added = &batch->records[batch->record_count];
    enum batch_added result = record_fill(batch, record, partitions, added);
    if (result != BATCH_ADDED) return result;
    struct batch_position *position = position_of(batch, partition);
    if (position == NULL) return BATCH_FAILED;
    kafka_record_sha256(record, added->mark.sha256);
    added->position = partition->slot;
    added->expected_offset = position->next_offset;
    batch->record_count++;
    batch->bytes += record->value_bytes + record->key_bytes;
    position->records_offset = position->next_offset = partition->taken_offset = record->offset + 1;
    return BATCH_ADDED;
}

bool batch_add_end(struct batch *batch, struct batch_partition *partition, int64_t end_offset)
{
    if (end_offset <= partition->taken_offset) return true;
    struct batch_position *position = position_of(batch, partition);
    if (position == NULL) return false;
    position->next_offset = partition->taken_offset = end_offset;
    return true;
}
