/*
 * The worker: one thread and one loop. Each step moves its part on as far as it goes without waiting, and says whether it moved; when none
 * does, the loop waits for broker, database or signal. Librdkafka has its own threads, the store is driven asynchronously.
 *
 *   intake       Kafka's records: queued a partition, merged by append time, decoded into the bundle that a lane fills
 *   assignment   shards: claimed in the database, compared with their topics, read, halted, given back
 *   apply        a lane's micro-batch: loaded, decided (rules/), written; split, held and tried again where it must be
 *   publish      outcomes and dead letters: from memory after the commit, or from the database when they could not
 *   held         records of units that were held and are released: applied after all
 *   witness      old records: still there, or is the topic another one?
 *   health       ready or not, watchdog, progress, the end of --until-end
 *
 * Below them are what the worker knows (shards, bundles) and the lanes' sessions. Steps use those and report to the loop; they never call
 * each other, and the loop alone says what follows.
 *
 * What the worker believes about positions is only ever a copy: when in doubt (session lost, fenced) all of the lane's is dropped, read
 * again from the database, and the records are read again from Kafka.
 */
#ifndef NIANSHEN_WORKER_WORKER_H
#define NIANSHEN_WORKER_WORKER_H

#include "core/config.h"
#include "worker-next/assignment.h"
#include "worker-next/health.h"
#include "worker-next/intake.h"
#include "worker-next/lane.h"
#include "worker-next/publish.h"
#include "worker-next/shards.h"
#include "worker-next/signals.h"
#include "worker-next/topic_check.h"
#include "worker-next/witness.h"

enum {
    WORKER_TICK_MS = 100, /* the longest wait: timers are looked at this often */
    WORKER_STOP_MS = 3000, /* for what is under way, after the first signal */
    WORKER_LEAVE_MS = 1500, /* for leaving the group after that */
    WORKER_CLOSE_S = 3, /* for all of the closing: what hangs is left behind */
    WORKER_OWNER_BYTES_MAX = 200,
    WORKER_ABSENT_MS = 10000 /* --until-end gives up on an absent broker, partition or database after this */
};

struct worker {
    const struct config *config;
    char owner[WORKER_OWNER_BYTES_MAX]; /* as shown by `nianshen-ops status` */
    bool until_end;
    int64_t now_ms; /* of the monotonic clock, read once a round */
    int64_t wake_at_ms; /* something is due then */

    struct signals signals;
    struct topic_check topic_check;
    struct kafka_consumer *consumer; /* these two: NULL until the topics are checked */
    struct kafka_reader *reader;
    int32_t input_partitions;

    struct shards shards;
    struct lane lanes[LANES_MAX];
    int lane_count;

    struct assignment assignment;
    struct publish publish;
    struct witness witness;
    struct health health;

    bool is_stopping; /* finish what is under way, begin nothing */
    int64_t stop_by_ms;
    int exit_status;
};

/* Runs until a signal, the end of --until-end or a fault that can't be waited out; returns the exit status. */
int worker_run(const struct config *config);

/* Sets now_ms: once a round, and after a call that may have waited. */
void worker_clock_look(struct worker *worker);
/* The monotonic clock as it is now, for measuring; what is to be done when is decided by now_ms. */
int64_t worker_clock_us(void);
/* The loop waits no longer than until then. */
void worker_wake_at(struct worker *worker, int64_t at_ms);

/* Ends the loop as soon as what is under way is finished. */
void worker_stop(struct worker *worker, int exit_status);
/* Logs the fault and ends the loop at once with its exit status. */
void worker_fail(struct worker *worker, const struct fault *fault);

#endif
