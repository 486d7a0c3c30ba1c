/*
 * The world of a history: units with their superiors, limits and rosters, reviewers, campaigns, and what is corrected in mid-campaign.
 * Drawn once a history; what is dated later than the broker's clock is not shown yet.
 */
#ifndef NIANSHEN_TESTS_SIM_NEXT_WORLD_H
#define NIANSHEN_TESTS_SIM_NEXT_WORLD_H

#include "rules/review.h"
#include "tests/sim-next/sim.h"

enum {
    WORLD_UNITS = 7, /* the last one is not known at all */
    WORLD_YEARS = 3, /* one long closed, the present one, one without a campaign */
    WORLD_YEAR_FIRST = 2025,
    WORLD_YEAR = 2026,
    WORLD_MEMBERS_MAX = 8, /* on a unit's roster */
    WORLD_CHANGES_MAX = 8,
    WORLD_NUMBERS = 40,
    WORLD_LATER_MAX = 2,
};

struct world_unit {
    char code[8];
    int64_t created_ms;
    struct superior_term superiors[2];
    size_t superior_count;
    struct limit_term limits[4];
    size_t limit_count;
    struct roster_member members[WORLD_MEMBERS_MAX]; /* at the opening, by key */
    size_t member_count;
    struct roster_block blocks[WORLD_MEMBERS_MAX];
    size_t block_count;
    struct roster_change changes[WORLD_CHANGES_MAX]; /* by at_ms */
    size_t change_count;
    struct roster_later later[WORLD_LATER_MAX]; /* by key */
    size_t later_count;
};

struct world_data {
    int64_t first_ms, last_ms; /* about when the first and the last record are appended */
    struct campaign campaigns[2];
    struct reviewer_term reviewers[4];
    const char *reasons[3];
    struct world_unit units[WORLD_UNITS];
    int unit_order[WORLD_UNITS]; /* the first `active` of them get records */
    int active;
    char numbers[WORLD_NUMBERS][20]; /* valid ID numbers, ascending */
};
extern struct world_data world_data;

void world_reset(int records);
/* NULL: nobody has that code. */
const struct world_unit *world_unit_of(const char *code);
int world_unit_index(const char *code); /* -1: no such code */
struct reference world_reference(struct arena *arena);
/* Units, superiors, limits of the review; changes that are dated at `now_ms` or before. `keys`: only blocks that can hold one of these
 * are given; NULL: all. */
void world_review(struct arena *arena, struct review *review, int64_t now_ms, const struct id_key *keys, size_t key_count);
/* Number and name of a member of the roster as of a time. */
struct roster_member world_member_at(const struct world_unit *unit, size_t member, int64_t at_ms);

#endif
