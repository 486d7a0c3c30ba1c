/* From an assigned shard to one that is read, and back: claim in the database, comparison with the topics, start, halt, doubt, revocation.
 */
#ifndef NIANSHEN_WORKER_ASSIGNMENT_H
#define NIANSHEN_WORKER_ASSIGNMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/kafka.h"
#include "worker-next/backoff.h"

enum {
    ASSIGNMENT_RECLAIM_MS = 10000, /* a shard that another worker holds although Kafka gave it to us is claimed again after this */
    ASSIGNMENT_REVOKE_MS = 5000, /* to finish what is under way before partitions are given back */
    ASSIGNMENT_BOUNDS_MS = 2000, /* the longest wait for a broker that is asked for bounds of partitions */
    ASSIGNMENT_LOOK_MS =
        3000, /* how often our shards are looked at: another worker may own one, an operator may have resumed a halted one */
    ASSIGNMENT_ALARM_MS = 60000, /* how often those that are not read are named in the log again */
};

struct worker;
struct lane;
struct shard;

struct assignment {
    bool is_assigned; /* by Kafka, perhaps with no partition at all */
    bool is_revoking; /* to be given back */
    int64_t since_ms; /* of is_assigned's last change */
    int64_t revoke_by_ms;
    int64_t bounds_at_ms; /* not before: some had no answer */
    int64_t alarm_at_ms; /* about those that are not read */
    struct backoff bounds_backoff;
};

void assignment_init(struct assignment *assignment, int64_t now_ms);

/* Kafka's word. */
void assignment_begin(struct worker *worker, const struct kafka_position *assigned, size_t count);
void assignment_revoke(struct worker *worker);
/* All partitions were given up by the other steps: tells Kafka. */
void assignment_given_back(struct worker *worker);

/* This shard could not be read: it is away, and is compared with its topics and started again a little later. */
void assignment_again(struct worker *worker, struct shard *shard, const struct fault *why);
/* Something came of a shard that was away. */
void assignment_back(struct worker *worker, struct shard *shard);
/* All that is known of the lane's shards is in doubt. */
void assignment_doubt(struct worker *worker, const struct lane *lane);

/* Bounds and start: what needs no database. */
bool assignment_step(struct worker *worker);
/* True when every shard is read, or halted and the database knows. */
bool assignment_is_settled(const struct worker *worker);

/* Asks the database what is to be asked about the lane's shards; false: nothing. */
bool assignment_ask(struct worker *worker, struct lane *lane);
void assignment_doubt_known(struct worker *worker, struct lane *lane);
void assignment_claimed(struct worker *worker, struct lane *lane);
void assignment_halt_stored(struct worker *worker, struct lane *lane);
void assignment_looked(struct worker *worker, struct lane *lane);
/* Any of these questions failed. */
void assignment_failed(struct worker *worker, struct lane *lane, const struct fault *fault);

#endif
