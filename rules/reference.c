#include "rules/reference.h"

#include <string.h>

static bool is_within(int64_t at_ms, int64_t from_ms, int64_t until_ms)
{
    return from_ms <= at_ms && at_ms < until_ms;
}

const struct campaign *reference_campaign(const struct reference *reference, int32_t year)
{
    for (size_t i = 0; i < reference->campaign_count; i++)
        if (reference->campaigns[i].year == year) return &reference->campaigns[i];
    return NULL;
}

bool campaign_is_open(const struct campaign *campaign, int64_t at_ms)
{
    return campaign != NULL && is_within(at_ms, campaign->opens_ms, campaign->closes_ms);
}

static int compare_reviewer(const struct reviewer_term *term, const char *reviewer, const char *superior)
{
    int order = strcmp(term->reviewer, reviewer);
    return order != 0 ? order : strcmp(term->superior, superior);
}

bool reference_has_reviewer(const struct reference *reference, const char *reviewer, const char *superior, int64_t at_ms)
{
    const struct reviewer_term *terms = reference->reviewers;
    size_t low = 0, high = reference->reviewer_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_reviewer(&terms[middle], reviewer, superior) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < reference->reviewer_count && compare_reviewer(&terms[low], reviewer, superior) == 0; low++)
        if (is_within(at_ms, terms[low].from_ms, terms[low].until_ms)) return true;
    return false;
}

bool reference_has_reason(const struct reference *reference, const char *reason)
{
    for (size_t i = 0; i < reference->reason_count; i++)
        if (strcmp(reference->reasons[i], reason) == 0) return true;
    return false;
}

const char *superior_at(const struct superior_term *terms, size_t count, int64_t at_ms)
{
    for (size_t i = 0; i < count; i++)
        if (is_within(at_ms, terms[i].from_ms, terms[i].until_ms)) return terms[i].superior;
    return NULL;
}

int32_t limit_at(const struct limit_term *terms, size_t count, enum limit_kind kind, int64_t at_ms)
{
    for (size_t i = 0; i < count; i++)
        if (terms[i].kind == kind && is_within(at_ms, terms[i].from_ms, terms[i].until_ms)) return terms[i].most;
    return REFERENCE_LIMIT_DEFAULT;
}
