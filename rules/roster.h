/*
 * The roster of one unit's campaign: who is part of it, and which number and name each of them has at a given time.
 *
 * Who is part of it was decided when the campaign opened and never changes: packed, sorted blocks, made once. What was corrected since
 * (number, name) is a short list of dated changes, which is laid over the blocks when one asks for a time. Members enrolled after the
 * opening are in neither; `later` names them, so that a refusal can say so.
 *
 * A block holds at most ROSTER_BLOCK_MEMBERS_MAX members, ascending by key; the blocks of a unit ascend, too. Import mode may be given
 * only the blocks that can hold the keys in question: `members` counts all of them. Pure; blocks are borrowed.
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
    struct id_key key;
    const char *name;
};

struct roster {
    const struct roster_block *blocks;
    size_t block_count;
    int32_t members; /* in all blocks, also those that were not given */
    const struct roster_change *changes; /* by at_ms */
    size_t change_count;
    const struct id_key *later; /* sorted: numbers, among those asked for, of members enrolled after the opening */
    size_t later_count;
};

/*
 * One block of `count` (1 to ROSTER_BLOCK_MEMBERS_MAX) members ascending by key without equals. The bytes are in the arena and the same on
 * every machine. NULL: the arena is full.
 */
const void *roster_block_pack(struct arena *arena, const struct roster_member *members, size_t count, size_t *size_bytes);
/* The number of members; -1 when the bytes are not a block: bounds, order and texts are checked, so that what follows need not. */
int32_t roster_block_check(const void *bytes, size_t size_bytes);
/* Member `index` of a checked block; borrows from the block. `key.text` may point into it. */
struct roster_member roster_block_member(const struct roster_block *block, int32_t index);

/* ---- as of a time ---- */

enum roster_found {
    ROSTER_HOLDS, /* `member` holds the number then */
    ROSTER_CORRECTED, /* nobody does any more; it was `member`'s before a correction */
    ROSTER_LATER, /* somebody enrolled after the opening does */
    ROSTER_UNKNOWN,
};

struct roster_holder {
    enum roster_found found;
    struct roster_member member; /* with number and name as of then */
    bool has_changed_holder; /* another member held the number at the opening */
};

/* The present holder comes first, whatever was before. */
struct roster_holder roster_find(const struct roster *roster, struct id_key key, int64_t at_ms);

/* True when the number or the name of that member changed in (after_ms, until_ms]. */
bool roster_has_changed(const struct roster *roster, int64_t enrolment, int64_t after_ms, int64_t until_ms);

/*
 * Walks all members ascending by the key each has at `at_ms`. All blocks must be given. `walk` is the caller's; start fills it (false: the
 * arena is full), next returns false after the last.
 */
struct roster_walk {
    const struct roster *roster;
    int64_t at_ms;
    size_t block;
    int32_t index;
    struct roster_member *moved; /* members with a changed number or name, by key; replaces them in the blocks */
    size_t moved_count, moved_at;
    int64_t *skipped; /* their enrolments, sorted */
};
bool roster_walk_start(struct roster_walk *walk, struct arena *arena, const struct roster *roster, int64_t at_ms);
bool roster_walk_next(struct roster_walk *walk, struct roster_member *member);

#endif
