#include "worker/assignment.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "core/log.h"
#include "worker/worker.h"

void assignment_init(struct assignment *assignment, int64_t now_ms)
{
    *assignment = (struct assignment){.since_ms = now_ms};
    backoff_init(&assignment->backoff, (uint32_t)getpid() + 2);
    backoff_init(&assignment->bounds_backoff, (uint32_t)getpid() + 3);
}

/* ---- Kafka's word ---- */

void assignment_proven(struct worker *worker, struct partition *partition)
{
    partition->state = PARTITION_READING;
    outbox_want(&worker->outbox);
    held_want(&worker->held);
}

/* Reads what is readable from where it stands, and nothing else. */
static void reading_start(struct worker *worker)
{
    struct fault fault = {0};
    struct partitions *partitions = &worker->partitions;
    struct kafka_position *at = calloc(partitions->count + 1, sizeof *at);
    size_t count = 0;
    for (size_t i = 0; i < partitions->count && at != NULL; i++) {
        struct partition *partition = &partitions->list[i];
        if (partition->state == PARTITION_READY && partition->must_prove)
            partition->state = PARTITION_PROVING;
        else if (partition->state == PARTITION_READY)
            assignment_proven(worker, partition);
        if (!partition_is_read(partition)) continue;
        partition->proof = partition->last;
        int64_t offset = partition->state == PARTITION_PROVING ? partition->proof.offset : partition->at.taken_offset;
        at[count++] = (struct kafka_position){partition->at.topic, partition->at.number, offset};
    }
    if (at == NULL)
        fault_set(&fault, FAULT_FATAL, EX_OSERR, "memory", "no memory left for positions");
    else
        kafka_consumer_start(worker->consumer, at, count, &fault);
    free(at);
    worker->assignment.must_start = false;
    worker->assignment.is_settled = false;
    if (fault.kind != FAULT_NONE) worker_fail(worker, &fault);
}

void assignment_begin(struct worker *worker, const struct kafka_position *assigned, size_t count)
{
    struct fault fault = {0};
    struct assignment *assignment = &worker->assignment;
    log_info("assigned", log_number("partitions", count));
    if (!partitions_set(&worker->partitions, assigned, count)) {
        fault_set(&fault, FAULT_FATAL, EX_OSERR, "memory", "no memory left for %zu partitions", count);
        worker_fail(worker, &fault);
        return;
    }
    assignment->is_assigned = true;
    assignment->since_ms = worker->now_ms;
    assignment->look_at_ms = worker->now_ms + ASSIGNMENT_LOOK_MS;
    assignment->alarm_at_ms = worker->now_ms + ASSIGNMENT_ALARM_MS;
    reading_start(worker); /* of nothing yet: it answers the group, which would wait for us otherwise */
}

void assignment_revoke(struct worker *worker)
{
    log_info("revoked", log_number("partitions", worker->partitions.count));
    worker->assignment.is_revoking = true;
    worker->assignment.revoke_by_ms = worker->now_ms + ASSIGNMENT_REVOKE_MS;
}

/* What was taken but not sent is dropped: the next owner reads it again. */
static void give_back(struct worker *worker)
{
    struct fault fault = {0};
    struct assignment *assignment = &worker->assignment;
    apply_drop(worker);
    intake_drop(&worker->intake);
    partitions_clear(&worker->partitions);
    assignment->is_revoking = assignment->is_assigned = assignment->must_start = false;
    assignment->since_ms = worker->now_ms;
    if (!kafka_consumer_stop(worker->consumer, &fault)) worker_fail(worker, &fault);
}

static bool revoke_step(struct worker *worker)
{
    struct fault fault = {0};
    bool is_busy = worker->link.state == LINK_BUSY || outbox_is_publishing(&worker->outbox);
    if (is_busy && worker->now_ms < worker->assignment.revoke_by_ms) return false;
    if (worker->link.state == LINK_BUSY) {
        fault_set(&fault, FAULT_RETRY, EX_UNAVAILABLE, "revoked", "the database did not answer before the partitions had to be given back");
        link_drop(worker, &fault);
    }
    give_back(worker);
    return true;
}

/* ---- questions to the database ---- */

/* Waits and tries again; what can't be waited out ends the worker. A lost connection is opened anew by the link. */
static void question_failed(struct worker *worker, const struct fault *fault)
{
    if (fault->kind != FAULT_RETRY) {
        worker_fail(worker, fault);
        return;
    }
    log_debug("claim-failed", log_text("code", fault->code), log_text("text", fault->text));
    worker->assignment.retry_at_ms = worker->now_ms + backoff_next_ms(&worker->assignment.backoff);
}

/* ---- doubt ---- */

void assignment_doubt(struct worker *worker)
{
    struct partitions *partitions = &worker->partitions;
    apply_drop(worker);
    intake_drop(&worker->intake);
    for (size_t i = 0; i < partitions->count; i++)
        if (partitions->list[i].state != PARTITION_UNCLAIMED) partitions->list[i].state = PARTITION_DOUBTED;
    worker->assignment.retry_at_ms = 0;
    worker->assignment.is_settled = false;
    if (worker->assignment.is_assigned && !worker->assignment.is_revoking) reading_start(worker);
}

/* ---- partitions that are away ---- */

static void away_log(const struct worker *worker, const struct partition *partition, const char *text)
{
    log_warning("partition-unavailable", log_text("topic", topic_kind_name(partition->at.topic)),
                log_number("partition", partition->at.number), log_number("away_ms", worker->now_ms - partition->away_since_ms),
                log_text("text", text));
}

/* Told when it begins, not at each try. */
static void away_note(struct worker *worker, struct partition *partition, const struct fault *why)
{
    if (partition->away_since_ms != 0) return;
    partition->away_since_ms = worker->now_ms;
    away_log(worker, partition, why->text);
}

static void bounds_later(struct worker *worker)
{
    worker->assignment.bounds_at_ms = worker->now_ms + backoff_next_ms(&worker->assignment.bounds_backoff);
    worker->assignment.is_settled = false;
}

/* One that has bounds may still not be read: then the waits grow on. */
static void bounds_known(struct worker *worker)
{
    if (partitions_away_since_ms(&worker->partitions) == 0) backoff_reset(&worker->assignment.bounds_backoff);
}

void assignment_again(struct worker *worker, struct partition *partition, const struct fault *why)
{
    partition->state = PARTITION_CLAIMED;
    partition->end_offset = -1;
    away_note(worker, partition, why);
    bounds_later(worker);
}

void assignment_back(struct worker *worker, struct partition *partition)
{
    log_info("partition-back", log_text("topic", topic_kind_name(partition->at.topic)), log_number("partition", partition->at.number),
             log_number("away_ms", worker->now_ms - partition->away_since_ms));
    partition->away_since_ms = 0;
    bounds_known(worker);
}

/* ---- halt ---- */

static void halt_log(const struct partition *partition)
{
    log_error("partition-halted", log_text("topic", topic_kind_name(partition->at.topic)), log_number("partition", partition->at.number),
              log_number("offset", partition->at.taken_offset), log_text("text", partition->halted));
}

void assignment_halt(struct worker *worker, struct partition *partition, const char *why)
{
    partition->state = PARTITION_HALTED;
    snprintf(partition->halted, sizeof partition->halted, "%s", why);
    partition->halt_is_stored = false;
    worker->assignment.must_start = true;
    worker->assignment.is_settled = false;
    halt_log(partition);
}

static void halt_stored(struct worker *worker, struct database_result **result, const struct fault *fault)
{
    (void)result;
    const struct kafka_position *at = &worker->assignment.halting;
    struct partition *partition = partitions_find(&worker->partitions, at->topic, at->partition);
    if (partition != NULL) partition->halt_is_stored = fault == NULL;
    if (fault != NULL) question_failed(worker, fault);
}

static void query_mark(struct database_query *query, const struct record_mark *mark)
{
    if (mark == NULL) {
        for (int i = 0; i < 3; i++) query_null(query);
        return;
    }
    query_int8(query, mark->offset);
    query_int8(query, mark->append_ms);
    query_bytea(query, mark->sha256, sizeof mark->sha256);
}

static bool halt_step(struct worker *worker)
{
    struct partitions *partitions = &worker->partitions;
    for (size_t i = 0; i < partitions->count; i++) {
        struct partition *partition = &partitions->list[i];
        if (partition->state != PARTITION_HALTED || partition->halt_is_stored) continue;
        struct database_query *query = link_query(&worker->link, "SELECT nianshen.halt($1, $2, $3, $4, $5, $6, $7)");
        query_text(query, topic_kind_name(partition->at.topic));
        query_int4(query, partition->at.number);
        query_int8(query, partition->at.epoch);
        query_text(query, partition->halted);
        query_mark(query, partition->has_last ? &partition->last : NULL);
        worker->assignment.halting = (struct kafka_position){partition->at.topic, partition->at.number, 0};
        link_ask(worker, halt_stored);
        return true;
    }
    return false;
}

/* ---- the claim ---- */

static bool is_claimable(const struct worker *worker, const struct partition *partition)
{
    return partition->state == PARTITION_UNCLAIMED && partition->claim_at_ms <= worker->now_ms;
}

static bool is_doubted(const struct worker *worker, const struct partition *partition)
{
    (void)worker;
    return partition->state == PARTITION_DOUBTED;
}

/* Fills the parameters p_topic and p_partition; returns how many partitions there are. */
static size_t partitions_ask(struct worker *worker, const char *sql, bool (*is_meant)(const struct worker *, const struct partition *))
{
    size_t count = 0;
    const struct partitions *partitions = &worker->partitions;
    struct database_query *query = link_query(&worker->link, sql);
    query_text_array(query);
    for (size_t i = 0; i < partitions->count; i++) {
        if (!is_meant(worker, &partitions->list[i])) continue;
        const char *topic = topic_kind_name(partitions->list[i].at.topic);
        query_add_text(query, topic, strlen(topic));
        count++;
    }
    query_int4_array(query);
    for (size_t i = 0; i < partitions->count; i++)
        if (is_meant(worker, &partitions->list[i])) query_add_int4(query, partitions->list[i].at.number);
    return count;
}

static struct partition *row_partition(struct worker *worker, const struct database_result *result, size_t row)
{
    enum topic_kind topic;
    if (!topic_kind_of_name(result_text(result, row, 0), &topic)) return NULL;
    return partitions_find(&worker->partitions, topic, (int32_t)result_int8(result, row, 1));
}

/* Without memory the worker ends: taken for none, the record that tells a truncated topic would not be looked for. */
static bool last_read(struct worker *worker, struct partition *partition, struct database_result *result, size_t row)
{
    size_t bytes = 0;
    struct fault fault = {0};
    if (result_is_null(result, row, 6)) return false;
    partition->last.offset = result_int8(result, row, 4);
    partition->last.append_ms = result_int8(result, row, 5);
    const void *sha256 = result_bytea(result, row, 6, &bytes);
    if (sha256 == NULL) {
        fault_set(&fault, FAULT_FATAL, EX_OSERR, "memory", "no memory left for a record's hash");
        worker_fail(worker, &fault);
        return false;
    }
    if (bytes != sizeof partition->last.sha256) return false;
    memcpy(partition->last.sha256, sha256, bytes);
    return true;
}

/* `halted` is the database's word, NULL: go on. A halt that it does not know was either not stored yet, or resumed by an operator. */
static void claim_halt(struct partition *partition, const char *halted)
{
    if (halted != NULL) {
        snprintf(partition->halted, sizeof partition->halted, "%s", halted);
        partition->halt_is_stored = true;
        halt_log(partition);
    } else if (partition->halt_is_stored) {
        partition->halted[0] = '\0';
        partition->halt_is_stored = false;
    }
    partition->state = partition->halted[0] != '\0' ? PARTITION_HALTED : PARTITION_CLAIMED;
}

static void claim_row(struct worker *worker, struct database_result *result, size_t row)
{
    struct partition *partition = row_partition(worker, result, row);
    if (partition == NULL) return;
    partition->at.epoch = result_int8(result, row, 2);
    partition->stored_offset = partition->at.taken_offset = result_int8(result, row, 3);
    partition->end_offset = -1;
    /* A halt that the database does not know yet goes there with the mark that it was found by. */
    if (partition->halted[0] == '\0' || partition->halt_is_stored) partition->has_last = last_read(worker, partition, result, row);
    partition_witness_renew(partition);
    claim_halt(partition, result_is_null(result, row, 7) ? NULL : result_text(result, row, 7));
}

static void claimed(struct worker *worker, struct database_result **result, const struct fault *fault)
{
    if (fault != NULL) {
        worker->assignment.must_end_backends = strcmp(fault->code, "sqlstate-55P03") == 0;
        question_failed(worker, fault);
        return;
    }
    for (size_t row = 0; row < result_rows(*result); row++) claim_row(worker, *result, row);
    backoff_reset(&worker->assignment.backoff);
    worker->assignment.bounds_at_ms = 0;
    log_info("claimed", log_number("partitions", result_rows(*result)));
    outbox_want(&worker->outbox); /* the owner before may have left some */
}

static bool claim_step(struct worker *worker)
{
    static const char sql[] = "SELECT topic, partition, epoch, next_offset, last_offset, last_append_ms, last_sha256, halted "
                              "FROM nianshen.claim($1, $2, $3)";
    if (partitions_ask(worker, sql, is_claimable) == 0) return false;
    query_text(worker->link.query, worker->owner);
    link_ask(worker, claimed);
    return true;
}

static void backends_ended(struct worker *worker, struct database_result **result, const struct fault *fault)
{
    if (fault != NULL)
        question_failed(worker, fault);
    else
        log_warning("backends-ended", log_number("count", result_int8(*result, 0, 0)));
}

/* A stopped worker holds its locks past every time-out: whoever takes over ends its backend. */
static bool end_backends_step(struct worker *worker)
{
    if (!worker->assignment.must_end_backends) return false;
    worker->assignment.must_end_backends = false;
    if (partitions_ask(worker, "SELECT nianshen.end_stale_backends($1, $2)", is_claimable) == 0) return false;
    link_ask(worker, backends_ended);
    return true;
}

/* ---- doubt resolved ---- */

static const char positions_sql[] = "SELECT topic, partition, epoch, halted FROM nianshen.positions($1, $2)";

/*
 * What is still ours is claimed anew, so that the database knows the backend we use now. What is not: another worker took it over, and will
 * go on if Kafka agrees. If Kafka still gives it to us after a while, the other one was the stale one.
 */
static void doubt_resolve(struct worker *worker, struct partition *partition, bool is_ours)
{
    partition->state = PARTITION_UNCLAIMED;
    partition->claim_at_ms = is_ours ? worker->now_ms : worker->now_ms + ASSIGNMENT_RECLAIM_MS;
    if (!is_ours)
        log_warning("partition-lost", log_text("topic", topic_kind_name(partition->at.topic)),
                    log_number("partition", partition->at.number));
}

static void positions_known(struct worker *worker, struct database_result **result, const struct fault *fault)
{
    if (fault != NULL) {
        question_failed(worker, fault);
        return;
    }
    for (size_t row = 0; row < result_rows(*result); row++) {
        struct partition *partition = row_partition(worker, *result, row);
        if (partition != NULL && partition->state == PARTITION_DOUBTED)
            doubt_resolve(worker, partition, partition->at.epoch == result_int8(*result, row, 2));
    }
}

static bool doubt_step(struct worker *worker)
{
    if (partitions_ask(worker, positions_sql, is_doubted) == 0) return false;
    link_ask(worker, positions_known);
    return true;
}

/* ---- what others did to our partitions ---- */

static bool is_looked_at(const struct worker *worker, const struct partition *partition)
{
    (void)worker;
    return partition_is_ours(partition) && (partition->state != PARTITION_HALTED || partition->halt_is_stored);
}

static bool is_halted(const struct worker *worker, const struct partition *partition)
{
    (void)worker;
    return partition->state == PARTITION_HALTED && partition->halt_is_stored;
}

/* One that an operator has resumed is claimed anew, and goes on from where the database says. */
static void resumed(struct worker *worker, struct partition *partition)
{
    log_info("partition-resumed", log_text("topic", topic_kind_name(partition->at.topic)), log_number("partition", partition->at.number));
    partition->state = PARTITION_UNCLAIMED;
    partition->claim_at_ms = worker->now_ms;
    worker->assignment.is_settled = false;
}

/* An operator's resumption raises the epoch by one, and is the only thing that ends a halt. */
static bool is_resumed(const struct worker *worker, const struct partition *partition, int64_t epoch, bool is_halted_still)
{
    return is_halted(worker, partition) && !is_halted_still && epoch <= partition->at.epoch + 1;
}

static void looked_at(struct worker *worker, struct database_result **result, const struct fault *fault)
{
    bool is_lost = false;
    if (fault != NULL) {
        question_failed(worker, fault);
        return;
    }
    for (size_t row = 0; row < result_rows(*result); row++) {
        struct partition *partition = row_partition(worker, *result, row);
        if (partition == NULL || !is_looked_at(worker, partition)) continue;
        if (is_resumed(worker, partition, result_int8(*result, row, 2), !result_is_null(*result, row, 3)))
            resumed(worker, partition);
        else if (partition->at.epoch != result_int8(*result, row, 2))
            is_lost = true;
    }
    if (is_lost) assignment_doubt(worker);
}

/* Whoever reads the log now must see it, not only who read it when it began. */
static void alarm_repeat(struct worker *worker)
{
    if (worker->now_ms < worker->assignment.alarm_at_ms) return;
    worker->assignment.alarm_at_ms = worker->now_ms + ASSIGNMENT_ALARM_MS;
    for (size_t i = 0; i < worker->partitions.count; i++) {
        const struct partition *partition = &worker->partitions.list[i];
        if (is_halted(worker, partition)) halt_log(partition);
        if (partition_is_away(partition)) away_log(worker, partition, "still can't be read");
    }
}

/* Where no record comes nothing would tell that another worker has the partition, and its outbox would wait for ever. */
static bool look_step(struct worker *worker)
{
    struct assignment *assignment = &worker->assignment;
    if (worker->now_ms < assignment->look_at_ms || !link_is_idle(&worker->link)) return false;
    assignment->look_at_ms = worker->now_ms + ASSIGNMENT_LOOK_MS;
    if (partitions_ask(worker, positions_sql, is_looked_at) == 0) return false;
    alarm_repeat(worker);
    link_ask(worker, looked_at);
    return true;
}

/* ---- the comparison with the topic ---- */

static void bounds_compare(struct worker *worker, struct partition *partition, int64_t first_offset, int64_t end_offset)
{
    char text[PARTITION_HALT_BYTES_MAX];
    int64_t next = partition->stored_offset;
    if (first_offset <= next && next <= end_offset) {
        partition->state = PARTITION_READY;
        worker->assignment.must_start = true;
        /* Old records that were applied may have been deleted on purpose: then there is nothing left to prove. */
        partition->must_prove = partition->has_last && partition->last.offset >= first_offset;
        return;
    }
    snprintf(text, sizeof text,
             "the topic holds offsets %" PRId64 " to %" PRId64 " and the next one is %" PRId64
             ": it was truncated or made anew; restore it, or resume the partition if that was meant",
             first_offset, end_offset, next);
    assignment_halt(worker, partition, text);
}

static void bounds_take(struct worker *worker, const struct kafka_bounds *bounds)
{
    struct partition *partition = partitions_find(&worker->partitions, bounds->topic, bounds->partition);
    if (bounds->fault.kind == FAULT_NONE) {
        bounds_compare(worker, partition, bounds->first_offset, bounds->next_offset);
    } else if (bounds->fault.kind == FAULT_FATAL) {
        worker_fail(worker, &bounds->fault);
    } else {
        away_note(worker, partition, &bounds->fault);
    }
}

static size_t bounds_wanted(const struct partitions *partitions, struct kafka_bounds *list)
{
    size_t count = 0;
    for (size_t i = 0; i < partitions->count; i++)
        if (partitions->list[i].state == PARTITION_CLAIMED)
            list[count++] = (struct kafka_bounds){.topic = partitions->list[i].at.topic, .partition = partitions->list[i].at.number};
    return count;
}

/*
 * Of all that are claimed at once. What has no answer is asked for again a little later, and keeps none of the others from being read; a
 * partition that is unknown may only be not known yet, after an outage.
 */
static bool bounds_step(struct worker *worker)
{
    struct fault fault = {0};
    struct partitions *partitions = &worker->partitions;
    size_t claimed = partitions_in(partitions, PARTITION_CLAIMED);
    if (claimed == 0 || worker->now_ms < worker->assignment.bounds_at_ms) return false;
    struct kafka_bounds *list = calloc(claimed, sizeof *list);
    if (list == NULL) {
        fault_set(&fault, FAULT_FATAL, EX_OSERR, "memory", "no memory left for the bounds of %zu partitions", claimed);
        worker_fail(worker, &fault);
        return true;
    }
    size_t count = bounds_wanted(partitions, list);
    bool is_told = kafka_reader_bounds_all(worker->reader, list, count, ASSIGNMENT_BOUNDS_MS, &fault);
    worker_clock_look(worker); /* the question may have waited */
    for (size_t i = 0; is_told && i < count; i++) bounds_take(worker, &list[i]);
    free(list);
    if (!is_told) health_broker_away(worker, &fault);
    if (partitions_in(partitions, PARTITION_CLAIMED) > 0)
        bounds_later(worker);
    else
        bounds_known(worker);
    return true;
}

/* ---- the step ---- */

static bool question_step(struct worker *worker)
{
    return end_backends_step(worker) || doubt_step(worker) || claim_step(worker) || halt_step(worker);
}

static bool is_settled(const struct partitions *partitions)
{
    for (size_t i = 0; i < partitions->count; i++) {
        const struct partition *partition = &partitions->list[i];
        if (!partition_is_read(partition) && !(partition->state == PARTITION_HALTED && partition->halt_is_stored)) return false;
    }
    return true;
}

bool assignment_step(struct worker *worker)
{
    struct assignment *assignment = &worker->assignment;
    if (assignment->is_revoking) return revoke_step(worker);
    if (!assignment->is_assigned || worker->is_stopping || worker->now_ms < assignment->retry_at_ms) return false;
    if (look_step(worker)) return true;
    if (assignment->is_settled) return false;
    if (link_is_idle(&worker->link) && question_step(worker)) return true;
    if (bounds_step(worker)) return true;
    if (assignment->must_start) reading_start(worker);
    assignment->is_settled = is_settled(&worker->partitions);
    return false;
}
