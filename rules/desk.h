/*
 * What the steps of one call of review_apply share about one unit and year: its review, where its outcomes go, and the indexes that are
 * made when something is first looked for. Private to rules/.
 */
#ifndef NIANSHEN_RULES_DESK_H
#define NIANSHEN_RULES_DESK_H

#include "rules/json_write.h"
#include "rules/lookup.h"
#include "rules/review.h"

struct known { /* an event whose identity is used up */
    const char *source, *id;
    const uint8_t *content_sha256;
    size_t submission; /* of a chunk that was taken: its place, and its number */
    int32_t number; /* 0: any other event */
};

struct desk {
    struct arena *arena;
    const struct reference *reference;
    struct effects *effects;
    struct json_out *out; /* for one outcome after the other */
    struct lookup_seed seed;
    struct review *review;
    const struct campaign *campaign; /* of its year; NULL: none */
    /* the first record of the micro-batch that touched it */
    bool is_touched;
    int32_t partition;
    enum topic_kind topic;
    struct lookup unit_reviews, submissions; /* places in the lists of the review */
    struct lookup chunk_ids, chunk_numbers, decisions; /* struct known */
    struct lookup sources; /* places in `withdrawals` */
    struct roster_view view;
    bool has_view;
};

static inline uint64_t desk_hash(const struct desk *desk, const char *source, const char *id)
{
    return lookup_hash(desk->seed, lookup_hash(desk->seed, 0, source), id);
}

/* Identities of one topic. NULL: not known. */
const struct known *desk_known(const struct desk *desk, const struct lookup *lookup, const char *source, const char *id);
bool desk_learn(struct desk *desk, struct lookup *lookup, const struct known *known);

/* ---- the steps; false: the arena is full ---- */

/* Decides the fate of a record and stores what is applied. */
bool take_event(struct desk *desk, struct review_event *event);
bool take_dead_letter(struct desk *desk, struct review_event *event, const char *code);
void take_duplicate(struct review_event *event);

bool unit_review_take(struct desk *desk, struct review_event *event);
/* NULL in `*found`: it has not come. */
bool unit_review_find(struct desk *desk, const char *source, const char *id, const struct unit_review **found);

bool chunk_take(struct desk *desk, struct review_event *event);
bool submission_find(struct desk *desk, const char *name, struct submission **found);
void submission_change(struct submission *submission); /* marks it */
void submission_forget_rows(struct submission *submission); /* what its rows came to, and what was shown of them */
void submission_drop_rows(struct submission *submission); /* the rows themselves */

bool decision_take(struct desk *desk, struct review_event *event);
bool decision_reject(struct desk *desk, struct decision *decision, const char *code);
/* Judges the decision that is next on a submission that is ready for it. */
bool decision_judge(struct desk *desk, struct submission *submission, struct decision *decision);
/* True when the submission is ready for it: no other event can come before. */
bool decision_is_ready(const struct submission *submission, const struct decision *decision);

/* Judges the heads of the queue and the decisions that wait, until nothing moves; then tells who has to wait. */
bool settle(struct desk *desk);

/* Fills digest: what the reviewer sees. */
bool digest_fill(struct desk *desk, struct submission *submission, const struct event_profile *profile);

#endif
