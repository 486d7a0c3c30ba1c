/*
 * Reads CSV (RFC 4180) as a stream, by libcsv; core/csv_stream.c is the only file that includes csv.h. Caps on field, columns, rows and
 * file; every row knows the line a spreadsheet shows it on. Rows come as UTF-8 whatever the file's encoding is (core/encoding.h); the
 * columns are separated by what separates them in the header, or what a line "sep=;" above it says: commas, tabs or semicolons. A cell ="1"
 * need not be quoted as RFC 4180 wants it.
 */
#ifndef NIANSHEN_CORE_CSV_STREAM_H
#define NIANSHEN_CORE_CSV_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "core/encoding.h"
#include "core/fault.h"

enum {
    CSV_FIELD_BYTES_MAX = 64 * 1024,
    CSV_COLUMNS_MAX = 64,
    CSV_ROWS_MAX = 20000000,
    CSV_ROW_BYTES_MAX = 1024 * 1024, /* all cells of a row */
};

#define CSV_FILE_BYTES_MAX (INT64_C(4) * 1024 * 1024 * 1024)

struct csv_format {
    enum encoding encoding;
    char delimiter;
};

/* "commas", "逗号"; for messages, in their language. Static. */
const char *csv_delimiter_name(const struct csv_format *format);

struct csv_row {
    int64_t number; /* as a spreadsheet numbers it: the header is row 1; blank lines count */
    size_t count;
    const char *const *values; /* NUL-terminated, surrounding blanks kept; borrowed until the callback returns */
    const size_t *lengths;
};

/* Return false (with the fault set) to end the reading. */
typedef bool (*csv_row_fn)(void *context, const struct csv_row *row, struct fault *fault);

/*
 * Reads the whole of `file`, which can be sought, twice: for its encoding, then calling `each` for every row that is not blank (a row of
 * empty cells only is blank), the header included. `format` is known before the first row is given. FAULT_REJECT, EX_DATAERR, with the
 * remedy: not-csv, csv-file-limit, and with the row's number csv-quoting, not-text (also for a NUL), csv-limit. A read error is
 * FAULT_FATAL, EX_IOERR, code read-failed. After a fault `each` is not called again.
 */
bool csv_read(FILE *file, struct csv_format *format, csv_row_fn each, void *context, struct fault *fault);

/* Takes ="…" off a cell, by which a spreadsheet is told to keep what it holds as text. False: it has none. */
bool csv_cell_unwrap(const char **text, size_t *length);

/*
 * Writes one row for a spreadsheet, CRLF at the end. A cell that it would take for a formula (= + - @, control characters) gets a leading
 * apostrophe; a number that it can't keep (long, or with leading zeros) is text when a tab follows it, which whoever reads it back trims.
 * False: errno says why. (libcsv has a csv_write of its own.)
 */
bool csv_write_row(FILE *file, const char *const *values, size_t count);

#endif
