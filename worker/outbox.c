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

/* ---- portions ---- */

/* In the order in which they were taken. */
static struct outbox_portion *portion_at(struct outbox *outbox, size_t place)
{
    return &outbox->portions[(outbox->first + place) % OUTBOX_PORTIONS_MAX];
}

/* By which the producer's report finds the row again. */
static uint64_t row_tag(const struct outbox *outbox, const struct outbox_portion *portion, size_t row)
{
    return (uint64_t)(portion - outbox->portions) * OUTBOX_ROWS_MAX + row;
}

static bool is_handed_over(const struct outbox_portion *portion)
{
    return portion->next == portion->row_count;
}

static size_t reported_count(struct outbox *outbox)
{
    size_t count = 0;
    while (count < outbox->count && is_handed_over(portion_at(outbox, count)) && portion_at(outbox, count)->unreported == 0) count++;
    return count;
}

static void delivered(void *context, uint64_t tag, enum kafka_delivery result, int32_t partition, int64_t offset, const struct fault *fault)
{
    struct outbox *outbox = context;
    struct outbox_portion *portion = &outbox->portions[tag / OUTBOX_ROWS_MAX];
    size_t row = tag % OUTBOX_ROWS_MAX;
    (void)partition, (void)offset;
    portion->states[row] = result == KAFKA_DELIVERED ? OUTBOX_DELIVERED : OUTBOX_LEFT;
    portion->unreported--;
    if (result == KAFKA_DELIVERED) return;
    portion->has_left = true;
    log_error("delivery-refused", log_number("outbox_id", result_int8(portion->rows, row, OUTBOX_ID)), log_text("text", fault->text));
}

bool outbox_open(struct worker *worker, struct fault *fault)
{
    worker->outbox.producer = kafka_producer_new(worker->config, delivered, &worker->outbox, fault);
    return worker->outbox.producer != NULL;
}

void outbox_free(struct outbox *outbox)
{
    kafka_producer_free(outbox->producer);
    for (size_t i = 0; i < OUTBOX_PORTIONS_MAX; i++) result_free(outbox->portions[i].rows);
    *outbox = (struct outbox){0};
}

void outbox_want(struct outbox *outbox)
{
    outbox->is_wanted = true;
}

bool outbox_is_publishing(const struct outbox *outbox)
{
    return outbox->count > 0;
}

bool outbox_is_empty(const struct outbox *outbox)
{
    return outbox->count == 0 && !outbox->is_taking && !outbox->is_wanted;
}

/* ---- taking ---- */

static void question_failed(struct worker *worker, const struct fault *fault)
{
    struct outbox *outbox = &worker->outbox;
    outbox_want(outbox);
    outbox->take_at_ms = worker->now_ms + backoff_next_ms(&outbox->backoff);
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

static void rows_order(struct outbox_portion *portion)
{
    for (size_t i = 0; i < portion->row_count; i++) portion->order[i] = (uint16_t)i;
    qsort_r(portion->order, portion->row_count, sizeof portion->order[0], row_compare, portion->rows);
}

/* The rows of an answer, one at least. */
static void portion_begin(struct worker *worker, struct database_result **result)
{
    struct outbox *outbox = &worker->outbox;
    struct outbox_portion *portion = portion_at(outbox, outbox->count++);
    *portion = (struct outbox_portion){.rows = *result, .row_count = result_rows(*result), .mark_at_ms = worker->now_ms + OUTBOX_MARK_MS};
    *result = NULL;
    rows_order(portion);
    if (result_bool(portion->rows, 0, OUTBOX_HAS_MORE)) outbox_want(outbox);
}

static void taken(struct worker *worker, struct database_result **result, const struct fault *fault)
{
    struct outbox *outbox = &worker->outbox;
    outbox->is_taking = false;
    outbox->look_at_ms = worker->now_ms + OUTBOX_EVERY_MS;
    if (fault != NULL) {
        question_failed(worker, fault);
        return;
    }
    bool has_rows = result_rows(*result) > 0;
    if (!has_rows || !result_bool(*result, 0, OUTBOX_HAS_MORE)) outbox_originals_all_taken(worker, *result);
    if (has_rows) portion_begin(worker, result);
}

/* Whether a question of its own is to bring what no portion has, once all portions are out. */
static bool is_due(const struct worker *worker)
{
    return worker->outbox.is_wanted || worker->now_ms >= worker->outbox.look_at_ms;
}

static bool take_step(struct worker *worker)
{
    struct outbox *outbox = &worker->outbox;
    if (!is_due(worker) || worker->now_ms < outbox->take_at_ms || worker->assignment.is_revoking || !link_is_idle(&worker->link))
        return false;
    struct database_query *query = link_query(&worker->link, take_sql);
    if (partitions_query(&worker->partitions, partition_is_ours, query) == 0) return false;
    query_int4(query, OUTBOX_ROWS_MAX);
    outbox_originals_add(worker, query);
    outbox->is_wanted = false;
    outbox->is_taking = true;
    link_ask(worker, taken);
    return true;
}

/* ---- publishing ---- */

static bool outcome_send(struct worker *worker, const struct outbox_portion *portion, size_t row, struct fault *fault)
{
    const struct database_result *rows = portion->rows;
    struct event_headers headers;
    char time[32];
    const char *key = result_text(rows, row, OUTBOX_UNIT), *value = result_text(rows, row, OUTBOX_BODY);
    moment_format(result_int8(rows, row, OUTBOX_TIME), time, sizeof time);
    event_headers_fill(&headers, result_text(rows, row, OUTBOX_TYPE), "nianshen-worker", result_text(rows, row, OUTBOX_CE_ID), time,
                       result_is_null(rows, row, OUTBOX_CAUSATION) ? NULL : result_text(rows, row, OUTBOX_CAUSATION));
    return kafka_producer_send(worker->outbox.producer, TOPIC_OUTCOME, -1, key, strlen(key), value, strlen(value), headers.list,
                               headers.count, row_tag(&worker->outbox, portion, row), fault);
}

static void row_send(struct worker *worker, struct outbox_portion *portion, size_t row)
{
    struct fault fault = {0};
    struct outbox *outbox = &worker->outbox;
    uint64_t tag = row_tag(outbox, portion, row);
    if (outbox_is_outcome(portion->rows, row) ? outcome_send(worker, portion, row, &fault)
                                              : outbox_original_send(worker, portion, row, tag, &fault)) {
        portion->states[row] = OUTBOX_SENT;
        portion->unreported++;
    } else if (fault.kind != FAULT_RETRY) {
        portion->unreported++;
        delivered(outbox, tag, KAFKA_REFUSED, -1, -1, &fault);
    }
}

/* Hands rows over, as far as it goes now. */
static void portion_send(struct worker *worker, struct outbox_portion *portion)
{
    for (; portion->next < portion->row_count; portion->next++) {
        size_t row = portion->order[portion->next];
        if (portion->states[row] == OUTBOX_TO_SEND) row_send(worker, portion, row);
        if (portion->states[row] == OUTBOX_TO_SEND) return;
    }
    outbox_originals_rest(worker);
}

static bool send_step(struct worker *worker)
{
    struct outbox *outbox = &worker->outbox;
    for (size_t i = 0; i < outbox->count; i++) {
        struct outbox_portion *portion = portion_at(outbox, i);
        size_t first = portion->next;
        if (is_handed_over(portion)) continue;
        portion_send(worker, portion);
        return portion->next > first;
    }
    return false;
}

/* After a fatal error of the producer: what it did not report is sent again by a new one. */
static void producer_renew(struct worker *worker)
{
    struct fault fault = {0};
    struct outbox *outbox = &worker->outbox;
    size_t unreported = 0;
    for (size_t i = 0; i < outbox->count; i++) unreported += portion_at(outbox, i)->unreported;
    log_warning("producer-renewed", log_number("unreported", (int64_t)unreported));
    kafka_producer_free(outbox->producer);
    if (!outbox_open(worker, &fault)) {
        worker_fail(worker, &fault);
        return;
    }
    for (size_t i = 0; i < outbox->count; i++) {
        struct outbox_portion *portion = portion_at(outbox, i);
        for (size_t row = 0; row < portion->row_count; row++)
            if (portion->states[row] == OUTBOX_SENT) portion->states[row] = OUTBOX_TO_SEND;
        portion->next = portion->unreported = 0;
    }
}

/* ---- marking ---- */

static bool is_delivered(const struct outbox_portion *portion, size_t row)
{
    return portion->states[row] == OUTBOX_DELIVERED;
}

/* One parameter: of what was delivered of the portions that are to be marked. */
static void mark_column_add(struct outbox *outbox, struct database_query *query, enum outbox_column column)
{
    for (size_t i = 0; i < outbox->marking; i++) {
        const struct outbox_portion *portion = portion_at(outbox, i);
        for (size_t row = 0; row < portion->row_count; row++) {
            if (!is_delivered(portion, row)) continue;
            const char *text = result_text(portion->rows, row, column);
            if (column == OUTBOX_TOPIC)
                query_add_text(query, text, strlen(text));
            else if (column == OUTBOX_PARTITION)
                query_add_int4(query, (int32_t)result_int8(portion->rows, row, column));
            else
                query_add_int8(query, result_int8(portion->rows, row, column));
        }
    }
}

/* Three parameters: topics, partitions and ids. */
static void marks_add(struct outbox *outbox, struct database_query *query)
{
    query_text_array(query);
    mark_column_add(outbox, query, OUTBOX_TOPIC);
    query_int4_array(query);
    mark_column_add(outbox, query, OUTBOX_PARTITION);
    query_int8_array(query);
    mark_column_add(outbox, query, OUTBOX_ID);
}

static void portion_marked(struct worker *worker)
{
    struct outbox *outbox = &worker->outbox;
    struct outbox_portion *portion = portion_at(outbox, 0);
    struct health_counts counts = {0};
    for (size_t row = 0; row < portion->row_count; row++)
        if (is_delivered(portion, row)) counts.published++;
    health_count(worker, &counts);
    if (portion->has_left) {
        outbox_want(outbox);
        outbox->take_at_ms = worker->now_ms + backoff_next_ms(&outbox->backoff);
    } else {
        backoff_reset(&outbox->backoff);
    }
    result_free(portion->rows);
    portion->rows = NULL;
    outbox->first = (outbox->first + 1) % OUTBOX_PORTIONS_MAX;
    outbox->count--;
}

static void portions_marked(struct worker *worker)
{
    for (; worker->outbox.marking > 0; worker->outbox.marking--) portion_marked(worker);
}

/*
 * What a micro-batch writes can come with its answer if nothing waits but what is in flight: else it would overtake. Nor after a refusal,
 * since what is left is taken again first. Dead letters that stay are left out by take_step only.
 */
static bool is_ready_for_rows(struct worker *worker)
{
    struct outbox *outbox = &worker->outbox;
    bool is_next = outbox->count == 0 || !is_due(worker);
    for (size_t i = 0; i < outbox->count; i++) is_next = is_next && !portion_at(outbox, i)->has_left;
    return is_next && outbox->count - outbox->marking < OUTBOX_PORTIONS_MAX && worker->now_ms >= outbox->take_at_ms &&
           partitions_originals_away_since_ms(&worker->partitions) == 0;
}

/* The largest id that is in flight: the rows of an answer come in their order. */
static int64_t last_id(struct outbox *outbox)
{
    if (outbox->count == 0) return 0;
    const struct outbox_portion *portion = portion_at(outbox, outbox->count - 1);
    return result_int8(portion->rows, portion->row_count - 1, OUTBOX_ID);
}

void outbox_carry(struct worker *worker, struct database_query *query)
{
    struct outbox *outbox = &worker->outbox;
    outbox->marking = reported_count(outbox);
    marks_add(outbox, query);
    query_int4(query, is_ready_for_rows(worker) ? OUTBOX_ROWS_MAX : 0);
    query_int8(query, last_id(outbox));
}

void outbox_carried(struct worker *worker, bool is_marked)
{
    if (is_marked) portions_marked(worker);
    worker->outbox.marking = 0;
}

void outbox_written(struct worker *worker, struct database_result **result)
{
    if (result_is_null(*result, 0, OUTBOX_ID))
        outbox_want(&worker->outbox);
    else
        portion_begin(worker, result);
}

static void marked(struct worker *worker, struct database_result **result, const struct fault *fault)
{
    (void)result;
    struct outbox *outbox = &worker->outbox;
    if (fault == NULL)
        portions_marked(worker);
    else if (fault->kind == FAULT_RETRY)
        outbox->take_at_ms = worker->now_ms + backoff_next_ms(&outbox->backoff); /* marked again when the database is back */
    else
        worker_fail(worker, fault);
    outbox->marking = 0;
}

/* Whether marks should not wait for a micro-batch: others want to be taken, or nothing more may come. */
static bool is_urgent(const struct worker *worker)
{
    return is_due(worker) || worker->until_end || worker->is_stopping || worker->assignment.is_revoking;
}

static bool mark_step(struct worker *worker)
{
    struct outbox *outbox = &worker->outbox;
    size_t reported = reported_count(outbox);
    if (reported == 0) return false;
    bool is_time = is_urgent(worker) || worker->now_ms >= portion_at(outbox, 0)->mark_at_ms;
    if (!is_time || worker->now_ms < outbox->take_at_ms || !link_is_idle(&worker->link)) return false;
    struct database_query *query = link_query(&worker->link, "SELECT nianshen.outbox_done($1, $2, $3)");
    outbox->marking = reported;
    marks_add(outbox, query);
    link_ask(worker, marked);
    return true;
}

/* ---- the step ---- */

bool outbox_step(struct worker *worker)
{
    struct outbox *outbox = &worker->outbox;
    if (outbox->producer == NULL) return false;
    kafka_producer_poll(outbox->producer, 0);
    if (kafka_producer_is_broken(outbox->producer)) producer_renew(worker);
    if (outbox->count == 0) return take_step(worker);
    return send_step(worker) || mark_step(worker);
}
