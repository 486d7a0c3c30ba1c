#include "worker-next/settle.h"

#include <stdlib.h>

#include "core/log.h"
#include "worker-next/worker.h"

static bool is_time(const struct worker *worker, const struct lane *lane)
{
    bool is_quiet = lane->apply.phase == APPLY_NONE && bundle_is_empty(lane->filling) && worker->now_ms - lane->moved_ms >= SETTLE_QUIET_MS;
    return is_quiet || worker->now_ms - lane->settled_ms >= SETTLE_AFTER_MS;
}

bool settle_ask(struct worker *worker, struct lane *lane)
{
    size_t count = 0;
    int32_t *numbers = NULL;
    const struct shards *shards = &worker->shards;
    if (worker->is_stopping || worker->until_end || worker->assignment.is_revoking || !is_time(worker, lane)) return false;
    for (size_t i = 0; i < shards->count; i++) {
        const struct shard *shard = &shards->list[i];
        if (shard->lane != lane->number || !shard->has_removals || !shard_is_proven(shard)) continue;
        if (numbers == NULL) numbers = calloc(shards->count, sizeof *numbers);
        if (numbers == NULL) return false; /* another time */
        numbers[count++] = shard->number;
    }
    if (count == 0) return false;
    store_settle(lane->store, numbers, count);
    lane_ask(worker, lane, QUESTION_SETTLE, numbers, count);
    return true;
}

void settle_done(struct worker *worker, struct lane *lane)
{
    const int32_t *numbers = lane->asked;
    int64_t rows = store_settled(lane->store);
    if (rows > 0) {
        log_debug("settled", log_number("lane", lane->number), log_number("rows", rows));
        return;
    }
    lane->settled_ms = worker->now_ms;
    for (size_t i = 0; i < lane->asked_count; i++) {
        struct shard *shard = shards_find(&worker->shards, numbers[i]);
        if (shard != NULL) shard->has_removals = false;
    }
}

void settle_failed(struct worker *worker, struct lane *lane, const struct fault *fault)
{
    if (fault->kind != FAULT_RETRY) {
        worker_fail(worker, fault);
        return;
    }
    log_debug("settle-retry", log_number("lane", lane->number), log_text("code", fault->code), log_text("text", fault->text));
    lane->moved_ms = worker->now_ms;
}
