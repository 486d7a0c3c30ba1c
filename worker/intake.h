/* What Kafka tells: records go into the micro-batch that is being filled, all else to whom it concerns. */
#ifndef NIANSHEN_WORKER_INTAKE_H
#define NIANSHEN_WORKER_INTAKE_H

#include "core/batch.h"

enum { /* the other steps get their turn after these */
       INTAKE_RECORDS_A_ROUND = 200,
       INTAKE_BYTES_A_ROUND = 256 * 1024, /* decoded in a few milliseconds: so long an idle database waits for the first of a backlog */
};

struct worker;

/*
 * Bounded memory: two micro-batches, one of them perhaps with the database, and one record that did not fit. While all are full Kafka is
 * not asked for anything, not even for a rebalance: pausing would throw away what was prefetched. That lasts as long as the database works
 * on one micro-batch at most; an outage empties the micro-batches, and Kafka is heard again.
 */
struct intake {
    struct batch *spare; /* NULL while it is with apply */
    struct batch *filling;
    struct kafka_record waiting; /* must begin the next micro-batch */
    bool has_waiting;
};

bool intake_init(struct intake *intake, struct batch_limits limits);
void intake_free(struct intake *intake);
/* Forgets all that was taken and not handed over. */
void intake_drop(struct intake *intake);

/* True when the next happening may be asked for. */
bool intake_is_open(const struct worker *worker);
bool intake_step(struct worker *worker);

/* The micro-batch that was filled, NULL when there is nothing in it; the caller gives it back before it asks for the next one. */
struct batch *intake_hand_over(struct intake *intake);
void intake_take_back(struct intake *intake, struct batch *batch);

#endif
