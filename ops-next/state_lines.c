#include "ops-next/state_lines.h"

#include <openssl/evp.h>
#include <string.h>

#include "core/arena.h"
#include "ops/copy_text.h"
#include "rules/rows.h"

enum { PACKED_BYTES_MAX = 16 * 1024 * 1024 }; /* of one chunk: far more than EVENT_CHUNK_BYTES_MAX comes to */

/* ---- a line, written as COPY writes it ---- */

static void line_field(struct copy_text *line, const char *text)
{
    copy_text_plain(line, text == NULL ? "\t\\N" : "\t");
    if (text != NULL) copy_text_field(line, text);
}

static void line_number(struct copy_text *line, int64_t value)
{
    copy_text_plain(line, "\t");
    copy_text_number(line, value);
}

static void line_flag(struct copy_text *line, bool value)
{
    copy_text_plain(line, value ? "\tt" : "\tf");
}

static void line_hex(struct copy_text *line, const uint8_t *bytes, size_t count, bool is_there)
{
    copy_text_plain(line, is_there ? "\t" : "\t\\N");
    if (is_there) copy_text_hex(line, bytes, count);
}

static bool is_zero(const uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (bytes[i] != 0) return false;
    return true;
}

/* ---- rows ---- */

static const char *const unit_review_columns[] = {"source",      "event_id", "submitted_by", "append_ms",      "content", "name",
                                                  "credit_code", "address",  "contact_name", "contact_mobile", "code",    NULL};

static void write_unit_review(struct copy_text *line, const struct unit_review *row)
{
    line_field(line, row->source);
    line_field(line, row->id);
    line_field(line, row->submitted_by);
    line_number(line, row->place.append_ms);
    line_hex(line, row->content_sha256, sizeof row->content_sha256, true);
    line_field(line, row->profile.name);
    line_field(line, row->profile.credit_code);
    line_field(line, row->profile.address);
    line_field(line, row->profile.contact_name);
    line_field(line, row->profile.contact_mobile);
    line_field(line, row->code);
}

static const char *const submission_columns[] = {
    "submission", "source",      "unit_review", "submitted_by", "mode",         "chunks",       "entries_total",
    "received",   "in_campaign", "first_ms",    "completed_ms", "completed_by", "content",      "state",
    "code",       "row_code",    "listed",      "passed",       "failed",       "errors_total", "warnings_total",
    "findings",   "enrolments",  "reasons",     "warnings",     "entries",      "digest",       "decided_ms",
    NULL};

static bool has_warnings(const struct submission *row)
{
    for (int32_t i = 0; i < row->failed; i++)
        if (row->failing[i].warnings != NULL) return true;
    return false;
}

static void list_separate(struct copy_text *line, int32_t place, const char *separator)
{
    if (place > 0) copy_text_plain(line, separator);
}

/* Lists, in the order of the numbers: of digits, names of reasons and codes, in which nothing is to be escaped. */
static void write_failing(struct copy_text *line, const struct submission *row)
{
    int32_t count = row->has_failing ? row->failed : 0;
    copy_text_plain(line, "\t");
    for (int32_t i = 0; i < count; i++) {
        list_separate(line, i, ",");
        copy_text_number(line, row->failing[i].enrolment);
    }
    copy_text_plain(line, "\t");
    for (int32_t i = 0; i < count; i++) {
        list_separate(line, i, ",");
        copy_text_plain(line, row->failing[i].reason);
    }
    copy_text_plain(line, "\t");
    if (count == 0 || !has_warnings(row)) return;
    for (int32_t i = 0; i < count; i++) {
        list_separate(line, i, ";");
        copy_text_plain(line, row->failing[i].warnings != NULL ? row->failing[i].warnings : "");
    }
}

static void write_submission(struct copy_text *line, const struct submission *row)
{
    bool is_complete = row->completed.offset >= 0;
    line_field(line, row->name);
    line_field(line, row->source);
    line_field(line, row->unit_review);
    line_field(line, row->submitted_by);
    line_field(line, row->mode == EVENT_MODE_LIST ? "list" : "import");
    line_number(line, row->chunk_count);
    line_number(line, row->entries_total);
    line_number(line, row->received);
    line_flag(line, row->is_in_campaign);
    line_number(line, row->first.append_ms);
    line_number(line, is_complete ? row->completed.append_ms : 0);
    line_field(line, is_complete ? row->completed_by : NULL);
    line_hex(line, row->content_sha256, sizeof row->content_sha256, !is_zero(row->content_sha256, sizeof row->content_sha256));
    line_field(line, submission_state_name(row->state));
    line_field(line, row->code);
    line_field(line, row->row_code);
    line_number(line, row->listed);
    line_number(line, row->passed);
    line_number(line, row->failed);
    line_number(line, row->errors_total);
    line_number(line, row->warnings_total);
    line_field(line, row->findings_json);
    write_failing(line, row);
    line_field(line, row->state == SUBMISSION_WAITING ? row->failed_json : NULL);
    line_hex(line, row->digest, sizeof row->digest, row->has_digest);
    line_number(line, row->decided_ms);
}

static const char *const chunk_columns[] = {"submission", "chunk", "event_id", "append_ms", "content", "in_campaign", "rows", NULL};

/* Packed as they are stored. */
static bool hash_rows(const struct event_rows *rows, uint8_t out[EVENT_SHA256_BYTES])
{
    size_t bytes;
    struct arena *arena = arena_new(PACKED_BYTES_MAX);
    const void *packed = arena == NULL ? NULL : rows_pack(arena, rows, &bytes);
    bool is_good = packed != NULL && EVP_Digest(packed, bytes, out, NULL, EVP_sha256(), NULL) == 1;
    arena_free(arena);
    return is_good;
}

static void write_chunk(struct copy_text *line, const struct submission *submission, const struct chunk *row)
{
    uint8_t rows[EVENT_SHA256_BYTES];
    line_field(line, submission->name);
    line_number(line, row->number);
    line_field(line, row->id);
    line_number(line, row->place.append_ms);
    line_hex(line, row->content_sha256, sizeof row->content_sha256, true);
    line_flag(line, row->is_in_campaign);
    if (row->has_rows && !hash_rows(&row->rows, rows)) line->is_broken = true;
    line_hex(line, rows, sizeof rows, row->has_rows);
}

static const char *const decision_columns[] = {"source",  "event_id", "submission", "append_ms", "content",
                                               "kind",    "digest",   "superior",   "reviewer",  "submitted_by",
                                               "comment", "verdict",  "code",       "counted",   NULL};

static void write_decision(struct copy_text *line, const struct decision *row)
{
    line_field(line, row->source);
    line_field(line, row->id);
    line_field(line, row->submission);
    line_number(line, row->place.append_ms);
    line_hex(line, row->content_sha256, sizeof row->content_sha256, true);
    line_field(line, decision_kind_name(row->kind));
    line_field(line, row->digest_text);
    line_field(line, row->superior);
    line_field(line, row->reviewer);
    line_field(line, row->submitted_by);
    line_field(line, row->comment);
    line_field(line, verdict_name(row->verdict));
    line_field(line, row->code);
    line_flag(line, row->is_counted);
}

static const char *const repeat_columns[] = {"source", "event_id", "append_ms", "content", NULL};

static void write_repeat(struct copy_text *line, const struct repeat *row)
{
    line_field(line, row->source);
    line_field(line, row->id);
    line_number(line, row->place.append_ms);
    line_hex(line, row->content_sha256, sizeof row->content_sha256, true);
}

static const char *const removed_columns[] = {"enrolment", "reason", "submission", "decision_source", "decision", "removed_ms", NULL};

static void write_removed(struct copy_text *line, const struct submission *submission, const struct decision *approval,
                          const struct failing *row)
{
    line_number(line, row->enrolment);
    line_field(line, row->reason);
    line_field(line, submission->name);
    line_field(line, approval->source);
    line_field(line, approval->id);
    line_number(line, approval->place.append_ms);
}

/* ---- a review ---- */

struct walk {
    struct copy_text line;
    const char *unit;
    state_line_fn take;
    void *context;
    bool is_over;
};

static void walk_begin(struct walk *walk, const char *kind)
{
    walk->line.used = 0;
    copy_text_field(&walk->line, walk->unit);
    line_field(&walk->line, kind);
}

static void walk_end(struct walk *walk)
{
    if (walk->line.is_broken || !walk->take(walk->context, walk->line.bytes, walk->line.used)) walk->is_over = true;
}

static const struct decision *approval_of(const struct review *review, const struct submission *submission)
{
    for (size_t i = 0; i < review->decision_count; i++) {
        const struct decision *decision = &review->decisions[i];
        if (decision->kind == DECISION_APPROVED && decision->verdict == VERDICT_ACCEPTED &&
            strcmp(decision->submission, submission->name) == 0)
            return decision;
    }
    return NULL;
}

static void walk_removed(struct walk *walk, const struct review *review, const struct submission *submission)
{
    const struct decision *approval = submission->state == SUBMISSION_APPROVED ? approval_of(review, submission) : NULL;
    for (int32_t i = 0; approval != NULL && submission->has_failing && i < submission->failed && !walk->is_over; i++) {
        walk_begin(walk, "removed");
        write_removed(&walk->line, submission, approval, &submission->failing[i]);
        walk_end(walk);
    }
}

static void walk_submission(struct walk *walk, const struct review *review, const struct submission *submission)
{
    walk_begin(walk, "submission");
    write_submission(&walk->line, submission);
    walk_end(walk);
    for (size_t i = 0; i < submission->chunks_loaded && !walk->is_over; i++) {
        walk_begin(walk, "chunk");
        write_chunk(&walk->line, submission, &submission->chunks[i]);
        walk_end(walk);
    }
    walk_removed(walk, review, submission);
}

#define WALK_ROWS(list, count, kind, write)                                                                                                \
    for (size_t i = 0; i < review->count && !walk.is_over; i++) {                                                                          \
        walk_begin(&walk, kind);                                                                                                           \
        write(&walk.line, &review->list[i]);                                                                                               \
        walk_end(&walk);                                                                                                                   \
    }

bool state_lines_of(const struct review *review, state_line_fn take, void *context)
{
    struct walk walk = {.unit = review->unit, .take = take, .context = context};
    WALK_ROWS(unit_reviews, unit_review_count, "unit-review", write_unit_review)
    for (size_t i = 0; i < review->submission_count && !walk.is_over; i++) walk_submission(&walk, review, &review->submissions[i]);
    WALK_ROWS(decisions, decision_count, "decision", write_decision)
    WALK_ROWS(repeats, repeat_count, "repeated-chunk", write_repeat)
    copy_text_free(&walk.line);
    return !walk.is_over;
}

/* ---- the database's lines ---- */

const char *const state_line_queries[] = {
    "SELECT unit, 'unit-review', source, event_id, submitted_by, append_ms, encode(content_sha256, 'hex'), name, credit_code, address, "
    "contact_name, contact_mobile, code FROM nianshen_engine.unit_review WHERE year = %d",
    "SELECT unit, 'submission', submission, source, unit_review, submitted_by, mode, chunks, entries_total, received, is_in_campaign, "
    "first_ms, coalesce(completed_ms, 0), completed_by, encode(content_sha256, 'hex'), state, code, row_code, coalesce(listed, 0), "
    "coalesce(passed, 0), coalesce(failed, 0), errors_total, warnings_total, findings, "
    "coalesce(array_to_string(failing_enrolments, ','), ''), coalesce(array_to_string(failing_reasons, ','), ''), "
    "coalesce(array_to_string(failing_warnings, ';', ''), ''), failed_json, encode(digest, 'hex'), coalesce(decided_ms, 0) "
    "FROM nianshen_engine.submission WHERE year = %d",
    "SELECT unit, 'chunk', submission, chunk, event_id, append_ms, encode(content_sha256, 'hex'), is_in_campaign, "
    "encode(sha256(rows), 'hex') FROM nianshen_engine.chunk WHERE year = %d",
    "SELECT unit, 'decision', source, event_id, submission, append_ms, encode(content_sha256, 'hex'), kind, digest, superior, reviewer, "
    "submitted_by, comment, verdict, code, is_counted FROM nianshen_engine.decision WHERE year = %d",
    "SELECT unit, 'repeated-chunk', source, event_id, append_ms, encode(content_sha256, 'hex') "
    "FROM nianshen_engine.repeated_chunk WHERE year = %d",
    "SELECT unit, 'removed', enrolment, reason, submission, decision_source, decision, removed_ms "
    "FROM nianshen_engine.archive WHERE year = %d",
    "SELECT d.unit, 'removed', f.enrolment, f.reason, d.submission, d.decision_source, d.decision, d.removed_ms "
    "FROM nianshen_engine.removal_due d JOIN nianshen_engine.submission s USING (unit, year, submission) "
    "CROSS JOIN LATERAL unnest(s.failing_enrolments, s.failing_reasons) AS f (enrolment, reason) WHERE d.year = %d "
    "AND NOT EXISTS (SELECT FROM nianshen_engine.archive a WHERE a.enrolment = f.enrolment)",
    NULL};

const struct state_line_kind *state_line_kind_of(const char *kind)
{
    static const struct state_line_kind kinds[] = {
        {"unit-review", unit_review_columns, 2}, {"submission", submission_columns, 1}, {"chunk", chunk_columns, 2},
        {"decision", decision_columns, 2},       {"repeated-chunk", repeat_columns, 2}, {"removed", removed_columns, 1}};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(kinds[i].name, kind) == 0) return &kinds[i];
    return NULL;
}
