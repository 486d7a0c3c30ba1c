/*
 * The rosters of campaigns as packed blocks (rules/roster.h): made from the memberships when a campaign opens and after a reference
 * restore, and compared with them by `check --rosters`; all three read the members in the order (unit, number) and pack them alike, so
 * that the same members give the same bytes. Linear; memory is bounded by a portion of the rows, whatever the roster.
 *
 * One session, some rows at a time: read, pack, write. The caller's transaction is open and keeps the roster as it is meanwhile.
 */
#ifndef NIANSHEN_OPS_ROSTER_BLOCKS_H
#define NIANSHEN_OPS_ROSTER_BLOCKS_H

#include "core/database.h"

#define ROSTER_PRESENT INT64_MAX /* the present roster, in the place of an opening */

struct roster_blocks {
    int64_t members, units, blocks;
    int64_t latest_ms; /* the latest moment from which one of them is valid; 0: nobody */
};

/* Makes the blocks of the year's roster as of just before `opens_ms`. */
bool roster_blocks_make(struct database *database, int32_t year, int64_t opens_ms, struct roster_blocks *done, struct fault *fault);

enum roster_finding { ROSTER_BLOCK_MISSING, ROSTER_BLOCK_SURPLUS, ROSTER_BLOCK_DIFFERS };
typedef bool (*roster_finding_fn)(void *context, enum roster_finding finding, const char *unit, int64_t block);

/* Packs them again and tells each block that is not the stored one, byte by byte. False also when `finding` says so. */
bool roster_blocks_compare(struct database *database, int32_t year, int64_t opens_ms, roster_finding_fn finding, void *context,
                           struct roster_blocks *done, struct fault *fault);

#endif
