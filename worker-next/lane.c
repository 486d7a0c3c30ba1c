#include "worker-next/lane.h"

#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "core/log.h"
#include "worker-next/worker.h"

bool lane_init(struct lane *lane, int number, const char *owner, struct bundle_limits limits)
{
    char name[LANE_NAME_BYTES_MAX];
    snprintf(name, sizeof name, "%s", owner);
    *lane = (struct lane){.number = number, .store = store_new(name)};
    lane->filling = bundle_new(limits);
    lane->spare = bundle_new(limits);
    lane->arena = arena_new(MICRO_BATCH_ARENA_BYTES_MAX);
    lane->apply.records_max = limits.records;
    backoff_init(&lane->backoff, (uint32_t)getpid() + 8 * (uint32_t)number);
    backoff_init(&lane->question_backoff, (uint32_t)getpid() + 8 * (uint32_t)number + 1);
    backoff_init(&lane->apply.backoff, (uint32_t)getpid() + 8 * (uint32_t)number + 2);
    return lane->store != NULL && lane->filling != NULL && lane->spare != NULL && lane->arena != NULL;
}

void lane_free(struct lane *lane)
{
    if (lane->store != NULL) store_free(lane->store);
    free(lane->asked);
    bundle_free(lane->filling);
    bundle_free(lane->spare);
    bundle_free(lane->apply.bundle);
    store_release(&lane->apply.micro);
    arena_free(lane->arena);
    *lane = (struct lane){0};
}

bool lane_is_free(const struct worker *worker, const struct lane *lane)
{
    bool has_answer = lane->has_rows || (lane->apply.phase == APPLY_STORED && !lane->handover.is_begun); /* that a request would end */
    return lane->state == LANE_IDLE && !lane->is_doubted && !has_answer && worker->now_ms >= lane->retry_at_ms;
}

void lane_ask(struct worker *worker, struct lane *lane, enum question question, void *asked, size_t count)
{
    free(lane->asked);
    lane->state = LANE_BUSY;
    lane->question = question;
    lane->asked = asked;
    lane->asked_count = count;
    lane->give_up_at_ms = worker->now_ms + (question == QUESTION_OPEN ? LANE_OPEN_MS : LANE_ANSWER_MS);
}

void lane_rest(struct worker *worker, struct lane *lane)
{
    lane->retry_at_ms = worker->now_ms + backoff_next_ms(&lane->question_backoff);
}

/* The outage is logged once, when it begins; the attempts to end it only for the curious. */
static void away_note(struct worker *worker, struct lane *lane, const struct fault *why)
{
    bool is_new = lane->away_since_ms == 0;
    if (is_new) lane->away_since_ms = worker->now_ms;
    if (is_new)
        log_warning("database-away", log_number("lane", lane->number), log_text("code", why->code), log_text("text", why->text));
    else
        log_debug("database-away", log_number("lane", lane->number), log_text("code", why->code), log_text("text", why->text));
}

void lane_drop(struct worker *worker, struct lane *lane, const struct fault *why)
{
    bool was_open = lane->state == LANE_IDLE || (lane->state == LANE_BUSY && lane->question != QUESTION_OPEN);
    store_close(lane->store);
    free(lane->asked);
    lane->asked = NULL;
    lane->state = LANE_CLOSED;
    lane->open_at_ms = worker->now_ms + backoff_next_ms(&lane->backoff);
    lane->is_doubted = lane->is_doubted || was_open;
    lane->has_rows = false;
    away_note(worker, lane, why);
}

static enum lane_report open_begin(struct worker *worker, struct lane *lane)
{
    if (worker->is_stopping || worker->now_ms < lane->open_at_ms) return LANE_QUIET;
    store_open(lane->store);
    lane_ask(worker, lane, QUESTION_OPEN, NULL, 0);
    return LANE_MOVED;
}

static void opened(struct worker *worker, struct lane *lane)
{
    if (lane->away_since_ms != 0)
        log_info("database-back", log_number("lane", lane->number), log_number("away_ms", worker->now_ms - lane->away_since_ms));
    lane->away_since_ms = 0;
    lane->retry_at_ms = 0;
    lane->look_at_ms = worker->now_ms;
    backoff_reset(&lane->backoff);
}

static enum lane_report failed(struct worker *worker, struct lane *lane, const struct fault *fault)
{
    if (lane->question == QUESTION_OPEN || store_is_lost(lane->store))
        lane_drop(worker, lane, fault);
    else
        lane->state = LANE_IDLE;
    return LANE_FAILED;
}

static enum lane_report time_is_up(struct worker *worker, struct lane *lane, struct fault *fault)
{
    if (worker->now_ms < lane->give_up_at_ms) return LANE_QUIET;
    fault_set(fault, FAULT_RETRY, EX_UNAVAILABLE, "database-timeout", "the database does not answer");
    lane_drop(worker, lane, fault);
    return LANE_FAILED;
}

/* A session that is lost while nothing is asked. */
static enum lane_report idle_look(struct worker *worker, struct lane *lane)
{
    if (store_step(lane->store) != STORE_FAILED || !store_is_lost(lane->store)) return LANE_QUIET;
    struct fault why = *store_fault(lane->store);
    lane_drop(worker, lane, &why);
    return LANE_MOVED;
}

enum lane_report lane_step(struct worker *worker, struct lane *lane, struct fault *fault)
{
    if (lane->state == LANE_CLOSED) return open_begin(worker, lane);
    if (lane->state == LANE_IDLE) return idle_look(worker, lane);
    switch (store_step(lane->store)) {
    case STORE_CLOSED:
    case STORE_BUSY:
        return time_is_up(worker, lane, fault);
    case STORE_READY:
        lane->state = LANE_IDLE;
        if (lane->question == QUESTION_OPEN) opened(worker, lane);
        return LANE_ANSWERED;
    case STORE_FAILED:
        break;
    }
    *fault = *store_fault(lane->store);
    return failed(worker, lane, fault);
}
