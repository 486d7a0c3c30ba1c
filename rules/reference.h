/*
 * Reference data: what events are judged against and operators change. Each row is valid from a moment (included) until another
 * (excluded), in milliseconds since 1970, and is read as of a record's append time, never as of now: so a rebuild judges alike.
 *
 * Borrowed memory throughout; the caller keeps it alive for the call of review_apply. Pure.
 */
#ifndef NIANSHEN_RULES_REFERENCE_H
#define NIANSHEN_RULES_REFERENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REFERENCE_FOREVER_MS INT64_MAX /* valid_until of what has not ended */

enum { REFERENCE_LIMIT_DEFAULT = 1000 }; /* of each kind, a unit and year */

struct campaign {
    int32_t year;
    int64_t opens_ms, closes_ms;
    const uint8_t *salt; /* prefixes every digest; empty once the year is purged */
    size_t salt_bytes;
    bool is_purged; /* a purge has begun: rows of this year cannot be judged any more */
};

struct superior_term { /* of one unit */
    const char *superior;
    int64_t from_ms, until_ms;
};

struct reviewer_term {
    const char *reviewer, *superior;
    int64_t from_ms, until_ms;
};

enum limit_kind { LIMIT_UNIT_REVIEWS, LIMIT_SUBMISSIONS, LIMIT_DECISIONS, LIMIT_KINDS };

struct limit_term { /* of one unit */
    enum limit_kind kind;
    int32_t most;
    int64_t from_ms, until_ms;
};

struct reference {
    const struct campaign *campaigns; /* those of the years in question; any order, few */
    size_t campaign_count;
    const struct reviewer_term *reviewers; /* sorted by (reviewer, superior, from_ms); at least those whom the events name */
    size_t reviewer_count;
    const char *const *reasons; /* failure reasons; few */
    size_t reason_count;
};

/* NULL: there is no campaign of that year. */
const struct campaign *reference_campaign(const struct reference *reference, int32_t year);
bool campaign_is_open(const struct campaign *campaign, int64_t at_ms); /* false of NULL */
bool reference_has_reviewer(const struct reference *reference, const char *reviewer, const char *superior, int64_t at_ms);
bool reference_has_reason(const struct reference *reference, const char *reason);
/* NULL: the unit had no superior then. */
const char *superior_at(const struct superior_term *terms, size_t count, int64_t at_ms);
/* REFERENCE_LIMIT_DEFAULT where no term says otherwise. */
int32_t limit_at(const struct limit_term *terms, size_t count, enum limit_kind kind, int64_t at_ms);

#endif
