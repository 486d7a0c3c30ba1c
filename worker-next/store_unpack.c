/* What a micro-batch has loaded, from rows to the engine's state. Texts and bytes are borrowed from the answers. */
#include <string.h>
#include <sysexits.h>

#include "rules/hex.h"
#include "rules/rows.h"
#include "worker-next/store_internal.h"

struct review *plan_review(const struct store *store, const struct database_result *result, size_t row, size_t column)
{
    return &store->batch->world.reviews[store->plan->order[result_int8(result, row, column) - 1]];
}

static const char *text_or_null(const struct database_result *result, size_t row, size_t column)
{
    return result_is_null(result, row, column) ? NULL : result_text(result, row, column);
}

static void *take_array(struct store *store, size_t count, size_t bytes)
{
    void *memory = count > SIZE_MAX / bytes - 1 ? NULL : arena_take(store->batch->arena, (count + 1) * bytes);
    if (memory == NULL) store_memory(store);
    return memory;
}

/* What stands in the store was written by us: bytes that are none of ours are damage, and nothing to go on with. */
static bool damaged(struct store *store, const char *what)
{
    return fault_set(&store->fault, FAULT_FATAL, EX_SOFTWARE, "store-damaged",
                     "what is stored as %s can not be read: run nianshen-ops check", what);
}

/* How many rows of `kind` (column; -1: all rows) each review has, by its place in the world. */
static uint32_t *rows_count(struct store *store, const struct database_result *result, int kind_column, int64_t kind)
{
    uint32_t *counts = take_array(store, store->batch->world.review_count, sizeof *counts);
    for (size_t row = 0; counts != NULL && row < result_rows(result); row++)
        if (kind_column < 0 || result_int8(result, row, (size_t)kind_column) == kind)
            counts[plan_review(store, result, row, 0) - store->batch->world.reviews]++;
    return counts;
}

/* ---- reference data ---- */

static void read_campaign(const struct database_result *result, size_t row, struct campaign *campaign, const void *salt, size_t salt_bytes)
{
    *campaign = (struct campaign){.year = (int32_t)result_int8(result, row, 1),
                                  .opens_ms = result_int8(result, row, 4),
                                  .closes_ms = result_int8(result, row, 5),
                                  .salt = salt,
                                  .salt_bytes = salt_bytes,
                                  .is_purged = result_bool(result, row, 7)};
}

static bool unpack_reference(struct store *store, struct database_result *result)
{
    enum { CAMPAIGN, REVIEWER, REASON };
    size_t rows = result_rows(result), salt_bytes;
    struct reference *reference = &store->batch->reference;
    struct campaign *campaigns = take_array(store, rows, sizeof *campaigns);
    struct reviewer_term *reviewers = take_array(store, rows, sizeof *reviewers);
    const char **reasons = take_array(store, rows, sizeof *reasons);
    if (campaigns == NULL || reviewers == NULL || reasons == NULL) return false;
    *reference = (struct reference){.campaigns = campaigns, .reviewers = reviewers, .reasons = reasons};
    for (size_t row = 0; row < rows; row++) {
        switch (result_int8(result, row, 0)) {
        case CAMPAIGN: {
            const void *salt = result_bytea(result, row, 6, &salt_bytes);
            read_campaign(result, row, &campaigns[reference->campaign_count++], salt, salt_bytes);
            break;
        }
        case REVIEWER:
            reviewers[reference->reviewer_count++] = (struct reviewer_term){result_text(result, row, 2), result_text(result, row, 3),
                                                                            result_int8(result, row, 4), result_int8(result, row, 5)};
            break;
        default:
            reasons[reference->reason_count++] = result_text(result, row, 2);
        }
    }
    store->batch->world.reference = reference;
    return true;
}

/* ---- units ---- */

enum { UNIT_ROW, UNIT_LIMIT, UNIT_HELD };
enum { UNIT_KIND = 1, UNIT_CREATED, UNIT_SUPERIOR, UNIT_FROM, UNIT_UNTIL, UNIT_NUMBER, UNIT_MOST };

static bool read_unit(struct store *store, const struct database_result *result, size_t row, struct review *review, size_t room)
{
    review->created_ms = result_int8(result, row, UNIT_CREATED);
    if (result_is_null(result, row, UNIT_SUPERIOR)) return true;
    struct superior_term *terms = review->superior_count == 0 ? take_array(store, room, sizeof *terms) : NULL;
    if (review->superior_count == 0) review->superiors = terms;
    if (review->superiors == NULL) return false;
    /* The list is ours until the engine reads it. */
    ((struct superior_term *)(uintptr_t)review->superiors)[review->superior_count++] = (struct superior_term){
        result_text(result, row, UNIT_SUPERIOR), result_int8(result, row, UNIT_FROM), result_int8(result, row, UNIT_UNTIL)};
    return true;
}

static bool read_limit(struct store *store, const struct database_result *result, size_t row, struct review *review, size_t room)
{
    if (review->limit_count == 0) review->limits = take_array(store, room, sizeof *review->limits);
    if (review->limits == NULL) return false;
    ((struct limit_term *)(uintptr_t)review->limits)[review->limit_count++] =
        (struct limit_term){(enum limit_kind)result_int8(result, row, UNIT_NUMBER), (int32_t)result_int8(result, row, UNIT_MOST),
                            result_int8(result, row, UNIT_FROM), result_int8(result, row, UNIT_UNTIL)};
    return true;
}

static bool unpack_units(struct store *store, struct database_result *result)
{
    struct world *world = &store->batch->world;
    uint32_t *units = rows_count(store, result, UNIT_KIND, UNIT_ROW), *limits = rows_count(store, result, UNIT_KIND, UNIT_LIMIT);
    if (units == NULL || limits == NULL) return false;
    for (size_t row = 0; row < result_rows(result); row++) {
        struct review *review = plan_review(store, result, row, 0);
        size_t place = (size_t)(review - world->reviews);
        int64_t kind = result_int8(result, row, UNIT_KIND);
        if (kind == UNIT_ROW && !read_unit(store, result, row, review, units[place])) return false;
        if (kind == UNIT_LIMIT && !read_limit(store, result, row, review, limits[place])) return false;
        if (kind == UNIT_HELD) review->is_held = true;
    }
    for (size_t i = 0; store->batch->held_unit != NULL && i < world->review_count; i++)
        if (strcmp(world->reviews[i].unit, store->batch->held_unit) == 0) world->reviews[i].is_held = true;
    return true;
}

/* ---- rows ---- */

static struct record_place read_place(const struct database_result *result, size_t row, size_t column)
{
    return (struct record_place){result_int8(result, row, column), result_int8(result, row, column + 1)};
}

static void read_sha256(struct database_result *result, size_t row, size_t column, uint8_t out[EVENT_SHA256_BYTES])
{
    size_t bytes = 0;
    const void *sha256 = result_bytea(result, row, column, &bytes);
    if (sha256 != NULL && bytes == EVENT_SHA256_BYTES) memcpy(out, sha256, bytes); /* of a purged year there is none */
}

static void read_unit_review(struct database_result *result, size_t row, struct unit_review *out)
{
    *out = (struct unit_review){.source = result_text(result, row, 1),
                                .id = result_text(result, row, 2),
                                .place = read_place(result, row, 3),
                                .submitted_by = result_text(result, row, 6),
                                .profile = {text_or_null(result, row, 7), text_or_null(result, row, 8), text_or_null(result, row, 9),
                                            text_or_null(result, row, 10), text_or_null(result, row, 11)},
                                .code = text_or_null(result, row, 12)};
    out->verdict = out->code == NULL ? VERDICT_ACCEPTED : VERDICT_REJECTED;
    read_sha256(result, row, 5, out->content_sha256);
}

static size_t place_of(const struct store *store, const struct review *review)
{
    return (size_t)(review - store->batch->world.reviews);
}

static bool read_unit_reviews(struct store *store, struct database_result *result, bool is_named)
{
    enum { COUNT = 13 };
    for (size_t row = 0; row < result_rows(result); row++) {
        struct review *review = plan_review(store, result, row, 0);
        if (store->plan->parts[place_of(store, review)].has_many_unit_reviews != is_named) continue;
        if (!result_is_null(result, row, COUNT)) {
            review->counted[LIMIT_UNIT_REVIEWS] = (int32_t)result_int8(result, row, COUNT);
            continue;
        }
        review->counted[LIMIT_UNIT_REVIEWS] += !is_named;
        read_unit_review(result, row, &review->unit_reviews[review->unit_review_count++]);
    }
    return true;
}

static bool unpack_unit_reviews(struct store *store)
{
    struct world *world = &store->batch->world;
    struct database_result *first = store->loaded[LOAD_UNIT_REVIEWS], *named = store->loaded[LOAD_NAMED_UNIT_REVIEWS];
    uint32_t *rows = rows_count(store, first, -1, 0), *named_rows = named == NULL ? rows : rows_count(store, named, -1, 0);
    if (rows == NULL || named_rows == NULL) return false;
    for (size_t i = 0; i < world->review_count; i++) {
        struct review *review = &world->reviews[i];
        review->unit_review_room =
            (store->plan->parts[i].has_many_unit_reviews ? named_rows[i] : rows[i]) + store->plan->parts[i].unit_reviews;
        review->unit_reviews = take_array(store, review->unit_review_room, sizeof *review->unit_reviews);
        if (review->unit_reviews == NULL) return false;
    }
    return read_unit_reviews(store, first, false) && (named == NULL || read_unit_reviews(store, named, true));
}

/* ---- submissions ---- */

static int name_in(const char *text, const char *(*name_of)(int), int count)
{
    for (int i = 0; i < count; i++)
        if (strcmp(text, name_of(i)) == 0) return i;
    return -1;
}

static const char *state_name(int i)
{
    return submission_state_name((enum submission_state)i);
}

enum {
    SUBMISSION_NAME = 1,
    SUBMISSION_SOURCE,
    SUBMISSION_UNIT_REVIEW,
    SUBMISSION_BY,
    SUBMISSION_MODE,
    SUBMISSION_CHUNKS,
    SUBMISSION_ENTRIES,
    SUBMISSION_RECEIVED,
    SUBMISSION_IN_CAMPAIGN,
    SUBMISSION_FIRST,
    SUBMISSION_FIRST_MS,
    SUBMISSION_COMPLETED,
    SUBMISSION_COMPLETED_MS,
    SUBMISSION_COMPLETED_BY,
    SUBMISSION_SHA256,
    SUBMISSION_STATE,
    SUBMISSION_CODE,
    SUBMISSION_ROW_CODE,
    SUBMISSION_LISTED,
    SUBMISSION_PASSED,
    SUBMISSION_FAILED,
    SUBMISSION_ERRORS,
    SUBMISSION_WARNINGS,
    SUBMISSION_DIGEST,
    SUBMISSION_DECIDED,
    SUBMISSION_WIDE,
    SUBMISSION_FINDINGS,
    SUBMISSION_ENROLMENTS,
    SUBMISSION_REASONS,
    SUBMISSION_FAILING_WARNINGS,
    SUBMISSION_FAILED_JSON
};

static int32_t number_or_zero(const struct database_result *result, size_t row, size_t column)
{
    return result_is_null(result, row, column) ? 0 : (int32_t)result_int8(result, row, column);
}

/* Texts of an array have no NUL: a copy, the same one for those that repeat. */
static const char *read_element(struct store *store, struct database_array *array, const char *before)
{
    size_t count;
    const char *bytes;
    if (!array_next(array, &bytes, &count) || bytes == NULL) return NULL;
    if (before != NULL && strlen(before) == count && memcmp(before, bytes, count) == 0) return before;
    return arena_copy(store->batch->arena, bytes, count);
}

static bool read_failing(struct store *store, const struct database_result *result, size_t row, struct submission *out)
{
    struct database_array enrolments = result_array(result, row, SUBMISSION_ENROLMENTS),
                          reasons = result_array(result, row, SUBMISSION_REASONS),
                          warnings = result_array(result, row, SUBMISSION_FAILING_WARNINGS);
    size_t count = enrolments.left;
    bool has_warnings = warnings.left > 0;
    struct failing *list = take_array(store, count, sizeof *list);
    const char *reason = NULL;
    if (list == NULL) return false;
    for (size_t i = 0; i < count; i++) {
        reason = read_element(store, &reasons, reason);
        if (!array_next_int8(&enrolments, &list[i].enrolment) || reason == NULL) return damaged(store, "failing entries");
        list[i].reason = reason;
        if (has_warnings) list[i].warnings = read_element(store, &warnings, NULL);
    }
    out->failing = list;
    out->has_failing = true;
    return true;
}

static void read_header(const struct database_result *result, size_t row, struct submission *out)
{
    *out = (struct submission){.name = result_text(result, row, SUBMISSION_NAME),
                               .source = result_text(result, row, SUBMISSION_SOURCE),
                               .unit_review = result_text(result, row, SUBMISSION_UNIT_REVIEW),
                               .submitted_by = result_text(result, row, SUBMISSION_BY),
                               .mode = result_text(result, row, SUBMISSION_MODE)[0] == 'l' ? EVENT_MODE_LIST : EVENT_MODE_IMPORT,
                               .chunk_count = (int32_t)result_int8(result, row, SUBMISSION_CHUNKS),
                               .entries_total = (int32_t)result_int8(result, row, SUBMISSION_ENTRIES),
                               .received = (int32_t)result_int8(result, row, SUBMISSION_RECEIVED),
                               .is_in_campaign = result_bool(result, row, SUBMISSION_IN_CAMPAIGN),
                               .first = read_place(result, row, SUBMISSION_FIRST),
                               .completed = {.offset = -1},
                               .completed_by = text_or_null(result, row, SUBMISSION_COMPLETED_BY),
                               .code = text_or_null(result, row, SUBMISSION_CODE),
                               .row_code = text_or_null(result, row, SUBMISSION_ROW_CODE),
                               .listed = number_or_zero(result, row, SUBMISSION_LISTED),
                               .passed = number_or_zero(result, row, SUBMISSION_PASSED),
                               .failed = number_or_zero(result, row, SUBMISSION_FAILED),
                               .errors_total = number_or_zero(result, row, SUBMISSION_ERRORS),
                               .warnings_total = number_or_zero(result, row, SUBMISSION_WARNINGS)};
}

static bool read_submission(struct store *store, struct database_result *result, size_t row, struct submission *out)
{
    read_header(result, row, out);
    int state = name_in(result_text(result, row, SUBMISSION_STATE), state_name, SUBMISSION_STATES);
    if (state < 0) return damaged(store, "a submission's state");
    out->state = (enum submission_state)state;
    if (!result_is_null(result, row, SUBMISSION_COMPLETED)) out->completed = read_place(result, row, SUBMISSION_COMPLETED);
    if (!result_is_null(result, row, SUBMISSION_DECIDED)) out->decided_ms = result_int8(result, row, SUBMISSION_DECIDED);
    read_sha256(result, row, SUBMISSION_SHA256, out->content_sha256);
    read_sha256(result, row, SUBMISSION_DIGEST, out->digest);
    out->has_digest = !result_is_null(result, row, SUBMISSION_DIGEST);
    if (!result_bool(result, row, SUBMISSION_WIDE)) return true;
    out->findings_json = text_or_null(result, row, SUBMISSION_FINDINGS);
    out->failed_json = text_or_null(result, row, SUBMISSION_FAILED_JSON);
    return result_is_null(result, row, SUBMISSION_ENROLMENTS) || read_failing(store, result, row, out);
}

static bool unpack_submissions(struct store *store, struct database_result *result)
{
    struct world *world = &store->batch->world;
    uint32_t *rows = rows_count(store, result, -1, 0);
    if (rows == NULL) return false;
    for (size_t i = 0; i < world->review_count; i++) {
        struct review *review = &world->reviews[i];
        review->submission_room = rows[i] + store->plan->parts[i].chunks;
        review->submissions = take_array(store, review->submission_room, sizeof *review->submissions);
        review->counted[LIMIT_SUBMISSIONS] = (int32_t)rows[i];
        if (review->submissions == NULL) return false;
    }
    for (size_t row = 0; row < result_rows(result); row++) {
        struct review *review = plan_review(store, result, row, 0);
        if (!read_submission(store, result, row, &review->submissions[review->submission_count++])) return false;
    }
    return true;
}

/* ---- chunks ---- */

enum { CHUNK_SUBMISSION = 1, CHUNK_NUMBER, CHUNK_SOURCE, CHUNK_ID, CHUNK_PLACE, CHUNK_MS, CHUNK_SHA256, CHUNK_IN_CAMPAIGN, CHUNK_ROWS };

static bool read_repeat(struct store *store, struct database_result *result, size_t row, struct review *review)
{
    if (review->repeats == NULL) {
        review->repeat_room = 2 * store->plan->parts[review - store->batch->world.reviews].chunks;
        review->repeats = take_array(store, review->repeat_room, sizeof *review->repeats);
        if (review->repeats == NULL) return false;
    }
    struct repeat *out = &review->repeats[review->repeat_count++];
    *out = (struct repeat){.source = result_text(result, row, CHUNK_SOURCE),
                           .id = result_text(result, row, CHUNK_ID),
                           .place = read_place(result, row, CHUNK_PLACE)};
    read_sha256(result, row, CHUNK_SHA256, out->content_sha256);
    return true;
}

static struct submission *find_submission(struct review *review, const char *name, struct submission *before)
{
    if (before != NULL && before >= review->submissions && before < review->submissions + review->submission_count &&
        strcmp(before->name, name) == 0)
        return before;
    for (size_t i = 0; i < review->submission_count; i++)
        if (strcmp(review->submissions[i].name, name) == 0) return &review->submissions[i];
    return NULL;
}

/* Rows that come whole come first and once; of those behind them, which events name, some are known already. */
static bool is_known(const struct submission *submission, int32_t number)
{
    for (size_t i = 0; i < submission->chunks_loaded; i++)
        if (submission->chunks[i].number == number) return true;
    return false;
}

static bool read_chunk(struct store *store, struct database_result *result, size_t row, struct submission *submission, size_t room)
{
    size_t bytes = 0;
    int32_t number = (int32_t)result_int8(result, row, CHUNK_NUMBER);
    const void *rows = result_bytea(result, row, CHUNK_ROWS, &bytes);
    if (rows == NULL && is_known(submission, number)) return true;
    if (submission->chunks == NULL) {
        submission->chunks_room = room;
        submission->chunks = take_array(store, room, sizeof *submission->chunks);
        if (submission->chunks == NULL) return false;
    }
    struct chunk *out = &submission->chunks[submission->chunks_loaded++];
    *out = (struct chunk){.number = number,
                          .id = result_text(result, row, CHUNK_ID),
                          .place = read_place(result, row, CHUNK_PLACE),
                          .is_in_campaign = result_bool(result, row, CHUNK_IN_CAMPAIGN),
                          .has_rows = rows != NULL};
    read_sha256(result, row, CHUNK_SHA256, out->content_sha256);
    if (rows == NULL) return true;
    if (rows_unpack(store->batch->arena, rows, bytes, &out->rows)) return true;
    return arena_take(store->batch->arena, bytes) == NULL ? store_memory(store) : damaged(store, "rows of a chunk");
}

static bool unpack_chunks(struct store *store, struct database_result *result)
{
    struct world *world = &store->batch->world;
    struct submission *submission = NULL;
    uint32_t *rows = rows_count(store, result, -1, 0);
    if (rows == NULL) return false;
    for (size_t row = 0; row < result_rows(result); row++) {
        struct review *review = plan_review(store, result, row, 0);
        if (result_is_null(result, row, CHUNK_NUMBER)) {
            if (!read_repeat(store, result, row, review)) return false;
            continue;
        }
        submission = find_submission(review, result_text(result, row, CHUNK_SUBMISSION), submission);
        if (submission == NULL) return damaged(store, "a chunk's submission");
        size_t place = (size_t)(review - world->reviews);
        if (!read_chunk(store, result, row, submission, rows[place] + store->plan->parts[place].chunks)) return false;
    }
    return true;
}

/* ---- decisions ---- */

enum {
    DECISION_SOURCE = 1,
    DECISION_ID,
    DECISION_SUBMISSION,
    DECISION_PLACE,
    DECISION_MS,
    DECISION_SHA256,
    DECISION_KIND,
    DECISION_DIGEST,
    DECISION_SUPERIOR,
    DECISION_REVIEWER,
    DECISION_BY,
    DECISION_COMMENT,
    DECISION_VERDICT,
    DECISION_CODE,
    DECISION_IS_COUNTED,
    DECISION_COUNTED,
    DECISION_WITHDRAWALS
};

static const char *kind_name(int i)
{
    return decision_kind_name((enum decision_kind)i);
}

static const char *name_of_verdict(int i)
{
    return verdict_name((enum verdict)i);
}

static void read_digest(struct decision *decision, const char *text)
{
    static const char prefix[] = "sha256:";
    decision->digest_text = text;
    if (text == NULL || strncmp(text, prefix, sizeof prefix - 1) != 0) return;
    decision->has_digest = hex_read(text + sizeof prefix - 1, decision->digest, STATE_DIGEST_BYTES);
    if (!decision->has_digest) memset(decision->digest, 0, sizeof decision->digest);
}

static bool read_decision(struct store *store, struct database_result *result, size_t row, struct decision *out)
{
    int kind = name_in(result_text(result, row, DECISION_KIND), kind_name, DECISION_WITHDRAWN + 1);
    int verdict = name_in(result_text(result, row, DECISION_VERDICT), name_of_verdict, VERDICT_REJECTED + 1);
    if (kind < 0 || verdict < 0) return damaged(store, "a decision");
    *out = (struct decision){.source = result_text(result, row, DECISION_SOURCE),
                             .id = result_text(result, row, DECISION_ID),
                             .submission = result_text(result, row, DECISION_SUBMISSION),
                             .place = read_place(result, row, DECISION_PLACE),
                             .kind = (enum decision_kind)kind,
                             .superior = text_or_null(result, row, DECISION_SUPERIOR),
                             .reviewer = text_or_null(result, row, DECISION_REVIEWER),
                             .submitted_by = text_or_null(result, row, DECISION_BY),
                             .comment = text_or_null(result, row, DECISION_COMMENT),
                             .verdict = (enum verdict)verdict,
                             .code = text_or_null(result, row, DECISION_CODE),
                             .is_counted = result_bool(result, row, DECISION_IS_COUNTED)};
    read_sha256(result, row, DECISION_SHA256, out->content_sha256);
    read_digest(out, text_or_null(result, row, DECISION_DIGEST));
    return true;
}

/* Withdrawals count by their source. */
static bool add_withdrawals(struct store *store, struct review *review, const char *source, int32_t count)
{
    size_t at = 0;
    if (count == 0) return true;
    if (review->withdrawals == NULL) {
        review->withdrawal_room = review->decision_room + 1;
        review->withdrawals = take_array(store, review->withdrawal_room, sizeof *review->withdrawals);
        if (review->withdrawals == NULL) return false;
    }
    while (at < review->withdrawal_count && strcmp(review->withdrawals[at].source, source) != 0) at++;
    if (at == review->withdrawal_count) review->withdrawals[review->withdrawal_count++] = (struct withdrawal_count){.source = source};
    review->withdrawals[at].count += count;
    return true;
}

/* A row that only counts names a source. */
static bool read_counts(struct store *store, const struct database_result *result, size_t row, struct review *review)
{
    review->counted[LIMIT_DECISIONS] += (int32_t)result_int8(result, row, DECISION_COUNTED);
    int32_t count = (int32_t)result_int8(result, row, DECISION_WITHDRAWALS);
    if (count == 0) return true;
    if (review->withdrawals == NULL) return add_withdrawals(store, review, result_text(result, row, DECISION_SOURCE), count);
    review->withdrawals[review->withdrawal_count++] = (struct withdrawal_count){result_text(result, row, DECISION_SOURCE), count};
    return true;
}

static bool read_decisions(struct store *store, struct database_result *result, bool is_named)
{
    for (size_t row = 0; row < result_rows(result); row++) {
        struct review *review = plan_review(store, result, row, 0);
        if (store->plan->parts[place_of(store, review)].has_many_decisions != is_named) continue;
        if (result_is_null(result, row, DECISION_ID)) {
            if (!read_counts(store, result, row, review)) return false;
            continue;
        }
        struct decision *out = &review->decisions[review->decision_count++];
        if (!read_decision(store, result, row, out)) return false;
        if (is_named) continue;
        review->counted[LIMIT_DECISIONS] += out->is_counted;
        if (!add_withdrawals(store, review, out->source, out->kind == DECISION_WITHDRAWN)) return false;
    }
    return true;
}

static bool unpack_decisions(struct store *store)
{
    struct world *world = &store->batch->world;
    struct database_result *first = store->loaded[LOAD_DECISIONS], *named = store->loaded[LOAD_NAMED_DECISIONS];
    uint32_t *rows = rows_count(store, first, -1, 0), *named_rows = named == NULL ? rows : rows_count(store, named, -1, 0);
    if (rows == NULL || named_rows == NULL) return false;
    for (size_t i = 0; i < world->review_count; i++) {
        struct review *review = &world->reviews[i];
        review->decision_room = (store->plan->parts[i].has_many_decisions ? named_rows[i] : rows[i]) + store->plan->parts[i].decisions;
        review->decisions = take_array(store, review->decision_room, sizeof *review->decisions);
        if (review->decisions == NULL) return false;
    }
    return read_decisions(store, first, false) && (named == NULL || read_decisions(store, named, true));
}

/* ---- rosters ---- */

static bool unpack_roster(struct store *store, struct database_result *result)
{
    struct world *world = &store->batch->world;
    uint32_t *rows = rows_count(store, result, -1, 0);
    struct roster_block *blocks = take_array(store, result_rows(result), sizeof *blocks);
    if (rows == NULL || blocks == NULL) return false;
    for (size_t i = 0; i < world->review_count; i++) {
        world->reviews[i].roster.blocks = blocks;
        blocks += rows[i];
    }
    for (size_t row = 0; row < result_rows(result); row++) {
        struct roster *roster = &plan_review(store, result, row, 0)->roster;
        struct roster_block block = {NULL, 0};
        roster->members += (int32_t)result_int8(result, row, 1);
        block.bytes = result_bytea(result, row, 2, &block.size_bytes);
        if (block.bytes == NULL) continue;
        if (roster_block_check(block.bytes, block.size_bytes) < 0) return damaged(store, "a roster's block");
        ((struct roster_block *)(uintptr_t)roster->blocks)[roster->block_count++] = block;
    }
    return true;
}

static bool unpack_changes(struct store *store, const struct database_result *result)
{
    struct world *world = &store->batch->world;
    if (result_rows(result) == 0) return true;
    uint32_t *rows = rows_count(store, result, -1, 0);
    struct roster_change *changes = take_array(store, result_rows(result), sizeof *changes);
    if (rows == NULL || changes == NULL) return false;
    for (size_t i = 0; i < world->review_count; i++) {
        world->reviews[i].roster.changes = changes;
        changes += rows[i];
    }
    for (size_t row = 0; row < result_rows(result); row++) {
        struct roster *roster = &plan_review(store, result, row, 0)->roster;
        ((struct roster_change *)(uintptr_t)roster->changes)[roster->change_count++] = (struct roster_change){
            .at_ms = result_int8(result, row, 1),
            .enrolment = result_int8(result, row, 2),
            .member_no = result_text(result, row, 3),
            .key = id_key_of(result_text(result, row, 4), result_bytes(result, row, 4)),
            .name = result_text(result, row, 5),
            .was_key = id_key_of(result_text(result, row, 6), result_bytes(result, row, 6)),
            .was_name = result_text(result, row, 7),
        };
    }
    return true;
}

/* ---- reviews with many rows ---- */

bool store_has_many(struct store *store)
{
    bool has_many = false;
    const uint32_t *unit_reviews = rows_count(store, store->loaded[LOAD_UNIT_REVIEWS], -1, 0);
    const uint32_t *decisions = rows_count(store, store->loaded[LOAD_DECISIONS], -1, 0);
    if (unit_reviews == NULL || decisions == NULL) return false;
    for (size_t i = 0; i < store->batch->world.review_count; i++) {
        struct review_part *part = &store->plan->parts[i];
        part->has_many_unit_reviews = unit_reviews[i] >= LOAD_MOST;
        part->has_many_decisions = decisions[i] >= LOAD_MOST;
        has_many = has_many || part->has_many_unit_reviews || part->has_many_decisions;
    }
    return has_many;
}

bool store_unpack(struct store *store)
{
    struct database_result **results = store->loaded;
    bool is_good = unpack_reference(store, results[LOAD_REFERENCE]) && unpack_units(store, results[LOAD_UNITS]) &&
                   unpack_changes(store, results[LOAD_CHANGES]);
    if (results[LOAD_SUBMISSIONS] != NULL)
        is_good = is_good && unpack_unit_reviews(store) && unpack_submissions(store, results[LOAD_SUBMISSIONS]) && unpack_decisions(store);
    return is_good && (results[LOAD_CHUNKS] == NULL || unpack_chunks(store, results[LOAD_CHUNKS])) &&
           (results[LOAD_ROSTER] == NULL || unpack_roster(store, results[LOAD_ROSTER]));
}
