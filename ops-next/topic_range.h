/*
 * Reads ranges of the input topics, outside the workers' group, record by record: for `replay`, which asks what becomes of them now, and
 * `verify`, which applies them again in memory.
 */
#ifndef NIANSHEN_OPS_TOPIC_RANGE_H
#define NIANSHEN_OPS_TOPIC_RANGE_H

#include "core/config.h"
#include "core/fault.h"
#include "core/kafka.h"

struct range_gap { /* offsets from `from` to before `to`, which are passed over */
    int64_t from, to;
};

struct topic_range {
    enum topic_kind topic;
    int32_t partition;
    int64_t from, to; /* to: before this offset */
    const struct range_gap *gaps; /* in order; borrowed */
    size_t gap_count;
    int64_t first; /* out: what the topic holds begins here; above `from` it was truncated */
    int64_t records; /* out: how many were read */
};

/* Takes one record, borrowed for the call. False, with the fault set, ends the reading. */
typedef bool (*topic_record_fn)(void *context, const struct kafka_record *record, struct fault *fault);

struct topic_reader {
    const struct config *config; /* borrowed */
    struct kafka_reader *kafka;
    int32_t input_partitions; /* part of the contract: a record in a wrong one is a dead letter */
};

/* False with the fault set: no broker, or topics that are not as needed. Close it in either case. */
bool topic_reader_open(struct topic_reader *reader, const struct config *config, struct fault *fault);
void topic_reader_close(struct topic_reader *reader);

/*
 * Reads the range to its end. What the topic does not hold any more, before its first offset or behind its end, is passed over. A broker
 * that does not answer for nine seconds is FAULT_RETRY, EX_UNAVAILABLE.
 */
bool topic_range_read(struct topic_reader *reader, struct topic_range *range, topic_record_fn take, void *context, struct fault *fault);

#endif
