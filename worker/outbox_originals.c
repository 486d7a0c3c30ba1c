#include "worker/outbox_originals.h"

#include <string.h>
#include <sysexits.h>

#include "core/log.h"
#include "worker/dead_letter.h"
#include "worker/worker.h"

static bool is_dead_letter_of(const struct database_result *rows, size_t row, enum topic_kind topic, int32_t partition)
{
    return !outbox_is_outcome(rows, row) && strcmp(result_text(rows, row, OUTBOX_TOPIC), topic_kind_name(topic)) == 0 &&
           result_int8(rows, row, OUTBOX_PARTITION) == partition;
}

static bool has_dead_letter_of(const struct database_result *rows, const struct partition *partition)
{
    for (size_t row = 0; row < result_rows(rows); row++)
        if (is_dead_letter_of(rows, row, partition->at.topic, partition->at.number)) return true;
    return false;
}

/* ---- which are taken ---- */

/* Its originals could not be read, and its dead letters are taken again all the same. */
static bool is_tried(const struct partition *partition)
{
    return partition_is_proven(partition) && partition->originals_away_since_ms != 0 && partition->originals_at_ms == 0;
}

/* Of those that could not be read the one that waits longest, unless another is tried still: what is taken with it waits meanwhile. */
static void one_is_tried(struct worker *worker)
{
    struct partition *first = NULL;
    for (size_t i = 0; i < worker->partitions.count; i++) {
        struct partition *partition = &worker->partitions.list[i];
        bool is_due = partition_is_proven(partition) && partition->originals_at_ms != 0 && worker->now_ms >= partition->originals_at_ms;
        if (is_tried(partition)) return;
        if (is_due && (first == NULL || partition->originals_at_ms < first->originals_at_ms)) first = partition;
    }
    if (first != NULL) first->originals_at_ms = 0;
}

void outbox_originals_add(struct worker *worker, struct database_query *query)
{
    one_is_tried(worker);
    query_bool_array(query);
    for (size_t i = 0; i < worker->partitions.count; i++) {
        const struct partition *partition = &worker->partitions.list[i];
        bool are_to_stay = partition->originals_at_ms != 0 || !partition_is_proven(partition);
        if (partition_is_ours(partition)) query_add_bool(query, are_to_stay);
    }
}

/* Nothing waits for them any more. */
static void away_ends(struct worker *worker, struct partition *partition)
{
    if (partition->originals_away_since_ms == 0) return;
    log_info("originals-back", log_text("topic", topic_kind_name(partition->at.topic)), log_number("partition", partition->at.number),
             log_number("away_ms", worker->now_ms - partition->originals_away_since_ms));
    partition->originals_away_since_ms = 0;
}

void outbox_originals_all_taken(struct worker *worker, const struct database_result *rows)
{
    for (size_t i = 0; i < worker->partitions.count; i++) {
        struct partition *partition = &worker->partitions.list[i];
        if (is_tried(partition) && !has_dead_letter_of(rows, partition)) away_ends(worker, partition);
    }
}

/* ---- sending ---- */

static void dead_letter_log(const struct dead_letter_reason *reason, bool is_gone)
{
    log_warning(is_gone ? "dead-letter-without-original" : "dead-letter", log_text("topic", topic_kind_name(reason->origin.topic)),
                log_number("partition", reason->origin.partition), log_number("offset", reason->origin.offset),
                log_text("code", reason->code));
}

/* What comes next, if anything, is of another partition. */
void outbox_originals_rest(struct worker *worker)
{
    worker->outbox.unread_since_ms = worker->outbox.read_at_ms = 0;
    original_rest(&worker->outbox.source, worker->reader);
}

/* What was taken of the partition is taken again later. */
static void dead_letters_leave(struct worker *worker, struct outbox_portion *portion, const struct kafka_position *origin)
{
    for (size_t row = 0; row < portion->row_count; row++) {
        bool is_of_it = is_dead_letter_of(portion->rows, row, origin->topic, origin->partition);
        if (is_of_it && portion->states[row] == OUTBOX_TO_SEND) portion->states[row] = OUTBOX_LEFT;
    }
    outbox_originals_rest(worker);
}

/*
 * An original that does not come, of a partition whose leader is away: the dead letters of that partition are taken again later, and hold
 * back no outcome and no other dead letter.
 */
static void originals_put_off(struct worker *worker, struct outbox_portion *portion, const struct kafka_position *origin,
                              struct partition *partition)
{
    dead_letters_leave(worker, portion, origin);
    partition->originals_at_ms = worker->now_ms + OUTBOX_EVERY_MS;
    if (partition->originals_away_since_ms != 0) return;
    partition->originals_away_since_ms = worker->now_ms;
    log_warning("originals-unavailable", log_text("topic", topic_kind_name(origin->topic)), log_number("partition", origin->partition),
                log_text("text", "dead letters wait for their originals, which can't be read again now"));
}

/* One came, or the broker said that it is gone. */
static void originals_are_back(struct worker *worker, struct partition *partition)
{
    away_ends(worker, partition);
    worker->outbox.unread_since_ms = 0;
}

static bool not_now(struct fault *fault)
{
    fault_clear(fault);
    return fault_set(fault, FAULT_RETRY, EX_TEMPFAIL, "reading", "the original is not here yet");
}

static bool original_awaited(struct worker *worker, struct outbox_portion *portion, const struct kafka_position *origin,
                             struct partition *partition, struct fault *fault)
{
    struct outbox *outbox = &worker->outbox;
    if (outbox->unread_since_ms == 0) outbox->unread_since_ms = worker->now_ms;
    if (worker->now_ms - outbox->unread_since_ms >= ORIGINAL_AWAIT_MS) originals_put_off(worker, portion, origin, partition);
    return not_now(fault);
}

/* Without its original a dead letter still says where and why: holding it back would hold back all that is behind it. */
bool outbox_original_send(struct worker *worker, struct outbox_portion *portion, size_t row, uint64_t tag, struct fault *fault)
{
    struct outbox *outbox = &worker->outbox;
    const struct database_result *rows = portion->rows;
    struct kafka_record record = {0};
    struct dead_letter_reason reason = {
        .topic_prefix = config_text(worker->config, "topic_prefix"),
        .origin = {.partition = (int32_t)result_int8(rows, row, OUTBOX_PARTITION), .offset = result_int8(rows, row, OUTBOX_OFFSET)},
        .code = result_text(rows, row, OUTBOX_CODE),
        .text = result_is_null(rows, row, OUTBOX_TEXT) ? NULL : result_text(rows, row, OUTBOX_TEXT),
    };
    if (!topic_kind_of_name(result_text(rows, row, OUTBOX_TOPIC), &reason.origin.topic))
        return fault_set(fault, FAULT_FATAL, EX_SOFTWARE, "outbox", "a dead letter of an unknown topic");
    struct partition *partition = partitions_find(&worker->partitions, reason.origin.topic, reason.origin.partition);
    if (partition == NULL || !partition_is_proven(partition)) { /* no longer, since it was taken */
        dead_letters_leave(worker, portion, &reason.origin);
        return not_now(fault);
    }
    if (worker->now_ms < outbox->read_at_ms) return original_awaited(worker, portion, &reason.origin, partition, fault);
    int64_t append_ms = result_int8(rows, row, OUTBOX_APPEND_MS);
    switch (original_find(&outbox->source, worker->reader, &reason.origin, append_ms, 0, &record, fault)) {
    case ORIGINAL_WAIT:
        return original_awaited(worker, portion, &reason.origin, partition, fault);
    case ORIGINAL_CUT: /* the partition will be halted for that */
    case ORIGINAL_FAULT:
        log_debug("original-unreadable", log_text("code", fault->code), log_text("text", fault->text));
        outbox->read_at_ms = worker->now_ms + backoff_next_ms(&outbox->backoff);
        return original_awaited(worker, portion, &reason.origin, partition, fault);
    case ORIGINAL_FOUND:
    case ORIGINAL_GONE:
        break;
    }
    originals_are_back(worker, partition);
    bool is_sent = dead_letter_send(outbox->producer, &record, &reason, tag, fault);
    if (is_sent) dead_letter_log(&reason, record.handle == NULL);
    kafka_record_release(&record);
    return is_sent;
}
