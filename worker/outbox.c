#include "worker/outbox.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "core/apply_query.h"
#include "core/event.h"
#include "core/log.h"
#include "core/moment.h"
#include "worker/outbox_originals.h"
#include "worker/worker.h"

static const char take_sql[] = "SELECT " OUTBOX_COLUMNS " FROM nianshen.outbox_take($1, $2, $3, $4, $5)";

void outbox_init(struct outbox *outbox)
{
    *outbox = (struct outbox){0};
    backoff_init(&outbox->backoff, (uint32_t)getpid() + 4);
}

static void delivered(void *context, uint64_t tag, enum kafka_delivery result, int32_t partition, int64_t offset, const struct fault *fault)
{
    struct outbox *outbox = context;
    (void)partition, (void)offset;
    outbox->states[tag] = result == KAFKA_DELIVERED ? OUTBOX_DELIVERED : OUTBOX_LEFT;
    outbox->unreported--;
    if (result == KAFKA_DELIVERED) return;
    outbox->has_left = true;
    log_error("delivery-refused", log_number("outbox_id", result_int8(outbox->rows, (size_t)tag, OUTBOX_ID)),
              log_text("text", fault->text));
}

bool outbox_open(struct worker *worker, struct fault *fault)
{
    worker->outbox.producer = kafka_producer_new(worker->config, delivered, &worker->outbox, fault);
    return worker->outbox.producer != NULL;
}

void outbox_free(struct outbox *outbox)
{
    kafka_producer_free(outbox->producer);
    result_free(outbox->rows);
    *outbox = (struct outbox){0};
}

void outbox_want(struct outbox *outbox)
{
    outbox->is_wanted = true;
}

bool outbox_is_publishing(const struct outbox *outbox)
{
    return outbox->phase == OUTBOX_PUBLISHING || outbox->phase == OUTBOX_MARKING;
}

bool outbox_is_empty(const struct outbox *outbox)
{
    return outbox->phase == OUTBOX_RESTING && !outbox->is_wanted;
}

/* ---- taking ---- */

static void rest(struct worker *worker)
{
    struct outbox *outbox = &worker->outbox;
    result_free(outbox->rows);
    outbox->rows = NULL;
    outbox->phase = OUTBOX_RESTING;
    outbox->look_at_ms = worker->now_ms + OUTBOX_EVERY_MS;
}

static void question_failed(struct worker *worker, const struct fault *fault)
{
    struct outbox *outbox = &worker->outbox;
    outbox_want(outbox);
    outbox->take_at_ms = worker->now_ms + backoff_next_ms(&outbox->backoff);
    rest(worker);
    if (fault->kind == FAULT_RETRY)
        log_debug("outbox-retry", log_text("code", fault->code), log_text("text", fault->text));
    else
        worker_fail(worker, fault);
}

bool outbox_is_outcome(const struct database_result *rows, size_t row)
{
    return strcmp(result_text(rows, row, OUTBOX_KIND), "outcome") == 0;
}

static int order_of(int64_t left, int64_t right)
{
    return (left > right) - (left < right);
}

/* Where a row goes among the others: outcomes in the order they were written, then dead letters as they are best read again. */
static int row_compare(const void *a, const void *b, void *context)
{
    const struct database_result *rows = context;
    size_t left = *(const uint16_t *)a, right = *(const uint16_t *)b;
    bool is_left_outcome = outbox_is_outcome(rows, left), is_right_outcome = outbox_is_outcome(rows, right);
    if (is_left_outcome != is_right_outcome) return is_left_outcome ? -1 : 1;
    if (is_left_outcome) return order_of((int64_t)left, (int64_t)right);
    int topics = strcmp(result_text(rows, left, OUTBOX_TOPIC), result_text(rows, right, OUTBOX_TOPIC));
    if (topics != 0) return topics;
    int partitions = order_of(result_int8(rows, left, OUTBOX_PARTITION), result_int8(rows, right, OUTBOX_PARTITION));
    return partitions != 0 ? partitions : order_of(result_int8(rows, left, OUTBOX_OFFSET), result_int8(rows, right, OUTBOX_OFFSET));
}

static void rows_order(struct outbox *outbox)
{
    for (size_t i = 0; i < outbox->row_count; i++) outbox->order[i] = (uint16_t)i;
    qsort_r(outbox->order, outbox->row_count, sizeof outbox->order[0], row_compare, outbox->rows);
}

static void taken(struct worker *worker, struct database_result **result, const struct fault *fault)
{
    struct outbox *outbox = &worker->outbox;
    if (fault != NULL) {
        question_failed(worker, fault);
        return;
    }
    outbox->rows = *result;
    *result = NULL;
    outbox->row_count = result_rows(outbox->rows);
    outbox->next = outbox->unreported = 0;
    outbox->unread_since_ms = 0;
    outbox->mark_at_ms = worker->now_ms + OUTBOX_MARK_MS;
    outbox->has_left = false;
    outbox->phase = OUTBOX_PUBLISHING;
    memset(outbox->states, 0, sizeof outbox->states);
    rows_order(outbox);
    if (outbox->row_count > 0 && result_bool(outbox->rows, 0, OUTBOX_HAS_MORE))
        outbox_want(outbox);
    else
        outbox_originals_all_taken(worker);
    if (outbox->row_count == 0) rest(worker);
}

static bool take_step(struct worker *worker)
{
    struct outbox *outbox = &worker->outbox;
    bool is_due = outbox->is_wanted || worker->now_ms >= outbox->look_at_ms;
    if (!is_due || worker->now_ms < outbox->take_at_ms || worker->assignment.is_revoking || !link_is_idle(&worker->link)) return false;
    struct database_query *query = link_query(&worker->link, take_sql);
    if (partitions_query(&worker->partitions, partition_is_ours, query) == 0) return false;
    query_int4(query, OUTBOX_ROWS_MAX);
    outbox_originals_add(worker, query);
    outbox->is_wanted = false;
    outbox->phase = OUTBOX_TAKING;
    link_ask(worker, taken);
    return true;
}

/* ---- publishing ---- */

static bool outcome_send(struct worker *worker, size_t row, struct fault *fault)
{
    const struct database_result *rows = worker->outbox.rows;
    struct event_headers headers;
    char time[32];
    const char *key = result_text(rows, row, OUTBOX_UNIT), *value = result_text(rows, row, OUTBOX_BODY);
    moment_format(result_int8(rows, row, OUTBOX_TIME), time, sizeof time);
    event_headers_fill(&headers, result_text(rows, row, OUTBOX_TYPE), "nianshen-worker", result_text(rows, row, OUTBOX_CE_ID), time,
                       result_is_null(rows, row, OUTBOX_CAUSATION) ? NULL : result_text(rows, row, OUTBOX_CAUSATION));
    return kafka_producer_send(worker->outbox.producer, TOPIC_OUTCOME, -1, key, strlen(key), value, strlen(value), headers.list,
                               headers.count, row, fault);
}

static void refused_at_once(struct outbox *outbox, size_t row, const struct fault *fault)
{
    outbox->unreported++;
    delivered(outbox, row, KAFKA_REFUSED, -1, -1, fault);
}

static void row_send(struct worker *worker, size_t row)
{
    struct fault fault = {0};
    struct outbox *outbox = &worker->outbox;
    if (outbox_is_outcome(outbox->rows, row) ? outcome_send(worker, row, &fault) : outbox_original_send(worker, row, &fault)) {
        outbox->states[row] = OUTBOX_SENT;
        outbox->unreported++;
    } else if (fault.kind != FAULT_RETRY) {
        refused_at_once(outbox, row, &fault);
    }
}

/* Hands rows over, as far as it goes now. */
static bool send_step(struct worker *worker)
{
    struct outbox *outbox = &worker->outbox;
    size_t first = outbox->next;
    for (; outbox->next < outbox->row_count; outbox->next++) {
        size_t row = outbox->order[outbox->next];
        if (outbox->states[row] == OUTBOX_TO_SEND) row_send(worker, row);
        if (outbox->states[row] == OUTBOX_TO_SEND) break;
    }
    return outbox->next > first;
}

/* After a fatal error of the producer: what it did not report is sent again by a new one. */
static void producer_renew(struct worker *worker)
{
    struct fault fault = {0};
    struct outbox *outbox = &worker->outbox;
    log_warning("producer-renewed", log_number("unreported", (int64_t)outbox->unreported));
    kafka_producer_free(outbox->producer);
    if (!outbox_open(worker, &fault)) {
        worker_fail(worker, &fault);
        return;
    }
    for (size_t row = 0; row < outbox->row_count; row++)
        if (outbox->states[row] == OUTBOX_SENT) outbox->states[row] = OUTBOX_TO_SEND;
    outbox->next = outbox->unreported = 0;
}

/* ---- marking ---- */

static bool is_reported(const struct outbox *outbox)
{
    return outbox->phase == OUTBOX_PUBLISHING && outbox->next == outbox->row_count && outbox->unreported == 0;
}

static bool is_delivered(const struct outbox *outbox, size_t row)
{
    return outbox->states[row] == OUTBOX_DELIVERED;
}

/* Three parameters: topics, partitions and ids of what was delivered. */
static void marks_add(const struct outbox *outbox, struct database_query *query)
{
    query_text_array(query);
    for (size_t row = 0; row < outbox->row_count; row++) {
        const char *topic = result_text(outbox->rows, row, OUTBOX_TOPIC);
        if (is_delivered(outbox, row)) query_add_text(query, topic, strlen(topic));
    }
    query_int4_array(query);
    for (size_t row = 0; row < outbox->row_count; row++)
        if (is_delivered(outbox, row)) query_add_int4(query, (int32_t)result_int8(outbox->rows, row, OUTBOX_PARTITION));
    query_int8_array(query);
    for (size_t row = 0; row < outbox->row_count; row++)
        if (is_delivered(outbox, row)) query_add_int8(query, result_int8(outbox->rows, row, OUTBOX_ID));
}

static void rows_marked(struct worker *worker)
{
    struct outbox *outbox = &worker->outbox;
    struct health_counts counts = {0};
    for (size_t row = 0; row < outbox->row_count; row++)
        if (is_delivered(outbox, row)) counts.published++;
    health_count(worker, &counts);
    if (outbox->has_left) {
        outbox_want(outbox);
        outbox->take_at_ms = worker->now_ms + backoff_next_ms(&outbox->backoff);
    } else {
        backoff_reset(&outbox->backoff);
    }
    original_rest(&outbox->source, worker->reader);
    rest(worker);
}

/* What is left waits, and so does what the broker has still to report. Dead letters that stay are left out by take_step only. */
static bool is_ready_for_rows(const struct worker *worker)
{
    const struct outbox *outbox = &worker->outbox;
    bool is_free = outbox->phase == OUTBOX_RESTING || (outbox->phase == OUTBOX_CARRIED && !outbox->has_left);
    return is_free && worker->now_ms >= outbox->take_at_ms && partitions_originals_away_since_ms(&worker->partitions) == 0;
}

void outbox_carry(struct worker *worker, struct database_query *query)
{
    struct outbox *outbox = &worker->outbox;
    if (is_reported(outbox)) {
        marks_add(outbox, query);
        outbox->phase = OUTBOX_CARRIED;
    } else {
        apply_query_nothing_published(query);
    }
    query_int4(query, is_ready_for_rows(worker) ? OUTBOX_ROWS_MAX : 0);
}

void outbox_carried(struct worker *worker, bool is_marked)
{
    struct outbox *outbox = &worker->outbox;
    if (outbox->phase != OUTBOX_CARRIED) return;
    outbox->phase = OUTBOX_PUBLISHING;
    if (is_marked) rows_marked(worker);
}

void outbox_written(struct worker *worker, struct database_result **result)
{
    if (result_is_null(*result, 0, OUTBOX_ID))
        outbox_want(&worker->outbox);
    else
        taken(worker, result, NULL);
}

static void marked(struct worker *worker, struct database_result **result, const struct fault *fault)
{
    (void)result;
    struct outbox *outbox = &worker->outbox;
    if (fault == NULL) {
        rows_marked(worker);
    } else if (fault->kind == FAULT_RETRY) {
        outbox->phase = OUTBOX_PUBLISHING; /* all is reported: marked again when the database is back */
        outbox->take_at_ms = worker->now_ms + backoff_next_ms(&outbox->backoff);
    } else {
        worker_fail(worker, fault);
    }
}

/* Whether marks should not wait for a micro-batch: others want to be taken, or nothing more may come. */
static bool is_urgent(const struct worker *worker)
{
    return worker->outbox.is_wanted || worker->until_end || worker->is_stopping || worker->assignment.is_revoking;
}

static bool mark_step(struct worker *worker)
{
    struct outbox *outbox = &worker->outbox;
    if (!is_reported(outbox)) return false;
    bool is_due = is_urgent(worker) || worker->now_ms >= outbox->mark_at_ms;
    if (!is_due || worker->now_ms < outbox->take_at_ms || !link_is_idle(&worker->link)) return false;
    struct database_query *query = link_query(&worker->link, "SELECT nianshen.outbox_done($1, $2, $3)");
    marks_add(outbox, query);
    outbox->phase = OUTBOX_MARKING;
    link_ask(worker, marked);
    return true;
}

/* ---- the step ---- */

bool outbox_step(struct worker *worker)
{
    struct outbox *outbox = &worker->outbox;
    if (outbox->producer == NULL) return false;
    size_t before = outbox->unreported;
    kafka_producer_poll(outbox->producer, 0);
    bool moved = outbox->unreported != before;
    if (kafka_producer_is_broken(outbox->producer)) producer_renew(worker);
    switch (outbox->phase) {
    case OUTBOX_RESTING:
        return take_step(worker) || moved;
    case OUTBOX_PUBLISHING:
        return send_step(worker) || mark_step(worker) || moved;
    case OUTBOX_TAKING:
    case OUTBOX_MARKING:
    case OUTBOX_CARRIED:
        break;
    }
    return moved;
}
