#include "ops-next/portion.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "core/language.h"

/* The rows of one submission of a very large unit, with its roster; nearly always it is a hundredth of this. */
static const size_t arena_bytes_max = (size_t)1 << 30;

static bool memory_out(struct fault *fault)
{
    return fault_set(fault, FAULT_RETRY, EX_OSERR, "memory-out", language_pick("内存不足", "out of memory for a micro-batch"));
}

bool portion_init(struct portion *portion)
{
    *portion = (struct portion){
        .arena = arena_new(arena_bytes_max),
        .records = calloc(PORTION_RECORDS_MAX, sizeof *portion->records),
        .events = calloc(PORTION_RECORDS_MAX, sizeof *portion->events),
        .units = calloc(PORTION_RECORDS_MAX, sizeof *portion->units),
        .years = calloc(PORTION_RECORDS_MAX, sizeof *portion->years),
    };
    return portion->arena != NULL && portion->records != NULL && portion->events != NULL && portion->units != NULL &&
           portion->years != NULL;
}

void portion_free(struct portion *portion)
{
    store_release(&portion->micro);
    arena_free(portion->arena);
    free(portion->records);
    free(portion->events);
    free(portion->units);
    free(portion->years);
    *portion = (struct portion){0};
}

void portion_reset(struct portion *portion)
{
    store_release(&portion->micro);
    arena_reset(portion->arena);
    portion->micro = (struct micro_batch){0};
    portion->count = portion->bytes = 0;
}

bool portion_is_full(const struct portion *portion)
{
    return portion->count >= PORTION_RECORDS_MAX || portion->bytes >= PORTION_BYTES_FULL ||
           arena_used_bytes(portion->arena) >= PORTION_DECODED_BYTES_FULL;
}

bool portion_add(struct portion *portion, const struct kafka_record *record, int32_t input_partitions, struct fault *fault)
{
    struct fault refusal = {0};
    struct event *event = &portion->records[portion->count].event;
    struct review_event *in = &portion->events[portion->count];
    *in = (struct review_event){
        .topic = record->topic, .partition = record->partition, .offset = record->offset, .append_ms = record->append_ms};
    bool is_event = event_read(portion->arena, record, input_partitions, event, &refusal);
    if (!is_event && refusal.kind != FAULT_REJECT) return memory_out(fault);
    if (is_event)
        in->event = event;
    else
        in->code = in->text = arena_copy(portion->arena, refusal.code, strlen(refusal.code));
    if (!is_event && in->code == NULL) return memory_out(fault);
    portion->units[portion->count] = is_event ? event->unit : NULL;
    portion->years[portion->count] = is_event ? event->year : 0;
    portion->bytes += record->key_bytes + record->value_bytes;
    portion->count++;
    return true;
}

static bool open_world(struct portion *portion, struct kept_world *kept, struct fault *fault)
{
    portion->micro = (struct micro_batch){.arena = portion->arena,
                                          .records = portion->records,
                                          .record_count = portion->count,
                                          .events = portion->events,
                                          .world = {.arena = portion->arena}};
    return kept_world_open(kept, &portion->micro.world, portion->events, portion->units, portion->years, portion->count) ||
           memory_out(fault);
}

bool portion_load_state(struct portion *portion, struct kept_world *none, struct store *store, struct fault *fault)
{
    if (!open_world(portion, none, fault)) return false;
    store_read_state(store, &portion->micro);
    return true;
}

bool portion_load_reference(struct portion *portion, struct kept_world *kept, struct store *store, struct fault *fault)
{
    if (!open_world(portion, kept, fault)) return false;
    store_read_reference(store, &portion->micro);
    return true;
}

bool portion_apply(struct portion *portion, struct fault *fault)
{
    struct micro_batch *micro = &portion->micro;
    return review_apply(&micro->world, micro->events, micro->record_count, &micro->effects) || memory_out(fault);
}
