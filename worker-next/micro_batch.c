#include "worker-next/bundle.h"

#include <string.h>

/* ---- which reviews the records touch ---- */

struct grouping { /* hash table of the reviews found so far: places + 1 */
    struct world *world;
    uint32_t *slots;
    size_t slot_count; /* a power of two */
};

static uint64_t hash_of(const char *unit, int32_t year)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ (uint64_t)(uint32_t)year; /* FNV-1a */
    for (; *unit != '\0'; unit++) hash = (hash ^ (uint8_t)*unit) * UINT64_C(0x100000001b3);
    return hash ^ hash >> 29;
}

static bool grouping_init(struct grouping *grouping, struct world *world, size_t records)
{
    size_t slot_count = 16;
    while (slot_count < records * 2) slot_count *= 2;
    world->reviews = arena_take(world->arena, records * sizeof *world->reviews);
    *grouping = (struct grouping){world, arena_take(world->arena, slot_count * sizeof *grouping->slots), slot_count};
    return world->reviews != NULL && grouping->slots != NULL;
}

/* Codes that a sender chooses may collide: with at most MICRO_BATCH_RECORDS_MAX of them that costs milliseconds. */
static size_t review_find(struct grouping *grouping, const char *unit, int32_t year)
{
    struct world *world = grouping->world;
    size_t slot = (size_t)hash_of(unit, year) & (grouping->slot_count - 1);
    for (; grouping->slots[slot] != 0; slot = (slot + 1) & (grouping->slot_count - 1)) {
        const struct review *review = &world->reviews[grouping->slots[slot] - 1];
        if (review->year == year && strcmp(review->unit, unit) == 0) return grouping->slots[slot] - 1;
    }
    grouping->slots[slot] = (uint32_t)++world->review_count;
    world->reviews[world->review_count - 1] = (struct review){.unit = unit, .year = year, .created_ms = REFERENCE_FOREVER_MS};
    return world->review_count - 1;
}

static bool reviews_group(struct micro_batch *micro, const struct bundle_note *notes)
{
    struct grouping grouping;
    if (!grouping_init(&grouping, &micro->world, micro->record_count)) return false;
    for (size_t i = 0; i < micro->record_count; i++) {
        const struct event *event = micro->records[i].in.event;
        struct review_event *in = &micro->records[i].in;
        in->review =
            notes[i].unit == NULL ? NULL : &micro->world.reviews[review_find(&grouping, notes[i].unit, event != NULL ? event->year : 0)];
        micro->events[i] = *in;
    }
    return true;
}

/* ---- which positions move ---- */

static void move_mark(struct batch_move *move, const struct kafka_record *record)
{
    move->has_last = true;
    move->last.offset = record->offset;
    move->last.append_ms = record->append_ms;
    kafka_record_sha256(record, move->last.sha256);
}

static struct batch_move *move_add(struct micro_batch *micro, const struct bundle_position *position, int64_t expected_offset)
{
    struct batch_move *move = &micro->moves[micro->move_count++];
    *move = (struct batch_move){
        .shard = position->shard,
        .topic = position->topic,
        .epoch = position->epoch,
        .expected_offset = expected_offset,
        .next_offset = expected_offset,
    };
    return move;
}

/* The last record of each partition is seen first. */
static void moves_of_records(struct micro_batch *micro, const struct bundle *bundle, const struct bundle_note *notes, size_t *places)
{
    for (size_t i = micro->record_count; i-- > 0;) {
        size_t *place = &places[notes[i].position];
        if (*place == 0) {
            struct batch_move *move = move_add(micro, &bundle->positions[notes[i].position], notes[i].expected_offset);
            move->next_offset = micro->records[i].record.offset + 1;
            move_mark(move, &micro->records[i].record);
            *place = micro->move_count;
        }
        micro->moves[*place - 1].expected_offset = notes[i].expected_offset;
        micro->moves[*place - 1].records++;
    }
}

/* Markers behind the last record go with the bundle's last part. */
static void moves_of_ends(struct micro_batch *micro, const struct bundle *bundle, const size_t *places)
{
    for (size_t i = 0; i < bundle->position_count; i++) {
        const struct bundle_position *position = &bundle->positions[i];
        if (position->next_offset == position->records_offset) continue;
        struct batch_move *move = places[i] != 0 ? &micro->moves[places[i] - 1] : move_add(micro, position, position->records_offset);
        move->next_offset = position->next_offset;
    }
}

static bool moves_fill(struct micro_batch *micro, const struct bundle *bundle, size_t from)
{
    size_t *places = arena_take(micro->arena, bundle->position_count * sizeof *places);
    micro->moves = arena_take(micro->arena, bundle->position_count * sizeof *micro->moves);
    if (places == NULL || micro->moves == NULL) return false;
    if (bundle->is_held) {
        for (size_t i = 0; i < bundle->position_count; i++) move_add(micro, &bundle->positions[i], bundle->positions[i].next_offset);
        return true;
    }
    moves_of_records(micro, bundle, bundle->notes + from, places);
    if (from + micro->record_count == bundle->record_count) moves_of_ends(micro, bundle, places);
    return true;
}

bool micro_batch_fill(struct micro_batch *micro, struct arena *arena, const struct bundle *bundle, size_t from, size_t count)
{
    *micro = (struct micro_batch){.arena = arena, .records = bundle->records + from, .record_count = count};
    micro->world = (struct world){.arena = arena, .reference = &micro->reference};
    micro->events = arena_take(arena, count * sizeof *micro->events);
    return micro->events != NULL && reviews_group(micro, bundle->notes + from) && moves_fill(micro, bundle, from);
}
