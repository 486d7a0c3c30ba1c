#include "tests/sim-next/dump.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void put(struct dump *dump, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put(struct dump *dump, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int count = vsnprintf(dump->bytes + dump->used, sizeof dump->bytes - dump->used, format, arguments);
    va_end(arguments);
    dump->used += (size_t)count;
    if (dump->used >= sizeof dump->bytes) abort(); /* too long to be compared */
}

static const char *or_dash(const char *text)
{
    return text != NULL ? text : "-";
}

static int compare_unit_reviews(const void *a, const void *b)
{
    const struct unit_review *first = *(const struct unit_review *const *)a, *second = *(const struct unit_review *const *)b;
    return first->place.offset < second->place.offset ? -1 : first->place.offset > second->place.offset;
}

static int compare_submissions(const void *a, const void *b)
{
    const struct submission *first = *(const struct submission *const *)a, *second = *(const struct submission *const *)b;
    return strcmp(first->name, second->name);
}

static int compare_decisions(const void *a, const void *b)
{
    const struct decision *first = *(const struct decision *const *)a, *second = *(const struct decision *const *)b;
    return first->place.offset < second->place.offset ? -1 : first->place.offset > second->place.offset;
}

/* Pointers to the rows of a list, sorted; DUMP_ROWS_MAX of them at most. */
static size_t sorted(const void *rows, size_t count, size_t size, int (*compare)(const void *, const void *), const void *out[])
{
    if (count > DUMP_ROWS_MAX) abort();
    for (size_t i = 0; i < count; i++) out[i] = (const char *)rows + i * size;
    if (count > 1) qsort(out, count, sizeof *out, compare);
    return count;
}

static void put_unit_review(struct dump *dump, const struct unit_review *row)
{
    const struct event_profile *profile = &row->profile;
    put(dump, "unit review %s %s @%" PRId64 ",%" PRId64 " by %s %s %s {%s %s %s %s %s}\n", row->source, row->id, row->place.offset,
        row->place.append_ms, row->submitted_by, verdict_name(row->verdict), or_dash(row->code), or_dash(profile->name),
        or_dash(profile->credit_code), or_dash(profile->address), or_dash(profile->contact_name), or_dash(profile->contact_mobile));
}

static void put_rows(struct dump *dump, const struct submission *row)
{
    put(dump, "  rows %s listed %d passed %d failed %d warnings %d:", or_dash(row->row_code), row->listed, row->passed, row->failed,
        row->warnings_total);
    for (int32_t i = 0; row->has_failing && i < row->failed; i++)
        put(dump, " %" PRId64 " %s %s", row->failing[i].enrolment, row->failing[i].reason, or_dash(row->failing[i].warnings));
    put(dump, "\n");
}

static void put_submission(struct dump *dump, const struct submission *row)
{
    put(dump,
        "submission %s %s for %s by %s %d chunks %d entries %d received %d first %" PRId64 " completed %" PRId64 " %" PRId64 " %s %s\n",
        row->name, row->source, row->unit_review, row->submitted_by, row->mode, row->chunk_count, row->entries_total, row->received,
        row->first.offset, row->completed.offset, row->completed.offset < 0 ? 0 : row->completed.append_ms,
        row->completed.offset < 0 ? "-" : or_dash(row->completed_by), row->is_in_campaign ? "in" : "out");
    char digest[2 * STATE_DIGEST_BYTES + 1];
    for (int i = 0; i < STATE_DIGEST_BYTES; i++) snprintf(digest + 2 * i, 3, "%02x", row->digest[i]);
    put(dump, "  %s %s %s decided %" PRId64 "\n", submission_state_name(row->state), or_dash(row->code), row->has_digest ? digest : "-",
        row->decided_ms);
    /* Rows that came whole after a withdrawal need not be judged; of refused ones nothing is told but why. */
    if (row->state != SUBMISSION_WITHDRAWN && row->state != SUBMISSION_REJECTED) put_rows(dump, row);
}

static void put_decision(struct dump *dump, const struct decision *row)
{
    put(dump, "decision %s %s on %s @%" PRId64 ",%" PRId64 " %s %s %s %s\n", row->source, row->id, row->submission, row->place.offset,
        row->place.append_ms, decision_kind_name(row->kind), verdict_name(row->verdict), or_dash(row->code),
        row->is_counted ? "counted" : "-");
}

void dump_review(struct dump *dump, const struct review *review)
{
    const void *rows[DUMP_ROWS_MAX];
    dump->used = 0;
    dump->bytes[0] = '\0';
    if (review == NULL) return;
    size_t count = sorted(review->unit_reviews, review->unit_review_count, sizeof *review->unit_reviews, compare_unit_reviews, rows);
    for (size_t i = 0; i < count; i++) put_unit_review(dump, rows[i]);
    count = sorted(review->submissions, review->submission_count, sizeof *review->submissions, compare_submissions, rows);
    for (size_t i = 0; i < count; i++) put_submission(dump, rows[i]);
    count = sorted(review->decisions, review->decision_count, sizeof *review->decisions, compare_decisions, rows);
    for (size_t i = 0; i < count; i++) put_decision(dump, rows[i]);
    put(dump, "repeats %zu\n", review->repeat_count);
    if (review->unit_review_count + review->submission_count + review->decision_count + review->repeat_count == 0) dump->used = 0;
    dump->bytes[dump->used] = '\0';
}
