/*
 * A review that outlives its micro-batch: a deep copy of its rows in one block, without what only the micro-batch knew (roster, marks of
 * what is new). Whoever keeps state in memory (verify, the simulator, tests) stores such blocks and gives them to review_apply again.
 * Rows of chunks that are judged (must_drop_rows) are left out, as a store deletes them. Reference data of the unit (superiors, limits)
 * stay borrowed. Pure.
 */
#ifndef NIANSHEN_RULES_KEEP_H
#define NIANSHEN_RULES_KEEP_H

#include "rules/state.h"

/* The bytes that review_keep needs. */
size_t review_kept_bytes(const struct review *review);
/* Fills `bytes`, aligned for any type and of that many bytes; returns the copy, which lies at its beginning. */
struct review *review_keep(const struct review *review, void *bytes);

#endif
