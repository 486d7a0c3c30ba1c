/* The roster as of a time: the blocks of the opening, with the changes since laid over them. */
#include <string.h>

#include "rules/roster.h"
#include "rules/sort.h"

struct roster_former { /* a number that was changed, and whose it was */
    struct id_key key;
    size_t moved; /* that member as of now */
};

/* ---- laying the changes over ---- */

static int compare_enrolment(const void *context, uint32_t a, uint32_t b)
{
    const struct roster_change *changes = context;
    return changes[a].enrolment < changes[b].enrolment ? -1 : changes[a].enrolment > changes[b].enrolment;
}

static int compare_member_key(const void *context, uint32_t a, uint32_t b)
{
    const struct roster_member *members = context;
    return id_key_compare(members[a].key, members[b].key);
}

static struct roster_member changed_member(const struct roster_change *change)
{
    return (struct roster_member){.key = change->key, .enrolment = change->enrolment, .member_no = change->member_no, .name = change->name};
}

/* The last change of each enrolment, by enrolment. */
static bool collect_moved(struct roster_view *view, struct arena *arena, struct roster_member **members)
{
    const struct roster_change *changes = view->roster->changes;
    const uint32_t *places = sort_places(arena, view->changes_seen, compare_enrolment, changes);
    struct roster_member *moved = arena_take(arena, view->changes_seen * sizeof *moved);
    int64_t *skipped = arena_take(arena, view->changes_seen * sizeof *skipped);
    if (places == NULL || moved == NULL || skipped == NULL) return false;
    for (size_t i = 0; i < view->changes_seen; i++) {
        const struct roster_change *change = &changes[places[i]];
        if (i + 1 < view->changes_seen && changes[places[i + 1]].enrolment == change->enrolment) continue;
        skipped[view->moved_count] = change->enrolment;
        moved[view->moved_count++] = changed_member(change);
    }
    view->skipped = skipped;
    *members = moved;
    return true;
}

static bool sort_moved(struct roster_view *view, struct arena *arena, const struct roster_member *members)
{
    const uint32_t *places = sort_places(arena, view->moved_count, compare_member_key, members);
    struct roster_member *moved = arena_take(arena, view->moved_count * sizeof *moved);
    if (places == NULL || moved == NULL) return false;
    for (size_t i = 0; i < view->moved_count; i++) moved[i] = members[places[i]];
    view->moved = moved;
    return true;
}

/* ---- numbers that were changed ---- */

struct former_order {
    const struct roster_change *changes;
    size_t count;
};

/* By number, the latest change first: places count from the end. */
static int compare_former(const void *context, uint32_t a, uint32_t b)
{
    const struct former_order *order = context;
    return id_key_compare(order->changes[order->count - 1 - a].was_key, order->changes[order->count - 1 - b].was_key);
}

static size_t find_enrolment(const int64_t *enrolments, size_t count, int64_t enrolment)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (enrolments[middle] < enrolment)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && enrolments[low] == enrolment ? low : count;
}

/* `members` by enrolment: `skipped` has the same places. */
static bool collect_former(struct roster_view *view, struct arena *arena, const size_t *places_by_key)
{
    struct former_order order = {view->roster->changes, view->changes_seen};
    const uint32_t *places = sort_places(arena, view->changes_seen, compare_former, &order);
    struct roster_former *former = arena_take(arena, view->changes_seen * sizeof *former);
    if (places == NULL || former == NULL) return false;
    for (size_t i = 0; i < view->changes_seen; i++) {
        const struct roster_change *change = &order.changes[order.count - 1 - places[i]];
        size_t member = find_enrolment(view->skipped, view->moved_count, change->enrolment);
        former[i] = (struct roster_former){change->was_key, places_by_key[member]};
    }
    view->former = former;
    view->former_count = view->changes_seen;
    return true;
}

/* Where each enrolment of `skipped` is in `moved`. */
static size_t *places_in_moved(const struct roster_view *view, struct arena *arena)
{
    size_t *places = arena_take(arena, (view->moved_count + 1) * sizeof *places);
    for (size_t i = 0; places != NULL && i < view->moved_count; i++)
        places[find_enrolment(view->skipped, view->moved_count, view->moved[i].enrolment)] = i;
    return places;
}

/* ---- making ---- */

static size_t changes_until(const struct roster *roster, int64_t at_ms)
{
    size_t low = 0, high = roster->change_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (roster->changes[middle].at_ms <= at_ms)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool roster_view_make(struct roster_view *view, struct arena *arena, const struct roster *roster, int64_t at_ms)
{
    struct roster_member *members = NULL;
    *view = (struct roster_view){.roster = roster, .at_ms = at_ms, .changes_seen = changes_until(roster, at_ms)};
    if (view->changes_seen == 0) return true;
    if (!collect_moved(view, arena, &members) || !sort_moved(view, arena, members)) return false;
    const size_t *places = places_in_moved(view, arena);
    return places != NULL && collect_former(view, arena, places);
}

bool roster_view_serves(struct roster_view *view, const struct roster *roster, int64_t at_ms)
{
    if (view->roster != roster || view->changes_seen != changes_until(roster, at_ms)) return false;
    view->at_ms = at_ms;
    return true;
}

/* ---- finding ---- */

/* The first moved member whose number is not below `key`. */
static size_t moved_from(const struct roster_view *view, struct id_key key)
{
    size_t low = 0, high = view->moved_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (id_key_compare(view->moved[middle].key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The last block that begins at `key` or before it, or the first one. */
static size_t block_for(const struct roster *roster, struct id_key key)
{
    size_t low = 0, high = roster->block_count;
    while (low + 1 < high) {
        size_t middle = low + (high - low) / 2;
        if (id_key_compare(roster_block_key(&roster->blocks[middle], 0), key) <= 0)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* The first member of the block whose number is not below `key`. */
static int32_t index_from(const struct roster_block *block, struct id_key key)
{
    int32_t low = 0, high = roster_block_count(block);
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        if (id_key_compare(roster_block_key(block, middle), key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_at(const struct roster_view *view, size_t block, int32_t index, struct id_key key)
{
    if (block >= view->roster->block_count) return false;
    const struct roster_block *of = &view->roster->blocks[block];
    return index < roster_block_count(of) && id_key_equal(roster_block_key(of, index), key);
}

/* Whose number it was at the opening. */
static bool find_at_opening(struct roster_view *view, struct id_key key, struct roster_member *member)
{
    if (view->roster->block_count == 0) return false;
    bool is_found = is_at(view, view->hint_block, view->hint_index, key);
    if (!is_found) {
        view->hint_block = block_for(view->roster, key);
        view->hint_index = index_from(&view->roster->blocks[view->hint_block], key);
        is_found = is_at(view, view->hint_block, view->hint_index, key);
    }
    if (!is_found) return false;
    const struct roster_block *block = &view->roster->blocks[view->hint_block];
    *member = roster_block_member(block, view->hint_index);
    if (++view->hint_index == roster_block_count(block)) {
        view->hint_index = 0;
        view->hint_block++;
    }
    return true;
}

static bool is_skipped(const struct roster_view *view, int64_t enrolment)
{
    return find_enrolment(view->skipped, view->moved_count, enrolment) < view->moved_count;
}

static bool find_former(const struct roster_view *view, struct id_key key, struct roster_member *member)
{
    size_t low = 0, high = view->former_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (id_key_compare(view->former[middle].key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == view->former_count || !id_key_equal(view->former[low].key, key)) return false;
    *member = view->moved[view->former[low].moved];
    return true;
}

enum later { LATER_NEVER, LATER_BEFORE, LATER_NOW };

static enum later find_later(const struct roster_view *view, struct id_key key)
{
    const struct roster_later *later = view->roster->later;
    size_t low = 0, high = view->roster->later_count;
    enum later found = LATER_NEVER;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (id_key_compare(later[middle].key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < view->roster->later_count && id_key_equal(later[low].key, key); low++) {
        if (later[low].from_ms > view->at_ms) continue;
        if (view->at_ms < later[low].until_ms) return LATER_NOW;
        found = LATER_BEFORE;
    }
    return found;
}

struct roster_holder roster_find(struct roster_view *view, struct id_key key)
{
    struct roster_member at_opening = {.enrolment = 0};
    struct roster_holder holder = {.found = ROSTER_UNKNOWN};
    bool was_held = find_at_opening(view, key, &at_opening);
    size_t moved = moved_from(view, key);
    if (moved < view->moved_count && id_key_equal(view->moved[moved].key, key)) {
        holder.member = view->moved[moved];
        holder.has_changed_holder = was_held && at_opening.enrolment != holder.member.enrolment;
        holder.found = ROSTER_HOLDS;
        return holder;
    }
    if (was_held && !is_skipped(view, at_opening.enrolment)) {
        holder.member = at_opening;
        holder.found = ROSTER_HOLDS;
        return holder;
    }
    enum later later = find_later(view, key);
    if (later != LATER_NEVER) holder.found = ROSTER_LATER;
    if (later == LATER_NOW) return holder;
    if (find_former(view, key, &holder.member)) holder.found = ROSTER_CORRECTED;
    return holder;
}

/* ---- walking ---- */

/* The next member of the blocks who has not moved. */
static bool peek_block(struct roster_walk *walk, struct roster_member *member)
{
    const struct roster *roster = walk->view->roster;
    while (walk->block < roster->block_count) {
        const struct roster_block *block = &roster->blocks[walk->block];
        if (walk->index == roster_block_count(block)) {
            walk->block++;
            walk->index = 0;
            continue;
        }
        *member = roster_block_member(block, walk->index);
        if (!is_skipped(walk->view, member->enrolment)) return true;
        walk->index++;
    }
    return false;
}

bool roster_walk_next(struct roster_walk *walk, struct roster_member *member)
{
    bool has_block = peek_block(walk, member), has_moved = walk->moved_at < walk->view->moved_count;
    if (has_moved && (!has_block || id_key_compare(walk->view->moved[walk->moved_at].key, member->key) < 0)) {
        *member = walk->view->moved[walk->moved_at++];
        return true;
    }
    walk->index += has_block;
    return has_block;
}

bool roster_find_only(struct roster_view *view, struct id_key low, struct id_key high, struct roster_member *member)
{
    struct roster_walk walk = {.view = view, .moved_at = moved_from(view, low)};
    struct roster_member next = {.enrolment = 0};
    int found = 0;
    if (view->roster->block_count > 0) {
        walk.block = block_for(view->roster, low);
        walk.index = index_from(&view->roster->blocks[walk.block], low);
    }
    while (found < 2 && roster_walk_next(&walk, &next) && id_key_compare(next.key, high) <= 0) {
        *member = next;
        found++;
    }
    return found == 1;
}

/* ---- comparing two times ---- */

static bool is_different(const struct roster_change *first, const struct roster_change *last)
{
    return !id_key_equal(first->was_key, last->key) || strcmp(first->was_name, last->name) != 0;
}

bool roster_compare(struct arena *arena, const struct roster *roster, int64_t after_ms, int64_t until_ms,
                    struct roster_difference *difference)
{
    size_t from = changes_until(roster, after_ms), to = changes_until(roster, until_ms);
    *difference = (struct roster_difference){NULL, 0};
    if (from >= to) return true;
    const struct roster_change *changes = roster->changes + from;
    const uint32_t *places = sort_places(arena, to - from, compare_enrolment, changes);
    int64_t *enrolments = arena_take(arena, (to - from) * sizeof *enrolments);
    if (places == NULL || enrolments == NULL) return false;
    for (size_t first = 0, next = 0; first < to - from; first = next) {
        while (next < to - from && changes[places[next]].enrolment == changes[places[first]].enrolment) next++;
        if (is_different(&changes[places[first]], &changes[places[next - 1]]))
            enrolments[difference->count++] = changes[places[first]].enrolment;
    }
    difference->enrolments = enrolments;
    return true;
}

bool roster_differs(const struct roster_difference *difference, int64_t enrolment)
{
    return find_enrolment(difference->enrolments, difference->count, enrolment) < difference->count;
}
