/*
 * The roster of one unit's campaign: who is part of it, and which number and name each of them has at a given time.
 *
 * Who is part of it was decided when the campaign opened and never changes: packed, sorted blocks, made once. What was corrected since
 * (number, name) is a short list of dated changes, which is laid over the blocks when one asks for a time. Members enrolled after the
 * opening are in neither; `later` names them, so that a refusal can say so.
 *
 * A block holds at most ROSTER_BLOCK_MEMBERS_MAX members, ascending by key; the blocks of a unit ascend, too. Import mode may be given
 * only the blocks that can hold the keys in question (for a key of 15 digits and 000 also those up to the same 15 digits and 99X):
 * `members` counts all of them. Whoever only decides needs no block, but all changes. Pure; blocks are borrowed.
 */
#ifndef NIANSHEN_RULES_ROSTER_H
#define NIANSHEN_RULES_ROSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/id_key.h"

enum { ROSTER_BLOCK_MEMBERS_MAX = 5000 };

struct roster_member {
    struct id_key key;
    int64_t enrolment; /* one membership from joining to removal */
    const char *member_no, *name; /* name "" when the roster has none */
};

struct roster_block {
    const void *bytes; /* as roster_block_pack made them */
    size_t size_bytes;
};

struct roster_change { /* from at_ms on the enrolment, which is part of the campaign, has this number and name */
    int64_t enrolment, at_ms;
    const char *member_no;
    struct id_key key, was_key; /* was_: what it had until then */
    const char *name, *was_name;
};

struct roster_later { /* somebody enrolled after the opening had this number in this time */
    struct id_key key;
    int64_t from_ms, until_ms;
};

struct roster {
    const struct roster_block *blocks;
    size_t block_count;
    int32_t members; /* in all blocks, also those that were not given */
    const struct roster_change *changes; /* by at_ms, those of one enrolment in their order */
    size_t change_count;
    const struct roster_later *later; /* sorted by key: at least those of the numbers asked for */
    size_t later_count;
};

/*
 * One block of `count` (1 to ROSTER_BLOCK_MEMBERS_MAX) members ascending by key without equals. The bytes are in the arena and the same on
 * every machine. NULL: the arena is full.
 */
const void *roster_block_pack(struct arena *arena, const struct roster_member *members, size_t count, size_t *size_bytes);
/* The number of members; -1 when the bytes are not a block: bounds, order and texts are checked, so that what follows need not. */
int32_t roster_block_check(const void *bytes, size_t size_bytes);
/* Of a checked block: the number of members, the key of member `index` alone, and all of it; borrowed from the block. */
int32_t roster_block_count(const struct roster_block *block);
struct id_key roster_block_key(const struct roster_block *block, int32_t index);
struct roster_member roster_block_member(const struct roster_block *block, int32_t index);

/* ---- as of a time ---- */

/* The roster with the changes up to a time laid over it; as long as no change lies between, it serves another time as well. */
struct roster_view {
    const struct roster *roster;
    int64_t at_ms;
    size_t changes_seen; /* how many of the roster's changes are in it */
    const struct roster_member *moved; /* members with a change, as they are now, by key; they stand for those in the blocks */
    const int64_t *skipped; /* their enrolments, ascending */
    size_t moved_count;
    const struct roster_former *former; /* numbers that were changed, by key, the latest change first */
    size_t former_count;
    size_t hint_block; /* where the last search ended: entries ascend, so the next one is often right behind */
    int32_t hint_index;
};
/* False: the arena is full. */
bool roster_view_make(struct roster_view *view, struct arena *arena, const struct roster *roster, int64_t at_ms);
/* True when `view` shows the roster as of then, too; sets its time. */
bool roster_view_serves(struct roster_view *view, const struct roster *roster, int64_t at_ms);

enum roster_found {
    ROSTER_HOLDS, /* `member` holds the number then */
    ROSTER_CORRECTED, /* nobody does any more; it was `member`'s before a correction */
    ROSTER_LATER, /* somebody enrolled after the opening does or did */
    ROSTER_UNKNOWN,
};

struct roster_holder {
    enum roster_found found;
    struct roster_member member; /* with number and name as of then */
    bool has_changed_holder; /* another member held the number at the opening */
};

/* The present holder comes first, whatever was before. */
struct roster_holder roster_find(struct roster_view *view, struct id_key key);
/* True when exactly one member's number is not below `low` and not above `high`. */
bool roster_find_only(struct roster_view *view, struct id_key low, struct id_key high, struct roster_member *member);

/* Walks all members ascending by the key each has; false after the last. All blocks must be given. Begins as {.view = …}. */
struct roster_walk {
    const struct roster_view *view;
    size_t block, moved_at;
    int32_t index;
};
bool roster_walk_next(struct roster_walk *walk, struct roster_member *member);

/*
 * The enrolments whose number or name at `until_ms` is another than at `after_ms`, ascending. False: the arena is full.
 */
struct roster_difference {
    const int64_t *enrolments;
    size_t count;
};
bool roster_compare(struct arena *arena, const struct roster *roster, int64_t after_ms, int64_t until_ms,
                    struct roster_difference *difference);
bool roster_differs(const struct roster_difference *difference, int64_t enrolment);

#endif
