/*
 * A lane's micro-batches in the database: loaded, decided by the rules, written. What is too large is halved. What the store or the rules
 * can't digest (a bug of ours) is halved, too, down to one record, whose unit is held, so that all other units go on.
 */
#ifndef NIANSHEN_WORKER_APPLY_H
#define NIANSHEN_WORKER_APPLY_H

#include <stdbool.h>

#include "core/fault.h"

enum {
    APPLY_TRIES_MAX = 5, /* in the same session: deadlocks and the like; then it is opened anew, with all that follows */
    APPLY_SLOW_MS = 2000, /* a part that took longer has the next ones made smaller */
};

struct worker;
struct lane;

/* Takes the bundle that was filled, if it is due, or goes on with the one under way. False: there is nothing to do. */
bool apply_ask(struct worker *worker, struct lane *lane);
/* A bundle of held records goes first; it is given back as the lane's spare. */
void apply_begin(struct lane *lane);

void apply_loaded(struct worker *worker, struct lane *lane);
void apply_abandoned(struct worker *worker, struct lane *lane);
void apply_written(struct worker *worker, struct lane *lane);
void apply_failed(struct worker *worker, struct lane *lane, const struct fault *fault);
/* What came of the part is handed over for publication: the next part, or the next bundle. */
void apply_published(struct lane *lane);
/* Forgets the bundles: filled and being applied. Not while a part is with the database. */
void apply_drop(struct lane *lane);

#endif
