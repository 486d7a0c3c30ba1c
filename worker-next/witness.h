/*
 * A client sees a topic by its name and its offsets only: one that was deleted and made anew under our hands, and is as long by now, goes
 * on as if nothing had been, and the records before our position are skipped. So each partition keeps a witness, a record that it had
 * applied some time ago, and reads it again from time to time. If another record has its place, the partition is halted.
 */
#ifndef NIANSHEN_WORKER_WITNESS_H
#define NIANSHEN_WORKER_WITNESS_H

#include "core/original.h"

enum { WITNESS_EVERY_MS = 15000 /* each partition's is read so often, one partition after the other */ };

struct worker;

struct witness {
    struct kafka_reader *reader; /* NULL until the first look */
    struct original_source source;
    bool is_looking;
    struct kafka_position wanted;
    int64_t epoch; /* of the partition, when the look began: what is found under another one says nothing */
    size_t next; /* place of the partition that is next */
    int64_t look_at_ms;
};

void witness_init(struct witness *witness, int64_t now_ms);
void witness_free(struct witness *witness);

bool witness_step(struct worker *worker);

#endif
