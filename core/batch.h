/*
 * A micro-batch: decoded records of one or more partitions, contiguous in each, that the database applies in one call. All of their
 * memory is one arena. Whoever reads in a loop has two: one is filled while the database works on the other.
 *
 * No two records of a micro-batch have the same identity (topic, unit, year, source, id): so the database can compare each with what
 * it has stored. Pure: no I/O here.
 */
#ifndef NIANSHEN_CORE_BATCH_H
#define NIANSHEN_CORE_BATCH_H

#include "core/event.h"

enum {
    BATCH_RECORDS_MAX = 10000,
    /* What decoding makes of the records: once this is passed no further record is begun; a single one always fits above it. */
    BATCH_DECODED_BYTES_FULL = 8 * 1024 * 1024,
    BATCH_DECODED_BYTES_MAX = BATCH_DECODED_BYTES_FULL + 16 * 1024 * 1024,
};

struct batch_limits {
    size_t records, bytes; /* a micro-batch is full with either; at least 1 */
};

struct record_mark { /* by which a record is known again */
    int64_t offset, append_ms;
    uint8_t sha256[KAFKA_SHA256_BYTES];
};

/* A partition that is taken into micro-batches, as its reader keeps it. */
struct batch_partition {
    enum topic_kind topic;
    int32_t number;
    int64_t epoch; /* of the reader's claim */
    int64_t taken_offset; /* the next offset after all that was taken; at first: where to begin */
    const void *slot_batch; /* the micro-batch that the slot belongs to */
    size_t slot; /* this partition's position in it */
};

struct batch_record {
    enum topic_kind topic;
    int32_t number; /* of its partition */
    size_t position; /* index of its partition in `positions` */
    int64_t expected_offset; /* the position before this record: offsets may have gaps */
    struct record_mark mark;
    const char *code, *text; /* a dead letter's; NULL: a good event */
    const char *unit; /* of a dead letter: the key when it is a printable name, else NULL */
    struct event event; /* zero for a dead letter */
};

struct batch_position { /* of one partition */
    enum topic_kind topic;
    int32_t number;
    int64_t epoch;
    int64_t expected_offset; /* before this micro-batch */
    int64_t records_offset; /* after its last record */
    int64_t next_offset; /* after it: more than records_offset where the partition ends in markers of transactions */
};

struct batch {
    struct arena *arena;
    struct batch_limits limits;
    struct batch_record *records;
    size_t record_count;
    struct batch_position *positions;
    size_t position_count, position_room;
    size_t bytes; /* of the records as they came */
    uint16_t *identities; /* hash table of record numbers + 1 */
    uint64_t hash_seed;
};

/* NULL when memory is out. */
struct batch *batch_new(struct batch_limits limits, uint64_t hash_seed);
void batch_free(struct batch *batch);
void batch_reset(struct batch *batch);

bool batch_is_empty(const struct batch *batch); /* nothing to apply, not even a position */
bool batch_is_full(const struct batch *batch);

enum batch_added {
    BATCH_ADDED, /* the record may be released */
    BATCH_CLOSED, /* not taken: it must begin the next micro-batch */
    BATCH_FAILED, /* memory is out */
};

/*
 * Decodes one record of `partition` and adds it; moves partition->taken_offset. A record that breaks the contract is added as a dead
 * letter. `partitions` is the number of partitions of the input topics.
 */
enum batch_added batch_add(struct batch *batch, struct batch_partition *partition, const struct kafka_record *record, int32_t partitions);

/* The partition has nothing before `end_offset` that was not taken: what lies between are markers of transactions. False: memory is out. */
bool batch_add_end(struct batch *batch, struct batch_partition *partition, int64_t end_offset);

#endif
