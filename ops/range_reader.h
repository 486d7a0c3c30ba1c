/*
 * Reads ranges of the input topics, outside the workers' group, and decodes them into micro-batches as a worker does: for `replay`, which
 * asks what becomes of them now, and `verify`, which applies them elsewhere.
 */
#ifndef NIANSHEN_OPS_RANGE_READER_H
#define NIANSHEN_OPS_RANGE_READER_H

#include "core/batch.h"
#include "core/config.h"
#include "core/fault.h"
#include "core/kafka.h"

struct range_hole { /* offsets from `from` to before `to`, which are passed over */
    int64_t from, to;
};

struct range {
    struct batch_partition at; /* as the micro-batches are to have it */
    int64_t from, to; /* to: before this offset */
    const struct range_hole *holes; /* in order; borrowed */
    size_t hole_count;
    int64_t first; /* out: what the topic holds begins here; above `from` it was truncated */
    int64_t records; /* out: how many were read */
};

/*
 * Takes a micro-batch that holds all there is before `next` since the last one; perhaps none at all. An empty micro-batch is to stand in
 * `*batch` afterwards: the same after batch_reset, or another.
 */
typedef bool (*range_taken_fn)(void *context, struct range *range, struct batch **batch, int64_t next, struct fault *fault);

struct range_reader {
    const struct config *config; /* borrowed */
    struct kafka_reader *kafka;
    struct batch *batch;
    int32_t input_partitions; /* part of the contract: a record in a wrong one is a dead letter */
};

/* False with the fault set: no broker, or topics that are not as needed. Close it in either case. */
bool range_reader_open(struct range_reader *reader, const struct config *config, struct batch_limits limits, struct fault *fault);
void range_reader_close(struct range_reader *reader);

/*
 * Reads the range to its end. What the topic does not hold any more, before its first offset or behind its end, is passed over. A broker
 * that does not answer for nine seconds is FAULT_RETRY, EX_UNAVAILABLE.
 */
bool range_reader_run(struct range_reader *reader, struct range *range, range_taken_fn taken, void *context, struct fault *fault);

#endif
