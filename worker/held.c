#include "worker/held.h"

#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "core/apply_query.h"
#include "core/log.h"
#include "worker/worker.h"

void held_init(struct held *held)
{
    *held = (struct held){0};
    backoff_init(&held->backoff, (uint32_t)getpid() + 5);
}

void held_free(struct held *held)
{
    kafka_reader_free(held->reader);
    batch_free(held->batch);
    *held = (struct held){0};
}

void held_want(struct held *held)
{
    held->is_clear = false;
    held->look_at_ms = 0;
}

bool held_is_clear(const struct held *held)
{
    return held->phase == HELD_RESTING && held->is_clear;
}

static void rest(struct worker *worker, int64_t for_ms)
{
    struct held *held = &worker->held;
    if (held->reader != NULL && for_ms > 0) original_rest(&held->source, held->reader);
    held->phase = HELD_RESTING;
    held->is_holding = false;
    held->look_at_ms = worker->now_ms + for_ms;
}

static void retry_log(const struct fault *fault)
{
    log_warning("held-retry", log_text("code", fault->code), log_text("text", fault->text));
}

static void try_later(struct worker *worker, const struct fault *fault)
{
    retry_log(fault);
    rest(worker, backoff_next_ms(&worker->held.backoff));
}

/* The partition of the record, if that may be read again. */
static struct partition *proven_partition(struct worker *worker)
{
    const struct kafka_position *wanted = &worker->held.wanted;
    struct partition *partition = partitions_find(&worker->partitions, wanted->topic, wanted->partition);
    return partition != NULL && partition_is_proven(partition) ? partition : NULL;
}

/* The same, if it has been ours ever since the record was taken. */
static const struct partition *wanted_partition(struct worker *worker)
{
    const struct partition *partition = proven_partition(worker);
    return partition != NULL && partition->at.epoch == worker->held.epoch ? partition : NULL;
}

/* ---- taking ---- */

static void taken(struct worker *worker, struct database_result **result, const struct fault *fault)
{
    struct held *held = &worker->held;
    if (fault != NULL && fault->kind != FAULT_RETRY) {
        worker_fail(worker, fault);
        return;
    }
    bool has_none = fault == NULL && result_rows(*result) == 0;
    held->is_clear = has_none && held->is_whole;
    if (fault != NULL || has_none || !topic_kind_of_name(result_text(*result, 0, 0), &held->wanted.topic)) {
        rest(worker, HELD_EVERY_MS);
        return;
    }
    held->wanted.partition = (int32_t)result_int8(*result, 0, 1);
    held->wanted.offset = result_int8(*result, 0, 2);
    held->append_ms = result_int8(*result, 0, 3);
    const struct partition *partition = proven_partition(worker);
    if (partition == NULL) {
        rest(worker, HELD_EVERY_MS);
        return;
    }
    held->epoch = partition->at.epoch;
    held->wanted_since_ms = worker->now_ms;
    held->phase = HELD_READING;
}

/* Of a halted partition the database names nothing. */
static bool is_looked_at(const struct partition *partition)
{
    return (partition_is_proven(partition) || partition->state == PARTITION_HALTED) && partition->held_at_ms == 0;
}

/* Tries those again whose time has come. Returns whether all are looked at. */
static bool partitions_look(struct worker *worker)
{
    bool is_whole = true;
    for (size_t i = 0; i < worker->partitions.count; i++) {
        struct partition *partition = &worker->partitions.list[i];
        if (worker->now_ms >= partition->held_at_ms) partition->held_at_ms = 0;
        is_whole = is_whole && is_looked_at(partition);
    }
    return is_whole;
}

static bool take_step(struct worker *worker)
{
    bool may_ask = !worker->assignment.is_revoking && !worker->is_stopping && link_is_idle(&worker->link);
    bool is_known = worker->assignment.is_settled || partitions_away_since_ms(&worker->partitions) != 0; /* what is to be read */
    if (!may_ask || !is_known || worker->now_ms < worker->held.look_at_ms) return false;
    struct database_query *query =
        link_query(&worker->link, "SELECT topic, partition, record_offset, append_ms FROM nianshen.held_take($1, $2, $3, 1)");
    worker->held.is_whole = partitions_look(worker);
    if (partitions_query(&worker->partitions, is_looked_at, query) == 0) return false;
    worker->held.phase = HELD_TAKING;
    link_ask(worker, taken);
    return true;
}

/* ---- reading ---- */

static bool tools_ready(struct worker *worker, struct fault *fault)
{
    struct held *held = &worker->held;
    struct batch_limits one = {.records = 1, .bytes = KAFKA_RECORD_BYTES_MAX};
    if (held->reader == NULL) held->reader = kafka_reader_new(worker->config, fault);
    if (held->batch == NULL) held->batch = batch_new(one, 0);
    if (held->batch == NULL) fault_set(fault, FAULT_RETRY, EX_OSERR, "memory", "no memory left for a held record");
    return held->reader != NULL && held->batch != NULL;
}

/* Decoded as when it came first. The partition's own place is not touched: it is ahead of this record. */
static void record_decode(struct worker *worker, struct kafka_record *record)
{
    struct held *held = &worker->held;
    const struct partition *partition = wanted_partition(worker);
    struct fault fault = {0};
    if (partition == NULL) {
        rest(worker, HELD_EVERY_MS);
        return;
    }
    struct batch_partition copy = partition->at;
    batch_reset(held->batch);
    if (batch_add(held->batch, &copy, record, worker->input_partitions) == BATCH_ADDED) {
        held->phase = HELD_READY;
        return;
    }
    fault_set(&fault, FAULT_RETRY, EX_OSERR, "memory", "no memory left for a held record");
    try_later(worker, &fault);
}

/* The record can't be read: those of other partitions are tried meanwhile. */
static void put_off(struct worker *worker, const struct fault *fault)
{
    struct held *held = &worker->held;
    struct partition *partition = proven_partition(worker);
    retry_log(fault);
    if (partition != NULL) partition->held_at_ms = worker->now_ms + backoff_next_ms(&held->backoff);
    original_rest(&held->source, held->reader);
    rest(worker, 0);
}

static bool read_step(struct worker *worker)
{
    struct fault fault = {0};
    struct kafka_record record = {0};
    struct held *held = &worker->held;
    if (!tools_ready(worker, &fault)) {
        try_later(worker, &fault);
        return true;
    }
    switch (original_find(&held->source, held->reader, &held->wanted, held->append_ms, 0, &record, &fault)) {
    case ORIGINAL_WAIT:
        if (worker->now_ms - held->wanted_since_ms < ORIGINAL_AWAIT_MS) return false;
        fault_set(&fault, FAULT_RETRY, EX_UNAVAILABLE, "held-record-unavailable", "the record at offset %lld of %s [%d] does not come",
                  (long long)held->wanted.offset, topic_kind_name(held->wanted.topic), (int)held->wanted.partition);
        break;
    case ORIGINAL_FOUND:
        record_decode(worker, &record);
        kafka_record_release(&record);
        return true;
    case ORIGINAL_GONE:
        fault_set(&fault, FAULT_RETRY, EX_UNAVAILABLE, "held-record-gone",
                  "the record at offset %lld of %s [%d] is not in its topic any more: its unit stays held", (long long)held->wanted.offset,
                  topic_kind_name(held->wanted.topic), (int)held->wanted.partition);
        break;
    case ORIGINAL_CUT:
    case ORIGINAL_FAULT:
        break;
    }
    put_off(worker, &fault);
    return true;
}

/* ---- applying ---- */

static void applied(struct worker *worker, const struct database_result *result)
{
    const struct kafka_position *at = &worker->held.wanted;
    if (!worker->held.is_holding)
        log_info("held-applied", log_text("topic", topic_kind_name(at->topic)), log_number("partition", at->partition),
                 log_number("offset", at->offset));
    if (result_int8(result, 0, APPLY_OUTBOX) > 0) outbox_want(&worker->outbox);
    backoff_reset(&worker->held.backoff);
    rest(worker, 0);
}

static void failed(struct worker *worker, const struct fault *fault)
{
    struct held *held = &worker->held;
    if (strcmp(fault->code, "sqlstate-NS001") == 0) {
        assignment_doubt(worker);
        rest(worker, HELD_EVERY_MS);
    } else if (fault->kind == FAULT_REJECT && !held->is_holding) {
        log_error("unit-held", log_text("unit", held->batch->records[0].event.unit), log_text("topic", topic_kind_name(held->wanted.topic)),
                  log_number("partition", held->wanted.partition), log_number("offset", held->wanted.offset), log_text("code", fault->code),
                  log_text("text", "the record fails still: its unit is held again"));
        held->is_holding = true;
        held->phase = HELD_READY;
    } else if (fault->kind == FAULT_RETRY) {
        try_later(worker, fault);
    } else {
        worker_fail(worker, fault);
    }
}

static void answered(struct worker *worker, struct database_result **result, const struct fault *fault)
{
    if (fault == NULL)
        applied(worker, *result);
    else
        failed(worker, fault);
}

static bool apply_held_step(struct worker *worker)
{
    struct held *held = &worker->held;
    const struct partition *partition = wanted_partition(worker);
    if (partition == NULL || worker->is_stopping) {
        rest(worker, HELD_EVERY_MS);
        return true;
    }
    if (!link_is_idle(&worker->link)) return false;
    struct batch_position *position = &held->batch->positions[0];
    position->epoch = partition->at.epoch;
    struct apply_move stay = {
        .position = position,
        .expected_offset = partition->stored_offset,
        .next_offset = partition->stored_offset,
        .end_offset = -1,
    };
    struct apply_range range = {.batch = held->batch, .count = 1, .moves = &stay, .move_count = 1};
    apply_query_build(worker->link.query, APPLY_SQL, &range, held->is_holding ? held->batch->records[0].event.unit : NULL);
    apply_query_nothing_published(worker->link.query);
    held->phase = HELD_APPLYING;
    link_ask(worker, answered);
    return true;
}

/* ---- the step ---- */

bool held_step(struct worker *worker)
{
    switch (worker->held.phase) {
    case HELD_RESTING:
        return take_step(worker);
    case HELD_READING:
        return read_step(worker);
    case HELD_READY:
        return apply_held_step(worker);
    case HELD_TAKING:
    case HELD_APPLYING:
        break;
    }
    return false;
}
