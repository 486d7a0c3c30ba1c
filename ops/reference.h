/*
 * Reference data as versions with their dates: what the topics do not hold, and what every event is judged against. After a purge also
 * what is kept of the records that the topics do not hold any more. `reference dump`
 * writes it to a file, `reference restore` reads that back, and `verify` copies it from one database to another; all three by the
 * sections below, row by row in COPY's text format, so that a roster of any size passes in bounded memory.
 */
#ifndef NIANSHEN_OPS_REFERENCE_H
#define NIANSHEN_OPS_REFERENCE_H

#include <stdbool.h>

#include "core/database.h"
#include "core/fault.h"

struct reference_section {
    const char *name; /* in a dump; NULL ends the list */
    const char *columns; /* of both, separated by commas */
    const char *source, *target; /* what is read, and the table that is filled; in schema nianshen, "engine.…" in nianshen_engine */
    bool is_history; /* no verdict depends on it: what operators did */
};

/* In the order in which they can be restored. */
extern const struct reference_section reference_sections[];

/* Begins to read or to fill a section; go on with database_copy_read, or with database_copy_lines and database_copy_end. */
bool reference_read(struct database *from, const struct reference_section *section, struct fault *fault);
bool reference_fill(struct database *to, const struct reference_section *section, struct fault *fault);

/* Reads a section of one database and fills that of another with it, line by line. */
bool reference_copy(struct database *from, struct database *to, const struct reference_section *section, struct fault *fault);

/*
 * One transaction around the sections, with the rights of nianshen_owner. FAULT_REJECT: the database is not a fresh one, or another session
 * holds the lock of the reference data. The end also brings the planner's statistics up to date; then the caller commits.
 */
bool reference_restore_begin(struct database *to, struct fault *fault);
bool reference_restore_end(struct database *to, struct fault *fault);

#endif
