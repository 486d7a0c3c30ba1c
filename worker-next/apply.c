#include "worker-next/apply.h"

#include <string.h>
#include <sysexits.h>

#include "core/log.h"
#include "worker-next/worker.h"

/* ---- bundles ---- */

void apply_begin(struct lane *lane)
{
    struct apply *apply = &lane->apply;
    apply->bundle = lane->filling;
    lane->filling = lane->spare;
    lane->spare = NULL;
    lane->turn++;
    apply->phase = APPLY_READY;
    apply->from = 0;
    apply->count = apply->bundle->record_count < apply->records_max ? apply->bundle->record_count : apply->records_max;
    apply->tries = 0;
    apply->is_holding = apply->is_held_again = false;
}

/* What the part was loaded with goes with it. */
static void part_end(struct lane *lane)
{
    store_release(&lane->apply.micro);
    lane->apply.micro = (struct micro_batch){0};
    arena_reset(lane->arena);
}

static void bundle_done(struct lane *lane)
{
    struct apply *apply = &lane->apply;
    part_end(lane);
    bundle_reset(apply->bundle);
    lane->spare = apply->bundle;
    apply->bundle = NULL;
    apply->phase = APPLY_NONE;
}

void apply_drop(struct lane *lane)
{
    if (lane->apply.bundle != NULL) bundle_done(lane);
    bundle_reset(lane->filling);
    lane->handover = (struct handover){0};
}

void apply_published(struct lane *lane)
{
    struct apply *apply = &lane->apply;
    apply->from += apply->micro.record_count;
    size_t left = apply->bundle->record_count - apply->from, wanted = apply->count * 2;
    if (left == 0 || apply->is_held_again) {
        bundle_done(lane);
        return;
    }
    part_end(lane);
    if (wanted > apply->records_max) wanted = apply->records_max;
    apply->count = wanted < left ? wanted : left;
    apply->phase = APPLY_READY;
}

/* ---- smaller parts ---- */

static const struct batch_record *first_record(const struct apply *apply)
{
    return &apply->bundle->records[apply->from];
}

static const char *unit_of(const struct apply *apply)
{
    return apply->bundle->notes[apply->from].unit;
}

/* Halves the part; one that is a single record has its unit held. */
static void part_fail(struct worker *worker, struct lane *lane, const struct fault *fault)
{
    struct fault bug = {0};
    struct apply *apply = &lane->apply;
    const struct batch_record *record = first_record(apply);
    apply->phase = APPLY_READY;
    part_end(lane);
    if (apply->count > 1) {
        apply->count = (apply->count + 1) / 2;
        return;
    }
    if (apply->count == 1 && record->in.event != NULL && !apply->is_holding) {
        apply->is_holding = true;
        log_error("unit-held", log_text("unit", unit_of(apply)), log_text("topic", topic_kind_name(record->record.topic)),
                  log_number("partition", record->record.partition), log_number("offset", record->record.offset),
                  log_text("code", fault->code), log_text("text", fault->text));
        return;
    }
    fault_set(&bug, FAULT_FATAL, EX_SOFTWARE, fault->code, "the database can't digest what holding a unit does not avoid: %s", fault->text);
    worker_fail(worker, &bug);
}

static void too_large(struct worker *worker, struct lane *lane)
{
    struct fault fault = {0};
    fault_set(&fault, FAULT_REJECT, EX_SOFTWARE, "too-large", "what %zu records need does not fit into %d MiB", lane->apply.count,
              MICRO_BATCH_ARENA_BYTES_MAX / (1024 * 1024));
    log_warning("batch-split", log_number("lane", lane->number), log_number("records", (int64_t)lane->apply.count),
                log_text("text", fault.text));
    part_fail(worker, lane, &fault);
}

/* However much one unit sends, a part ends within a few seconds: the next ones are smaller until they are quick again. */
static void pace_set(struct apply *apply, size_t records_max)
{
    int64_t ms = (worker_clock_us() - apply->begun_us) / 1000;
    if (ms > APPLY_SLOW_MS)
        apply->records_max = (apply->micro.record_count + 1) / 2;
    else if (apply->records_max < records_max && ms < APPLY_SLOW_MS / 2)
        apply->records_max = apply->records_max * 2 < records_max ? apply->records_max * 2 : records_max;
    if (apply->records_max == 0) apply->records_max = 1;
}

/* ---- loading ---- */

static void part_load(struct worker *worker, struct lane *lane)
{
    struct apply *apply = &lane->apply;
    part_end(lane);
    apply->begun_us = worker_clock_us();
    if (!micro_batch_fill(&apply->micro, lane->arena, apply->bundle, apply->from, apply->count)) {
        too_large(worker, lane);
        return;
    }
    if (apply->is_holding) apply->micro.held_unit = unit_of(apply);
    apply->phase = APPLY_UNDER_WAY;
    store_load(lane->store, &apply->micro);
    lane_ask(worker, lane, QUESTION_LOAD, NULL, 0);
}

bool apply_ask(struct worker *worker, struct lane *lane)
{
    struct apply *apply = &lane->apply;
    if (worker->is_stopping || worker->assignment.is_revoking || worker->now_ms < apply->retry_at_ms) return false;
    if (apply->phase == APPLY_NONE && intake_is_due(worker, lane)) apply_begin(lane);
    if (apply->phase != APPLY_READY) return false;
    part_load(worker, lane);
    return true;
}

/* ---- deciding and writing ---- */

/* The fates are where each record is, too. */
static void fates_tell(struct micro_batch *micro)
{
    for (size_t i = 0; i < micro->record_count; i++) micro->records[i].in = micro->events[i];
}

static void hold(struct micro_batch *micro)
{
    for (size_t i = 0; micro->held_unit != NULL && i < micro->world.review_count; i++)
        if (strcmp(micro->world.reviews[i].unit, micro->held_unit) == 0) micro->world.reviews[i].is_held = true;
}

void apply_loaded(struct worker *worker, struct lane *lane)
{
    struct micro_batch *micro = &lane->apply.micro;
    hold(micro);
    bool fits = review_apply(&micro->world, micro->events, micro->record_count, &micro->effects);
    health_spent(worker, SPENT_DECIDE);
    if (fits) {
        fates_tell(micro);
        size_t count = publish_collect(worker, lane);
        store_write(lane->store, micro, lane->published, count);
        lane_ask(worker, lane, QUESTION_WRITE, NULL, 0);
        return;
    }
    store_abandon(lane->store);
    lane_ask(worker, lane, QUESTION_ABANDON, NULL, 0);
}

void apply_abandoned(struct worker *worker, struct lane *lane)
{
    too_large(worker, lane);
}

/* ---- success ---- */

static void positions_moved(struct worker *worker, const struct micro_batch *micro)
{
    for (size_t i = 0; i < micro->move_count; i++) {
        const struct batch_move *move = &micro->moves[i];
        struct partition *partition = shards_partition(&worker->shards, move->topic, move->shard);
        if (partition == NULL) continue;
        partition->stored_offset = move->next_offset;
        if (!move->has_last) continue;
        partition->has_last = true;
        partition->last = move->last;
        if (!partition->has_witness) partition_witness_renew(partition);
    }
}

static bool has_approved(const struct micro_batch *micro)
{
    for (size_t i = 0; i < micro->world.review_count; i++) {
        const struct review *review = &micro->world.reviews[i];
        for (size_t j = 0; j < review->submission_count; j++) {
            const struct submission *submission = &review->submissions[j];
            if (submission->state == SUBMISSION_APPROVED && (submission->is_changed || submission->is_new)) return true;
        }
    }
    return false;
}

static void removals_note(struct worker *worker, const struct micro_batch *micro)
{
    if (!has_approved(micro)) return;
    for (size_t i = 0; i < micro->move_count; i++) {
        struct shard *shard = shards_find(&worker->shards, micro->moves[i].shard);
        if (shard != NULL) shard->has_removals = true;
    }
}

static void part_count(struct worker *worker, struct lane *lane)
{
    const struct micro_batch *micro = &lane->apply.micro;
    struct health_counts counts = {
        .batches = 1, .records = (int64_t)micro->record_count, .apply_us = worker_clock_us() - lane->apply.begun_us};
    for (size_t i = 0; i < micro->record_count; i++) {
        enum fate fate = micro->events[i].fate;
        counts.duplicates += fate == FATE_DUPLICATE;
        counts.dead_letters += fate == FATE_DEAD_LETTER;
        counts.held += fate == FATE_HELD;
    }
    /* Released once more in between, later ones would pass it: they are taken again after it. */
    lane->apply.is_held_again = lane->apply.bundle->is_held && counts.held > 0;
    health_count(worker, &counts);
    log_debug("batch-applied", log_number("lane", lane->number), log_number("records", counts.records),
              log_number("duplicates", counts.duplicates), log_number("dead_letters", counts.dead_letters), log_number("held", counts.held),
              log_number("outcomes", (int64_t)micro->effects.outcome_count), log_number("us", counts.apply_us));
}

void apply_written(struct worker *worker, struct lane *lane)
{
    struct apply *apply = &lane->apply;
    positions_moved(worker, &apply->micro);
    removals_note(worker, &apply->micro);
    part_count(worker, lane);
    pace_set(apply, apply->bundle->limits.records);
    if (apply->bundle->is_held && !apply->is_holding)
        log_info("held-applied", log_number("records", (int64_t)apply->micro.record_count), log_text("unit", unit_of(apply)));
    apply->tries = 0;
    apply->is_holding = false;
    apply->phase = APPLY_STORED;
    lane->moved_ms = worker->now_ms;
    backoff_reset(&apply->backoff);
}

/* ---- failure ---- */

static void retry(struct worker *worker, struct lane *lane, const struct fault *fault)
{
    struct apply *apply = &lane->apply;
    log_warning("apply-retry", log_number("lane", lane->number), log_text("code", fault->code), log_text("text", fault->text),
                log_number("tries", apply->tries + 1));
    apply->phase = APPLY_READY;
    part_end(lane);
    if (++apply->tries > APPLY_TRIES_MAX)
        lane_drop(worker, lane, fault);
    else
        apply->retry_at_ms = worker->now_ms + backoff_next_ms(&apply->backoff);
}

static void indigestible(struct worker *worker, struct lane *lane, const struct fault *fault)
{
    log_error("apply-rejected", log_text("code", fault->code), log_text("text", fault->text),
              log_number("records", (int64_t)lane->apply.count));
    part_fail(worker, lane, fault);
}

/* A lost session leaves it open whether the part was committed: the lane's end puts all positions in doubt. */
void apply_failed(struct worker *worker, struct lane *lane, const struct fault *fault)
{
    if (lane->state == LANE_CLOSED) return;
    if (strcmp(fault->code, "fenced") == 0) {
        log_warning("fenced", log_number("lane", lane->number), log_text("text", fault->text));
        lane->is_doubted = true;
    } else if (strcmp(fault->code, "memory") == 0 && fault->kind != FAULT_FATAL) {
        too_large(worker, lane);
    } else if (fault->kind == FAULT_REJECT) {
        indigestible(worker, lane, fault);
    } else if (fault->kind == FAULT_RETRY) {
        retry(worker, lane, fault);
    } else {
        worker_fail(worker, fault);
    }
}
