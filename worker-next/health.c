#include "worker-next/health.h"

#include <sysexits.h>

#include "core/log.h"
#include "worker-next/held.h"
#include "worker-next/position.h"
#include "worker-next/worker.h"

void health_init(struct health *health, int64_t now_ms, int64_t now_us)
{
    *health = (struct health){
        .reason = "",
        .summary_ms = now_ms,
        .moved_ms = now_ms,
        .warned_ms = now_ms,
        .start_us = now_us,
        .lap_us = now_us,
    };
}

void health_count(struct worker *worker, const struct health_counts *counts)
{
    struct health_counts *sum = &worker->health.counts;
    sum->batches += counts->batches;
    sum->records += counts->records;
    sum->duplicates += counts->duplicates;
    sum->dead_letters += counts->dead_letters;
    sum->held += counts->held;
    sum->published += counts->published;
    sum->apply_us += counts->apply_us;
    worker->health.moved_ms = worker->now_ms;
}

void health_spent(struct worker *worker, enum spent spent)
{
    struct health *health = &worker->health;
    int64_t now_us = worker_clock_us();
    health->counts.spent_us[spent] += now_us - health->lap_us;
    health->lap_us = now_us;
}

/* ---- the broker ---- */

void health_broker_away(struct worker *worker, const struct fault *why)
{
    if (why->kind == FAULT_FATAL) {
        worker_fail(worker, why);
        return;
    }
    worker->health.probe_ms = worker->now_ms + HEALTH_PROBE_MS;
    if (worker->health.broker_away_since_ms != 0) return;
    worker->health.broker_away_since_ms = worker->now_ms;
    log_warning("broker-away", log_text("code", why->code), log_text("text", why->text));
}

void health_broker_back(struct worker *worker)
{
    int64_t since_ms = worker->health.broker_away_since_ms;
    if (since_ms == 0) return;
    worker->health.broker_away_since_ms = 0;
    log_info("broker-back", log_number("away_ms", worker->now_ms - since_ms));
}

/* A partition without traffic would not tell that the broker is back. */
static void broker_probe(struct worker *worker)
{
    struct health *health = &worker->health;
    if (health->broker_away_since_ms == 0 || worker->now_ms < health->probe_ms) return;
    health->probe_ms = worker->now_ms + HEALTH_PROBE_MS;
    if (kafka_consumer_probe(worker->consumer, HEALTH_PROBE_WAIT_MS)) health_broker_back(worker);
}

/* ---- ready or not ---- */

static bool database_is_there(const struct worker *worker)
{
    for (int i = 0; i < worker->lane_count; i++)
        if (worker->lanes[i].state == LANE_CLOSED || (worker->lanes[i].state == LANE_BUSY && worker->lanes[i].question == QUESTION_OPEN))
            return false;
    return true;
}

static const char *reason_not_ready(const struct worker *worker)
{
    const struct assignment *assignment = &worker->assignment;
    if (worker->is_stopping) return "stopping";
    if (!worker->topic_check.is_done) return "topics";
    if (!database_is_there(worker)) return "database";
    if (worker->health.broker_away_since_ms != 0) return "broker";
    if (!assignment->is_assigned || assignment->is_revoking) return "group";
    return assignment_is_settled(worker) ? NULL : "partitions";
}

/* Each change is one line. A reason is one literal: its address tells it from the others. */
static void ready_tell(struct worker *worker)
{
    struct health *health = &worker->health;
    const char *reason = reason_not_ready(worker);
    if (reason == health->reason) return;
    health->reason = reason;
    if (reason == NULL)
        log_info("ready");
    else
        log_info("not-ready", log_text("reason", reason));
}

/* ---- progress ---- */

/* What was done since `told`. `status`: -1 when it has not ended. */
static void counts_log(const char *event, const struct health_counts *now, const struct health_counts *told, int64_t ms, int status)
{
    int64_t spent_ms[SPENT_KINDS];
    for (int i = 0; i < SPENT_KINDS; i++) spent_ms[i] = (now->spent_us[i] - told->spent_us[i]) / 1000;
    log_info(event, log_number("records", now->records - told->records), log_number("batches", now->batches - told->batches),
             log_number("duplicates", now->duplicates - told->duplicates),
             log_number("dead_letters", now->dead_letters - told->dead_letters), log_number("held", now->held - told->held),
             log_number("published", now->published - told->published), log_number("ms", ms), log_number("poll_ms", spent_ms[SPENT_POLL]),
             log_number("decode_ms", spent_ms[SPENT_DECODE]), log_number("decide_ms", spent_ms[SPENT_DECIDE]),
             log_number("send_ms", spent_ms[SPENT_SEND]), log_number("publish_ms", spent_ms[SPENT_PUBLISH]),
             log_number("other_ms", spent_ms[SPENT_OTHER]), log_number("wait_ms", spent_ms[SPENT_WAIT]),
             log_number("idle_ms", spent_ms[SPENT_IDLE]), log_number("apply_ms", (now->apply_us - told->apply_us) / 1000),
             status < 0 ? (struct log_field){0} : log_number("status", status));
}

static void summary_tell(struct worker *worker)
{
    struct health *health = &worker->health;
    int64_t ms = worker->now_ms - health->summary_ms;
    if (ms < HEALTH_SUMMARY_MS) return;
    if (health->counts.batches + health->counts.published > health->told.batches + health->told.published)
        counts_log("progress", &health->counts, &health->told, ms, -1);
    health->summary_ms = worker->now_ms;
    health->told = health->counts;
}

void health_stopped(const struct worker *worker)
{
    static const struct health_counts none;
    const struct health *health = &worker->health;
    counts_log("stopped", &health->counts, &none, (health->lap_us - health->start_us) / 1000, worker->exit_status);
}

/* How many records wait, as far as the broker told; markers of transactions count, too. */
static int64_t records_waiting(const struct worker *worker)
{
    int64_t waiting = 0;
    for (size_t i = 0; i < worker->shards.count; i++) {
        const struct shard *shard = &worker->shards.list[i];
        for (int topic = 0; topic < TOPIC_INPUTS && shard->state == SHARD_READING; topic++) {
            const struct partition *partition = &shard->partitions[topic];
            int64_t end = kafka_consumer_end(worker->consumer, partition->topic, partition->number);
            if (end > partition->stored_offset) waiting += end - partition->stored_offset;
        }
    }
    return waiting;
}

static void watchdog(struct worker *worker)
{
    struct health *health = &worker->health;
    int64_t waiting = records_waiting(worker);
    if (waiting == 0) health->moved_ms = worker->now_ms;
    if (worker->now_ms - health->moved_ms < HEALTH_STALLED_MS || worker->now_ms - health->warned_ms < HEALTH_STALLED_MS) return;
    health->warned_ms = worker->now_ms;
    log_warning(
        "stalled", log_number("records_waiting", waiting), log_number("ms", worker->now_ms - health->moved_ms),
        log_text("text", "records wait and nothing was applied: a slow or locked database, or an open transaction of an upstream system"));
}

/* ---- the end of --until-end ---- */

static bool partition_is_finished(const struct partition *partition)
{
    return partition->end_offset == partition->taken_offset && partition->stored_offset == partition->taken_offset;
}

static bool shard_is_finished(const struct shard *shard)
{
    if (shard->state == SHARD_HALTED) return shard->halt_is_stored;
    bool is_finished = shard_is_proven(shard);
    for (int topic = 0; topic < TOPIC_INPUTS; topic++) is_finished = is_finished && partition_is_finished(&shard->partitions[topic]);
    return is_finished;
}

/* Each lane has looked at its shards after it claimed them: records of released units are known of. */
static bool all_is_finished(const struct worker *worker)
{
    for (size_t i = 0; i < worker->shards.count; i++)
        if (!shard_is_finished(&worker->shards.list[i])) return false;
    for (int i = 0; i < worker->lane_count; i++)
        if (worker->now_ms >= worker->lanes[i].look_at_ms || worker->lanes[i].apply.phase != APPLY_NONE) return false;
    return publish_is_empty(worker) && held_is_clear(worker);
}

static void end_reached(struct worker *worker)
{
    size_t halted = shards_in(&worker->shards, SHARD_HALTED);
    log_info("end-reached", log_number("shards", worker->shards.count), log_number("halted", halted));
    worker_stop(worker, halted == 0 ? EX_OK : EX_DATAERR);
}

static int64_t database_away_since_ms(const struct worker *worker)
{
    int64_t first_ms = 0;
    for (int i = 0; i < worker->lane_count; i++) {
        int64_t since_ms = worker->lanes[i].away_since_ms;
        if (since_ms != 0 && (first_ms == 0 || since_ms < first_ms)) first_ms = since_ms;
    }
    return first_ms;
}

static void absence_ends(struct worker *worker, int64_t since_ms, const char *code, const char *text)
{
    struct fault fault = {0};
    if (since_ms == 0 || worker->now_ms - since_ms < WORKER_ABSENT_MS || worker->is_stopping) return;
    fault_set(&fault, FAULT_RETRY, EX_UNAVAILABLE, code, "%s", text);
    worker_fail(worker, &fault);
}

static void until_end_look(struct worker *worker)
{
    struct fault fault = {0};
    const struct assignment *assignment = &worker->assignment;
    int64_t unchanged_ms = worker->now_ms - assignment->since_ms;
    absence_ends(worker, worker->topic_check.away_since_ms, "broker-away", "gave up: the broker of kafka_bootstrap does not answer");
    absence_ends(worker, worker->health.broker_away_since_ms, "broker-away", "gave up: the broker of kafka_bootstrap does not answer");
    absence_ends(worker, database_away_since_ms(worker), "database-away",
                 "gave up: the database does not answer; see PGHOST, PGPORT, PGDATABASE");
    absence_ends(worker, shards_away_since_ms(&worker->shards), "partition-away",
                 "gave up: a partition can't be read, see partition-unavailable above; does its leader run?");
    if (shards_in(&worker->shards, SHARD_PARTIAL) > 0)
        absence_ends(worker, assignment->since_ms, "shard-partial",
                     "gave up: the group gave us some partitions of a shard only, see shard-partial above");
    if (!worker->topic_check.is_done || assignment->is_revoking || worker->is_stopping) return;
    if (!assignment->is_assigned) {
        if (unchanged_ms < HEALTH_UNASSIGNED_MS) return;
        fault_set(&fault, FAULT_RETRY, EX_UNAVAILABLE, "unassigned", "gave up: the consumer group gives no assignment");
        worker_fail(worker, &fault);
    } else if (worker->shards.count == 0) {
        if (unchanged_ms < HEALTH_NO_PARTITION_MS) return;
        log_info("no-partitions", log_text("text", "other workers of the group have all partitions"));
        worker_stop(worker, EX_OK);
    } else if (assignment_is_settled(worker) && all_is_finished(worker)) {
        end_reached(worker);
    }
}

/* ---- the step ---- */

void health_step(struct worker *worker)
{
    struct health *health = &worker->health;
    ready_tell(worker);
    if (worker->until_end) until_end_look(worker);
    if (worker->now_ms < health->look_ms) return;
    health->look_ms = worker->now_ms + HEALTH_LOOK_MS;
    broker_probe(worker);
    summary_tell(worker);
    watchdog(worker);
    position_commit(worker);
}
