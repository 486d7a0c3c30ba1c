/* Offsets told to Kafka: for lag tools only, the truth is in the database. */
#ifndef NIANSHEN_WORKER_POSITION_H
#define NIANSHEN_WORKER_POSITION_H

struct worker;

/* Tells Kafka the positions that have moved since the last time. Does not wait. */
void position_commit(struct worker *worker);

#endif
