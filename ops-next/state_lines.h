/*
 * The state of a unit's year as lines, one a row, in the text format of COPY: what a rebuild has in memory and what the database holds are
 * written alike, so that equal rows are equal bytes. A line begins with the unit and the kind of the row.
 *
 * Left out: surrogate keys of the ledger, clocks, what is only advisory.
 */
#ifndef NIANSHEN_OPS_STATE_LINES_H
#define NIANSHEN_OPS_STATE_LINES_H

#include "rules/state.h"

/* Takes one line without its newline; borrowed for the call. False ends the walk. */
typedef bool (*state_line_fn)(void *context, const char *line, size_t bytes);

/* The lines of a rebuilt review. False: memory is out, or the function returned false. */
bool state_lines_of(const struct review *review, state_line_fn take, void *context);

/* The same lines of the database: statements for COPY … TO STDOUT, each with one parameter place `%d` for the year. NULL ends the list. */
extern const char *const state_line_queries[];

struct state_line_kind {
    const char *name;
    const char *const *columns; /* behind unit and kind; NULL ends them */
    size_t key_columns; /* how many of them, from the first, say which row it is */
};
/* NULL: no such kind. */
const struct state_line_kind *state_line_kind_of(const char *kind);

#endif
