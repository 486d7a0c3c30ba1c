#include "worker-next/bundle.h"

#include <stdlib.h>
#include <string.h>

#include "core/text.h"

enum { POSITION_ROOM_FIRST = 16 };

struct bundle *bundle_new(struct bundle_limits limits)
{
    struct bundle *bundle = calloc(1, sizeof *bundle);
    if (bundle == NULL) return NULL;
    bundle->limits = limits;
    bundle->arena = arena_new(BUNDLE_DECODED_BYTES_MAX);
    bundle->records = calloc(limits.records, sizeof *bundle->records);
    bundle->notes = calloc(limits.records, sizeof *bundle->notes);
    if (bundle->arena != NULL && bundle->records != NULL && bundle->notes != NULL) return bundle;
    bundle_free(bundle);
    return NULL;
}

void bundle_free(struct bundle *bundle)
{
    if (bundle == NULL) return;
    if (bundle->arena != NULL) bundle_reset(bundle);
    arena_free(bundle->arena);
    free(bundle->records);
    free(bundle->notes);
    free(bundle->positions);
    free(bundle);
}

void bundle_reset(struct bundle *bundle)
{
    for (size_t i = 0; i < bundle->record_count; i++) kafka_record_release(&bundle->records[i].record);
    arena_reset(bundle->arena);
    bundle->record_count = bundle->position_count = 0;
    bundle->bytes = 0;
    bundle->is_closed = bundle->is_held = false;
    bundle->since_ms = 0;
}

bool bundle_is_empty(const struct bundle *bundle)
{
    return bundle->position_count == 0;
}

bool bundle_is_full(const struct bundle *bundle)
{
    return bundle->is_closed || bundle->record_count >= bundle->limits.records || bundle->bytes >= bundle->limits.bytes ||
           arena_used_bytes(bundle->arena) >= BUNDLE_DECODED_BYTES_FULL;
}

/* ---- positions ---- */

static bool positions_grow(struct bundle *bundle)
{
    size_t room = bundle->position_room == 0 ? POSITION_ROOM_FIRST : bundle->position_room * 2;
    struct bundle_position *positions = realloc(bundle->positions, room * sizeof *positions);
    if (positions == NULL) return false;
    bundle->positions = positions;
    bundle->position_room = room;
    return true;
}

static bool slot_is(const struct bundle *bundle, const struct partition *partition)
{
    if (partition->slot_bundle != bundle || partition->slot >= bundle->position_count) return false;
    const struct bundle_position *position = &bundle->positions[partition->slot];
    return position->topic == partition->topic && position->shard == partition->number;
}

/* The partition's position in this bundle, made when it is the first time; NULL when memory is out. */
static struct bundle_position *position_of(struct bundle *bundle, const struct shard *shard, struct partition *partition)
{
    if (slot_is(bundle, partition)) return &bundle->positions[partition->slot];
    if (bundle->position_count == bundle->position_room && !positions_grow(bundle)) return NULL;
    partition->slot_bundle = bundle;
    partition->slot = bundle->position_count++;
    bundle->positions[partition->slot] = (struct bundle_position){
        .shard = shard->number,
        .topic = partition->topic,
        .epoch = shard->epoch,
        .records_offset = partition->taken_offset,
        .next_offset = partition->taken_offset,
    };
    return &bundle->positions[partition->slot];
}

/* ---- records ---- */

/* Of a record that was refused, for whom it concerns. */
static const char *ce_id_read(struct arena *arena, const struct kafka_record *record)
{
    for (size_t i = 0; i < record->header_count; i++) {
        const struct kafka_header *header = &record->headers[i];
        if (strcmp(header->name, "ce_id") != 0) continue;
        if (header->value == NULL || !text_is_name(header->value, header->value_bytes, EVENT_NAME_BYTES_MAX)) return NULL;
        return arena_copy(arena, header->value, header->value_bytes);
    }
    return NULL;
}

static bool refused_fill(struct arena *arena, const struct fault *fault, struct batch_record *out, struct bundle_note *note)
{
    const struct kafka_record *record = &out->record;
    out->event = (struct event){0};
    out->in.code = arena_copy(arena, fault->code, strlen(fault->code));
    out->in.text = arena_copy(arena, fault->text, strlen(fault->text));
    out->in.ce_id = ce_id_read(arena, record);
    if (out->in.code == NULL || out->in.text == NULL) return false;
    if (record->key == NULL || !text_is_name(record->key, record->key_bytes, EVENT_UNIT_BYTES_MAX)) return true;
    note->unit = arena_copy(arena, record->key, record->key_bytes);
    return note->unit != NULL;
}

/*
 * Decodes into the place after the last record; nothing but the arena has changed when it is not added. Memory that is out while other
 * records are in the arena only means that this bundle is full.
 */
static enum bundle_added record_fill(struct bundle *bundle, const struct kafka_record *record, int32_t input_partitions)
{
    struct fault fault = {0};
    struct batch_record *out = &bundle->records[bundle->record_count];
    struct bundle_note *note = &bundle->notes[bundle->record_count];
    *note = (struct bundle_note){0};
    *out = (struct batch_record){
        .record = *record,
        .in = {.topic = record->topic, .partition = record->partition, .offset = record->offset, .append_ms = record->append_ms},
    };
    if (event_read(bundle->arena, record, input_partitions, &out->event, &fault)) {
        note->unit = out->event.unit;
        out->in.event = &out->event;
        return BUNDLE_ADDED;
    }
    if (fault.kind == FAULT_REJECT && refused_fill(bundle->arena, &fault, out, note)) return BUNDLE_ADDED;
    bundle->is_closed = bundle->record_count > 0;
    return bundle->is_closed ? BUNDLE_CLOSED : BUNDLE_FAILED;
}

static void record_count(struct bundle *bundle, const struct kafka_record *record)
{
    bundle->record_count++;
    bundle->bytes += record->value_bytes + record->key_bytes;
}

enum bundle_added bundle_add(struct bundle *bundle, const struct shard *shard, struct partition *partition,
                             const struct kafka_record *record, int32_t input_partitions)
{
    if (bundle_is_full(bundle)) return BUNDLE_CLOSED;
    struct bundle_position *position = position_of(bundle, shard, partition);
    if (position == NULL) return BUNDLE_FAILED;
    enum bundle_added added = record_fill(bundle, record, input_partitions);
    if (added != BUNDLE_ADDED) return added;
    bundle->notes[bundle->record_count].position = partition->slot;
    bundle->notes[bundle->record_count].expected_offset = position->next_offset;
    record_count(bundle, record);
    position->records_offset = position->next_offset = partition->taken_offset = record->offset + 1;
    return BUNDLE_ADDED;
}

bool bundle_add_end(struct bundle *bundle, const struct shard *shard, struct partition *partition)
{
    struct bundle_position *position = position_of(bundle, shard, partition);
    if (position == NULL) return false;
    position->next_offset = partition->taken_offset = partition->read_offset = partition->end_offset;
    return true;
}

enum bundle_added bundle_add_held(struct bundle *bundle, struct shard *shard, const struct kafka_record *record, int32_t input_partitions)
{
    struct partition *partition = &shard->partitions[record->topic];
    if (bundle_is_full(bundle)) return BUNDLE_CLOSED;
    struct bundle_position *position = position_of(bundle, shard, partition);
    if (position == NULL) return BUNDLE_FAILED;
    enum bundle_added added = record_fill(bundle, record, input_partitions);
    if (added != BUNDLE_ADDED) return added;
    bundle->is_held = true;
    bundle->records[bundle->record_count].is_applied_before = true;
    bundle->notes[bundle->record_count].position = partition->slot;
    bundle->notes[bundle->record_count].expected_offset = position->next_offset;
    record_count(bundle, record);
    return BUNDLE_ADDED;
}
