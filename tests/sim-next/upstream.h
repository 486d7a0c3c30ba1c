/*
 * What upstreams publish: a clerk for each unit, who looks at what an undisturbed worker would have made of everything published so far
 * (oracle.h), and does sensible and foolish things with it.
 */
#ifndef NIANSHEN_TESTS_SIM_NEXT_UPSTREAM_H
#define NIANSHEN_TESTS_SIM_NEXT_UPSTREAM_H

#include "core/event.h"
#include "tests/sim-next/sim.h"

enum { SENSE_ENTRIES_MAX = 10, SENSE_CHUNKS_MAX = 3 };

struct sense_entry {
    const char *number; /* as sent */
    const char *reason; /* NULL: missing */
    const char *name; /* NULL: not sent */
};

struct sense { /* what a good record says, before anybody decoded it */
    enum event_type type;
    const char *unit, *source, *id;
    int year;
    const char *submitted_by, *submission, *unit_review;
    bool is_bad_profile;
    bool is_list;
    int chunk, chunks, entries_total;
    struct sense_entry failed[SENSE_ENTRIES_MAX];
    const char *passed[SENSE_ENTRIES_MAX];
    size_t failed_count, passed_count;
    const char *digest, *superior, *reviewer, *comment;
    const char *profile; /* JSON */
    bool has_true_digest; /* it is the one that was pending when it was sent */
};

void upstream_reset(void);
/* Publishes one more record; none when there is no room. */
void upstream_publish(void);

#endif
