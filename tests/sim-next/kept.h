/*
 * What the store keeps of the reviews: deep copies of what was written, as PostgreSQL's tables would have them, and no more loaded than
 * rules/state.h promises. A transaction is staged when it is sent and merged when it commits.
 */
#ifndef NIANSHEN_TESTS_SIM_NEXT_KEPT_H
#define NIANSHEN_TESTS_SIM_NEXT_KEPT_H

#include "rules/review.h"

struct kept_stage;

void kept_reset(void);
/*
 * Fills the reviews of `world`, which these events touch. Units in `held` (by the world's index) are held.
 */
void kept_load(struct arena *arena, const struct review_event *events, size_t count, const bool *held, struct world *world);
/* A copy of what is new or changed in the world. */
struct kept_stage *kept_stage(const struct world *world);
void kept_merge(const struct kept_stage *stage);

/* NULL: nothing is known of that unit and year. */
const struct review *kept_review(int unit, int year_index);

/* ---- removals that wait to be moved ---- */

struct kept_removal {
    const char *unit, *submission;
    int32_t year, shard;
    int64_t enrolment;
    bool is_moved;
};
size_t kept_removals(const struct kept_removal **list);
/* Moves up to `most` of a shard's; returns how many. */
size_t kept_settle(int32_t shard, size_t most);
bool kept_has_removals(int32_t shard);

#endif
