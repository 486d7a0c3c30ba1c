#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "core/log.h"
#include "core/moment.h"
#include "worker-next/apply.h"
#include "worker-next/held.h"
#include "worker-next/position.h"
#include "worker-next/settle.h"
#include "worker-next/worker.h"

/* ---- ending ---- */

void worker_stop(struct worker *worker, int exit_status)
{
    if (worker->is_stopping) return;
    worker->is_stopping = true;
    worker->stop_by_ms = worker->now_ms + WORKER_STOP_MS;
    worker->exit_status = exit_status;
}

void worker_fail(struct worker *worker, const struct fault *fault)
{
    if (worker->exit_status != EX_OK) return; /* the first fault is the cause */
    log_error("failed", log_text("code", fault->code), log_text("text", fault->text));
    worker_stop(worker, EX_SOFTWARE);
    worker->exit_status = fault->exit_status != EX_OK ? fault->exit_status : EX_SOFTWARE;
    worker->stop_by_ms = worker->now_ms;
}

/* A request that is under way, or outcomes that are not with the producer yet. */
static bool is_working(const struct worker *worker)
{
    for (int i = 0; i < worker->lane_count; i++) {
        const struct lane *lane = &worker->lanes[i];
        if (lane->state == LANE_BUSY && lane->question != QUESTION_OPEN) return true;
        if (lane->state == LANE_IDLE && (lane->apply.phase == APPLY_STORED || lane->has_rows)) return true;
    }
    return false;
}

static bool is_over(const struct worker *worker)
{
    bool is_busy = is_working(worker) || publish_is_under_way(&worker->publish);
    return worker->is_stopping && (!is_busy || worker->now_ms >= worker->stop_by_ms);
}

/* ---- the clock ---- */

void worker_clock_look(struct worker *worker)
{
    worker->now_ms = moment_monotonic_ms();
}

int64_t worker_clock_us(void)
{
    return moment_monotonic_us();
}

void worker_wake_at(struct worker *worker, int64_t at_ms)
{
    if (at_ms < worker->wake_at_ms) worker->wake_at_ms = at_ms;
}

/* ---- waiting ---- */

static void wait_for(struct pollfd *list, nfds_t *count, int fd, short events)
{
    if (fd >= 0) list[(*count)++] = (struct pollfd){.fd = fd, .events = events};
}

static bool is_asking(const struct worker *worker)
{
    for (int i = 0; i < worker->lane_count; i++)
        if (worker->lanes[i].state == LANE_BUSY) return true;
    return false;
}

/* Kafka's records only while there is room for them: what is readable and not read would end every wait at once. */
static void loop_wait(struct worker *worker)
{
    struct pollfd list[LANES_MAX + 4];
    nfds_t count = 0;
    int64_t wait_ms = worker->wake_at_ms - worker->now_ms;
    wait_for(list, &count, worker->signals.fd, POLLIN);
    for (int i = 0; i < worker->lane_count; i++) {
        bool wants_write = false;
        int fd = worker->lanes[i].state == LANE_CLOSED ? -1 : store_socket(worker->lanes[i].store, &wants_write);
        wait_for(list, &count, fd, wants_write ? POLLIN | POLLOUT : POLLIN);
    }
    if (intake_is_open(worker)) wait_for(list, &count, kafka_consumer_fd(worker->consumer), POLLIN);
    if (worker->publish.producer != NULL) wait_for(list, &count, kafka_producer_fd(worker->publish.producer), POLLIN);
    if (worker->witness.source.is_reading) wait_for(list, &count, kafka_reader_fd(worker->witness.reader), POLLIN);
    poll(list, count, (int)(wait_ms < 1 ? 1 : wait_ms));
    health_spent(worker, is_asking(worker) ? SPENT_WAIT : SPENT_IDLE);
}

/* ---- what the database says ---- */

static void opened(struct worker *worker, struct lane *lane)
{
    (void)worker;
    log_debug("database-open", log_number("lane", lane->number));
}

/* What can't be waited out ends the worker: a supervisor's restart may find it mended. */
static void open_failed(struct worker *worker, struct lane *lane, const struct fault *fault)
{
    (void)lane;
    if (fault->kind != FAULT_RETRY) worker_fail(worker, fault);
}

static void written(struct worker *worker, struct lane *lane)
{
    publish_marked(worker, lane, true);
    apply_written(worker, lane);
}

static void write_failed(struct worker *worker, struct lane *lane, const struct fault *fault)
{
    publish_marked(worker, lane, false);
    apply_failed(worker, lane, fault);
}

static void marked(struct worker *worker, struct lane *lane)
{
    publish_marked(worker, lane, true);
}

static void mark_failed(struct worker *worker, struct lane *lane, const struct fault *fault)
{
    publish_marked(worker, lane, false);
    publish_failed(worker, lane, fault);
}

/* What follows an answer, and what a failure. */
static const struct {
    void (*answered)(struct worker *worker, struct lane *lane);
    void (*failed)(struct worker *worker, struct lane *lane, const struct fault *fault);
} what_follows[QUESTIONS] = {
    [QUESTION_OPEN] = {opened, open_failed},
    [QUESTION_DOUBT] = {assignment_doubt_known, assignment_failed},
    [QUESTION_CLAIM] = {assignment_claimed, assignment_failed},
    [QUESTION_HALT] = {assignment_halt_stored, assignment_failed},
    [QUESTION_LOOK] = {assignment_looked, assignment_failed},
    [QUESTION_TAKE_OUTBOX] = {publish_taken, publish_failed},
    [QUESTION_TAKE_HELD] = {held_taken, held_failed},
    [QUESTION_LOAD] = {apply_loaded, apply_failed},
    [QUESTION_WRITE] = {written, write_failed},
    [QUESTION_ABANDON] = {apply_abandoned, apply_failed},
    [QUESTION_MARK] = {marked, mark_failed},
    [QUESTION_SETTLE] = {settle_done, settle_failed},
};

/* All that is believed of the lane's shards is dropped; not while a request is under way, whose records those may be. */
static void lane_doubt(struct worker *worker, struct lane *lane)
{
    apply_drop(lane);
    publish_interrupt(worker, lane);
    assignment_doubt(worker, lane);
    lane->is_doubted = lane->has_rows = false;
}

static bool lane_hear(struct worker *worker, struct lane *lane)
{
    struct fault fault = {0};
    enum lane_report report = lane_step(worker, lane, &fault);
    enum question question = lane->question;
    if (report == LANE_ANSWERED) what_follows[question].answered(worker, lane);
    if (report == LANE_FAILED) what_follows[question].failed(worker, lane, &fault);
    if (lane->is_doubted && lane->state != LANE_BUSY) lane_doubt(worker, lane);
    health_spent(worker, SPENT_SEND);
    return report != LANE_QUIET;
}

/* ---- what a lane asks next, in the order of need ---- */

static bool (*const wishes[])(struct worker *worker, struct lane *lane) = {
    assignment_ask, publish_take_ask, held_ask, apply_ask, publish_mark_ask, settle_ask,
};

static bool lane_go_on(struct worker *worker, struct lane *lane)
{
    bool has_asked = false;
    for (size_t i = 0; i < sizeof wishes / sizeof wishes[0] && !has_asked && lane_is_free(worker, lane); i++)
        has_asked = wishes[i](worker, lane);
    health_spent(worker, SPENT_SEND);
    return has_asked;
}

static bool lane_publish(struct worker *worker, struct lane *lane)
{
    bool moved = false;
    if (lane->has_rows) moved = publish_rows(worker, lane);
    if (lane->apply.phase == APPLY_STORED && !lane->has_rows && publish_batch(worker, lane)) {
        apply_published(lane);
        moved = true;
    }
    return moved;
}

/* ---- what Kafka says ---- */

static void record_hear(struct worker *worker, struct kafka_record *record)
{
    struct shard *shard = shards_find(&worker->shards, record->partition);
    enum topic_kind topic = record->topic;
    int64_t offset = record->offset;
    char text[SHARD_HALT_BYTES_MAX];
    if (shard != NULL && shard->state == SHARD_READING && shard->away_since_ms != 0) assignment_back(worker, shard);
    if (intake_record(worker, shard, record) != INTAKE_CHANGED || shard == NULL) return;
    int64_t expected = shard->partitions[topic].proof.offset;
    snprintf(text, sizeof text,
             "the record at offset %lld is not the one that was applied there (the topic has offset %lld, %s): it was truncated or made "
             "anew; restore it, or resume the partition if that was meant",
             (long long)expected, (long long)offset, offset == expected ? "with other content" : "the next one it holds");
    shard_halt(&worker->shards, shard, topic, text);
}

static void end_hear(struct worker *worker, const struct kafka_position *end)
{
    struct shard *shard = shards_find(&worker->shards, end->partition);
    if (shard == NULL || shard->state != SHARD_READING) return;
    if (shard->away_since_ms != 0) assignment_back(worker, shard);
    if (!intake_end(shard, end))
        shard_halt(&worker->shards, shard, end->topic,
                   "the last record applied is not in the topic any more: the topic was truncated or made anew; restore it, or resume the "
                   "partition if that was meant");
}

static void unreadable_hear(struct worker *worker, const struct kafka_happening *happening)
{
    struct shard *shard = shards_find(&worker->shards, happening->position.partition);
    if (shard == NULL || shard->state != SHARD_READING) return;
    if (happening->kind == KAFKA_HALTED)
        shard_halt(&worker->shards, shard, happening->position.topic, happening->fault.text);
    else
        assignment_again(worker, shard, &happening->fault);
}

static void happening_hear(struct worker *worker, struct kafka_happening *happening)
{
    if (happening->kind == KAFKA_OUTAGE)
        health_broker_away(worker, &happening->fault);
    else if (happening->kind != KAFKA_UNAVAILABLE)
        health_broker_back(worker);
    switch (happening->kind) {
    case KAFKA_RECORD:
        record_hear(worker, &happening->record);
        break;
    case KAFKA_END:
        end_hear(worker, &happening->position);
        break;
    case KAFKA_ASSIGNED:
        for (int i = 0; i < worker->lane_count && worker->shards.count > 0; i++) worker->lanes[i].is_doubted = true; /* they are others */
        assignment_begin(worker, happening->assigned, happening->assigned_count);
        break;
    case KAFKA_REVOKED:
        assignment_revoke(worker);
        break;
    case KAFKA_HALTED:
    case KAFKA_UNAVAILABLE:
        unreadable_hear(worker, happening);
        break;
    case KAFKA_OUTAGE:
    case KAFKA_NOTHING:
        break;
    }
}

static bool kafka_hear(struct worker *worker)
{
    bool moved = false;
    size_t bytes_max = worker->shards.pool.bytes + INTAKE_BYTES_A_ROUND;
    for (int i = 0; i < INTAKE_RECORDS_A_ROUND && worker->shards.pool.bytes < bytes_max && intake_is_open(worker); i++) {
        struct kafka_happening happening;
        if (kafka_consumer_poll(worker->consumer, 0, &happening) == KAFKA_NOTHING) break;
        happening_hear(worker, &happening);
        moved = true;
    }
    health_spent(worker, SPENT_POLL);
    return moved;
}

/* ---- giving back ---- */

/* What was taken but not sent is dropped: the next owner reads it again. */
static bool revoke_step(struct worker *worker)
{
    struct fault fault = {0};
    bool is_busy = is_working(worker) || publish_is_under_way(&worker->publish);
    if (!worker->assignment.is_revoking || (is_busy && worker->now_ms < worker->assignment.revoke_by_ms)) return false;
    fault_set(&fault, FAULT_RETRY, EX_UNAVAILABLE, "revoked", "the database did not answer before the partitions had to be given back");
    for (int i = 0; i < worker->lane_count; i++) {
        struct lane *lane = &worker->lanes[i];
        if (lane->state == LANE_BUSY && lane->question != QUESTION_OPEN) lane_drop(worker, lane, &fault);
        lane_doubt(worker, lane);
        publish_forget(worker, lane);
    }
    assignment_given_back(worker);
    return true;
}

/* ---- the loop ---- */

static bool signals_step(struct worker *worker)
{
    if (!signals_received(&worker->signals)) return false;
    log_info("stopping", log_text("text", "a second signal ends the worker at once"));
    worker_stop(worker, EX_OK);
    return true;
}

static bool lanes_each(struct worker *worker, bool (*run)(struct worker *worker, struct lane *lane))
{
    bool moved = false;
    for (int i = 0; i < worker->lane_count; i++) moved = run(worker, &worker->lanes[i]) || moved;
    return moved;
}

static bool lanes_hear(struct worker *worker)
{
    return lanes_each(worker, lane_hear);
}

static bool lanes_publish(struct worker *worker)
{
    return lanes_each(worker, lane_publish);
}

static bool lanes_fill(struct worker *worker)
{
    return lanes_each(worker, intake_fill);
}

static bool lanes_go_on(struct worker *worker)
{
    return lanes_each(worker, lane_go_on);
}

/* What the database says first, then what goes out, then who owns what, then new work, and at last what is asked next. */
static const struct {
    bool (*run)(struct worker *worker);
    enum spent spent;
} steps[] = {
    {signals_step, SPENT_OTHER},     {lanes_hear, SPENT_SEND},   {publish_step, SPENT_PUBLISH},  {lanes_publish, SPENT_PUBLISH},
    {topic_check_step, SPENT_OTHER}, {revoke_step, SPENT_OTHER}, {assignment_step, SPENT_OTHER}, {witness_step, SPENT_OTHER},
    {kafka_hear, SPENT_POLL},        {lanes_fill, SPENT_DECODE}, {lanes_go_on, SPENT_SEND},
};

static bool round_run(struct worker *worker)
{
    bool moved = false;
    worker_clock_look(worker);
    worker->wake_at_ms = worker->now_ms + WORKER_TICK_MS;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        moved = steps[i].run(worker) || moved;
        health_spent(worker, steps[i].spent);
    }
    health_step(worker);
    return moved;
}

static void owner_name(struct worker *worker)
{
    char host[HOST_NAME_MAX + 1] = "";
    const char *name = config_text(worker->config, "owner");
    gethostname(host, sizeof host - 1);
    if (name != NULL)
        snprintf(worker->owner, sizeof worker->owner, "%s", name);
    else
        snprintf(worker->owner, sizeof worker->owner, "%s:%ld", host, (long)getpid());
}

static bool lanes_open(struct worker *worker)
{
    struct bundle_limits limits = {
        .records = (size_t)config_number(worker->config, "batch_records"),
        .bytes = (size_t)config_number(worker->config, "batch_bytes"),
    };
    int count = (int)config_number(worker->config, "lanes");
    while (worker->lane_count < count) {
        struct lane *lane = &worker->lanes[worker->lane_count++];
        if (!lane_init(lane, worker->lane_count - 1, worker->owner, limits)) return false;
        lane->moved_ms = lane->settled_ms = worker->now_ms;
    }
    return true;
}

static bool worker_open(struct worker *worker, struct fault *fault)
{
    owner_name(worker);
    worker_clock_look(worker);
    topic_check_init(&worker->topic_check);
    assignment_init(&worker->assignment, worker->now_ms);
    publish_init(&worker->publish);
    witness_init(&worker->witness, worker->now_ms);
    health_init(&worker->health, worker->now_ms, worker_clock_us());
    if (!signals_init(&worker->signals, fault)) return false;
    return (shards_init(&worker->shards, INTAKE_QUEUED_RECORDS_MAX) && lanes_open(worker)) ||
           fault_set(fault, FAULT_FATAL, EX_OSERR, "memory", "no memory left for the micro-batches");
}

/* The database first: what it has not committed by now, it never will. Whatever hangs is ended by the alarm. */
static void worker_close(struct worker *worker)
{
    signals_exit_within(WORKER_CLOSE_S, worker->exit_status);
    if (worker->consumer != NULL) position_commit(worker);
    for (int i = 0; i < worker->lane_count; i++) lane_free(&worker->lanes[i]);
    shards_free(&worker->shards);
    if (worker->consumer != NULL) kafka_consumer_free(worker->consumer, WORKER_LEAVE_MS);
    publish_free(&worker->publish);
    witness_free(&worker->witness);
    kafka_reader_free(worker->reader);
    signals_free(&worker->signals);
}

int worker_run(const struct config *config)
{
    struct fault fault = {0};
    struct worker *worker = calloc(1, sizeof *worker);
    if (worker == NULL) return EX_OSERR;
    worker->config = config;
    worker->until_end = config_switch(config, "until_end");
    if (!worker_open(worker, &fault)) worker_fail(worker, &fault);
    log_info("started", log_text("owner", worker->owner), log_text("group", config_text(config, "group_id")),
             log_number("lanes", worker->lane_count));
    while (!is_over(worker))
        if (!round_run(worker)) loop_wait(worker);
    worker_close(worker);
    health_stopped(worker);
    int status = worker->exit_status;
    free(worker);
    return status;
}
