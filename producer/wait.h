/*
 * Waiting for what the worker answers to an event. The ends of the unit's partition of the outcome and the dead-letter topic
 * are noted before the event is sent, so that nothing that comes after can be missed and nothing before is taken for it.
 */
#ifndef NIANSHEN_PRODUCER_WAIT_H
#define NIANSHEN_PRODUCER_WAIT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/config.h"
#include "core/fault.h"
#include "producer/outcome.h"

struct wait;

struct judged { /* what is waited for; borrowed */
    const char *unit;
    int64_t year;
    const char *source;
    const char *id; /* ce_id of the event; of a submission its id, which every chunk's ce_id begins with */
    bool is_submission;
    const struct outcome_rows *rows; /* NULL: the event came from no file */
};

/* NULL: EX_UNAVAILABLE. `judged` is borrowed until wait_free. */
struct wait *wait_new(const struct config *config, const struct judged *judged, int32_t partitions, struct fault *fault);
void wait_free(struct wait *wait);

/*
 * Tells the outcome on stderr and returns the exit status: EX_OK, EX_DATAERR when the event was refused or became a dead
 * letter, EX_TEMPFAIL when `seconds` passed. `waiting` is told, and waiting goes on.
 */
int wait_for_outcome(struct wait *wait, int64_t seconds);

#endif
