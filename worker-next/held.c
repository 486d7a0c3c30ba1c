#include "worker-next/held.h"

#include <string.h>
#include <sysexits.h>

#include "core/log.h"
#include "worker-next/worker.h"

static bool is_wanted(const struct worker *worker, const struct shard *shard)
{
    return shard->has_held && shard_is_proven(shard) && worker->now_ms >= shard->held_at_ms;
}

/* Between two bundles, and only while the one being filled is empty: it is used for these records. */
bool held_ask(struct worker *worker, struct lane *lane)
{
    if (worker->is_stopping || worker->assignment.is_revoking || lane->apply.phase != APPLY_NONE || !bundle_is_empty(lane->filling))
        return false;
    for (size_t i = 0; i < worker->shards.count; i++) {
        const struct shard *shard = &worker->shards.list[i];
        if (shard->lane != lane->number || !is_wanted(worker, shard)) continue;
        arena_reset(lane->arena);
        store_take_held(lane->store, lane->arena, shard->number);
        lane_ask(worker, lane, QUESTION_TAKE_HELD, NULL, (size_t)shard->number);
        return true;
    }
    return false;
}

/* Their bytes are the bundle's from now on: the arena is needed for loading. */
static bool record_copy(struct arena *arena, const struct kafka_record *record, struct kafka_record *copy)
{
    struct kafka_header *headers = arena_take(arena, (record->header_count + 1) * sizeof *headers);
    *copy = *record;
    if (record->key != NULL) copy->key = arena_copy(arena, record->key, record->key_bytes);
    if (record->value != NULL) copy->value = arena_copy(arena, record->value, record->value_bytes);
    if (headers == NULL || (record->key != NULL && copy->key == NULL) || (record->value != NULL && copy->value == NULL)) return false;
    for (size_t i = 0; i < record->header_count; i++) {
        const struct kafka_header *header = &record->headers[i];
        headers[i] = *header;
        headers[i].name = arena_copy(arena, header->name, strlen(header->name));
        if (header->value != NULL) headers[i].value = arena_copy(arena, header->value, header->value_bytes);
        if (headers[i].name == NULL || (header->value != NULL && headers[i].value == NULL)) return false;
    }
    copy->headers = headers;
    return true;
}

static void records_take(struct worker *worker, struct lane *lane, struct shard *shard)
{
    size_t count = 0;
    struct fault fault = {0};
    const struct kafka_record *records = store_held_records(lane->store, &count);
    if (count == 0) shard->has_held = false;
    for (size_t i = 0; i < count && !bundle_is_full(lane->filling); i++) {
        struct kafka_record copy;
        enum bundle_added added = BUNDLE_FAILED;
        if (record_copy(lane->filling->arena, &records[i], &copy))
            added = bundle_add_held(lane->filling, shard, &copy, worker->input_partitions);
        if (added == BUNDLE_ADDED) continue;
        if (lane->filling->record_count > 0) break; /* the next ones come after these */
        fault_set(&fault, FAULT_FATAL, EX_OSERR, "memory", "no memory left for a held record");
        worker_fail(worker, &fault);
        return;
    }
}

/* What came into the bundle meanwhile goes first; the held ones are taken again after it. */
void held_taken(struct worker *worker, struct lane *lane)
{
    struct shard *shard = shards_find(&worker->shards, (int32_t)lane->asked_count);
    if (shard == NULL || !shard_is_proven(shard) || !bundle_is_empty(lane->filling)) return;
    records_take(worker, lane, shard);
}

void held_failed(struct worker *worker, struct lane *lane, const struct fault *fault)
{
    struct shard *shard = shards_find(&worker->shards, (int32_t)lane->asked_count);
    if (fault->kind != FAULT_RETRY) {
        worker_fail(worker, fault);
        return;
    }
    log_warning("held-retry", log_number("lane", lane->number), log_text("code", fault->code), log_text("text", fault->text));
    if (shard != NULL) shard->held_at_ms = worker->now_ms + HELD_EVERY_MS;
}

bool held_is_clear(const struct worker *worker)
{
    for (size_t i = 0; i < worker->shards.count; i++)
        if (worker->shards.list[i].has_held && worker->shards.list[i].state != SHARD_HALTED) return false;
    return true;
}
