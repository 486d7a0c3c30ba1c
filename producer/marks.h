/*
 * What is wrong with the rows of a clerk's file, written into a copy of it: a last column says for each row what to mend, so that it can be
 * mended in place and submitted as it is. Memory does not grow with the number of marks.
 */
#ifndef NIANSHEN_PRODUCER_MARKS_H
#define NIANSHEN_PRODUCER_MARKS_H

#include <stdbool.h>
#include <stdio.h>

#include "core/fault.h"
#include "producer/report.h"

struct marks;

/* Caller owns the marks. NULL when memory is out. */
struct marks *marks_new(void);
void marks_free(struct marks *marks);

/* Copies what `problem` says of its row; one without a row is left out. False: as sorter_add. */
bool marks_add(struct marks *marks, const struct problem *problem, struct fault *fault);

int64_t marks_count(const struct marks *marks);

/*
 * Once, after the last mark: copies the CSV file `in` to `out` as UTF-8 with a byte-order mark and commas, rows at their places, and the
 * marks in a column of their own; that of an earlier copy is replaced. Cells are guarded as csv_write_row does. False: as csv_read, or
 * EX_IOERR.
 */
bool marks_write(struct marks *marks, FILE *in, FILE *out, struct fault *fault);

#endif
