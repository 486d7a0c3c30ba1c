/*
 * Records of units that were held and are released now: taken from the database in the order of their topic, read again from Kafka, and
 * applied one by one with a position that does not move. New records of the unit stay held until these are through. One at a time: it
 * is rare, and whatever fails is known by its record. One that can't be read holds back only those of its partition.
 */
#ifndef NIANSHEN_WORKER_HELD_H
#define NIANSHEN_WORKER_HELD_H

#include "core/batch.h"
#include "core/original.h"
#include "worker/backoff.h"

enum { HELD_EVERY_MS = 5000 /* looked at this often */ };

struct worker;

enum held_phase { HELD_RESTING, HELD_TAKING, HELD_READING, HELD_READY, HELD_APPLYING };

struct held {
    enum held_phase phase;
    struct kafka_reader *reader; /* these two: NULL until the first record is there */
    struct batch *batch; /* of that one record */
    struct original_source source;
    struct kafka_position wanted;
    int64_t append_ms; /* of that record */
    int64_t wanted_since_ms;
    int64_t epoch; /* of its partition, when it was taken: under another one it may have been applied meanwhile */
    bool is_holding; /* it failed again: its unit is to be held again */
    bool is_whole; /* the last look was for the records of all partitions */
    bool is_clear; /* and found nothing */
    int64_t look_at_ms;
    struct backoff backoff;
};

void held_init(struct held *held);
void held_free(struct held *held);
/* A partition is read from now on, and some of its records may wait. */
void held_want(struct held *held);
/* True when nothing is known to wait. */
bool held_is_clear(const struct held *held);

bool held_step(struct worker *worker);

#endif
