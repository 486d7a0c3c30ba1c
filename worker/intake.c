#include "worker/intake.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/random.h>
#include <sysexits.h>

#include "worker/worker.h"

bool intake_init(struct intake *intake, struct batch_limits limits)
{
    uint64_t seed = 0;
    if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) != (ssize_t)sizeof seed) seed = (uint64_t)(uintptr_t)intake;
    *intake = (struct intake){.spare = batch_new(limits, seed), .filling = batch_new(limits, seed)};
    return intake->spare != NULL && intake->filling != NULL;
}

void intake_free(struct intake *intake)
{
    kafka_record_release(&intake->waiting);
    batch_free(intake->spare);
    batch_free(intake->filling);
    *intake = (struct intake){0};
}

void intake_drop(struct intake *intake)
{
    kafka_record_release(&intake->waiting);
    intake->has_waiting = false;
    batch_reset(intake->filling);
}

struct batch *intake_hand_over(struct intake *intake)
{
    if (batch_is_empty(intake->filling)) return NULL;
    struct batch *full = intake->filling;
    intake->filling = intake->spare;
    intake->spare = NULL;
    return full;
}

void intake_take_back(struct intake *intake, struct batch *batch)
{
    batch_reset(batch);
    intake->spare = batch;
}

/* ---- records ---- */

/* The first record after a claim is the last one applied: anything else means that the topic is not what it was. */
static void record_prove(struct worker *worker, struct partition *partition, const struct kafka_record *record)
{
    if (record_is_marked(record, &partition->proof)) {
        assignment_proven(worker, partition);
        backoff_reset(&worker->assignment.backoff);
        return;
    }
    char text[PARTITION_HALT_BYTES_MAX];
    snprintf(text, sizeof text,
             "the record at offset %" PRId64 " is not the one that was applied there (the topic has offset %" PRId64
             ", %s): it was truncated or made anew; restore it, or resume the partition if that was meant",
             partition->proof.offset, record->offset,
             record->offset == partition->proof.offset ? "with other content" : "the next one it holds");
    assignment_halt(worker, partition, text);
}

static void record_add(struct worker *worker, struct partition *partition)
{
    struct fault fault = {0};
    struct intake *intake = &worker->intake;
    enum batch_added added = batch_add(intake->filling, &partition->at, &intake->waiting, worker->input_partitions);
    if (added == BATCH_CLOSED) return;
    kafka_record_release(&intake->waiting);
    intake->has_waiting = false;
    partition->end_offset = -1;
    if (added == BATCH_ADDED) return;
    fault_set(&fault, FAULT_FATAL, EX_OSERR, "memory", "no memory left for a single record");
    worker_fail(worker, &fault);
}

/* Records of partitions that are not read (any more) may still come out of the client's queue. */
static void record_take(struct worker *worker)
{
    struct intake *intake = &worker->intake;
    struct partition *partition = partitions_find(&worker->partitions, intake->waiting.topic, intake->waiting.partition);
    if (partition != NULL && partition_is_read(partition) && partition_is_away(partition)) assignment_back(worker, partition);
    if (partition != NULL && partition->state == PARTITION_READING && intake->waiting.offset >= partition->at.taken_offset) {
        record_add(worker, partition);
        return;
    }
    if (partition != NULL && partition->state == PARTITION_PROVING) record_prove(worker, partition, &intake->waiting);
    kafka_record_release(&intake->waiting);
    intake->has_waiting = false;
}

/* ---- happenings ---- */

static void end_take(struct worker *worker, const struct kafka_position *end)
{
    struct fault fault = {0};
    struct partition *partition = partitions_find(&worker->partitions, end->topic, end->partition);
    if (partition == NULL || !partition_is_read(partition)) return;
    if (partition_is_away(partition)) assignment_back(worker, partition);
    if (partition->state == PARTITION_PROVING) {
        assignment_halt(
            worker, partition,
            "the last record applied is not in the topic any more: the topic was truncated or made anew; restore it, or resume the "
            "partition if that was meant");
        return;
    }
    if (end->offset < partition->at.taken_offset) return;
    partition->end_offset = end->offset;
    if (batch_add_end(worker->intake.filling, &partition->at, end->offset)) return;
    fault_set(&fault, FAULT_FATAL, EX_OSERR, "memory", "no memory left for a position");
    worker_fail(worker, &fault);
}

static void happening_take(struct worker *worker, struct kafka_happening *happening)
{
    struct partition *partition;
    if (happening->kind == KAFKA_OUTAGE)
        health_broker_away(worker, &happening->fault);
    else if (happening->kind != KAFKA_UNAVAILABLE)
        health_broker_back(worker);
    switch (happening->kind) {
    case KAFKA_RECORD:
        worker->intake.waiting = happening->record;
        worker->intake.has_waiting = true;
        record_take(worker);
        break;
    case KAFKA_END:
        end_take(worker, &happening->position);
        break;
    case KAFKA_ASSIGNED:
        assignment_begin(worker, happening->assigned, happening->assigned_count);
        break;
    case KAFKA_REVOKED:
        assignment_revoke(worker);
        break;
    case KAFKA_HALTED:
        partition = partitions_find(&worker->partitions, happening->position.topic, happening->position.partition);
        if (partition != NULL && partition_is_read(partition)) assignment_halt(worker, partition, happening->fault.text);
        break;
    case KAFKA_UNAVAILABLE:
        partition = partitions_find(&worker->partitions, happening->position.topic, happening->position.partition);
        if (partition != NULL && partition_is_read(partition)) assignment_again(worker, partition, &happening->fault);
        break;
    case KAFKA_OUTAGE:
    case KAFKA_NOTHING:
        break;
    }
}

bool intake_is_open(const struct worker *worker)
{
    const struct intake *intake = &worker->intake;
    return worker->consumer != NULL && !worker->is_stopping && !worker->assignment.is_revoking && !intake->has_waiting &&
           !batch_is_full(intake->filling) && !link_is_sending(&worker->link, worker->now_ms);
}

bool intake_step(struct worker *worker)
{
    bool moved = false;
    const struct batch *filling = worker->intake.filling;
    size_t bytes_before = filling->bytes;
    if (worker->intake.has_waiting && batch_is_empty(filling)) {
        record_take(worker);
        moved = true;
    }
    for (int i = 0; i < INTAKE_RECORDS_A_ROUND && filling->bytes < bytes_before + INTAKE_BYTES_A_ROUND && intake_is_open(worker); i++) {
        struct kafka_happening happening;
        enum kafka_happening_kind kind = kafka_consumer_poll(worker->consumer, 0, &happening);
        health_spent(worker, SPENT_POLL);
        if (kind == KAFKA_NOTHING) break;
        happening_take(worker, &happening);
        health_spent(worker, SPENT_DECODE);
        moved = true;
    }
    return moved;
}
