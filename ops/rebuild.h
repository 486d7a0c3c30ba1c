/*
 * Rebuilding: all that one database has applied of the topics, up to its own positions, is applied again to another, which has reference
 * data and nothing else. Nothing is published.
 */
#ifndef NIANSHEN_OPS_REBUILD_H
#define NIANSHEN_OPS_REBUILD_H

#include <stdbool.h>
#include <stdint.h>

#include "ops/session.h"

/*
 * `live` is in a transaction that sees one snapshot; `scratch` is the other database, its role the owner's. What was held in `live`, or
 * given up by a resumption, is passed over. Units of which the topics have lost events stand in verify_lost of `scratch` afterwards. False
 * with the fault of `live` set. `records` (out) says how many were applied.
 */
bool rebuild_run(struct session *live, struct session *scratch, int64_t *records);

#endif
