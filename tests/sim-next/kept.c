#include "tests/sim-next/kept.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "rules/rows.h"
#include "tests/sim-next/world.h"

enum { NOT_COUNTED = -1000000 }; /* what nobody asked for is of no use */
enum { REMOVALS_MAX = WORLD_UNITS * WORLD_MEMBERS_MAX * 2 };

struct packed { /* the rows of a chunk whose submission is not complete */
    int unit, year_index;
    const char *submission;
    int32_t number;
    const void *bytes; /* NULL: deleted */
    size_t size_bytes;
    struct packed *next;
};

static struct {
    struct review reviews[WORLD_UNITS][WORLD_YEARS];
    bool is_there[WORLD_UNITS][WORLD_YEARS];
    struct packed *rows;
    struct kept_removal removals[REMOVALS_MAX];
    size_t removal_count;
} kept;

void kept_reset(void)
{
    memset(&kept, 0, sizeof kept);
}

const struct review *kept_review(int unit, int year_index)
{
    return kept.is_there[unit][year_index] ? &kept.reviews[unit][year_index] : NULL;
}

static void *need(void *memory)
{
    if (memory == NULL) abort();
    return memory;
}

/* Room for one more in a list of the history. */
static void *grown(void *list, size_t count, size_t *room, size_t size)
{
    if (count < *room) return list;
    *room = *room * 2 + 4;
    void *larger = sim_take(*room * size);
    if (count > 0) memcpy(larger, list, count * size);
    return larger;
}

#define APPEND(list, count, room, value) ((list) = grown((list), (count), &(room), sizeof *(list)), (list)[(count)++] = (value))

static bool same(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

/* ---- finding ---- */

static struct unit_review *unit_review_find(const struct review *review, const char *source, const char *id)
{
    for (size_t i = 0; i < review->unit_review_count; i++)
        if (same(review->unit_reviews[i].source, source) && same(review->unit_reviews[i].id, id)) return &review->unit_reviews[i];
    return NULL;
}

static struct submission *submission_find(const struct review *review, const char *name)
{
    for (size_t i = 0; i < review->submission_count; i++)
        if (same(review->submissions[i].name, name)) return &review->submissions[i];
    return NULL;
}

static struct decision *decision_find(const struct review *review, const char *source, const char *id)
{
    for (size_t i = 0; i < review->decision_count; i++)
        if (same(review->decisions[i].source, source) && same(review->decisions[i].id, id)) return &review->decisions[i];
    return NULL;
}

static struct repeat *repeat_find(const struct review *review, const char *source, const char *id)
{
    for (size_t i = 0; i < review->repeat_count; i++)
        if (same(review->repeats[i].source, source) && same(review->repeats[i].id, id)) return &review->repeats[i];
    return NULL;
}

static struct packed *packed_find(int unit, int year_index, const char *submission, int32_t number)
{
    for (struct packed *packed = kept.rows; packed != NULL; packed = packed->next)
        if (packed->unit == unit && packed->year_index == year_index && packed->number == number && same(packed->submission, submission))
            return packed;
    return NULL;
}

/* ---- copies that last as long as the history ---- */

static struct event_profile profile_copy(const struct event_profile *profile)
{
    return (struct event_profile){
        .name = sim_text(profile->name),
        .credit_code = sim_text(profile->credit_code),
        .address = sim_text(profile->address),
        .contact_name = sim_text(profile->contact_name),
        .contact_mobile = sim_text(profile->contact_mobile),
    };
}

static struct unit_review unit_review_copy(const struct unit_review *from)
{
    struct unit_review to = *from;
    to.source = sim_text(from->source);
    to.id = sim_text(from->id);
    to.submitted_by = sim_text(from->submitted_by);
    to.profile = profile_copy(&from->profile);
    to.code = sim_text(from->code);
    to.is_new = false;
    return to;
}

static const struct failing *failing_copy(const struct failing *from, int32_t count)
{
    struct failing *to = sim_take(sizeof *to * (size_t)(count + 1));
    for (int32_t i = 0; i < count; i++) to[i] = (struct failing){from[i].enrolment, sim_text(from[i].reason), sim_text(from[i].warnings)};
    return to;
}

/* Without its chunks. */
static struct submission submission_copy(const struct submission *from)
{
    struct submission to = *from;
    to.name = sim_text(from->name);
    to.source = sim_text(from->source);
    to.unit_review = sim_text(from->unit_review);
    to.submitted_by = sim_text(from->submitted_by);
    to.completed_by = sim_text(from->completed_by);
    to.row_code = sim_text(from->row_code);
    to.findings_json = sim_text(from->findings_json);
    to.failing = from->has_failing ? failing_copy(from->failing, from->failed) : NULL;
    to.failed_json = sim_text(from->failed_json);
    to.code = sim_text(from->code);
    to.chunks = NULL;
    to.chunks_loaded = to.chunks_room = 0;
    return to;
}

static struct decision decision_copy(const struct decision *from)
{
    struct decision to = *from;
    to.source = sim_text(from->source);
    to.id = sim_text(from->id);
    to.submission = sim_text(from->submission);
    to.digest_text = sim_text(from->digest_text);
    to.superior = sim_text(from->superior);
    to.reviewer = sim_text(from->reviewer);
    to.submitted_by = sim_text(from->submitted_by);
    to.comment = sim_text(from->comment);
    to.code = sim_text(from->code);
    return to;
}

/* ---- loading ---- */

static int year_index_of(int32_t year)
{
    return year >= WORLD_YEAR_FIRST && year < WORLD_YEAR_FIRST + WORLD_YEARS ? year - WORLD_YEAR_FIRST : -1;
}

static bool names_unit_review(const struct review_event *event, const struct unit_review *unit_review)
{
    if (event->topic == TOPIC_UNIT_REVIEW)
        return same(event->event->source, unit_review->source) && same(event->event->id, unit_review->id);
    return event->topic == TOPIC_MEMBER_REVIEW && same(event->event->source, unit_review->source) &&
           same(event->event->unit_review, unit_review->id);
}

/* The events of one review. */
struct asked {
    const struct review_event *events;
    size_t count;
    const struct review *review;
    bool is_spare; /* all of it is loaded */
};

#define EACH(asked, event)                                                                                                                 \
    for (const struct review_event *event = (asked)->events; event < (asked)->events + (asked)->count; event++)                            \
        if (event->review == (asked)->review && event->event != NULL)

static bool is_unit_review_asked(const struct asked *asked, const struct review *from, const struct unit_review *unit_review)
{
    if (asked->is_spare) return true;
    EACH(asked, event)
    if (names_unit_review(event, unit_review)) return true;
    for (size_t i = 0; i < from->submission_count; i++)
        if (from->submissions[i].state <= SUBMISSION_PENDING && same(from->submissions[i].source, unit_review->source) &&
            same(from->submissions[i].unit_review, unit_review->id))
            return true;
    return false;
}

static bool is_decision_asked(const struct asked *asked, const struct decision *decision)
{
    if (asked->is_spare || decision->verdict == VERDICT_WAITING) return true;
    EACH(asked, event)
    if (event->topic == TOPIC_APPROVAL && same(event->event->source, decision->source) && same(event->event->id, decision->id)) return true;
    return false;
}

static bool is_repeat_asked(const struct asked *asked, const struct repeat *repeat)
{
    if (asked->is_spare) return true;
    EACH(asked, event)
    if (event->topic == TOPIC_MEMBER_REVIEW && same(event->event->source, repeat->source) && same(event->event->id, repeat->id))
        return true;
    return false;
}

static bool is_decided_on(const struct asked *asked, const struct submission *submission)
{
    EACH(asked, event)
    if (event->topic == TOPIC_APPROVAL && same(event->event->submission, submission->name)) return true;
    return false;
}

/* A chunk by its number or its id; all of them when the events may complete the submission, with their rows. */
static bool is_chunk_asked(const struct asked *asked, const struct submission *submission, const struct chunk *chunk, bool is_completing)
{
    if (is_completing || asked->is_spare) return true;
    EACH(asked, event)
    {
        if (event->topic != TOPIC_MEMBER_REVIEW) continue;
        if (same(event->event->source, submission->source) && same(event->event->id, chunk->id)) return true;
        if (same(event->event->submission, submission->name) && event->event->chunk_number == chunk->number) return true;
    }
    return false;
}

static void chunks_load(struct arena *arena, const struct asked *asked, int unit, int year_index, const struct submission *from,
                        struct submission *to)
{
    int32_t coming = 0;
    EACH(asked, event) coming += event->topic == TOPIC_MEMBER_REVIEW && same(event->event->submission, from->name);
    bool is_completing = coming > 0 && from->received < from->chunk_count && from->received + coming >= from->chunk_count;
    to->chunks = need(arena_take(arena, sizeof *to->chunks * (from->chunks_loaded + 1)));
    to->chunks_room = from->chunks_loaded;
    to->chunks_loaded = 0;
    for (size_t i = 0; i < from->chunks_loaded; i++) {
        if (!is_chunk_asked(asked, from, &from->chunks[i], is_completing)) continue;
        struct chunk *chunk = &to->chunks[to->chunks_loaded++];
        struct packed *packed = packed_find(unit, year_index, from->name, from->chunks[i].number);
        *chunk = from->chunks[i];
        if (packed == NULL || !(is_completing || asked->is_spare)) continue;
        if (!rows_unpack(arena, packed->bytes, packed->size_bytes, &chunk->rows)) sim_wrong("the rows of a chunk cannot be unpacked");
        chunk->has_rows = true;
    }
}

static void submissions_load(struct arena *arena, const struct asked *asked, int unit, int year_index, const struct review *from,
                             struct review *to)
{
    to->submissions = need(arena_take(arena, sizeof *to->submissions * (from->submission_count + 1)));
    to->submission_room = to->submission_count = from->submission_count;
    for (size_t i = 0; i < from->submission_count; i++) {
        struct submission *submission = &to->submissions[i];
        *submission = from->submissions[i];
        bool is_waiting = submission->state == SUBMISSION_WAITING;
        bool has_failing = is_waiting || (submission->state == SUBMISSION_PENDING && is_decided_on(asked, submission));
        if (!has_failing) {
            submission->failing = NULL;
            submission->has_failing = false;
        }
        if (!is_waiting) submission->failed_json = submission->findings_json = submission->row_code = NULL;
        chunks_load(arena, asked, unit, year_index, &from->submissions[i], submission);
    }
}

/* Only of topics that bring something. */
static void counts_load(struct arena *arena, const struct asked *asked, const struct review *from, struct review *to)
{
    bool is_asked[TOPIC_INPUTS] = {asked->is_spare, asked->is_spare, asked->is_spare};
    EACH(asked, event) is_asked[event->topic] = true;
    to->counted[LIMIT_UNIT_REVIEWS] = is_asked[TOPIC_UNIT_REVIEW] ? (int32_t)from->unit_review_count : NOT_COUNTED;
    to->counted[LIMIT_SUBMISSIONS] = is_asked[TOPIC_MEMBER_REVIEW] ? (int32_t)from->submission_count : NOT_COUNTED;
    to->counted[LIMIT_DECISIONS] = is_asked[TOPIC_APPROVAL] ? 0 : NOT_COUNTED;
    to->withdrawals = need(arena_take(arena, sizeof *to->withdrawals * (from->decision_count + 1)));
    to->withdrawal_room = from->decision_count;
    for (size_t i = 0; i < from->decision_count; i++) {
        const struct decision *decision = &from->decisions[i];
        to->counted[LIMIT_DECISIONS] += decision->is_counted && decision->kind != DECISION_WITHDRAWN;
        if (decision->kind != DECISION_WITHDRAWN) continue;
        size_t k = 0;
        while (k < to->withdrawal_count && !same(to->withdrawals[k].source, decision->source)) k++;
        if (k == to->withdrawal_count) to->withdrawals[to->withdrawal_count++] = (struct withdrawal_count){.source = decision->source};
        to->withdrawals[k].count++;
    }
}

static void rows_load(struct arena *arena, const struct asked *asked, int unit, int year_index, const struct review *from,
                      struct review *to)
{
    to->unit_reviews = need(arena_take(arena, sizeof *to->unit_reviews * (from->unit_review_count + 1)));
    to->decisions = need(arena_take(arena, sizeof *to->decisions * (from->decision_count + 1)));
    to->repeats = need(arena_take(arena, sizeof *to->repeats * (from->repeat_count + 1)));
    to->unit_review_room = from->unit_review_count;
    to->decision_room = from->decision_count;
    to->repeat_room = from->repeat_count;
    submissions_load(arena, asked, unit, year_index, from, to);
    for (size_t i = 0; i < from->unit_review_count; i++)
        if (is_unit_review_asked(asked, from, &from->unit_reviews[i])) to->unit_reviews[to->unit_review_count++] = from->unit_reviews[i];
    for (size_t i = 0; i < from->decision_count; i++)
        if (is_decision_asked(asked, &from->decisions[i])) to->decisions[to->decision_count++] = from->decisions[i];
    for (size_t i = 0; i < from->repeat_count; i++)
        if (is_repeat_asked(asked, &from->repeats[i])) to->repeats[to->repeat_count++] = from->repeats[i];
    counts_load(arena, asked, from, to);
}

/* The keys of the entries in question when no list has to be compared and all of them are packed; else NULL: the whole roster. */
static const struct id_key *keys_asked(struct arena *arena, const struct asked *asked, const struct review *to, size_t *count)
{
    enum { KEYS_MAX = 64 };
    struct id_key *keys = need(arena_take(arena, sizeof *keys * KEYS_MAX));
    *count = 0;
    if (asked->is_spare) return NULL;
    EACH(asked, event)
    {
        if (event->topic != TOPIC_MEMBER_REVIEW) continue;
        if (event->event->mode == EVENT_MODE_LIST) return NULL;
        for (uint32_t i = 0; i < event->event->rows.failing_count && *count < KEYS_MAX; i++)
            keys[(*count)++] = event->event->rows.failing[i].key;
    }
    for (size_t i = 0; i < to->submission_count; i++) {
        const struct submission *submission = &to->submissions[i];
        if (submission->mode == EVENT_MODE_LIST && submission->state == SUBMISSION_RECEIVING) return NULL;
        for (size_t k = 0; k < submission->chunks_loaded; k++)
            for (uint32_t j = 0; j < submission->chunks[k].rows.failing_count && *count < KEYS_MAX; j++)
                keys[(*count)++] = submission->chunks[k].rows.failing[j].key;
    }
    for (size_t i = 0; i < *count; i++)
        if (keys[i].text != NULL) return NULL;
    return *count < KEYS_MAX ? keys : NULL;
}

static void review_load(struct arena *arena, const struct asked *asked, const bool *held, struct review *to)
{
    int unit = world_unit_index(to->unit), year_index = year_index_of(to->year);
    size_t key_count = 0;
    if (unit >= 0) to->is_held = held[unit];
    if (unit >= 0 && year_index >= 0) rows_load(arena, asked, unit, year_index, &kept.reviews[unit][year_index], to);
    const struct id_key *keys = keys_asked(arena, asked, to, &key_count);
    world_review(arena, to, broker_append_ms(), keys, key_count);
}

void kept_load(struct arena *arena, const struct review_event *events, size_t count, const bool *held, struct world *world)
{
    bool is_spare = sim_often(sim.odds.spare);
    for (size_t i = 0; i < world->review_count; i++) {
        struct asked asked = {events, count, &world->reviews[i], is_spare};
        review_load(arena, &asked, held, &world->reviews[i]);
    }
}

/* ---- staging: what the transaction brings ---- */

struct staged_review {
    struct review rows; /* new and changed ones only, copied */
    int unit, year_index;
};

struct kept_stage {
    struct staged_review *list;
    size_t count;
};

static void submission_stage(const struct submission *from, struct review *to)
{
    bool has_new_chunk = false;
    for (size_t i = 0; i < from->chunks_loaded; i++) has_new_chunk = has_new_chunk || from->chunks[i].is_new;
    if (!from->is_new && !from->is_changed) {
        if (has_new_chunk || from->must_drop_rows) sim_wrong("a submission has new chunks and is not marked as changed");
        return;
    }
    struct submission copy = submission_copy(from);
    for (size_t i = 0; i < from->chunks_loaded; i++) {
        if (!from->chunks[i].is_new) continue;
        struct chunk chunk = from->chunks[i];
        size_t size_bytes = 0;
        chunk.id = sim_text(chunk.id);
        if (chunk.has_rows && !from->must_drop_rows) {
            const void *bytes = need((void *)(uintptr_t)rows_pack(sim.arena, &chunk.rows, &size_bytes));
            chunk.rows = (struct event_rows){.failing = bytes, .failing_count = (uint32_t)size_bytes}; /* packed, until it is merged */
        } else {
            chunk.rows = (struct event_rows){0};
        }
        APPEND(copy.chunks, copy.chunks_loaded, copy.chunks_room, chunk);
    }
    APPEND(to->submissions, to->submission_count, to->submission_room, copy);
}

static void review_stage(const struct review *from, struct review *to)
{
    for (size_t i = 0; i < from->unit_review_count; i++)
        if (from->unit_reviews[i].is_new)
            APPEND(to->unit_reviews, to->unit_review_count, to->unit_review_room, unit_review_copy(&from->unit_reviews[i]));
    for (size_t i = 0; i < from->submission_count; i++) submission_stage(&from->submissions[i], to);
    for (size_t i = 0; i < from->decision_count; i++)
        if (from->decisions[i].is_new || from->decisions[i].is_changed)
            APPEND(to->decisions, to->decision_count, to->decision_room, decision_copy(&from->decisions[i]));
    for (size_t i = 0; i < from->repeat_count; i++) {
        if (!from->repeats[i].is_new) continue;
        struct repeat repeat = from->repeats[i];
        repeat.source = sim_text(repeat.source);
        repeat.id = sim_text(repeat.id);
        APPEND(to->repeats, to->repeat_count, to->repeat_room, repeat);
    }
    if (from->profile.profile != NULL) {
        struct event_profile *profile = sim_take(sizeof *profile);
        *profile = profile_copy(from->profile.profile);
        to->profile = (struct profile_change){profile, from->profile.at_ms};
    }
    memcpy(to->counted, from->counted, sizeof to->counted);
}

struct kept_stage *kept_stage(const struct world *world)
{
    struct kept_stage *stage = sim_take(sizeof *stage);
    stage->list = sim_take(sizeof *stage->list * (world->review_count + 1));
    for (size_t i = 0; i < world->review_count; i++) {
        const struct review *review = &world->reviews[i];
        int unit = world_unit_index(review->unit), year_index = year_index_of(review->year);
        if (unit < 0 || year_index < 0) {
            if (review->unit_review_count + review->submission_count + review->decision_count > 0)
                sim_wrong("rows of the unknown unit %s", review->unit);
            continue;
        }
        struct staged_review *staged = &stage->list[stage->count++];
        *staged = (struct staged_review){.unit = unit, .year_index = year_index};
        review_stage(review, &staged->rows);
        staged->rows.unit = world_data.units[unit].code;
        staged->rows.year = review->year;
    }
    return stage;
}

/* ---- merging: the commit ---- */

static void removal_add(const struct staged_review *staged, const struct submission *submission)
{
    const char *unit = staged->rows.unit;
    if (!submission->has_failing) sim_wrong("%s of %s is approved, and its failing entries are not known", submission->name, unit);
    for (int32_t i = 0; i < submission->failed; i++) {
        for (size_t k = 0; k < kept.removal_count; k++)
            if (kept.removals[k].enrolment == submission->failing[i].enrolment) sim_wrong("an enrolment of %s is removed twice", unit);
        if (kept.removal_count == REMOVALS_MAX) sim_wrong("too many are removed");
        kept.removals[kept.removal_count++] = (struct kept_removal){
            .unit = unit,
            .submission = submission->name,
            .year = staged->rows.year,
            .shard = kafka_partition_of(unit, strlen(unit), SIM_SHARDS),
            .enrolment = submission->failing[i].enrolment,
        };
    }
}

static void chunks_merge(const struct staged_review *staged, const struct submission *from, struct submission *to)
{
    for (size_t i = 0; i < from->chunks_loaded; i++) {
        struct chunk chunk = from->chunks[i];
        for (size_t k = 0; k < to->chunks_loaded; k++)
            if (to->chunks[k].number == chunk.number) sim_wrong("chunk %d of %s is inserted twice", chunk.number, to->name);
        if (chunk.rows.failing != NULL) {
            struct packed *packed = sim_take(sizeof *packed);
            *packed = (struct packed){.unit = staged->unit,
                                      .year_index = staged->year_index,
                                      .submission = to->name,
                                      .number = chunk.number,
                                      .bytes = chunk.rows.failing,
                                      .size_bytes = chunk.rows.failing_count,
                                      .next = kept.rows};
            kept.rows = packed;
        }
        chunk.rows = (struct event_rows){0};
        chunk.is_new = chunk.has_rows = false;
        APPEND(to->chunks, to->chunks_loaded, to->chunks_room, chunk);
    }
    if (!from->must_drop_rows) return;
    for (struct packed **at = &kept.rows; *at != NULL;) {
        struct packed *packed = *at;
        if (packed->unit == staged->unit && packed->year_index == staged->year_index && same(packed->submission, to->name))
            *at = packed->next;
        else
            at = &packed->next;
    }
}

static void submission_merge(const struct staged_review *staged, struct review *to, const struct submission *from)
{
    struct submission *old = submission_find(to, from->name);
    struct submission merged = *from;
    if (from->is_new == (old != NULL))
        sim_wrong("%s of %s is %s", from->name, to->unit, old != NULL ? "inserted twice" : "updated and not there");
    bool was_approved = old != NULL && old->state == SUBMISSION_APPROVED;
    if (old != NULL && !from->has_failing) { /* what was not loaded stays */
        merged.failing = old->failing;
        merged.has_failing = old->has_failing;
    }
    if (old != NULL && (merged.state == SUBMISSION_RETURNED || merged.state == SUBMISSION_APPROVED)) {
        merged.findings_json = old->findings_json;
        merged.row_code = old->row_code;
    }
    if (old != NULL && from->failed_json == NULL) merged.failed_json = old->failed_json;
    if (merged.state != SUBMISSION_WAITING) merged.failed_json = NULL;
    merged.chunks = old != NULL ? old->chunks : NULL;
    merged.chunks_loaded = old != NULL ? old->chunks_loaded : 0;
    merged.chunks_room = old != NULL ? old->chunks_room : 0;
    merged.is_new = merged.is_changed = merged.must_drop_rows = merged.was_completed_now = false;
    if (old == NULL) {
        APPEND(to->submissions, to->submission_count, to->submission_room, merged);
        old = &to->submissions[to->submission_count - 1];
    } else {
        *old = merged;
    }
    chunks_merge(staged, from, old);
    if (old->state == SUBMISSION_APPROVED && !was_approved) removal_add(staged, old);
}

static void decision_merge(struct review *to, const struct decision *from)
{
    struct decision *old = decision_find(to, from->source, from->id);
    struct decision merged = *from;
    if (from->is_new == (old != NULL))
        sim_wrong("the decision %s of %s is %s", from->id, to->unit, old != NULL ? "inserted twice" : "not there");
    if (old != NULL && old->verdict != VERDICT_WAITING) sim_wrong("the decision %s of %s is judged twice", from->id, to->unit);
    merged.is_new = merged.is_changed = false;
    if (old == NULL)
        APPEND(to->decisions, to->decision_count, to->decision_room, merged);
    else
        *old = merged;
}

static void counts_check(const struct staged_review *staged, const struct review *to)
{
    int32_t decisions = 0;
    for (size_t i = 0; i < to->decision_count; i++) decisions += to->decisions[i].is_counted && to->decisions[i].kind != DECISION_WITHDRAWN;
    const int32_t counted[LIMIT_KINDS] = {(int32_t)to->unit_review_count, (int32_t)to->submission_count, decisions};
    for (int kind = 0; kind < LIMIT_KINDS; kind++)
        if (counted[kind] != staged->rows.counted[kind] && staged->rows.counted[kind] >= 0)
            sim_wrong("%s of %d: %d rows count toward limit %d, the engine has %d", to->unit, to->year, counted[kind], kind,
                      staged->rows.counted[kind]);
}

static void review_merge(const struct staged_review *staged)
{
    struct review *to = &kept.reviews[staged->unit][staged->year_index];
    const struct review *from = &staged->rows;
    kept.is_there[staged->unit][staged->year_index] = true;
    to->unit = from->unit;
    to->year = from->year;
    for (size_t i = 0; i < from->unit_review_count; i++) {
        const struct unit_review *row = &from->unit_reviews[i];
        if (unit_review_find(to, row->source, row->id) != NULL) sim_wrong("the unit review %s of %s is inserted twice", row->id, to->unit);
        APPEND(to->unit_reviews, to->unit_review_count, to->unit_review_room, *row);
    }
    for (size_t i = 0; i < from->submission_count; i++) submission_merge(staged, to, &from->submissions[i]);
    for (size_t i = 0; i < from->decision_count; i++) decision_merge(to, &from->decisions[i]);
    for (size_t i = 0; i < from->repeat_count; i++) {
        struct repeat row = from->repeats[i];
        if (repeat_find(to, row.source, row.id) != NULL) sim_wrong("the repeat %s of %s is inserted twice", row.id, to->unit);
        row.is_new = false;
        APPEND(to->repeats, to->repeat_count, to->repeat_room, row);
    }
    if (from->profile.profile != NULL) to->profile = from->profile;
    counts_check(staged, to);
}

void kept_merge(const struct kept_stage *stage)
{
    for (size_t i = 0; i < stage->count; i++) review_merge(&stage->list[i]);
}

/* ---- removals ---- */

size_t kept_removals(const struct kept_removal **list)
{
    *list = kept.removals;
    return kept.removal_count;
}

size_t kept_settle(int32_t shard, size_t most)
{
    size_t moved = 0;
    for (size_t i = 0; i < kept.removal_count && moved < most; i++) {
        if (kept.removals[i].shard != shard || kept.removals[i].is_moved) continue;
        kept.removals[i].is_moved = true;
        moved++;
    }
    return moved;
}

bool kept_has_removals(int32_t shard)
{
    for (size_t i = 0; i < kept.removal_count; i++)
        if (kept.removals[i].shard == shard && !kept.removals[i].is_moved) return true;
    return false;
}
