/*
 * A bundle: decoded records of some shards of one lane, contiguous in each of their partitions, on their way to becoming a micro-batch; if
 * they do not fit into one they are applied in parts. A lane has two: one is filled while the database works on the other. The records'
 * bytes stay the client library's until the bundle is reset. Pure: no I/O here.
 */
#ifndef NIANSHEN_WORKER_BUNDLE_H
#define NIANSHEN_WORKER_BUNDLE_H

#include "worker-next/micro_batch.h"
#include "worker-next/shards.h"

enum {
    /* What decoding makes of the records: once this is passed no further record is begun; a single one always fits above it. */
    BUNDLE_DECODED_BYTES_FULL = 8 * 1024 * 1024,
    BUNDLE_DECODED_BYTES_MAX = BUNDLE_DECODED_BYTES_FULL + 16 * 1024 * 1024,
};

struct bundle_limits {
    size_t records, bytes; /* a bundle is full with either; at least 1 */
};

struct bundle_note { /* about one record */
    size_t position; /* index of its partition in `positions` */
    int64_t expected_offset; /* the position before this record: offsets may have gaps */
    const char *unit; /* of a record that decoding refused, the key when it is a printable name; NULL: it is not */
};

struct bundle_position { /* of one partition */
    int32_t shard;
    enum topic_kind topic;
    int64_t epoch;
    int64_t records_offset; /* after its last record; before the first one: where the bundle began */
    int64_t next_offset; /* after the bundle: more than records_offset where the partition ends in markers of transactions */
};

struct bundle {
    struct arena *arena; /* of decoding */
    struct bundle_limits limits;
    struct batch_record *records;
    struct bundle_note *notes;
    size_t record_count;
    struct bundle_position *positions;
    size_t position_count, position_room;
    size_t bytes; /* of the records as they came */
    bool is_closed; /* memory for decoding is out: it is applied as it is */
    bool is_held; /* of records that were held; no position moves */
    int64_t since_ms; /* when its first record came */
};

/* NULL when memory is out. */
struct bundle *bundle_new(struct bundle_limits limits);
void bundle_free(struct bundle *bundle);
/* Releases all records. */
void bundle_reset(struct bundle *bundle);

bool bundle_is_empty(const struct bundle *bundle); /* nothing to apply, not even a position */
bool bundle_is_full(const struct bundle *bundle);

enum bundle_added {
    BUNDLE_ADDED, /* the record is the bundle's now */
    BUNDLE_CLOSED, /* not taken: it must begin the next bundle */
    BUNDLE_FAILED, /* memory is out */
};

/*
 * Decodes one record of `partition` and adds it; moves partition->taken_offset. A record that breaks the contract is added with its code.
 * `input_partitions` is the number of partitions of the input topics.
 */
enum bundle_added bundle_add(struct bundle *bundle, const struct shard *shard, struct partition *partition,
                             const struct kafka_record *record, int32_t input_partitions);
/* The partition has nothing before its end that was not taken: what lies between are markers of transactions. False: memory is out. */
bool bundle_add_end(struct bundle *bundle, const struct shard *shard, struct partition *partition);
/* A record of a released unit of this shard: as bundle_add, but nothing moves. */
enum bundle_added bundle_add_held(struct bundle *bundle, struct shard *shard, const struct kafka_record *record, int32_t input_partitions);

#endif
