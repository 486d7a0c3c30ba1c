/*
 * UNITS.csv and MEMBERS.csv row by row: the header's columns in any order, cells trimmed and checked by a table of rules. Pure.
 */
#ifndef NIANSHEN_OPS_ROSTER_SHEET_H
#define NIANSHEN_OPS_ROSTER_SHEET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/csv_stream.h"
#include "core/fault.h"

enum {
    ROSTER_COLUMNS_MAX = 8,
    ROSTER_CELL_BYTES_MAX = 255,
    ROSTER_TEXT_BYTES_MAX = 400, /* of what is wrong with one cell */
};

/* What is read into one form where it is recognised; any other text stays as it is. */
enum roster_form {
    ROSTER_TEXT,
    ROSTER_DATE, /* as date_parse reads it: YYYY-MM-DD */
    ROSTER_TELEPHONE, /* a mobile as 11 digits, which its mask counts on; a landline without blanks */
};

struct roster_column {
    const char *name; /* NULL ends a kind's columns */
    size_t bytes_max;
    bool is_required; /* must not be empty */
    const char *one_of; /* the values allowed, separated by blanks; NULL: any text */
    enum roster_form form;
};

struct roster_kind {
    const char *header; /* "unit,name,…", for messages and for the export */
    struct roster_column columns[ROSTER_COLUMNS_MAX + 1];
};

enum { UNIT_UNIT, UNIT_NAME, UNIT_SUPERIOR, UNIT_CREDIT_CODE, UNIT_ADDRESS, UNIT_CONTACT_NAME, UNIT_CONTACT_MOBILE, UNIT_COLUMNS };
enum {
    MEMBER_UNIT,
    MEMBER_NO,
    MEMBER_NAME,
    MEMBER_GENDER,
    MEMBER_ID_TYPE,
    MEMBER_ID_NUMBER,
    MEMBER_ID_VALID_UNTIL,
    MEMBER_MOBILE,
    MEMBER_COLUMNS
};

extern const struct roster_kind roster_units, roster_members;

struct roster_sheet {
    const struct roster_kind *kind;
    size_t place[ROSTER_COLUMNS_MAX]; /* where in a row of the file each column of the kind stands */
    size_t width; /* cells of the file's header */
    /* The row that was read last, in the order of the kind's columns; NULL: an empty cell. */
    const char *values[ROSTER_COLUMNS_MAX];
    char cells[ROSTER_COLUMNS_MAX][ROSTER_CELL_BYTES_MAX + 1];
};

/* Reads the header. Every column of the kind must be there once and no other: FAULT_REJECT, EX_DATAERR, naming the column and the header.
 */
bool roster_sheet_header(struct roster_sheet *sheet, const struct roster_kind *kind, const struct csv_row *row, struct fault *fault);

/* Told of each cell that breaks a rule; `column` is NULL when the row as a whole does. `text` says what is wrong and what to do. */
typedef void (*roster_error_fn)(void *context, int64_t row, const char *column, const char *text);

/* Reads one row into `values`. Returns how many errors there were. */
size_t roster_sheet_row(struct roster_sheet *sheet, const struct csv_row *row, roster_error_fn error, void *context);

#endif
