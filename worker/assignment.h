/*
 * From an assigned partition to one that is read, and back: claim in the database, comparison with the topic, start, halt, doubt,
 * revocation. partitions.h shows the states.
 */
#ifndef NIANSHEN_WORKER_ASSIGNMENT_H
#define NIANSHEN_WORKER_ASSIGNMENT_H

#include "worker/backoff.h"
#include "worker/partitions.h"

enum {
    ASSIGNMENT_RECLAIM_MS = 10000, /* a partition that another worker holds although Kafka gave it to us is claimed again after this */
    ASSIGNMENT_REVOKE_MS = 5000, /* to finish what is under way before partitions are given back */
    ASSIGNMENT_BOUNDS_MS = 2000, /* the longest wait for a broker that is asked for bounds of partitions */
    ASSIGNMENT_LOOK_MS =
        3000, /* how often our partitions are looked at: another worker may own one, an operator may have resumed a halted one */
    ASSIGNMENT_ALARM_MS = 60000, /* how often those that are not read are named in the log again */
};

struct worker;

struct assignment {
    bool is_assigned; /* by Kafka, perhaps with no partition at all */
    bool is_revoking; /* to be given back */
    bool is_settled; /* nothing to ask, to compare or to start */
    bool must_start; /* what is to be read has changed */
    bool must_end_backends; /* a claim met the locks of the owner before */
    int64_t since_ms; /* of is_assigned's last change */
    int64_t revoke_by_ms;
    int64_t retry_at_ms;
    int64_t bounds_at_ms; /* not before: some had no answer */
    int64_t look_at_ms, alarm_at_ms; /* at our partitions; about those that are not read */
    struct kafka_position halting; /* whose halt is being stored */
    struct backoff backoff, bounds_backoff; /* of questions to the database; to the broker */
};

void assignment_init(struct assignment *assignment, int64_t now_ms);

/* Kafka's word. */
void assignment_begin(struct worker *worker, const struct kafka_position *assigned, size_t count);
void assignment_revoke(struct worker *worker);

/* What is known about positions may be wrong (connection lost, fenced): drops all that was taken, and finds out anew. */
void assignment_doubt(struct worker *worker);
/* This partition could not be read: it is away, and is compared with its topic and started again a little later. */
void assignment_again(struct worker *worker, struct partition *partition, const struct fault *why);
/* Something came of a partition that was away. */
void assignment_back(struct worker *worker, struct partition *partition);
/* Its topic holds what was applied of it: what comes next is taken from now on, and what was there before may be read again. */
void assignment_proven(struct worker *worker, struct partition *partition);
/* This partition can't go on; all others do. */
void assignment_halt(struct worker *worker, struct partition *partition, const char *why);

bool assignment_step(struct worker *worker);

#endif
