/*
 * Outcomes and dead letters on their way out: taken from the database in the order they were written, with the answer to the micro-batch
 * that wrote them or asked for, published by the idempotent producer, marked after the delivery report: with the next micro-batch, or by
 * themselves when none comes soon or more waits to be taken. What one answer brings is a portion; a second one may follow while the broker
 * has still to report the first. A crash in between publishes again what was not marked: outcomes keep their ce_id.
 */
#ifndef NIANSHEN_WORKER_OUTBOX_H
#define NIANSHEN_WORKER_OUTBOX_H

#include "core/database.h"
#include "core/kafka.h"
#include "core/original.h"
#include "worker/backoff.h"

enum {
    OUTBOX_ROWS_MAX = 2000, /* taken at a time; the database also stops after 4 MiB */
    OUTBOX_PORTIONS_MAX = 2, /* in flight */
    OUTBOX_EVERY_MS = 5000, /* looked at this often, whatever the micro-batches say, and for originals that could not be read */
    OUTBOX_MARK_MS = 100, /* after it was taken; so long what is published waits for a micro-batch that marks it in its transaction */
};

/* The columns of nianshen.outbox_take that an answer with rows of the outbox begins with. */
#define OUTBOX_COLUMNS                                                                                                                     \
    "outbox_id, kind, topic, partition, record_offset, append_ms, unit, ce_type, ce_id, ce_time_ms, ce_causationid, body, code, text, "    \
    "has_more"
enum outbox_column {
    OUTBOX_ID,
    OUTBOX_KIND,
    OUTBOX_TOPIC,
    OUTBOX_PARTITION,
    OUTBOX_OFFSET,
    OUTBOX_APPEND_MS, /* these two: of a dead letter's original */
    OUTBOX_UNIT,
    OUTBOX_TYPE,
    OUTBOX_CE_ID,
    OUTBOX_TIME,
    OUTBOX_CAUSATION,
    OUTBOX_BODY,
    OUTBOX_CODE,
    OUTBOX_TEXT,
    OUTBOX_HAS_MORE,
    OUTBOX_COLUMN_COUNT
};

struct worker;

enum outbox_row { OUTBOX_TO_SEND, OUTBOX_SENT, OUTBOX_DELIVERED, OUTBOX_LEFT };

struct outbox_portion {
    struct database_result *rows;
    size_t row_count;
    enum outbox_row states[OUTBOX_ROWS_MAX];
    uint16_t order[OUTBOX_ROWS_MAX]; /* in which the rows are sent */
    size_t next; /* place in the order: all before were handed to the producer */
    size_t unreported;
    bool has_left; /* rows that are to be taken again: the broker refused them */
    int64_t mark_at_ms; /* without a micro-batch */
};

struct outbox {
    struct kafka_producer *producer; /* NULL until the topics are checked */
    struct outbox_portion portions[OUTBOX_PORTIONS_MAX]; /* a ring; each is handed over when all of the one before is */
    size_t first, count;
    size_t marking; /* so many of the first are marked by the query under way */
    bool is_taking;
    bool is_wanted; /* there may be something that no portion has */
    int64_t take_at_ms; /* neither taken nor marked before */
    int64_t look_at_ms; /* then all the same */
    int64_t read_at_ms; /* no original before */
    int64_t unread_since_ms; /* the original of the row that is next does not come; 0: it is not waited for */
    struct backoff backoff;
    struct original_source source;
};

void outbox_init(struct outbox *outbox);
bool outbox_open(struct worker *worker, struct fault *fault);
void outbox_free(struct outbox *outbox);

/* Something was written, or may have been. */
void outbox_want(struct outbox *outbox);
/* True while records are on their way or not marked. */
bool outbox_is_publishing(const struct outbox *outbox);
/* True when nothing is known to wait. */
bool outbox_is_empty(const struct outbox *outbox);
/* True for an outcome, false for a dead letter. */
bool outbox_is_outcome(const struct database_result *rows, size_t row);

/*
 * Adds five parameters to a micro-batch's query: what is published and not marked, if anything (topics, partitions and ids), how many of
 * the rows that the micro-batch writes its answer may bring, and the id behind which they begin. outbox_carried, called with the answer,
 * tells whether it was marked.
 */
void outbox_carry(struct worker *worker, struct database_query *query);
void outbox_carried(struct worker *worker, bool is_marked);
/* The micro-batch wrote rows. What `*result` brings of them is published; it becomes NULL then. */
void outbox_written(struct worker *worker, struct database_result **result);

bool outbox_step(struct worker *worker);

#endif
