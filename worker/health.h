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

struct health_counts {
    int64_t batches, records, duplicates, dead_letters, held, published;
};

struct health {
    const char *reason; /* why not, static; NULL while ready */
    struct health_counts counts; /* since the last summary */
    int64_t summary_ms;
    int64_t look_ms;
    int64_t moved_ms; /* when anything was applied, or nothing waited */
    int64_t warned_ms; /* of the watchdog */
    int64_t broker_away_since_ms; /* 0: it is there */
    int64_t probe_ms;
};

void health_init(struct health *health, int64_t now_ms);
void health_count(struct worker *worker, const struct health_counts *counts);
void health_broker_away(struct worker *worker, const struct fault *why);
void health_broker_back(struct worker *worker);
void health_step(struct worker *worker);

#endif
