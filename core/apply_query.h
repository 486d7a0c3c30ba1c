/* The call of nianshen.apply for a range of a micro-batch's records: columns of arrays, in the order of the function's parameters. Pure. */
#ifndef NIANSHEN_CORE_APPLY_QUERY_H
#define NIANSHEN_CORE_APPLY_QUERY_H

#include "core/batch.h"
#include "core/database.h"

/* Where a range moves one partition. */
struct apply_move {
    const struct batch_position *position;
    int64_t expected_offset, next_offset;
    int64_t end_offset; /* known to the broker; -1: unknown */
    const struct batch_record *last; /* NULL: the range has no record of it */
};

struct apply_range {
    const struct batch *batch;
    size_t from, count; /* records */
    struct apply_move *moves; /* room for batch->position_count */
    size_t move_count;
};

/*
 * Finds what the range moves. The range that reaches the end of the micro-batch also takes the positions that lie beyond the last records.
 * `range` holds batch, from, count and the room for moves.
 */
void apply_range_fill(struct apply_range *range);

/* Adds what says which records these are and what each is by itself: the columns from r_topic to r_text. */
void apply_query_add_records(struct database_query *query, const struct batch_record *records, size_t count);

/*
 * `held_unit`: from now on all records of this unit are held; NULL: none. Without the last three parameters, which are the caller's: the
 * rows of the outbox that are marked as published with the micro-batch (arrays of topics, partitions and outbox ids), or nothing.
 */
void apply_query_build(struct database_query *query, const struct apply_range *range, const char *held_unit);
void apply_query_nothing_published(struct database_query *query);

#endif
