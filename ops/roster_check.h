/* That the stored rosters of the campaigns are what the memberships say: blocks are packed again and compared, changes derived again. */
#ifndef NIANSHEN_OPS_ROSTER_CHECK_H
#define NIANSHEN_OPS_ROSTER_CHECK_H

#include "ops/session.h"

/* One violation, in words; false: the fault is set. */
typedef bool (*roster_violation_fn)(void *context, const char *unit, const char *finding);

/* In one snapshot, while workers go on. Tells at most `limit` of them; `total` (out) counts all. */
bool roster_check(struct session *session, int64_t limit, roster_violation_fn tell, void *context, int64_t *total);

#endif
