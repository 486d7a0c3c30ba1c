/* Submissions: the chunks that they are sent in, until all of them are there. */
#include <assert.h>
#include <string.h>

#include "rules/outcome.h"
#include "rules/rows.h"

/* ---- what is known: submissions by name, chunks by identity and by number ---- */

static bool build_names(struct desk *desk)
{
    const struct review *review = desk->review;
    if (desk->submissions.is_built) return true;
    desk->submissions.is_built = true;
    for (size_t i = 0; i < review->submission_count; i++)
        if (!lookup_add(&desk->submissions, desk->arena, lookup_hash(desk->seed, 0, review->submissions[i].name), i)) return false;
    return true;
}

bool submission_find(struct desk *desk, const char *name, struct submission **found)
{
    uintptr_t place = 0;
    *found = NULL;
    if (!build_names(desk)) return false;
    struct lookup_probe probe = lookup_start(&desk->submissions, lookup_hash(desk->seed, 0, name));
    while (*found == NULL && lookup_next(&probe, &place))
        if (strcmp(desk->review->submissions[place].name, name) == 0) *found = &desk->review->submissions[place];
    return true;
}

static uint64_t number_hash(const struct desk *desk, size_t submission, int32_t number)
{
    return lookup_hash(desk->seed, (uint64_t)submission << 32 | (uint32_t)number, "");
}

static bool learn(struct desk *desk, const char *source, const char *id, const uint8_t *sha256, size_t submission, int32_t number)
{
    struct known *known = arena_take(desk->arena, sizeof *known);
    if (known == NULL) return false;
    *known = (struct known){source, id, sha256, submission, number};
    if (number > 0 && !lookup_add(&desk->chunk_numbers, desk->arena, number_hash(desk, submission, number), (uintptr_t)known)) return false;
    return desk_learn(desk, &desk->chunk_ids, known);
}

/* A submission of one chunk has it in its own row. */
static bool learn_chunks(struct desk *desk, size_t place)
{
    const struct submission *submission = &desk->review->submissions[place];
    if (submission->chunk_count == 1)
        return learn(desk, submission->source, submission->completed_by, submission->content_sha256, place, 1);
    for (size_t i = 0; i < submission->chunks_loaded; i++) {
        const struct chunk *chunk = &submission->chunks[i];
        if (!learn(desk, submission->source, chunk->id, chunk->content_sha256, place, chunk->number)) return false;
    }
    return true;
}

static bool build_chunks(struct desk *desk)
{
    const struct review *review = desk->review;
    if (desk->chunk_ids.is_built) return true;
    desk->chunk_ids.is_built = true;
    for (size_t i = 0; i < review->submission_count; i++)
        if (!learn_chunks(desk, i)) return false;
    for (size_t i = 0; i < review->repeat_count; i++) {
        const struct repeat *repeat = &review->repeats[i];
        if (!learn(desk, repeat->source, repeat->id, repeat->content_sha256, 0, 0)) return false;
    }
    return true;
}

static const struct known *find_number(const struct desk *desk, size_t submission, int32_t number)
{
    uintptr_t item = 0;
    struct lookup_probe probe = lookup_start(&desk->chunk_numbers, number_hash(desk, submission, number));
    while (lookup_next(&probe, &item)) {
        const struct known *known = (const struct known *)item;
        if (known->submission == submission && known->number == number) return known;
    }
    return NULL;
}

/* ---- marks ---- */

void submission_change(struct submission *submission)
{
    submission->is_changed = !submission->is_new;
}

void submission_forget_rows(struct submission *submission)
{
    submission->row_code = NULL;
    submission->listed = submission->passed = submission->failed = submission->errors_total = submission->warnings_total = 0;
    submission->findings_json = submission->failed_json = NULL;
    submission->failing = NULL;
    submission->has_failing = false;
    memset(submission->digest, 0, sizeof submission->digest);
    submission->has_digest = false;
}

void submission_drop_rows(struct submission *submission)
{
    if (submission->chunk_count == 1) return;
    submission->must_drop_rows = true;
    for (size_t i = 0; i < submission->chunks_loaded; i++) {
        submission->chunks[i].rows = (struct event_rows){.failing_count = 0};
        submission->chunks[i].has_rows = false;
    }
}

/* ---- all chunks are there ---- */

/* `only`: the rows of the only chunk, else NULL. */
static const struct event_rows *const *rows_by_number(struct desk *desk, const struct submission *submission, const struct event_rows *only)
{
    const struct event_rows **rows = arena_take(desk->arena, (size_t)submission->chunk_count * sizeof(const struct event_rows *));
    if (rows == NULL) return NULL;
    if (only != NULL) rows[0] = only;
    for (size_t i = 0; i < submission->chunks_loaded; i++) {
        assert(submission->chunks[i].has_rows);
        rows[submission->chunks[i].number - 1] = &submission->chunks[i].rows;
    }
    for (int32_t i = 0; i < submission->chunk_count; i++) assert(rows[i] != NULL);
    return rows;
}

/* The roster is that of the time when the last chunk came: so nothing that is decided later changes what the rows come to. */
static bool judge_rows(struct desk *desk, struct submission *submission, const struct event_rows *only)
{
    const struct roster *roster = &desk->review->roster;
    const struct event_rows *const *rows = rows_by_number(desk, submission, only);
    if (rows == NULL) return false;
    if (!desk->has_view || !roster_view_serves(&desk->view, roster, submission->completed.append_ms)) {
        if (!roster_view_make(&desk->view, desk->arena, roster, submission->completed.append_ms)) return false;
        desk->has_view = true;
    }
    return rows_judge(desk->arena, desk->reference, &desk->view, submission, rows);
}

static bool complete(struct desk *desk, struct submission *submission, const struct review_event *event)
{
    submission->completed = (struct record_place){event->offset, event->append_ms};
    submission->completed_by = event->event->id;
    submission->was_completed_now = true;
    bool is_judged = submission->state == SUBMISSION_RECEIVING && submission->is_in_campaign && !desk->campaign->is_purged;
    if (submission->state == SUBMISSION_RECEIVING) submission->state = SUBMISSION_WAITING;
    if (is_judged && !judge_rows(desk, submission, submission->chunk_count == 1 ? &event->event->rows : NULL)) return false;
    submission_drop_rows(submission);
    return true;
}

/* ---- taking a chunk ---- */

static bool begin(struct desk *desk, const struct review_event *event, struct submission **begun)
{
    struct review *review = desk->review;
    const struct event *sent = event->event;
    struct submission *list = list_grow(desk->arena, review->submissions, review->submission_count, &review->submission_room, sizeof *list);
    if (list == NULL) return false;
    review->submissions = list;
    *begun = &list[review->submission_count];
    **begun = (struct submission){.name = sent->submission,
                                  .source = sent->source,
                                  .unit_review = sent->unit_review,
                                  .submitted_by = sent->submitted_by,
                                  .mode = sent->mode,
                                  .chunk_count = sent->chunks,
                                  .entries_total = sent->entries_total,
                                  .is_in_campaign = true,
                                  .first = {event->offset, event->append_ms},
                                  .completed = {.offset = -1},
                                  .is_new = true};
    if (sent->chunks == 1) memcpy((*begun)->content_sha256, sent->content_sha256, EVENT_SHA256_BYTES);
    review->counted[LIMIT_SUBMISSIONS]++;
    return lookup_add(&desk->submissions, desk->arena, lookup_hash(desk->seed, 0, sent->submission), review->submission_count++);
}

/* The rows of a chunk that comes after the withdrawal are of no use any more. */
static bool add_chunk(struct desk *desk, struct submission *submission, const struct review_event *event)
{
    struct chunk *list = list_grow(desk->arena, submission->chunks, submission->chunks_loaded, &submission->chunks_room, sizeof *list);
    if (list == NULL) return false;
    submission->chunks = list;
    struct chunk *chunk = &list[submission->chunks_loaded++];
    *chunk = (struct chunk){.number = event->event->chunk_number,
                            .id = event->event->id,
                            .place = {event->offset, event->append_ms},
                            .is_in_campaign = campaign_is_open(desk->campaign, event->append_ms),
                            .has_rows = submission->state == SUBMISSION_RECEIVING,
                            .is_new = true};
    memcpy(chunk->content_sha256, event->event->content_sha256, EVENT_SHA256_BYTES);
    if (chunk->has_rows) chunk->rows = event->event->rows;
    return true;
}

static bool take(struct desk *desk, struct submission *submission, const struct review_event *event)
{
    if (submission == NULL && !begin(desk, event, &submission)) return false;
    if (submission->chunk_count > 1 && !add_chunk(desk, submission, event)) return false;
    submission->received++;
    submission->is_in_campaign = submission->is_in_campaign && campaign_is_open(desk->campaign, event->append_ms);
    submission_change(submission);
    const struct event *sent = event->event;
    size_t place = (size_t)(submission - desk->review->submissions);
    if (!learn(desk, sent->source, sent->id, sent->content_sha256, place, sent->chunk_number)) return false;
    return submission->received < submission->chunk_count || complete(desk, submission, event);
}

static bool is_same_header(const struct submission *submission, const struct event *sent)
{
    return strcmp(submission->source, sent->source) == 0 && strcmp(submission->unit_review, sent->unit_review) == 0 &&
           submission->mode == sent->mode && strcmp(submission->submitted_by, sent->submitted_by) == 0 &&
           submission->chunk_count == sent->chunks && submission->entries_total == sent->entries_total;
}

/* A chunk repeated under another id uses up that id. */
static bool repeat(struct desk *desk, struct review_event *event)
{
    struct review *review = desk->review;
    const struct event *sent = event->event;
    struct repeat *list = list_grow(desk->arena, review->repeats, review->repeat_count, &review->repeat_room, sizeof *list);
    if (list == NULL) return false;
    review->repeats = list;
    struct repeat *stored = &list[review->repeat_count++];
    *stored = (struct repeat){.source = sent->source, .id = sent->id, .place = {event->offset, event->append_ms}, .is_new = true};
    memcpy(stored->content_sha256, sent->content_sha256, EVENT_SHA256_BYTES);
    take_duplicate(event);
    return learn(desk, sent->source, sent->id, sent->content_sha256, 0, 0);
}

static bool is_same_content(const struct known *known, const struct event *sent)
{
    return memcmp(known->content_sha256, sent->content_sha256, EVENT_SHA256_BYTES) == 0;
}

static bool is_limit_reached(const struct review *review, int64_t at_ms)
{
    return review->counted[LIMIT_SUBMISSIONS] >= limit_at(review->limits, review->limit_count, LIMIT_SUBMISSIONS, at_ms);
}

bool chunk_take(struct desk *desk, struct review_event *event)
{
    const struct event *sent = event->event;
    struct submission *submission = NULL;
    if (!build_chunks(desk) || !submission_find(desk, sent->submission, &submission)) return false;
    const struct known *known = desk_known(desk, &desk->chunk_ids, sent->source, sent->id);
    if (known != NULL && !is_same_content(known, sent)) return take_dead_letter(desk, event, "identity-reused");
    if (known != NULL) {
        take_duplicate(event);
        return true;
    }
    if (submission == NULL)
        return is_limit_reached(desk->review, event->append_ms) ? take_dead_letter(desk, event, "too-many") : take(desk, NULL, event);
    if (!is_same_header(submission, sent)) return take_dead_letter(desk, event, "chunk-contradicts");
    known = find_number(desk, (size_t)(submission - desk->review->submissions), sent->chunk_number);
    if (known == NULL) return take(desk, submission, event);
    return is_same_content(known, sent) ? repeat(desk, event) : take_dead_letter(desk, event, "chunk-differs");
}
