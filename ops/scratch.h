/* A database beside the live one, on the same server, for as long as a command runs: made, migrated, and dropped again. */
#ifndef NIANSHEN_OPS_SCRATCH_H
#define NIANSHEN_OPS_SCRATCH_H

#include "ops/session.h"

enum { SCRATCH_NAME_BYTES = 64 };

struct scratch {
    char name[SCRATCH_NAME_BYTES]; /* empty: not made */
    struct database *keeper; /* on the live database, only to make and drop the other: whatever happens to other connections */
    struct session session; /* on it, with the rights of nianshen_owner */
};

/*
 * False with the fault set. Needs CREATEDB and membership in nianshen_owner. Close it in either case. What is lost when the machine crashes
 * is a database that nobody needs: commits there do not wait for the disk.
 */
bool scratch_open(struct scratch *scratch, const struct config *config, struct fault *fault);
/* Drops the database; one that can't be dropped is named on stderr. */
void scratch_close(struct scratch *scratch);

#endif
