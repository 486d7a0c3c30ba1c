/*
 * Outcomes and dead letters on their way out by the idempotent producer. What a micro-batch wrote to the outbox is published from memory
 * once it is committed; what an owner before left there, or a broker refused, is taken from the database first, and nothing of that shard
 * overtakes it. Each batch of a shard is counted until its last delivery report; then it is deleted from the outbox, with the next
 * micro-batch or, if none comes soon, by itself. A crash in between publishes it again: outcomes keep their ce_id.
 */
#ifndef NIANSHEN_WORKER_PUBLISH_H
#define NIANSHEN_WORKER_PUBLISH_H

#include "core/kafka.h"
#include "worker-next/backoff.h"
#include "worker-next/lane.h"

enum {
    PUBLISH_BATCHES_MAX = 1024, /* of shards, not acknowledged or not deleted yet; more than outbox rows taken at a time */
    PUBLISH_BYTES_MAX = 4 * 1024 * 1024, /* not acknowledged: beyond, nothing more is begun */
    PUBLISH_WAIT_MS = 1000, /* so long what is next waits for the broker; then it is left to the outbox, so that the lane goes on */
    PUBLISH_MARK_MS = 100, /* so long what is acknowledged waits for a micro-batch that deletes it in its transaction */
};

_Static_assert((int)PUBLISH_BATCHES_MAX > (int)STORE_OUTBOX_ROWS_MAX, "what is taken at a time can be counted");

struct worker;
struct lane;

enum publication_state {
    PUBLICATION_FREE,
    PUBLICATION_OUT, /* not all reports are in */
    PUBLICATION_DONE,
    PUBLICATION_MARKING, /* a request that deletes it is under way */
};

struct publication { /* one outbox batch of one shard */
    enum publication_state state;
    int32_t shard;
    int lane;
    int64_t batch;
    bool is_whole; /* all of it was handed over */
    bool is_given_up; /* refused or forgotten: it is taken from the database again */
    uint32_t records, unreported;
    size_t bytes;
    int64_t mark_at_ms;
};

struct publish {
    struct kafka_producer *producer; /* NULL until the topics are checked */
    struct publication list[PUBLISH_BATCHES_MAX];
    size_t used; /* those that are not FREE */
    size_t done[LANES_MAX]; /* those of each lane that are DONE */
    size_t bytes; /* not acknowledged */
    struct backoff backoff;
};

void publish_init(struct publish *publish);
bool publish_open(struct worker *worker, struct fault *fault);
void publish_free(struct publish *publish);

/* True when nothing is on its way or to be deleted, and no outbox waits. */
bool publish_is_empty(const struct worker *worker);
/* True while anything is on its way or not deleted. */
bool publish_is_under_way(const struct publish *publish);

/* Serves delivery reports; after a fatal error makes the producer anew. */
bool publish_step(struct worker *worker);
/* Hands over what came of the lane's micro-batch, or the outbox rows it took; true when that is complete. */
bool publish_batch(struct worker *worker, struct lane *lane);
bool publish_rows(struct worker *worker, struct lane *lane);

/* Fills lane->published with what is to be deleted by the request that follows; returns how many. */
size_t publish_collect(struct worker *worker, struct lane *lane);
/* That request was answered, or failed. */
void publish_marked(struct worker *worker, const struct lane *lane, bool is_deleted);
/* Gives up what the lane is handing over; what was handed over goes on, and is deleted in whatever session. */
void publish_interrupt(struct worker *worker, const struct lane *lane);
/* The lane's shards are given back: whoever has them next publishes what was not deleted. */
void publish_forget(struct worker *worker, const struct lane *lane);

/* Asks the database for outbox rows, or to delete what is acknowledged. */
bool publish_take_ask(struct worker *worker, struct lane *lane);
void publish_taken(struct worker *worker, struct lane *lane);
bool publish_mark_ask(struct worker *worker, struct lane *lane);
void publish_failed(struct worker *worker, struct lane *lane, const struct fault *fault);

#endif
