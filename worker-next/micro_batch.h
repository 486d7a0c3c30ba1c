/*
 * A micro-batch: records of some shards, contiguous in each of their partitions, that one lane applies in one transaction. All memory of
 * decoding, loading and deciding is its arena; the records' own bytes stay with the client library's messages until it is stored, since
 * dead letters and held records travel with the transaction.
 */
#ifndef NIANSHEN_WORKER_MICRO_BATCH_H
#define NIANSHEN_WORKER_MICRO_BATCH_H

#include "core/arena.h"
#include "core/kafka.h"
#include "rules/review.h"

enum {
    MICRO_BATCH_RECORDS_MAX = 10000,
    MICRO_BATCH_ARENA_BYTES_MAX =
        256 * 1024 * 1024, /* the rows and the roster of one submission of a very large unit; a micro-batch is split long before */
    MICRO_BATCH_UNITS_MAX = MICRO_BATCH_RECORDS_MAX,
};

struct record_mark { /* by which a record is known again */
    int64_t offset, append_ms;
    uint8_t sha256[KAFKA_SHA256_BYTES];
};

struct batch_move { /* of one partition */
    int32_t shard;
    enum topic_kind topic;
    int64_t epoch; /* of the owner's claim */
    int64_t expected_offset, next_offset;
    int32_t records;
    bool has_last;
    struct record_mark last; /* the last record moved over, if any */
};

struct batch_record {
    struct kafka_record record; /* owned */
    struct event event; /* decoded */
    bool is_applied_before; /* a held record of a released unit: no position moves with it */
    struct review_event in; /* what review_apply is given */
};

struct store_loaded; /* what a store has loaded for one micro-batch */

struct micro_batch {
    struct arena *arena;
    struct batch_record *records;
    size_t record_count;
    struct batch_move *moves; /* one a touched partition */
    size_t move_count;
    struct review_event *events; /* of each record, in their order: what store_load and review_apply are given */
    struct store_loaded *loaded; /* world, reference and outcomes point into it: store_release */
    struct reference reference; /* loaded */
    struct world world; /* loaded, then decided */
    struct effects effects;
    const char *held_unit; /* from now on this unit is held; NULL: none */
};

struct bundle;

/*
 * Makes records `from` to `from + count` of the bundle a micro-batch that can be loaded; its last part also moves over what follows the
 * records. A bundle of held records moves nothing: its moves are there for epoch and position to be compared. `arena` is that of loading
 * and deciding; the decoded records stay the bundle's. False: the arena is full.
 */
bool micro_batch_fill(struct micro_batch *micro, struct arena *arena, const struct bundle *bundle, size_t from, size_t count);

#endif
