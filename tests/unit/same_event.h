/* What differs between two events: for the tests and the fuzzer that hold the two decoders against each other. */
#ifndef NIANSHEN_TESTS_UNIT_SAME_EVENT_H
#define NIANSHEN_TESTS_UNIT_SAME_EVENT_H

#include <string.h>

#include "core/event.h"

static bool same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool same_key(struct id_key a, struct id_key b)
{
    return same_text(a.text, b.text) && a.packed == b.packed;
}

static bool same_head(const struct event *a, const struct event *b)
{
    return a->type == b->type && same_text(a->source, b->source) && same_text(a->id, b->id) && same_text(a->unit, b->unit) &&
           a->year == b->year && same_text(a->refusal, b->refusal) && same_text(a->refusal_field, b->refusal_field) &&
           same_text(a->submitted_by, b->submitted_by) && same_text(a->submission, b->submission) &&
           same_text(a->unit_review, b->unit_review) && a->mode == b->mode && a->chunk_number == b->chunk_number &&
           a->chunks == b->chunks && a->entries_total == b->entries_total && same_text(a->digest, b->digest) &&
           same_text(a->superior, b->superior) && same_text(a->reviewer, b->reviewer) && same_text(a->comment, b->comment);
}

static bool same_profile(const struct event *a, const struct event *b)
{
    const struct event_profile *left = &a->profile, *right = &b->profile;
    bool is_same = same_text(left->name, right->name) && same_text(left->credit_code, right->credit_code) &&
                   same_text(left->address, right->address) && same_text(left->contact_name, right->contact_name) &&
                   same_text(left->contact_mobile, right->contact_mobile) && a->note_count == b->note_count;
    for (size_t i = 0; is_same && i < a->note_count; i++)
        is_same = same_text(a->notes[i].code, b->notes[i].code) && same_text(a->notes[i].field, b->notes[i].field) &&
                  a->notes[i].position == b->notes[i].position && a->notes[i].expected == b->notes[i].expected;
    return is_same;
}

static bool same_bad(const struct event_rows *a, const struct event_rows *b)
{
    bool is_same = a->bad_count == b->bad_count;
    for (size_t i = 0; is_same && i < a->bad_count; i++) {
        const struct event_bad_number *left = &a->bad[i], *right = &b->bad[i];
        is_same = left->list == right->list && left->index == right->index && same_text(left->code, right->code) &&
                  same_text(left->masked, right->masked) && left->position == right->position && left->expected == right->expected;
    }
    return is_same;
}

static bool same_rows(const struct event_rows *a, const struct event_rows *b)
{
    bool is_same = a->failing_count == b->failing_count && a->passed_count == b->passed_count && same_bad(a, b);
    for (size_t i = 0; is_same && i < a->failing_count; i++) {
        const struct event_failing *left = &a->failing[i], *right = &b->failing[i];
        is_same = same_key(left->key, right->key) && same_text(left->reason, right->reason) && same_text(left->name, right->name) &&
                  same_text(left->warnings, right->warnings);
    }
    for (size_t i = 0; is_same && i < a->passed_count; i++) is_same = same_key(a->passed[i], b->passed[i]);
    return is_same;
}

/* NULL when all that event_read promises is the same, else what is not. */
static inline const char *event_difference(const struct event *a, const struct event *b)
{
    if (!same_head(a, b)) return "a field";
    if (memcmp(a->content_sha256, b->content_sha256, EVENT_SHA256_BYTES) != 0) return "the hash";
    if (!same_profile(a, b)) return "the profile";
    return same_rows(&a->rows, &b->rows) ? NULL : "the rows";
}

#endif
