/*
 * What the rules make of the topics when nothing disturbs them: each record by itself through review_apply, all state in memory. Once in
 * the order of appending, as the records come (what upstreams look at), and once topic by topic at the end: both must be what the store
 * has.
 */
#ifndef NIANSHEN_TESTS_SIM_NEXT_ORACLE_H
#define NIANSHEN_TESTS_SIM_NEXT_ORACLE_H

#include "rules/review.h"
#include "tests/sim-next/sim.h"
#include "tests/sim-next/world.h"

struct said { /* an outcome */
    const char *unit, *type, *id, *body;
    int32_t shard;
};

struct verdicts { /* what became of everything */
    struct {
        enum fate fate;
        bool is_there;
        const char *code; /* of a dead letter */
    } fates[TOPIC_INPUTS][SIM_SHARDS][SIM_OFFSETS_MAX];
    struct said *said;
    size_t said_count, said_room;
};

void verdicts_say(struct verdicts *verdicts, const struct outcome *outcome);

void oracle_reset(void);
/* A record was appended. */
void oracle_see(const struct sim_record *record);
/* NULL: there is none. */
const char *oracle_pending(const char *unit, int year);
const char *oracle_digest(const char *unit, int year, const char *submission);
const char *oracle_superior(const char *unit);

/* Ends the history when `verdicts` and the kept reviews are not those of both orders. */
void oracle_check(const struct verdicts *verdicts);
/* What became of all histories so far, with `sim.is_tallied`. */
void oracle_tell_tally(void);
/* The undisturbed world, for a second opinion. */
const struct review *oracle_review(int unit, int year_index);
const struct verdicts *oracle_verdicts(void);

#endif
