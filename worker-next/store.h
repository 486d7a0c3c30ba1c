/*
 * The worker's only door to the database; the simulator implements it, too. A store is one lane's session: one request at a time, none of
 * the calls waits. No rule is decided here.
 *
 * A micro-batch takes two round trips in one transaction: store_load (locks, fence, state of the touched units), then, when the caller has
 * decided, store_write (set-based writes and COMMIT). Whatever fails rolls all of it back; a COMMIT whose answer was lost is resolved by
 * claiming again and reading the positions.
 */
#ifndef NIANSHEN_WORKER_STORE_H
#define NIANSHEN_WORKER_STORE_H

#include "core/fault.h"
#include "worker-next/micro_batch.h"

enum {
    STORE_SHARDS_MAX = KAFKA_PARTITIONS_MAX,
    STORE_OUTBOX_ROWS_MAX = 200, /* taken at a time */
    STORE_HELD_RECORDS_MAX = 500,
    STORE_SETTLE_ROWS_MAX = 20000, /* enrolments moved to the archive at a time */
};

struct store;

enum store_state {
    STORE_CLOSED, /* no session, nothing under way: store_open */
    STORE_BUSY, /* connecting or a request is under way: wait for the socket, then store_step */
    STORE_READY, /* the last request is done, its result is valid until the next one */
    STORE_FAILED, /* it is not; store_fault says why. The session may be lost: store_is_lost */
};

/* `name` is shown to operators (application_name and the shards' owner). NULL: memory is out. */
struct store *store_new(const char *name);
void store_free(struct store *store);

/* Begins to connect and to check that schema version and role fit; then READY or FAILED. */
void store_open(struct store *store);
/* Ends the session: what was not committed is rolled back by the server. */
void store_close(struct store *store);
/* Moves connection and request on without waiting. */
enum store_state store_step(struct store *store);
const struct fault *store_fault(const struct store *store);
bool store_is_lost(const struct store *store);
/* For poll(2); -1: none. */
int store_socket(const struct store *store, bool *wants_write);

/* ---- claiming shards ---- */

struct store_partition {
    int64_t next_offset;
    bool has_last;
    struct record_mark last;
    int64_t purged_before; /* records before this are deleted on purpose */
    const char *halted; /* why; NULL: it is not. Borrowed until the next request */
};

struct store_shard {
    int32_t shard; /* in */
    int64_t epoch; /* out */
    struct store_partition partitions[TOPIC_INPUTS];
    bool has_outbox; /* something of an earlier owner waits to be published */
    bool has_removals; /* rows to move */
};

/* Raises the epoch of these shards and reads where they stand. An earlier owner's session that still holds a shard's lock is ended. */
void store_claim(struct store *store, struct store_shard *shards, size_t count);

/* ---- a micro-batch ---- */

/*
 * Locks, compares epoch and positions with the batch's moves, loads what is known of the reviews in batch->world, where the caller has put
 * one a unit and year that batch->events touch (unit, year and created_ms REFERENCE_FOREVER_MS; in any order), and batch->reference. FAILED
 * with code "fenced": another owner, a halt, or a position that is not the expected one; with code "memory": the arena is full, and a
 * smaller micro-batch may fit.
 *
 * Every shard of the records has a move; one whose offsets are equal only fences. Held records (is_applied_before) come by themselves.
 */
void store_load(struct store *store, struct micro_batch *batch);
/* Frees what store_load gave the batch: when it ends, before its arena is reset, and not while its outcomes are published. */
void store_release(struct micro_batch *batch);
/*
 * Writes what review_apply left in the batch, moves the positions, commits. `published`: outbox batches that Kafka has acknowledged; they
 * are deleted in the same transaction. After READY, store_outbox_batch is the number of the outbox row a shard got (-1: none).
 */
struct store_published {
    int32_t shard;
    int64_t batch;
};
void store_write(struct store *store, struct micro_batch *batch, const struct store_published *published, size_t published_count);
int64_t store_outbox_batch(const struct store *store, int32_t shard);
/* Gives a loaded micro-batch up: rolls back. */
void store_abandon(struct store *store);

/* ---- publishing ---- */

/* Deletes acknowledged outbox batches in a transaction of its own, for when no micro-batch comes soon. */
void store_mark(struct store *store, const struct store_published *published, size_t published_count);

struct store_outbox_row {
    int32_t shard;
    int64_t batch;
    struct outcome *outcomes; /* unpacked into the arena */
    size_t outcome_count;
    struct store_dead_letter {
        struct kafka_record record; /* key, value, headers, place, append time; borrowed from the arena, no handle */
        const char *code, *text;
    } * dead_letters;
    size_t dead_letter_count;
};
/* The first rows of these shards behind the given batches, oldest first. */
void store_take_outbox(struct store *store, struct arena *arena, const struct store_published *behind, size_t shard_count);
const struct store_outbox_row *store_outbox_rows(const struct store *store, size_t *count, bool *has_more);

/* ---- watching ---- */

struct store_look {
    int32_t shard;
    int64_t epoch; /* in: ours; out: the present one */
    bool is_resumed[TOPIC_INPUTS]; /* out: no halt is stored (any more) */
    bool has_held; /* records of a released unit wait to be applied */
};
void store_look(struct store *store, struct store_look *looks, size_t count);
/* Records that this partition cannot go on, until an operator resumes it. */
void store_halt(struct store *store, int32_t shard, int64_t epoch, enum topic_kind topic, const char *why);
/* The next held records of released units of a shard, each topic in its order, as records with bytes in the arena and no handle. */
void store_take_held(struct store *store, struct arena *arena, int32_t shard);
const struct kafka_record *store_held_records(const struct store *store, size_t *count);
/* Moves some removed members of these shards to the archive. store_settled: how many rows; 0: nothing is left. */
void store_settle(struct store *store, const int32_t *shards, size_t count);
int64_t store_settled(const struct store *store);

#endif
