#include "rules/keep.h"

#include <stdalign.h>
#include <string.h>

/* The same walk measures (block NULL) and copies, so that the two cannot differ. */
struct block {
    char *bytes; /* NULL: measuring */
    size_t used;
};

static void *block_take(struct block *block, size_t bytes, size_t alignment)
{
    size_t at = (block->used + alignment - 1) / alignment * alignment;
    block->used = at + bytes;
    return block->bytes == NULL ? NULL : block->bytes + at;
}

/* A copy of `count` items, or NULL while measuring or when there are none. */
static void *block_copy(struct block *block, const void *items, size_t count, size_t item_bytes)
{
    if (count == 0) return NULL;
    void *copy = block_take(block, count * item_bytes, alignof(max_align_t));
    if (copy != NULL) memcpy(copy, items, count * item_bytes);
    return copy;
}

static const char *block_text(struct block *block, const char *text)
{
    if (text == NULL) return NULL;
    size_t bytes = strlen(text) + 1;
    char *copy = block_take(block, bytes, 1);
    return copy == NULL ? NULL : memcpy(copy, text, bytes);
}

/* Replaces a text of a copied row by its own copy. While measuring there is no row: the original's text is walked. */
#define KEEP_TEXT(field)                                                                                                                   \
    do {                                                                                                                                   \
        const char *text_ = block_text(block, from->field);                                                                                \
        if (to != NULL) to->field = text_;                                                                                                 \
    } while (0)

static void keep_profile(struct block *block, const struct event_profile *from, struct event_profile *to)
{
    KEEP_TEXT(name);
    KEEP_TEXT(credit_code);
    KEEP_TEXT(address);
    KEEP_TEXT(contact_name);
    KEEP_TEXT(contact_mobile);
}

static void keep_unit_review(struct block *block, const struct unit_review *from, struct unit_review *to)
{
    KEEP_TEXT(source);
    KEEP_TEXT(id);
    KEEP_TEXT(submitted_by);
    KEEP_TEXT(code);
    keep_profile(block, &from->profile, to == NULL ? NULL : &to->profile);
    if (to != NULL) to->is_new = false;
}

static void keep_key(struct block *block, const struct id_key *from, struct id_key *to)
{
    KEEP_TEXT(text);
}

static void keep_failing_row(struct block *block, const struct event_failing *from, struct event_failing *to)
{
    keep_key(block, &from->key, to == NULL ? NULL : &to->key);
    KEEP_TEXT(reason);
    KEEP_TEXT(name);
    KEEP_TEXT(warnings);
}

static void keep_bad_number(struct block *block, const struct event_bad_number *from, struct event_bad_number *to)
{
    KEEP_TEXT(code);
    KEEP_TEXT(masked);
}

static void keep_rows(struct block *block, const struct event_rows *from, struct event_rows *to)
{
    struct event_failing *failing = block_copy(block, from->failing, from->failing_count, sizeof *failing);
    struct id_key *passed = block_copy(block, from->passed, from->passed_count, sizeof *passed);
    struct event_bad_number *bad = block_copy(block, from->bad, from->bad_count, sizeof *bad);
    for (size_t i = 0; i < from->failing_count; i++) keep_failing_row(block, &from->failing[i], failing == NULL ? NULL : &failing[i]);
    for (size_t i = 0; i < from->passed_count; i++) keep_key(block, &from->passed[i], passed == NULL ? NULL : &passed[i]);
    for (size_t i = 0; i < from->bad_count; i++) keep_bad_number(block, &from->bad[i], bad == NULL ? NULL : &bad[i]);
    if (to == NULL) return;
    to->failing = failing;
    to->passed = passed;
    to->bad = bad;
}

static void keep_chunk(struct block *block, const struct chunk *from, struct chunk *to, bool has_rows)
{
    KEEP_TEXT(id);
    if (has_rows) keep_rows(block, &from->rows, to == NULL ? NULL : &to->rows);
    if (to == NULL) return;
    if (!has_rows) to->rows = (struct event_rows){0};
    to->has_rows = has_rows;
    to->is_new = false;
}

static void keep_chunks(struct block *block, const struct submission *from, struct submission *to)
{
    struct chunk *chunks = block_copy(block, from->chunks, from->chunks_loaded, sizeof *chunks);
    for (size_t i = 0; i < from->chunks_loaded; i++)
        keep_chunk(block, &from->chunks[i], chunks == NULL ? NULL : &chunks[i], from->chunks[i].has_rows && !from->must_drop_rows);
    if (to == NULL) return;
    to->chunks = chunks;
    to->chunks_room = to->chunks_loaded;
}

static void keep_failing(struct block *block, const struct submission *from, struct submission *to)
{
    size_t count = from->has_failing ? (size_t)from->failed : 0;
    struct failing *failing = block_copy(block, from->failing, count, sizeof *failing);
    for (size_t i = 0; i < count; i++) {
        const char *reason = block_text(block, from->failing[i].reason), *warnings = block_text(block, from->failing[i].warnings);
        if (failing == NULL) continue;
        failing[i].reason = reason;
        failing[i].warnings = warnings;
    }
    if (to != NULL) to->failing = failing;
}

static void keep_submission(struct block *block, const struct submission *from, struct submission *to)
{
    KEEP_TEXT(name);
    KEEP_TEXT(source);
    KEEP_TEXT(unit_review);
    KEEP_TEXT(submitted_by);
    KEEP_TEXT(completed_by);
    KEEP_TEXT(row_code);
    KEEP_TEXT(findings_json);
    KEEP_TEXT(failed_json);
    KEEP_TEXT(code);
    keep_chunks(block, from, to);
    keep_failing(block, from, to);
    if (to != NULL) to->is_new = to->is_changed = to->must_drop_rows = to->was_completed_now = false;
}

static void keep_decision(struct block *block, const struct decision *from, struct decision *to)
{
    KEEP_TEXT(source);
    KEEP_TEXT(id);
    KEEP_TEXT(submission);
    KEEP_TEXT(digest_text);
    KEEP_TEXT(superior);
    KEEP_TEXT(reviewer);
    KEEP_TEXT(submitted_by);
    KEEP_TEXT(comment);
    KEEP_TEXT(code);
    if (to != NULL) to->is_new = to->is_changed = false;
}

static void keep_repeat(struct block *block, const struct repeat *from, struct repeat *to)
{
    KEEP_TEXT(source);
    KEEP_TEXT(id);
    if (to != NULL) to->is_new = false;
}

static void keep_withdrawals(struct block *block, const struct withdrawal_count *from, struct withdrawal_count *to)
{
    KEEP_TEXT(source);
}

/* One list of the review: the items, then what they point to. */
#define KEEP_LIST(list, count, room, keep_item)                                                                                            \
    do {                                                                                                                                   \
        void *items_ = block_copy(block, from->list, from->count, sizeof *from->list);                                                     \
        if (to != NULL) {                                                                                                                  \
            to->list = items_;                                                                                                             \
            to->room = from->count;                                                                                                        \
        }                                                                                                                                  \
        for (size_t i = 0; i < from->count; i++) keep_item(block, &from->list[i], items_ == NULL ? NULL : &to->list[i]);                   \
    } while (0)

static struct review *keep_review(struct block *block, const struct review *from)
{
    struct review *to = block_copy(block, from, 1, sizeof *from);
    KEEP_TEXT(unit);
    KEEP_LIST(unit_reviews, unit_review_count, unit_review_room, keep_unit_review);
    KEEP_LIST(submissions, submission_count, submission_room, keep_submission);
    KEEP_LIST(decisions, decision_count, decision_room, keep_decision);
    KEEP_LIST(repeats, repeat_count, repeat_room, keep_repeat);
    KEEP_LIST(withdrawals, withdrawal_count, withdrawal_room, keep_withdrawals);
    if (to == NULL) return NULL;
    to->roster = (struct roster){0};
    to->profile = (struct profile_change){0};
    return to;
}

size_t review_kept_bytes(const struct review *review)
{
    struct block block = {0};
    keep_review(&block, review);
    return block.used;
}

struct review *review_keep(const struct review *review, void *bytes)
{
    struct block block = {.bytes = bytes};
    return keep_review(&block, review);
}
