#include "worker/apply.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "core/log.h"
#include "worker/worker.h"

/* First what the micro-batch wrote to the outbox, as far as that can be published now, then the counts. The limit depends on the call, so
 * that the rows are looked for after it. */
static const char apply_and_take[] = "SELECT " OUTBOX_COLUMNS ", " APPLY_COLUMNS " FROM " APPLY_CALL " a LEFT JOIN LATERAL "
                                     "nianshen.outbox_take($1, $2, $3, CASE WHEN a.outbox > 0 THEN " APPLY_FREE " ELSE 0 END, "
                                     "p_after => " APPLY_FREE_TOO ") o ON true";

static int64_t count_of(const struct database_result *result, enum apply_column column)
{
    return result_int8(result, 0, OUTBOX_COLUMN_COUNT + (size_t)column);
}

void apply_init(struct apply *apply)
{
    *apply = (struct apply){0};
    backoff_init(&apply->backoff, (uint32_t)getpid() + 3);
}

void apply_free(struct apply *apply)
{
    batch_free(apply->batch);
    free(apply->moves);
    *apply = (struct apply){0};
}

void apply_drop(struct worker *worker)
{
    struct apply *apply = &worker->apply;
    if (apply->batch == NULL) return;
    intake_take_back(&worker->intake, apply->batch);
    apply->batch = NULL;
    apply->is_sent = false;
}

/* ---- success ---- */

static void range_moved(struct worker *worker)
{
    const struct apply_range *range = &worker->apply.range;
    for (size_t i = 0; i < range->move_count; i++) {
        const struct apply_move *move = &range->moves[i];
        struct partition *partition = partitions_find(&worker->partitions, move->position->topic, move->position->number);
        if (partition == NULL) continue;
        partition->stored_offset = move->next_offset;
        if (move->last == NULL) continue;
        partition->has_last = true;
        partition->last = move->last->mark;
        if (!partition->has_witness) partition_witness_renew(partition);
    }
}

static void range_count(struct worker *worker, const struct database_result *result)
{
    struct health_counts counts = {
        .batches = 1,
        .records = (int64_t)worker->apply.range.count,
        .duplicates = count_of(result, APPLY_DUPLICATES),
        .dead_letters = count_of(result, APPLY_DEAD_LETTERS),
        .held = count_of(result, APPLY_HELD),
        .apply_us = worker_clock_us() - worker->apply.sent_us,
    };
    health_count(worker, &counts);
    log_debug("batch-applied", log_number("records", counts.records), log_number("applied", count_of(result, APPLY_APPLIED)),
              log_number("duplicates", counts.duplicates), log_number("dead_letters", counts.dead_letters), log_number("held", counts.held),
              log_number("outbox", count_of(result, APPLY_OUTBOX)), log_number("us", counts.apply_us));
}

static void range_done(struct worker *worker, const struct database_result *result)
{
    struct apply *apply = &worker->apply;
    range_moved(worker);
    range_count(worker, result);
    apply->tries = 0;
    apply->is_holding = false;
    backoff_reset(&apply->backoff);
    apply->range.from += apply->range.count;
    apply->range.count = 1;
    if (apply->range.from >= apply->batch->record_count) apply_drop(worker);
}

/* ---- failure ---- */

static void retry(struct worker *worker, const struct fault *fault)
{
    struct apply *apply = &worker->apply;
    log_warning("apply-retry", log_text("code", fault->code), log_text("text", fault->text), log_number("tries", apply->tries + 1));
    if (++apply->tries > APPLY_TRIES_MAX)
        link_drop(worker, fault);
    else
        apply->retry_at_ms = worker->now_ms + backoff_next_ms(&apply->backoff);
}

static void indigestible(struct worker *worker, const struct fault *fault)
{
    struct fault bug = {0};
    struct apply *apply = &worker->apply;
    const struct batch_record *record = &apply->batch->records[apply->range.from];
    if (apply->range.count > 1) {
        log_error("apply-rejected", log_text("code", fault->code), log_text("text", fault->text),
                  log_number("records", (int64_t)apply->range.count));
        apply->range.count = 1;
        return;
    }
    if (apply->range.count == 1 && record->code == NULL && !apply->is_holding) {
        apply->is_holding = true;
        log_error("unit-held", log_text("unit", record->event.unit), log_text("topic", topic_kind_name(record->topic)),
                  log_number("partition", record->number), log_number("offset", record->mark.offset), log_text("code", fault->code),
                  log_text("text", fault->text));
        return;
    }
    fault_set(&bug, FAULT_FATAL, EX_SOFTWARE, fault->code, "the database can't digest what holding a unit does not avoid: %s", fault->text);
    worker_fail(worker, &bug);
}

static void failed(struct worker *worker, const struct fault *fault)
{
    if (strcmp(fault->code, "sqlstate-NS001") == 0) {
        log_warning("fenced", log_text("text", fault->text));
        assignment_doubt(worker);
    } else if (fault->kind == FAULT_REJECT) {
        indigestible(worker, fault);
    } else if (fault->kind != FAULT_RETRY) {
        worker_fail(worker, fault);
    } else if (worker->link.state == LINK_IDLE) {
        retry(worker, fault);
    }
    /* A lost connection leaves it open whether the micro-batch was committed: the link's end puts all positions in doubt. */
}

static void answered(struct worker *worker, struct database_result **result, const struct fault *fault)
{
    worker->apply.is_sent = false;
    outbox_carried(worker, fault == NULL);
    if (fault != NULL) {
        failed(worker, fault);
        return;
    }
    range_done(worker, *result);
    if (count_of(*result, APPLY_OUTBOX) > 0) outbox_written(worker, result);
}

/* ---- the step ---- */

static bool moves_grow(struct apply *apply)
{
    size_t room = apply->batch->position_count;
    if (room <= apply->move_room) return true;
    struct apply_move *moves = realloc(apply->moves, room * sizeof *moves);
    if (moves == NULL) return false;
    apply->moves = moves;
    apply->move_room = room;
    return true;
}

static void range_send(struct worker *worker)
{
    struct fault fault = {0};
    struct apply *apply = &worker->apply;
    struct apply_range *range = &apply->range;
    if (!moves_grow(apply)) {
        fault_set(&fault, FAULT_FATAL, EX_OSERR, "memory", "no memory left for %zu positions", apply->batch->position_count);
        worker_fail(worker, &fault);
        return;
    }
    apply->sent_us = worker_clock_us();
    range->batch = apply->batch;
    range->moves = apply->moves;
    apply_range_fill(range);
    for (size_t i = 0; i < range->move_count; i++)
        range->moves[i].end_offset =
            kafka_consumer_end(worker->consumer, range->moves[i].position->topic, range->moves[i].position->number);
    const struct batch_record *record = &apply->batch->records[range->from];
    apply_query_build(worker->link.query, apply_and_take, range, apply->is_holding ? record->event.unit : NULL);
    outbox_carry(worker, worker->link.query);
    apply->is_sent = true;
    link_ask(worker, answered);
}

bool apply_step(struct worker *worker)
{
    struct apply *apply = &worker->apply;
    bool may_begin = !worker->is_stopping && !worker->assignment.is_revoking;
    if (apply->is_sent || !may_begin || !link_is_idle(&worker->link) || worker->now_ms < apply->retry_at_ms) return false;
    if (apply->batch == NULL) {
        apply->batch = intake_hand_over(&worker->intake);
        if (apply->batch == NULL) return false;
        apply->range = (struct apply_range){.from = 0, .count = apply->batch->record_count};
        apply->tries = 0;
        apply->is_holding = false;
    }
    range_send(worker);
    return true;
}
