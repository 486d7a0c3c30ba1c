/* The schema of this build in a database. */
#ifndef NIANSHEN_OPS_MIGRATE_H
#define NIANSHEN_OPS_MIGRATE_H

#include "ops/session.h"

/* Brings the session's database to the schema of this build, in one transaction, without a word. False: the session's fault says why. */
bool migrate_database(struct session *session);

#endif
