/* The topics are compared with the contract before anything is read; a broker that is away is waited for. */
#ifndef NIANSHEN_WORKER_TOPIC_CHECK_H
#define NIANSHEN_WORKER_TOPIC_CHECK_H

#include "worker-next/backoff.h"

#include <stdbool.h>

struct worker;

enum { TOPIC_CHECK_MS = 2000 /* the longest wait for an answer of the broker: signals are not seen meanwhile */ };

struct topic_check {
    bool is_done;
    int64_t next_ms; /* of the next attempt */
    int64_t away_since_ms; /* since when the broker does not answer; 0: it does */
    struct backoff backoff;
};

void topic_check_init(struct topic_check *check);
/* Ends the worker with EX_CONFIG when a topic is missing or wrong; else opens the Kafka clients. */
bool topic_check_step(struct worker *worker);

#endif
