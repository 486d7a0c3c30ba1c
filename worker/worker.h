/*
 * The worker: one thread and one loop of steps. Each step moves its part on as far as it goes without waiting and says whether it moved;
 * when none does, the loop waits for broker, database or signal. Librdkafka has its own threads, libpq is driven asynchronously.
 *
 *   intake       Kafka's happenings: records are decoded into the micro-batch that is being filled
 *   assignment   partitions: claimed in the database, compared with the topic, read, halted, given back
 *   apply        one micro-batch at a time: a call of nianshen.apply that moves the positions and has the effects, or does nothing
 *   outbox       outcomes and dead letters: taken from the database, published, marked after the delivery report
 *   witness      old records: still there, or is the topic another one?
 *   held         records of units that were held and are released: applied after all
 *   link         the connection to the database: one query at a time, opened anew with back-off
 *   health       ready or not, watchdog, progress, the end of --until-end
 *
 * What the worker believes about positions is only ever a copy: when in doubt (connection lost, fenced) all of it is dropped, read again
 * from the database, and the records are read again from Kafka.
 */
#ifndef NIANSHEN_WORKER_WORKER_H
#define NIANSHEN_WORKER_WORKER_H

#include "core/config.h"
#include "worker/apply.h"
#include "worker/assignment.h"
#include "worker/health.h"
#include "worker/held.h"
#include "worker/intake.h"
#include "worker/link.h"
#include "worker/outbox.h"
#include "worker/signals.h"
#include "worker/topic_check.h"
#include "worker/witness.h"

enum {
    WORKER_TICK_MS = 100, /* the longest wait: timers are looked at this often */
    WORKER_STOP_MS = 3000, /* for what is under way, after the first signal */
    WORKER_LEAVE_MS = 1500, /* for leaving the group after that */
    WORKER_CLOSE_S = 3, /* for all of the closing: what hangs is left behind */
    WORKER_OWNER_BYTES_MAX = 256,
    WORKER_ABSENT_MS = 10000 /* --until-end gives up on an absent broker, partition or database after this */
};

struct worker {
    const struct config *config;
    char owner[WORKER_OWNER_BYTES_MAX]; /* as shown by `nianshen-ops status` */
    bool until_end;
    int64_t now_ms; /* of the monotonic clock, read once a round */

    struct signals signals;
    struct topic_check topic_check;
    struct kafka_consumer *consumer; /* these two: NULL until the topics are checked */
    struct kafka_reader *reader;
    int32_t input_partitions;
    struct partitions partitions;

    struct link link;
    struct assignment assignment;
    struct intake intake;
    struct apply apply;
    struct outbox outbox;
    struct held held;
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

/* Ends the loop as soon as what is under way is finished. */
void worker_stop(struct worker *worker, int exit_status);
/* Logs the fault and ends the loop at once with its exit status. */
void worker_fail(struct worker *worker, const struct fault *fault);

#endif
