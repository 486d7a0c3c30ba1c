/*
 * Records of units that were held and are released now: taken from the database in the order of their topics, with their bytes, and applied
 * as micro-batches of their own, whose positions do not move. New records of the unit stay held until these are through.
 */
#ifndef NIANSHEN_WORKER_HELD_H
#define NIANSHEN_WORKER_HELD_H

#include <stdbool.h>

#include "core/fault.h"

enum { HELD_EVERY_MS = 5000 /* after a failure they are looked at this often */ };

struct worker;
struct lane;

bool held_ask(struct worker *worker, struct lane *lane);
void held_taken(struct worker *worker, struct lane *lane);
void held_failed(struct worker *worker, struct lane *lane, const struct fault *fault);
/* True when none is known to wait. */
bool held_is_clear(const struct worker *worker);

#endif
