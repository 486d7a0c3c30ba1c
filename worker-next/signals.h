/* SIGTERM and SIGINT as a file descriptor: the first asks for an orderly end, a second one ends the process at once. */
#ifndef NIANSHEN_WORKER_SIGNALS_H
#define NIANSHEN_WORKER_SIGNALS_H

#include <stdbool.h>

#include "core/fault.h"

struct signals {
    int fd; /* for poll(2) */
};

/* Before any thread is started: they inherit what is blocked. */
bool signals_init(struct signals *signals, struct fault *fault);
void signals_free(struct signals *signals); /* and takes signals_exit_within back */
/* True once: from then on the signals have their ordinary, deadly effect. */
bool signals_received(struct signals *signals);
/* Ends the process with this status after so many seconds, whatever hangs: closing a Kafka client can. */
void signals_exit_within(unsigned seconds, int status);

#endif
