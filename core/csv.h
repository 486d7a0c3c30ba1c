/*
 * Reads CSV (RFC 4180) as a stream, by libcsv; core/csv.c is the only file that includes csv.h. Caps on field, columns, rows and file;
 * every row knows the line a spreadsheet shows it on. UTF-8 with or without a byte-order mark.
 */
#ifndef NIANSHEN_CORE_CSV_H
#define NIANSHEN_CORE_CSV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "core/fault.h"

enum {
    CSV_FIELD_BYTES_MAX = 64 * 1024,
    CSV_COLUMNS_MAX = 64,
    CSV_ROWS_MAX = 20000000,
    CSV_ROW_BYTES_MAX = 1024 * 1024, /* all cells of a row */
};

struct csv_row {
    int64_t number; /* as a spreadsheet numbers it: the header is row 1; blank lines count */
    size_t count;
    const char *const *values; /* NUL-terminated, surrounding blanks kept; borrowed until the callback returns */
    const size_t *lengths;
};

/* Return false (with the fault set) to end the reading. */
typedef bool (*csv_row_fn)(void *context, const struct csv_row *row, struct fault *fault);

/*
 * Reads to the end of `file`, calling `each` for every row that is not blank (a row of empty cells only is blank), the header included.
 * FAULT_REJECT, EX_DATAERR, with the row's number and the remedy: csv-quoting, not-utf8 (also for a NUL), csv-limit. A read error is
 * FAULT_FATAL, EX_IOERR, code read-failed. After a fault `each` is not called again.
 */
bool csv_read(FILE *file, csv_row_fn each, void *context, struct fault *fault);

/*
 * Writes one row, CRLF at the end; a cell that a spreadsheet would take for a formula (= + - @, control characters) gets a leading
 * apostrophe. False: errno says why. (libcsv has a csv_write of its own.)
 */
bool csv_write_row(FILE *file, const char *const *values, size_t count);

#endif
