/* How the worker is: ready or not, moving or not, what it did; and the end of --until-end. */
#ifndef NIANSHEN_WORKER_HEALTH_H
#define NIANSHEN_WORKER_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

#include "core/fault.h"

enum {
    HEALTH_SUMMARY_MS = 10000,
    HEALTH_STALLED_MS = 60000, /* records wait and nothing moves */
    HEALTH_LOOK_MS = 1000, /* how often the costlier questions are asked */
    HEALTH_PROBE_MS = 2000, /* how often a broker that is away is looked for, */
    HEALTH_PROBE_WAIT_MS = 200, /* and how long that waits */
    HEALTH_UNASSIGNED_MS = 60000, /* --until-end: the group gives no assignment */
    HEALTH_NO_PARTITION_MS = 10000 /* --until-end: others have all partitions */
};

struct worker;

/* What the loop did with its time: each moment belongs to one of these. */
enum spent {
    SPENT_POLL, /* taking records from the client library, which fetches them in threads of its own */
    SPENT_DECODE, /* and checking all that a record shows by itself */
    SPENT_DECIDE, /* the rules */
    SPENT_SEND, /* building queries, and what goes to the database and comes from it */
    SPENT_PUBLISH, /* outcomes and dead letters */
    SPENT_OTHER,
    SPENT_WAIT, /* nothing to do until the database answers */
    SPENT_IDLE, /* nothing to do, and the database has nothing to do either */
    SPENT_KINDS
};

struct health_counts {
    int64_t batches, records, duplicates, dead_letters, held, published;
    int64_t apply_us; /* from sending micro-batches to their answers; the loop decodes and publishes meanwhile */
    int64_t spent_us[SPENT_KINDS];
};

struct health {
    const char *reason; /* why not, static; NULL while ready */
    struct health_counts counts; /* since the start */
    struct health_counts told; /* of these, what the last summary told */
    int64_t summary_ms;
    int64_t start_us, lap_us; /* between these the time is accounted for */
    int64_t look_ms;
    int64_t moved_ms; /* when anything was applied, or nothing waited */
    int64_t warned_ms; /* of the watchdog */
    int64_t broker_away_since_ms; /* 0: it is there */
    int64_t probe_ms;
};

void health_init(struct health *health, int64_t now_ms, int64_t now_us);
void health_count(struct worker *worker, const struct health_counts *counts);
/* The time since the last call went into this. */
void health_spent(struct worker *worker, enum spent spent);
void health_broker_away(struct worker *worker, const struct fault *why);
void health_broker_back(struct worker *worker);
void health_step(struct worker *worker);
/* The last line of the log: what the worker did in all. */
void health_stopped(const struct worker *worker);

#endif
