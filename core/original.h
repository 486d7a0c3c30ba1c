/* A record read again by its place in its topic: the original of a dead letter, or a record of a held unit. */
#ifndef NIANSHEN_CORE_ORIGINAL_H
#define NIANSHEN_CORE_ORIGINAL_H

#include "core/kafka.h"

enum {
    ORIGINAL_AWAIT_MS = 2000, /* one that does not come is waited for so long, before what else waits is tried */
    ORIGINAL_BOUNDS_MS = 2000, /* the longest wait for a partition's bounds */
    ORIGINAL_SKIP_MAX = 1000, /* reading on past so many records is cheaper than starting anew */
    ORIGINAL_ANY_MS = -1, /* whenever it was appended */
};

/* What the reader is doing. Records that are asked for in the order of their offsets are mostly reached by reading on. */
struct original_source {
    bool is_reading;
    bool is_fresh; /* nothing was delivered since the start at `next` */
    struct kafka_position next;
};

enum original_found {
    ORIGINAL_WAIT, /* not here yet: ask again */
    ORIGINAL_FOUND, /* `record` is the caller's */
    ORIGINAL_GONE, /* no longer in its topic; another one may have its place */
    ORIGINAL_CUT, /* its topic ends before it: truncated, or made anew; FAULT_RETRY says so */
    ORIGINAL_FAULT, /* FAULT_RETRY: try again a little later */
};

/*
 * Looks for the record at that position, and waits up to `timeout_ms` for what comes next. One that was not appended at `append_ms` is
 * another one: its topic was made anew.
 */
enum original_found original_find(struct original_source *source, struct kafka_reader *reader, const struct kafka_position *wanted,
                                  int64_t append_ms, int timeout_ms, struct kafka_record *record, struct fault *fault);

/* Stops reading: there is nothing more to ask for now. */
void original_rest(struct original_source *source, struct kafka_reader *reader);

#endif
