/*
 * Rows for people and for programs: a table that stands aligned on a terminal (Chinese takes two columns a character) and in a pipe alike,
 * or an array of JSON objects. What a terminal would take for a command is printed as '?'.
 */
#ifndef NIANSHEN_OPS_TABLE_H
#define NIANSHEN_OPS_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "core/database.h"
#include "core/fault.h"
#include "core/language.h"

enum {
    TABLE_COLUMNS_MAX = 32,
    TABLE_ROWS_MAX = 1000000,
};

enum table_kind {
    TABLE_TEXT,
    TABLE_MASKED, /* text of strangers: whatever could be an ID number or a mobile in it is masked */
    TABLE_NUMBER, /* a whole number, to the right */
    TABLE_MOMENT, /* milliseconds since 1970: in China Standard Time for people, RFC 3339 in JSON */
    TABLE_LIST, /* items separated by newlines: ", " for people, an array in JSON */
    TABLE_SWITCH, /* "t" or "f" as PostgreSQL writes them: yes or no, 是 or 否 for people, true or false in JSON */
};

struct table_column {
    struct words title; /* for people; NULL: the name */
    const char *name; /* the key in JSON; NULL ends the columns */
    enum table_kind kind;
};

struct table;

/* `columns` are borrowed and must outlive the table. NULL when memory is out. */
struct table *table_new(const struct table_column *columns, bool is_json);
void table_free(struct table *table);

/* Adds a row of as many cells as there are columns, copied; NULL is an empty cell. False when TABLE_ROWS_MAX is passed or memory is out. */
bool table_add(struct table *table, const char *const *cells, struct fault *fault);
/* Adds all rows of an answer whose columns stand in the order of the table's. */
bool table_add_result(struct table *table, const struct database_result *result, struct fault *fault);
size_t table_rows(const struct table *table);

/* Prints the rows; without any, people see nothing and programs an empty array. */
void table_print(const struct table *table, FILE *out);

/* Prints one row as lines "title  value" for people, as one JSON object (without a newline) for programs. */
void table_print_record(const struct table *table, size_t row, FILE *out);

/* "2026-03-01 08:00:00 CST". `out` holds at least 32 bytes. */
void table_format_moment(const char *milliseconds, char *out, size_t out_bytes);

#endif
