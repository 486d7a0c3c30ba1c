/* The call of nianshen.apply for a range of a micro-batch's records: columns of arrays, in the order of the function's parameters. Pure. */
#ifndef NIANSHEN_CORE_APPLY_QUERY_H
#define NIANSHEN_CORE_APPLY_QUERY_H

#include "core/batch.h"
#include "core/database.h"

/* For a FROM, with its parameters, and the columns of the one row that it returns. */
#define APPLY_CALL                                                                                                                         \
    "nianshen.apply($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, "       \
    "$25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36, $37, $38, $39, $40, $41, $42, $43, $44, $45, $46, $47)"
#define APPLY_FREE "$48" /* the next two parameters, of whoever joins the call with more */
#define APPLY_FREE_TOO "$49"
#define APPLY_COLUMNS "applied, duplicates, dead_letters, held, outbox"
#define APPLY_SQL "SELECT " APPLY_COLUMNS " FROM " APPLY_CALL
enum apply_column { APPLY_APPLIED, APPLY_DUPLICATES, APPLY_DEAD_LETTERS, APPLY_HELD, APPLY_OUTBOX };

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
 * `sql` (borrowed): APPLY_SQL, or what joins APPLY_CALL with more. `held_unit`: from now on all records of this unit are held; NULL: none.
 * Without the last three parameters of the call, which are the caller's: the rows of the outbox that are marked as published with the
 * micro-batch (arrays of topics, partitions and outbox ids), or nothing.
 */
void apply_query_build(struct database_query *query, const char *sql, const struct apply_range *range, const char *held_unit);
void apply_query_nothing_published(struct database_query *query);

#endif
