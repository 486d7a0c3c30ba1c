/*
 * Sending, done only when the broker has acknowledged every record. An outage in between is waited out; a broker that is
 * absent at the start is given up after SEND_START_MS.
 */
#ifndef NIANSHEN_PRODUCER_SEND_H
#define NIANSHEN_PRODUCER_SEND_H

#include <stdbool.h>
#include <stdint.h>

#include "core/config.h"
#include "core/fault.h"
#include "producer/outgoing.h"

enum {
    SEND_START_MS = 10 * 1000,
    SEND_PRODUCERS_MAX = 5, /* how often a broken client is replaced before the command gives up */
};

/*
 * Asks the broker whether the topics are as the contract wants them and how many partitions the inputs have. False:
 * EX_UNAVAILABLE, or EX_CONFIG with every finding told on stderr.
 */
bool send_check_topics(const struct config *config, int32_t *partitions, struct fault *fault);

/*
 * Makes record `number` (from 0), valid until the next call. Numbers come in ascending order, but start again, leaving out
 * what was delivered, when a broken client is replaced.
 */
typedef bool (*send_make_fn)(void *context, uint64_t number, struct outgoing *out, struct fault *fault);

/*
 * Sends records 0..count-1 in order and waits for every delivery report. False: nothing more was sent after the first record
 * that the broker refused; `delivered` says how many it took.
 */
bool send_all(const struct config *config, uint64_t count, send_make_fn make, void *context, uint64_t *delivered, struct fault *fault);

#endif
