#include "worker-next/assignment.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "core/log.h"
#include "worker-next/worker.h"

void assignment_init(struct assignment *assignment, int64_t now_ms)
{
    *assignment = (struct assignment){.since_ms = now_ms};
    backoff_init(&assignment->bounds_backoff, (uint32_t)getpid() + 3);
}

static void memory_is_out(struct worker *worker, const char *what)
{
    struct fault fault = {0};
    fault_set(&fault, FAULT_FATAL, EX_OSERR, "memory", "no memory left for %s", what);
    worker_fail(worker, &fault);
}

/* ---- Kafka's word ---- */

static void partition_start(struct shard *shard, struct partition *partition, struct kafka_position *at)
{
    if (shard->state == SHARD_READY) partition->is_proving = partition->must_prove;
    partition->proof = partition->last;
    partition->end_offset = -1;
    at->topic = partition->topic;
    at->partition = partition->number;
    at->offset = partition->is_proving ? partition->proof.offset : partition->read_offset;
}

/* Reads what is readable from where it stands, and nothing else. */
static void reading_start(struct worker *worker)
{
    struct fault fault = {0};
    struct shards *shards = &worker->shards;
    struct kafka_position *at = calloc(shards->count * TOPIC_INPUTS + 1, sizeof *at);
    size_t count = 0;
    shards->must_start = false;
    if (at == NULL) {
        memory_is_out(worker, "positions");
        return;
    }
    for (size_t i = 0; i < shards->count; i++) {
        struct shard *shard = &shards->list[i];
        if (shard->state != SHARD_READY && shard->state != SHARD_READING) continue;
        for (int topic = 0; topic < TOPIC_INPUTS; topic++) partition_start(shard, &shard->partitions[topic], &at[count++]);
        shard->state = SHARD_READING;
    }
    if (!kafka_consumer_start(worker->consumer, at, count, &fault)) worker_fail(worker, &fault);
    free(at);
}

/* One worker must have all three partitions of a shard: range gives them so, unless a member of the group subscribes to other topics. */
static void partial_tell(const struct shards *shards)
{
    for (size_t i = 0; i < shards->count; i++)
        if (shards->list[i].state == SHARD_PARTIAL)
            log_error("shard-partial", log_number("partition", shards->list[i].number),
                      log_text("text", "the group gave us this partition of some input topics only: it is not read; does every member of "
                                       "the group read all three topics, with the assignor range?"));
}

void assignment_begin(struct worker *worker, const struct kafka_position *assigned, size_t count)
{
    struct assignment *assignment = &worker->assignment;
    log_info("assigned", log_number("partitions", count));
    if (!shards_set(&worker->shards, assigned, count, worker->lane_count)) {
        memory_is_out(worker, "the assignment");
        return;
    }
    assignment->is_assigned = true;
    assignment->since_ms = worker->now_ms;
    assignment->alarm_at_ms = worker->now_ms + ASSIGNMENT_ALARM_MS;
    for (int i = 0; i < worker->lane_count; i++) worker->lanes[i].look_at_ms = worker->now_ms + ASSIGNMENT_LOOK_MS;
    partial_tell(&worker->shards);
    reading_start(worker); /* of nothing yet: it answers the group, which would wait for us otherwise */
}

void assignment_revoke(struct worker *worker)
{
    log_info("revoked", log_number("shards", worker->shards.count));
    worker->assignment.is_revoking = true;
    worker->assignment.revoke_by_ms = worker->now_ms + ASSIGNMENT_REVOKE_MS;
}

void assignment_given_back(struct worker *worker)
{
    struct fault fault = {0};
    struct assignment *assignment = &worker->assignment;
    shards_clear(&worker->shards);
    assignment->is_revoking = assignment->is_assigned = false;
    assignment->since_ms = worker->now_ms;
    if (!kafka_consumer_stop(worker->consumer, &fault)) worker_fail(worker, &fault);
}

/* ---- doubt ---- */

void assignment_doubt(struct worker *worker, const struct lane *lane)
{
    struct shards *shards = &worker->shards;
    for (size_t i = 0; i < shards->count; i++) {
        struct shard *shard = &shards->list[i];
        if (shard->lane != lane->number || shard->state == SHARD_PARTIAL) continue;
        shard_queues_drop(&worker->shards, shard);
        if (shard->state != SHARD_UNCLAIMED) shard->state = SHARD_DOUBTED;
    }
    shards->must_start = true;
}

/* ---- shards that are away ---- */

static void away_tell(const struct worker *worker, const struct shard *shard, const char *text)
{
    log_warning("partition-unavailable", log_number("partition", shard->number),
                log_number("away_ms", worker->now_ms - shard->away_since_ms), log_text("text", text));
}

/* Told when it begins, not at each try. */
static void away_note(struct worker *worker, struct shard *shard, const struct fault *why)
{
    if (shard->away_since_ms != 0) return;
    shard->away_since_ms = worker->now_ms;
    away_tell(worker, shard, why->text);
}

static void bounds_later(struct worker *worker)
{
    worker->assignment.bounds_at_ms = worker->now_ms + backoff_next_ms(&worker->assignment.bounds_backoff);
}

/* One that has bounds may still not be read: then the waits grow on. */
static void bounds_known(struct worker *worker)
{
    if (shards_away_since_ms(&worker->shards) == 0) backoff_reset(&worker->assignment.bounds_backoff);
}

void assignment_again(struct worker *worker, struct shard *shard, const struct fault *why)
{
    shard_queues_drop(&worker->shards, shard);
    shard->state = SHARD_CLAIMED;
    away_note(worker, shard, why);
    bounds_later(worker);
}

void assignment_back(struct worker *worker, struct shard *shard)
{
    log_info("partition-back", log_number("partition", shard->number), log_number("away_ms", worker->now_ms - shard->away_since_ms));
    shard->away_since_ms = 0;
    bounds_known(worker);
}

/* ---- questions to the database ---- */

void assignment_failed(struct worker *worker, struct lane *lane, const struct fault *fault)
{
    if (fault->kind != FAULT_RETRY) {
        worker_fail(worker, fault);
        return;
    }
    log_debug("claim-failed", log_number("lane", lane->number), log_text("code", fault->code), log_text("text", fault->text));
    lane_rest(worker, lane);
}

static bool is_claimable(const struct worker *worker, const struct shard *shard)
{
    return shard->state == SHARD_UNCLAIMED && shard->claim_at_ms <= worker->now_ms;
}

static bool is_doubted(const struct worker *worker, const struct shard *shard)
{
    (void)worker;
    return shard->state == SHARD_DOUBTED;
}

static bool is_looked_at(const struct worker *worker, const struct shard *shard)
{
    (void)worker;
    return shard_is_ours(shard) && (shard->state != SHARD_HALTED || shard->halt_is_stored);
}

typedef bool (*is_meant_fn)(const struct worker *worker, const struct shard *shard);

static size_t shards_meant(const struct worker *worker, const struct lane *lane, is_meant_fn is_meant)
{
    size_t count = 0;
    for (size_t i = 0; i < worker->shards.count; i++)
        count += worker->shards.list[i].lane == lane->number && is_meant(worker, &worker->shards.list[i]);
    return count;
}

/* ---- the claim ---- */

static bool claim_ask(struct worker *worker, struct lane *lane)
{
    size_t count = shards_meant(worker, lane, is_claimable), filled = 0;
    if (count == 0) return false;
    struct store_shard *claims = calloc(count, sizeof *claims);
    if (claims == NULL) {
        memory_is_out(worker, "a claim");
        return false;
    }
    for (size_t i = 0; i < worker->shards.count; i++) {
        const struct shard *shard = &worker->shards.list[i];
        if (shard->lane == lane->number && is_claimable(worker, shard)) claims[filled++].shard = shard->number;
    }
    store_claim(lane->store, claims, count);
    lane_ask(worker, lane, QUESTION_CLAIM, claims, count);
    return true;
}

static void partition_claimed(struct partition *partition, const struct store_partition *stored, bool keeps_last)
{
    partition->stored_offset = partition->taken_offset = partition->read_offset = stored->next_offset;
    partition->end_offset = -1;
    partition->is_proving = false;
    if (!keeps_last) {
        partition->has_last = stored->has_last;
        partition->last = stored->last;
    }
    partition_witness_renew(partition);
}

/* A halt that the database does not know was either not stored yet, or resumed by an operator. */
static void halt_claimed(struct shard *shard, const struct store_shard *claim)
{
    for (int topic = 0; topic < TOPIC_INPUTS; topic++) {
        if (claim->partitions[topic].halted == NULL) continue;
        shard->state = SHARD_HALTED;
        shard->halted_topic = (enum topic_kind)topic;
        shard->halt_is_stored = true;
        snprintf(shard->halted, sizeof shard->halted, "%s", claim->partitions[topic].halted);
        shard_halt_tell(shard);
        return;
    }
    if (shard->halt_is_stored) shard->halted[0] = '\0';
    shard->halt_is_stored = false;
    shard->state = shard->halted[0] != '\0' ? SHARD_HALTED : SHARD_CLAIMED;
}

static void shard_claimed(struct worker *worker, const struct store_shard *claim)
{
    struct shard *shard = shards_find(&worker->shards, claim->shard);
    if (shard == NULL) return;
    bool has_own_halt = shard->halted[0] != '\0' && !shard->halt_is_stored;
    shard->epoch = claim->epoch;
    for (int topic = 0; topic < TOPIC_INPUTS; topic++)
        partition_claimed(&shard->partitions[topic], &claim->partitions[topic], has_own_halt);
    halt_claimed(shard, claim);
    shard->has_outbox = claim->has_outbox;
    shard->is_taking_outbox = false;
    shard->outbox_behind = -1;
    shard->outbox_at_ms = shard->held_at_ms = 0;
    shard->has_removals = claim->has_removals;
}

void assignment_claimed(struct worker *worker, struct lane *lane)
{
    const struct store_shard *claims = lane->asked;
    for (size_t i = 0; i < lane->asked_count; i++) shard_claimed(worker, &claims[i]);
    backoff_reset(&lane->question_backoff);
    worker->assignment.bounds_at_ms = 0;
    lane->look_at_ms = worker->now_ms; /* released records may wait */
    log_info("claimed", log_number("lane", lane->number), log_number("shards", lane->asked_count));
}

/* ---- the look ---- */

static bool look_ask(struct worker *worker, struct lane *lane, is_meant_fn is_meant, enum question question)
{
    size_t count = shards_meant(worker, lane, is_meant), filled = 0;
    if (count == 0) return false;
    struct store_look *looks = calloc(count, sizeof *looks);
    if (looks == NULL) {
        memory_is_out(worker, "a look at the shards");
        return false;
    }
    for (size_t i = 0; i < worker->shards.count; i++) {
        const struct shard *shard = &worker->shards.list[i];
        if (shard->lane == lane->number && is_meant(worker, shard))
            looks[filled++] = (struct store_look){.shard = shard->number, .epoch = shard->epoch};
    }
    store_look(lane->store, looks, count);
    lane_ask(worker, lane, question, looks, count);
    return true;
}

/*
 * What is still ours is claimed anew, so that the database knows the session we use now. What is not: another worker took it over, and
 * will go on if Kafka agrees. If Kafka still gives it to us after a while, the other one was the stale one.
 */
static void doubt_resolve(struct worker *worker, struct shard *shard, bool is_ours)
{
    shard->state = SHARD_UNCLAIMED;
    shard->claim_at_ms = is_ours ? worker->now_ms : worker->now_ms + ASSIGNMENT_RECLAIM_MS;
    if (!is_ours) log_warning("partition-lost", log_number("partition", shard->number));
}

void assignment_doubt_known(struct worker *worker, struct lane *lane)
{
    const struct store_look *looks = lane->asked;
    for (size_t i = 0; i < lane->asked_count; i++) {
        struct shard *shard = shards_find(&worker->shards, looks[i].shard);
        if (shard != NULL && shard->state == SHARD_DOUBTED) doubt_resolve(worker, shard, looks[i].epoch == shard->epoch);
    }
}

/* One that an operator has resumed is claimed anew, and goes on from where the database says. */
static void resumed(struct worker *worker, struct shard *shard)
{
    log_info("partition-resumed", log_text("topic", topic_kind_name(shard->halted_topic)), log_number("partition", shard->number));
    shard->state = SHARD_UNCLAIMED;
    shard->claim_at_ms = worker->now_ms;
}

void assignment_looked(struct worker *worker, struct lane *lane)
{
    const struct store_look *looks = lane->asked;
    for (size_t i = 0; i < lane->asked_count; i++) {
        struct shard *shard = shards_find(&worker->shards, looks[i].shard);
        if (shard == NULL || !is_looked_at(worker, shard)) continue;
        if (shard->state == SHARD_HALTED && looks[i].is_resumed[shard->halted_topic])
            resumed(worker, shard);
        else if (looks[i].epoch != shard->epoch)
            lane->is_doubted = true;
        shard->has_held = looks[i].has_held;
    }
}

/* ---- halts ---- */

static bool halt_ask(struct worker *worker, struct lane *lane)
{
    for (size_t i = 0; i < worker->shards.count; i++) {
        const struct shard *shard = &worker->shards.list[i];
        if (shard->lane != lane->number || shard->state != SHARD_HALTED || shard->halt_is_stored) continue;
        store_halt(lane->store, shard->number, shard->epoch, shard->halted_topic, shard->halted);
        lane_ask(worker, lane, QUESTION_HALT, NULL, (size_t)shard->number);
        return true;
    }
    return false;
}

void assignment_halt_stored(struct worker *worker, struct lane *lane)
{
    struct shard *shard = shards_find(&worker->shards, (int32_t)lane->asked_count);
    if (shard != NULL && shard->state == SHARD_HALTED) shard->halt_is_stored = true;
}

bool assignment_ask(struct worker *worker, struct lane *lane)
{
    if (!worker->assignment.is_assigned || worker->assignment.is_revoking || worker->is_stopping) return false;
    if (look_ask(worker, lane, is_doubted, QUESTION_DOUBT)) return true;
    if (claim_ask(worker, lane) || halt_ask(worker, lane)) return true;
    if (worker->now_ms < lane->look_at_ms) return false;
    lane->look_at_ms = worker->now_ms + ASSIGNMENT_LOOK_MS;
    return look_ask(worker, lane, is_looked_at, QUESTION_LOOK);
}

/* ---- the comparison with the topics ---- */

static void bounds_compare(struct worker *worker, struct shard *shard, const struct kafka_bounds *bounds)
{
    char text[SHARD_HALT_BYTES_MAX];
    struct partition *partition = &shard->partitions[bounds->topic];
    int64_t next = partition->stored_offset;
    if (bounds->first_offset <= next && next <= bounds->next_offset) {
        /* Old records that were applied may have been deleted on purpose: then there is nothing left to prove. */
        partition->must_prove = partition->has_last && partition->last.offset >= bounds->first_offset;
        return;
    }
    snprintf(text, sizeof text,
             "the topic holds offsets %" PRId64 " to %" PRId64 " and the next one is %" PRId64
             ": it was truncated or made anew; restore it, or resume the partition if that was meant",
             bounds->first_offset, bounds->next_offset, next);
    shard_halt(&worker->shards, shard, bounds->topic, text);
}

/* The answers about one shard's three partitions. One without an answer is asked for again, and keeps no other shard from being read. */
static void bounds_take(struct worker *worker, struct shard *shard, const struct kafka_bounds *bounds)
{
    bool is_whole = true;
    for (int topic = 0; topic < TOPIC_INPUTS; topic++) {
        if (bounds[topic].fault.kind == FAULT_NONE && shard->state == SHARD_CLAIMED) {
            bounds_compare(worker, shard, &bounds[topic]);
        } else if (bounds[topic].fault.kind == FAULT_FATAL) {
            worker_fail(worker, &bounds[topic].fault);
        } else if (bounds[topic].fault.kind != FAULT_NONE) {
            is_whole = false;
            away_note(worker, shard, &bounds[topic].fault);
        }
    }
    if (!is_whole || shard->state != SHARD_CLAIMED) return;
    shard->state = SHARD_READY;
    worker->shards.must_start = true;
}

static size_t bounds_wanted(const struct shards *shards, struct kafka_bounds *list)
{
    size_t count = 0;
    for (size_t i = 0; i < shards->count; i++)
        for (int topic = 0; topic < TOPIC_INPUTS && shards->list[i].state == SHARD_CLAIMED; topic++)
            list[count++] = (struct kafka_bounds){.topic = (enum topic_kind)topic, .partition = shards->list[i].number};
    return count;
}

/* Of all that are claimed at once. A partition that is unknown may only be not known yet, after an outage. */
static bool bounds_step(struct worker *worker)
{
    struct fault fault = {0};
    struct shards *shards = &worker->shards;
    size_t claimed = shards_in(shards, SHARD_CLAIMED);
    if (claimed == 0 || worker->now_ms < worker->assignment.bounds_at_ms) return false;
    struct kafka_bounds *list = calloc(claimed * TOPIC_INPUTS, sizeof *list);
    if (list == NULL) {
        memory_is_out(worker, "the bounds of the partitions");
        return true;
    }
    size_t count = bounds_wanted(shards, list);
    bool is_told = kafka_reader_bounds_all(worker->reader, list, count, ASSIGNMENT_BOUNDS_MS, &fault);
    worker_clock_look(worker); /* the question may have waited */
    for (size_t i = 0; is_told && i < count; i += TOPIC_INPUTS) bounds_take(worker, shards_find(shards, list[i].partition), &list[i]);
    free(list);
    if (!is_told) health_broker_away(worker, &fault);
    if (shards_in(shards, SHARD_CLAIMED) > 0)
        bounds_later(worker);
    else
        bounds_known(worker);
    return true;
}

/* ---- the step ---- */

/* Whoever reads the log now must see it, not only who read it when it began. */
static void alarm_repeat(struct worker *worker)
{
    if (worker->now_ms < worker->assignment.alarm_at_ms) return;
    worker->assignment.alarm_at_ms = worker->now_ms + ASSIGNMENT_ALARM_MS;
    partial_tell(&worker->shards);
    for (size_t i = 0; i < worker->shards.count; i++) {
        const struct shard *shard = &worker->shards.list[i];
        if (shard->state == SHARD_HALTED && shard->halt_is_stored) shard_halt_tell(shard);
        if (shard->away_since_ms != 0 && shard_is_ours(shard) && shard->state != SHARD_HALTED)
            away_tell(worker, shard, "still can't be read");
    }
}

bool assignment_step(struct worker *worker)
{
    struct assignment *assignment = &worker->assignment;
    if (!assignment->is_assigned || assignment->is_revoking || worker->is_stopping) return false;
    alarm_repeat(worker);
    if (bounds_step(worker)) return true;
    if (!worker->shards.must_start) return false;
    reading_start(worker);
    return true;
}

bool assignment_is_settled(const struct worker *worker)
{
    const struct shards *shards = &worker->shards;
    for (size_t i = 0; i < shards->count; i++) {
        const struct shard *shard = &shards->list[i];
        if (shard->state != SHARD_READING && !(shard->state == SHARD_HALTED && shard->halt_is_stored)) return false;
    }
    return true;
}
