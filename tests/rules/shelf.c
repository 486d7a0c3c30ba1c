#include "tests/rules/shelf.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "core/id_number.h"
#include "rules/keep.h"

enum { WORLD_BYTES_MAX = 1 << 30, PLACES_FIRST = 64 };

struct place { /* of one unit and year */
    const char *unit; /* the world's or the review's */
    int32_t year;
    const struct shelf_unit *known; /* NULL: the unit is unknown */
    struct roster roster;
    struct review *kept, *before; /* NULL: nothing is known of it yet. `before`: until the next micro-batch, for outcomes borrow from it */
    size_t in_world; /* in shelf_apply: which review of the world, from 1 */
};

struct shelf {
    const struct shelf_world *world;
    struct arena *rosters;
    struct arena *loaded; /* what a micro-batch is given, and what it leaves */
    struct place *places; /* also those without a kept review */
    size_t place_count, place_room;
    size_t *order; /* places that were touched, in that order */
    size_t order_count;
};

/* ---- rosters ---- */

static struct id_key key_of(struct arena *arena, const char *number, int64_t at_ms)
{
    char text[ID_KEY_BYTES_MAX + 1];
    struct id_verdict verdict = id_number_check(number, strlen(number), moment_cst_date(at_ms));
    size_t length = id_number_key(number, strlen(number), &verdict, text);
    return id_key_of(arena_copy(arena, text, length), length);
}

static bool is_part(const struct shelf_member *member, int64_t opens_ms)
{
    return member->enrolled_ms < opens_ms && (member->removed_ms == 0 || member->removed_ms > opens_ms);
}

/* How the member stood before `at_ms`. */
static struct roster_member standing(struct shelf *shelf, const struct shelf_unit *unit, const struct shelf_member *member,
                                     int64_t before_ms)
{
    const char *number = member->number;
    struct roster_member stood = {.enrolment = member->enrolment, .member_no = member->member_no, .name = member->name};
    for (size_t i = 0; i < unit->change_count && unit->changes[i].at_ms < before_ms; i++) {
        const struct shelf_change *change = &unit->changes[i];
        if (change->enrolment != member->enrolment) continue;
        number = change->number;
        stood.member_no = change->member_no;
        stood.name = change->name;
    }
    stood.key = key_of(shelf->rosters, number, before_ms);
    return stood;
}

static int compare_members(const void *a, const void *b)
{
    return id_key_compare(((const struct roster_member *)a)->key, ((const struct roster_member *)b)->key);
}

static int compare_later(const void *a, const void *b)
{
    return id_key_compare(((const struct roster_later *)a)->key, ((const struct roster_later *)b)->key);
}

static void pack_blocks(struct shelf *shelf, struct roster *roster, const struct roster_member *members, size_t count)
{
    size_t each = shelf->world->block_members > 0 ? shelf->world->block_members : ROSTER_BLOCK_MEMBERS_MAX;
    struct roster_block *blocks = arena_take(shelf->rosters, (count / each + 1) * sizeof *blocks);
    for (size_t at = 0; at < count; at += each) {
        struct roster_block *block = &blocks[roster->block_count++];
        size_t size = count - at < each ? count - at : each;
        block->bytes = roster_block_pack(shelf->rosters, members + at, size, &block->size_bytes);
        if (roster_block_check(block->bytes, block->size_bytes) != (int32_t)size) abort();
    }
    roster->blocks = blocks;
    roster->members = (int32_t)count;
}

/* The changes of campaign members since the opening, each with what it replaced. */
static void list_changes(struct shelf *shelf, const struct shelf_unit *unit, int64_t opens_ms, struct roster *roster)
{
    struct roster_change *changes = arena_take(shelf->rosters, (unit->change_count + 1) * sizeof *changes);
    for (size_t i = 0; i < unit->change_count; i++) {
        const struct shelf_change *change = &unit->changes[i];
        const struct shelf_member *member = unit->members;
        while (member < unit->members + unit->member_count && member->enrolment != change->enrolment) member++;
        if (change->at_ms < opens_ms || !is_part(member, opens_ms)) continue;
        struct roster_member was = standing(shelf, unit, member, change->at_ms);
        changes[roster->change_count++] = (struct roster_change){.enrolment = change->enrolment,
                                                                 .at_ms = change->at_ms,
                                                                 .member_no = change->member_no,
                                                                 .key = key_of(shelf->rosters, change->number, change->at_ms),
                                                                 .was_key = was.key,
                                                                 .name = change->name,
                                                                 .was_name = was.name};
    }
    roster->changes = changes;
}

/* Each number that a later member has had, from when until when. */
static void list_later(struct shelf *shelf, const struct shelf_unit *unit, int64_t opens_ms, struct roster *roster)
{
    struct roster_later *later = arena_take(shelf->rosters, (unit->member_count + unit->change_count + 1) * sizeof *later);
    for (size_t i = 0; i < unit->member_count; i++) {
        const struct shelf_member *member = &unit->members[i];
        if (member->enrolled_ms < opens_ms) continue;
        struct roster_later *last = &later[roster->later_count++];
        *last = (struct roster_later){key_of(shelf->rosters, member->number, member->enrolled_ms), member->enrolled_ms,
                                      member->removed_ms > 0 ? member->removed_ms : REFERENCE_FOREVER_MS};
        for (size_t c = 0; c < unit->change_count; c++) {
            if (unit->changes[c].enrolment != member->enrolment) continue;
            struct roster_later *next = &later[roster->later_count++];
            *next = (struct roster_later){key_of(shelf->rosters, unit->changes[c].number, unit->changes[c].at_ms), unit->changes[c].at_ms,
                                          last->until_ms};
            last->until_ms = unit->changes[c].at_ms;
            last = next;
        }
    }
    qsort(later, roster->later_count, sizeof *later, compare_later);
    roster->later = later;
}

static void make_roster(struct shelf *shelf, struct place *place)
{
    const struct shelf_unit *unit = place->known;
    const struct campaign *campaign = reference_campaign(&shelf->world->reference, place->year);
    if (unit == NULL || campaign == NULL) return;
    struct roster_member *members = arena_take(shelf->rosters, (unit->member_count + 1) * sizeof *members);
    size_t count = 0;
    for (size_t i = 0; i < unit->member_count; i++)
        if (is_part(&unit->members[i], campaign->opens_ms)) members[count++] = standing(shelf, unit, &unit->members[i], campaign->opens_ms);
    qsort(members, count, sizeof *members, compare_members);
    pack_blocks(shelf, &place->roster, members, count);
    list_changes(shelf, unit, campaign->opens_ms, &place->roster);
    list_later(shelf, unit, campaign->opens_ms, &place->roster);
}

/* ---- places ---- */

struct shelf *shelf_new(const struct shelf_world *world)
{
    struct shelf *shelf = calloc(1, sizeof *shelf);
    *shelf = (struct shelf){
        .world = world, .rosters = arena_new(WORLD_BYTES_MAX), .loaded = arena_new(WORLD_BYTES_MAX), .place_room = PLACES_FIRST};
    shelf->places = calloc(shelf->place_room, sizeof *shelf->places);
    shelf->order = calloc(shelf->place_room, sizeof *shelf->order);
    return shelf;
}

void shelf_clear(struct shelf *shelf)
{
    for (size_t i = 0; i < shelf->place_count; i++) {
        free(shelf->places[i].kept);
        free(shelf->places[i].before);
        shelf->places[i].kept = shelf->places[i].before = NULL;
    }
    shelf->order_count = 0;
}

void shelf_free(struct shelf *shelf)
{
    shelf_clear(shelf);
    arena_free(shelf->rosters);
    arena_free(shelf->loaded);
    free(shelf->places);
    free(shelf->order);
    free(shelf);
}

static struct place *find_place(struct shelf *shelf, const char *unit, int32_t year)
{
    for (size_t i = 0; i < shelf->place_count; i++)
        if (shelf->places[i].year == year && strcmp(shelf->places[i].unit, unit) == 0) return &shelf->places[i];
    return NULL;
}

static struct place *make_place(struct shelf *shelf, const char *unit, int32_t year)
{
    if (shelf->place_count == shelf->place_room) {
        shelf->place_room = 2 * shelf->place_room + PLACES_FIRST;
        shelf->places = realloc(shelf->places, shelf->place_room * sizeof *shelf->places);
        shelf->order = realloc(shelf->order, shelf->place_room * sizeof *shelf->order);
    }
    struct place *place = &shelf->places[shelf->place_count++];
    *place = (struct place){.unit = arena_copy(shelf->rosters, unit, strlen(unit)), .year = year};
    for (size_t i = 0; i < shelf->world->unit_count; i++)
        if (strcmp(shelf->world->units[i].unit, unit) == 0) place->known = &shelf->world->units[i];
    make_roster(shelf, place);
    return place;
}

/* ---- loading: what the events of a micro-batch need ---- */

struct loading {
    const struct shelf *shelf;
    struct arena *arena;
    const struct review_event *events;
    size_t event_count;
    const struct review *kept;
    struct review *to;
};

static bool is_same(const char *a, const char *b)
{
    return a != NULL && b != NULL && strcmp(a, b) == 0;
}

/* The next event of this topic of the review that is loaded, from `*at` on. */
static const struct event *next_event(const struct loading *loading, enum topic_kind topic, size_t *at)
{
    while (*at < loading->event_count) {
        const struct review_event *event = &loading->events[(*at)++];
        if (event->review == loading->to && event->event != NULL && event->topic == topic) return event->event;
    }
    return NULL;
}

static bool is_named(const struct loading *loading, enum topic_kind topic, const char *source, const char *id)
{
    const struct event *event = NULL;
    if (loading->shelf->world->loads_all) return true;
    for (size_t at = 0; (event = next_event(loading, topic, &at)) != NULL;)
        if (is_same(event->source, source) && is_same(event->id, id)) return true;
    return false;
}

static bool is_unit_review_needed(const struct loading *loading, const struct unit_review *unit_review)
{
    const struct event *event = NULL;
    if (is_named(loading, TOPIC_UNIT_REVIEW, unit_review->source, unit_review->id)) return true;
    for (size_t at = 0; (event = next_event(loading, TOPIC_MEMBER_REVIEW, &at)) != NULL;)
        if (is_same(event->source, unit_review->source) && is_same(event->unit_review, unit_review->id)) return true;
    for (size_t i = 0; i < loading->kept->submission_count; i++) {
        const struct submission *submission = &loading->kept->submissions[i];
        bool is_open = submission->state <= SUBMISSION_PENDING;
        if (is_open && is_same(submission->source, unit_review->source) && is_same(submission->unit_review, unit_review->id)) return true;
    }
    return false;
}

static bool is_chunk_named(const struct loading *loading, const struct submission *submission, const struct chunk *chunk)
{
    const struct event *event = NULL;
    for (size_t at = 0; (event = next_event(loading, TOPIC_MEMBER_REVIEW, &at)) != NULL;)
        if (is_same(event->submission, submission->name) && event->chunk_number == chunk->number) return true;
    return is_named(loading, TOPIC_MEMBER_REVIEW, submission->source, chunk->id);
}

static bool may_complete(const struct loading *loading, const struct submission *submission)
{
    const struct event *event = NULL;
    int32_t more = 0;
    for (size_t at = 0; (event = next_event(loading, TOPIC_MEMBER_REVIEW, &at)) != NULL;)
        more += is_same(event->submission, submission->name);
    return submission->received < submission->chunk_count && submission->received + more >= submission->chunk_count;
}

static bool is_decided_on(const struct loading *loading, const struct submission *submission)
{
    const struct event *event = NULL;
    for (size_t at = 0; (event = next_event(loading, TOPIC_APPROVAL, &at)) != NULL;)
        if (is_same(event->submission, submission->name)) return true;
    return false;
}

static void load_chunks(const struct loading *loading, const struct submission *from, struct submission *to)
{
    bool has_all = may_complete(loading, from);
    to->chunks = arena_take(loading->arena, (from->chunks_loaded + 1) * sizeof *to->chunks);
    to->chunks_loaded = to->chunks_room = 0;
    for (size_t i = 0; i < from->chunks_loaded; i++) {
        if (!has_all && !is_chunk_named(loading, from, &from->chunks[i])) continue;
        struct chunk *chunk = &to->chunks[to->chunks_loaded++];
        *chunk = from->chunks[i];
        if (has_all) continue;
        chunk->rows = (struct event_rows){.failing_count = 0};
        chunk->has_rows = false;
    }
    to->chunks_room = to->chunks_loaded;
}

static void load_submission(const struct loading *loading, const struct submission *from, struct submission *to)
{
    *to = *from;
    if (loading->shelf->world->loads_all) return;
    load_chunks(loading, from, to);
    if (from->state == SUBMISSION_WAITING) return;
    to->findings_json = to->failed_json = to->row_code = NULL;
    if (from->state == SUBMISSION_PENDING && is_decided_on(loading, from)) return;
    to->failing = NULL;
    to->has_failing = false;
}

static void load_lists(const struct loading *loading)
{
    const struct review *kept = loading->kept;
    struct review *to = loading->to;
    to->unit_reviews = arena_take(loading->arena, kept->unit_review_count * sizeof *to->unit_reviews);
    to->submissions = arena_take(loading->arena, kept->submission_count * sizeof *to->submissions);
    to->decisions = arena_take(loading->arena, kept->decision_count * sizeof *to->decisions);
    to->repeats = arena_take(loading->arena, kept->repeat_count * sizeof *to->repeats);
    to->withdrawals = arena_take(loading->arena, kept->withdrawal_count * sizeof *to->withdrawals);
    for (size_t i = 0; i < kept->unit_review_count; i++)
        if (is_unit_review_needed(loading, &kept->unit_reviews[i])) to->unit_reviews[to->unit_review_count++] = kept->unit_reviews[i];
    for (size_t i = 0; i < kept->submission_count; i++)
        load_submission(loading, &kept->submissions[i], &to->submissions[to->submission_count++]);
    for (size_t i = 0; i < kept->decision_count; i++) {
        const struct decision *decision = &kept->decisions[i];
        if (decision->verdict == VERDICT_WAITING || is_named(loading, TOPIC_APPROVAL, decision->source, decision->id))
            to->decisions[to->decision_count++] = *decision;
    }
    for (size_t i = 0; i < kept->repeat_count; i++)
        if (is_named(loading, TOPIC_MEMBER_REVIEW, kept->repeats[i].source, kept->repeats[i].id))
            to->repeats[to->repeat_count++] = kept->repeats[i];
    for (size_t i = 0; i < kept->withdrawal_count; i++) to->withdrawals[to->withdrawal_count++] = kept->withdrawals[i];
    memcpy(to->counted, kept->counted, sizeof to->counted);
}

static void load_review(const struct loading *loading, const struct place *place)
{
    const struct shelf_unit *unit = place->known;
    struct review *to = loading->to;
    *to = (struct review){.unit = place->unit, .year = place->year, .created_ms = REFERENCE_FOREVER_MS};
    if (unit != NULL) {
        to->created_ms = unit->created_ms;
        to->is_held = unit->is_held;
        to->superiors = unit->superiors;
        to->superior_count = unit->superior_count;
        to->limits = unit->limits;
        to->limit_count = unit->limit_count;
    }
    to->roster = place->roster;
    size_t at = 0;
    if (next_event(loading, TOPIC_MEMBER_REVIEW, &at) == NULL) to->roster.blocks = NULL; /* who only decides needs no block */
    if (to->roster.blocks == NULL) to->roster.block_count = 0;
    if (loading->kept != NULL) load_lists(loading);
}

/* ---- putting away: what is marked ---- */

static void put_chunks(struct arena *arena, const struct submission *old, const struct submission *from, struct submission *to)
{
    size_t old_count = old != NULL ? old->chunks_loaded : 0;
    struct chunk *chunks = arena_take(arena, (old_count + from->chunks_loaded + 1) * sizeof *chunks);
    to->chunks_loaded = 0;
    for (size_t i = 0; i < old_count; i++) chunks[to->chunks_loaded++] = old->chunks[i];
    for (size_t i = 0; i < from->chunks_loaded; i++)
        if (from->chunks[i].is_new) chunks[to->chunks_loaded++] = from->chunks[i];
    to->chunks = chunks;
    to->chunks_room = to->chunks_loaded;
}

/* What was not loaded and is not told anew stays. */
static void put_submission(struct arena *arena, const struct submission *old, const struct submission *from, struct submission *to)
{
    *to = *from;
    put_chunks(arena, old, from, to);
    if (old == NULL || old->state == SUBMISSION_WAITING || old->state == SUBMISSION_RECEIVING) return;
    if (from->state != SUBMISSION_RETURNED && from->state != SUBMISSION_APPROVED) return;
    to->findings_json = old->findings_json;
    if (from->has_failing) return;
    to->failing = old->failing;
    to->has_failing = old->has_failing;
}

static const struct submission *find_submission(const struct review *kept, const char *name)
{
    for (size_t i = 0; kept != NULL && i < kept->submission_count; i++)
        if (is_same(kept->submissions[i].name, name)) return &kept->submissions[i];
    return NULL;
}

static void put_submissions(struct arena *arena, const struct review *kept, const struct review *from, struct review *to)
{
    size_t old_count = kept != NULL ? kept->submission_count : 0;
    to->submissions = arena_take(arena, (old_count + from->submission_count) * sizeof *to->submissions);
    to->submission_count = old_count;
    if (old_count > 0) memcpy(to->submissions, kept->submissions, old_count * sizeof *to->submissions);
    for (size_t i = 0; i < from->submission_count; i++) {
        const struct submission *submission = &from->submissions[i];
        const struct submission *old = submission->is_new || kept == NULL ? NULL
                                       : i < old_count                    ? &kept->submissions[i]
                                                                          : find_submission(kept, submission->name);
        if (submission->is_new)
            put_submission(arena, NULL, submission, &to->submissions[to->submission_count++]);
        else if (submission->is_changed && old != NULL)
            put_submission(arena, old, submission, &to->submissions[old - kept->submissions]);
    }
}

static void put_decisions(struct arena *arena, const struct review *kept, const struct review *from, struct review *to)
{
    size_t old_count = kept != NULL ? kept->decision_count : 0, at = 0;
    to->decisions = arena_take(arena, (old_count + from->decision_count) * sizeof *to->decisions);
    to->decision_count = old_count;
    if (old_count > 0) memcpy(to->decisions, kept->decisions, old_count * sizeof *to->decisions);
    for (size_t i = 0; i < from->decision_count; i++) {
        const struct decision *decision = &from->decisions[i];
        if (decision->is_new) {
            to->decisions[to->decision_count++] = *decision;
            continue;
        }
        while (!is_same(to->decisions[at].source, decision->source) || !is_same(to->decisions[at].id, decision->id)) at++;
        if (decision->is_changed) to->decisions[at] = *decision;
    }
}

static void put_rest(struct arena *arena, const struct review *kept, const struct review *from, struct review *to)
{
    size_t unit_reviews = kept != NULL ? kept->unit_review_count : 0, repeats = kept != NULL ? kept->repeat_count : 0;
    to->unit_reviews = arena_take(arena, (unit_reviews + from->unit_review_count) * sizeof *to->unit_reviews);
    to->repeats = arena_take(arena, (repeats + from->repeat_count) * sizeof *to->repeats);
    if (unit_reviews > 0) memcpy(to->unit_reviews, kept->unit_reviews, unit_reviews * sizeof *to->unit_reviews);
    if (repeats > 0) memcpy(to->repeats, kept->repeats, repeats * sizeof *to->repeats);
    to->unit_review_count = unit_reviews;
    to->repeat_count = repeats;
    for (size_t i = 0; i < from->unit_review_count; i++)
        if (from->unit_reviews[i].is_new) to->unit_reviews[to->unit_review_count++] = from->unit_reviews[i];
    for (size_t i = 0; i < from->repeat_count; i++)
        if (from->repeats[i].is_new) to->repeats[to->repeat_count++] = from->repeats[i];
    to->withdrawals = from->withdrawals;
    to->withdrawal_count = from->withdrawal_count;
    memcpy(to->counted, from->counted, sizeof to->counted);
}

/* The unit review of an approval is kept, too: its profile is the one to point to. */
static struct profile_change keep_profile(const struct review *kept, const struct profile_change *change)
{
    struct profile_change found = {.profile = NULL};
    if (change == NULL || change->profile == NULL) return found;
    const struct unit_review *of = (const void *)((const char *)change->profile - offsetof(struct unit_review, profile));
    for (size_t i = 0; i < kept->unit_review_count; i++)
        if (is_same(kept->unit_reviews[i].source, of->source) && is_same(kept->unit_reviews[i].id, of->id))
            found = (struct profile_change){&kept->unit_reviews[i].profile, change->at_ms};
    return found;
}

static void put_away(struct arena *arena, struct place *place, const struct review *from)
{
    struct review to = {.unit = place->unit, .year = place->year, .created_ms = from->created_ms};
    put_submissions(arena, place->kept, from, &to);
    put_decisions(arena, place->kept, from, &to);
    put_rest(arena, place->kept, from, &to);
    void *block = malloc(review_kept_bytes(&to) + 1);
    struct review *kept = review_keep(&to, block);
    kept->profile = keep_profile(kept, from->profile.profile != NULL ? &from->profile : place->kept != NULL ? &place->kept->profile : NULL);
    free(place->before);
    place->before = place->kept;
    place->kept = kept;
}

/* ---- a micro-batch ---- */

/* Each event's place, numbered in the order in which they come up. Returns how many there are. */
static size_t touch_places(struct shelf *shelf, struct review_event *events, const char *const *units, size_t count, size_t *places)
{
    size_t touched = 0;
    for (size_t i = 0; i < count; i++) {
        events[i].review = NULL;
        if (units[i] == NULL) continue;
        int32_t year = events[i].event != NULL ? events[i].event->year : 0;
        struct place *place = find_place(shelf, units[i], year);
        if (place == NULL) place = make_place(shelf, units[i], year);
        if (place->in_world == 0) {
            places[touched] = (size_t)(place - shelf->places);
            place->in_world = ++touched;
        }
    }
    return touched;
}

bool shelf_apply(struct shelf *shelf, struct arena *arena, struct review_event *events, const char *const *units, size_t count,
                 struct effects *effects)
{
    arena_reset(shelf->loaded);
    size_t *places = arena_take(shelf->loaded, (count + 1) * sizeof *places);
    size_t touched = touch_places(shelf, events, units, count, places);
    struct review *reviews = arena_take(shelf->loaded, (touched + 1) * sizeof *reviews);
    for (size_t i = 0; i < count; i++)
        if (units[i] != NULL) {
            const struct place *place = find_place(shelf, units[i], events[i].event != NULL ? events[i].event->year : 0);
            events[i].review = &reviews[place->in_world - 1];
        }
    for (size_t i = 0; i < touched; i++) {
        const struct place *place = &shelf->places[places[i]];
        const struct loading loading = {shelf, shelf->loaded, events, count, place->kept, &reviews[i]};
        load_review(&loading, place);
    }
    struct world world = {arena, &shelf->world->reference, reviews, touched};
    bool is_done = review_apply(&world, events, count, effects);
    for (size_t i = 0; i < touched; i++) {
        struct place *place = &shelf->places[places[i]];
        place->in_world = 0;
        if (!is_done || place->year == 0) continue;
        if (place->kept == NULL) shelf->order[shelf->order_count++] = places[i];
        put_away(shelf->loaded, place, &reviews[i]);
    }
    return is_done;
}

const struct review *shelf_review(const struct shelf *shelf, size_t index)
{
    return index < shelf->order_count ? shelf->places[shelf->order[index]].kept : NULL;
}

const struct review *shelf_find(const struct shelf *shelf, const char *unit, int32_t year)
{
    for (size_t i = 0; i < shelf->place_count; i++)
        if (shelf->places[i].year == year && strcmp(shelf->places[i].unit, unit) == 0) return shelf->places[i].kept;
    return NULL;
}
