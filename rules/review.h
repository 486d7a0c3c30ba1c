/*
 * The review engine: decoded events and the loaded state in, new state and effects out. No I/O, no clock, no globals; memory from the
 * caller's arena only. The worker, replay, verify, the simulator, the fuzzer and the tests all call review_apply.
 *
 * tests/model/rules.py is the same contract once more; docs/architecture.md maps each rule to its function.
 */
#ifndef NIANSHEN_RULES_REVIEW_H
#define NIANSHEN_RULES_REVIEW_H

#include "core/topics.h"
#include "rules/state.h"

enum {
    FINDINGS_MAX = 1000, /* row findings that an outcome names; the totals count all */
    OUTCOME_ID_CHARS = 32,
};

enum fate { FATE_APPLIED, FATE_DUPLICATE, FATE_DEAD_LETTER, FATE_HELD };

struct review_event { /* one record */
    enum topic_kind topic;
    int32_t partition;
    int64_t offset, append_ms;
    const struct event *event; /* NULL: decoding refused the record */
    const char *code,
        *text; /* of a dead letter: in when decoding refused it, else out (static; in the arena), and NULL of every other fate */
    const char *ce_id; /* of a record that decoding refused: if it is readable, else NULL */
    struct review *review; /* of its unit and year; year 0 when decoding refused it; NULL: the key is no unit code */
    enum fate fate; /* out */
};

struct outcome { /* one event for the outcome topic */
    const char *unit; /* the record key */
    int32_t partition; /* of the record whose micro-batch brought it about */
    enum topic_kind topic; /* the same: its owner publishes it */
    const char *type; /* static */
    char id[OUTCOME_ID_CHARS + 1]; /* ce_id: from the judged event and the type alone */
    const char *causation; /* ce_causationid: the judged event's ce_id; NULL when it has none */
    int64_t time_ms; /* ce_time: append time of the judged event */
    const char *body;
    size_t body_bytes;
};

struct effects { /* in the arena; texts are also borrowed from the events and from what was loaded */
    struct outcome *outcomes; /* in the order in which they came about */
    size_t outcome_count, outcome_room;
};

struct world {
    struct arena *arena;
    const struct reference *reference;
    struct review *reviews; /* one a unit and year that the events touch */
    size_t review_count;
};

/*
 * Applies the events to the world, in their order; each topic's own order within a unit is the topic's. Fills each event's fate, changes
 * the reviews, adds to the effects. False: the arena is full; world and effects are then of no use, and a smaller micro-batch may fit.
 */
bool review_apply(struct world *world, struct review_event *events, size_t count, struct effects *effects);

#endif
