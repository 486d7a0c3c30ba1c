/*
 * A store in miniature for tests of the review engine: a world of units with rosters, and what became of them. Each micro-batch gets only
 * what the comments of rules/state.h say is loaded; of what it leaves only what is marked is put back.
 */
#ifndef NIANSHEN_TESTS_RULES_SHELF_H
#define NIANSHEN_TESTS_RULES_SHELF_H

#include "core/arena.h"
#include "rules/review.h"

struct shelf_member {
    int64_t enrolment;
    const char *member_no, *number, *name; /* the number in any form; normalised here */
    int64_t enrolled_ms, removed_ms; /* removed_ms 0: never */
};

struct shelf_change {
    int64_t at_ms, enrolment;
    const char *member_no, *number, *name;
};

struct shelf_unit {
    const char *unit;
    int64_t created_ms;
    bool is_held;
    const struct superior_term *superiors;
    size_t superior_count;
    const struct limit_term *limits;
    size_t limit_count;
    const struct shelf_member *members;
    size_t member_count;
    const struct shelf_change *changes; /* by at_ms */
    size_t change_count;
};

struct shelf_world { /* borrowed */
    struct reference reference;
    const struct shelf_unit *units;
    size_t unit_count;
    size_t block_members; /* how many members a block of a roster holds; 0: as many as may be */
    bool loads_all; /* each micro-batch gets the whole state: where what is looked for among thousands is not the shelf's own time */
};

struct shelf;

struct shelf *shelf_new(const struct shelf_world *world);
void shelf_free(struct shelf *shelf);
/* Forgets what became of the units; rosters are kept. */
void shelf_clear(struct shelf *shelf);

/*
 * Applies one micro-batch: finds each event's review by `unit` (its key; NULL: no unit code) and the event's year, loads, applies, puts
 * away. What the effects hold lasts as long as the arena, and until the next call. False: the arena is full, and nothing has changed.
 */
bool shelf_apply(struct shelf *shelf, struct arena *arena, struct review_event *events, const char *const *units, size_t count,
                 struct effects *effects);

/* What is on the shelf, in the order in which it was first touched; NULL behind the last. Until the next call of shelf_apply. */
const struct review *shelf_review(const struct shelf *shelf, size_t index);
const struct review *shelf_find(const struct shelf *shelf, const char *unit, int32_t year);

#endif
