/*
 * What is known of one unit's review of one year: the state that events move on. It is loaded before a micro-batch, changed by
 * review_apply and stored from its marks: `is_new` rows are inserted, `is_changed` ones updated. Nothing here depends on how the three
 * topics interleave, except what is named advisory.
 *
 * Memory is the world's arena or borrowed from decoded events and from what was loaded. Texts are NUL-terminated.
 */
#ifndef NIANSHEN_RULES_STATE_H
#define NIANSHEN_RULES_STATE_H

#include "core/event.h"
#include "rules/reference.h"
#include "rules/roster.h"

enum verdict { VERDICT_WAITING, VERDICT_ACCEPTED, VERDICT_REJECTED };
enum submission_state {
    SUBMISSION_RECEIVING, /* not all chunks are there */
    SUBMISSION_WAITING, /* complete; behind an earlier one, or its unit review is not there */
    SUBMISSION_PENDING, /* valid; waits for the superior */
    SUBMISSION_REJECTED,
    SUBMISSION_RETURNED,
    SUBMISSION_WITHDRAWN,
    SUBMISSION_APPROVED,
    SUBMISSION_STATES
};
enum decision_kind { DECISION_APPROVED, DECISION_RETURNED, DECISION_WITHDRAWN };

const char *verdict_name(enum verdict verdict); /* "waiting", … */
const char *submission_state_name(enum submission_state state);
const char *decision_kind_name(enum decision_kind kind);

enum { STATE_DIGEST_BYTES = 32 };

struct record_place { /* of a record in its topic's partition */
    int64_t offset, append_ms;
};

struct unit_review {
    const char *source, *id;
    struct record_place place;
    uint8_t content_sha256[EVENT_SHA256_BYTES];
    const char *submitted_by;
    struct event_profile profile;
    enum verdict verdict; /* never WAITING */
    const char *code; /* of a rejected one */
    bool is_new;
};

struct chunk { /* of a submission of several chunks; a submission of one has it in its own row */
    int32_t number;
    const char *id; /* its ce_id; the source is the submission's */
    struct record_place place;
    uint8_t content_sha256[EVENT_SHA256_BYTES];
    bool is_in_campaign;
    struct event_rows rows; /* until the submission is complete and judged or withdrawn; then empty */
    bool has_rows; /* false of a new one: there is nothing to keep, its submission is withdrawn already */
    bool is_new;
};

struct failing { /* a failing entry of valid rows: the enrolment that an approval removes */
    int64_t enrolment;
    const char *reason;
    const char *warnings; /* codes joined by ','; NULL: none */
};

struct submission {
    const char *name; /* the field `submission` */
    /* the header, which every chunk repeats */
    const char *source, *unit_review, *submitted_by;
    enum event_mode mode;
    int32_t chunk_count, entries_total;
    /* progress */
    int32_t received;
    bool is_in_campaign; /* every chunk so far was appended while the campaign was open */
    struct record_place first; /* of its first chunk */
    struct record_place completed; /* of the chunk that completed it: its place in the unit's queue; offset -1: not complete */
    const char *completed_by; /* that chunk's ce_id */
    uint8_t content_sha256[EVENT_SHA256_BYTES]; /* of the only chunk; zero when there are several */
    /*
     * Those of several that are loaded or new, in any order. Loaded are those that events name by id or by number, and all of them with
     * their rows when the events may complete the submission.
     */
    struct chunk *chunks;
    size_t chunks_loaded, chunks_room;
    /* the rows, judged once when it is complete (and was in the campaign) */
    const char *row_code; /* row-errors, not-sorted or total-mismatch; NULL: the rows are valid, or not judged */
    int32_t listed, passed, failed; /* of valid rows */
    int32_t errors_total, warnings_total;
    /*
     * The first FINDINGS_MAX as the outcome has them: errors of refused rows, else warnings; NULL: none. Loaded while WAITING only, like
     * row_code: an update to RETURNED or APPROVED leaves them as they are stored, every other one writes what stands here.
     */
    const char *findings_json;
    const struct failing *failing; /* `failed` of them, in ascending order of the numbers; loaded only while WAITING and for the PENDING
                                      ones that are decided on */
    bool has_failing;
    const char *failed_json; /* the failing entries in canonical form; while WAITING */
    /* the verdict */
    enum submission_state state;
    const char *code; /* of a rejected one */
    uint8_t digest[STATE_DIGEST_BYTES]; /* of what the reviewer sees */
    bool has_digest; /* from PENDING on; not of a withdrawn one */
    int64_t decided_ms; /* append time of what settled it; 0: not settled */
    bool is_new, is_changed;
    bool must_drop_rows; /* its chunks' rows are judged, or nobody needs them any more: they are deleted, new ones with the rest */
    bool was_completed_now; /* advisory outcomes are for those */
};

struct decision {
    const char *source, *id, *submission;
    struct record_place place;
    uint8_t content_sha256[EVENT_SHA256_BYTES];
    enum decision_kind kind;
    uint8_t digest[STATE_DIGEST_BYTES]; /* zero when has_digest is false */
    bool has_digest; /* the text was "sha256:" and 64 lower-case hexadecimal digits; any other never equals one */
    const char *digest_text; /* as sent; NULL of a withdrawal */
    const char *superior, *reviewer; /* NULL of a withdrawal */
    const char *submitted_by; /* withdrawal */
    const char *comment;
    enum verdict verdict;
    const char *code;
    bool is_counted; /* toward LIMIT_DECISIONS */
    bool is_new, is_changed;
};

struct repeat { /* a chunk repeated under another ce_id: it uses up that id */
    const char *source, *id;
    uint8_t content_sha256[EVENT_SHA256_BYTES];
    struct record_place place;
    bool is_new;
};

struct withdrawal_count { /* a source's withdrawals count by themselves, so that a stranger cannot use up the unit's limit */
    const char *source;
    int32_t count;
};

struct profile_change { /* an approval's; takes effect unless the profile was loaded later */
    const struct event_profile *profile;
    int64_t at_ms;
};

struct review {
    /* identity and reference data of the unit */
    const char *unit;
    int32_t year; /* 0: only dead letters of this unit are in the micro-batch */
    int64_t created_ms; /* REFERENCE_FOREVER_MS: the unit is not known */
    const struct superior_term *superiors;
    size_t superior_count;
    const struct limit_term *limits;
    size_t limit_count;
    bool is_held; /* its records are kept aside until an operator releases the unit */
    struct roster roster; /* as far as the events need it */

    /* the rows; loaded: all submissions; unit reviews that events or submissions up to PENDING name; decisions that wait or that events
     * name */
    struct unit_review *unit_reviews;
    size_t unit_review_count, unit_review_room;
    struct submission *submissions;
    size_t submission_count, submission_room;
    struct decision *decisions;
    size_t decision_count, decision_room;
    struct repeat *repeats; /* those that events name */
    size_t repeat_count, repeat_room;
    /* what counts toward the limits, loaded or not */
    int32_t counted[LIMIT_KINDS];
    struct withdrawal_count *withdrawals;
    size_t withdrawal_count, withdrawal_room;

    struct profile_change profile; /* profile NULL: no approval took effect in this micro-batch */
};

#endif
