/*
 * What every command that sends has in common: look at the topics, send, print the id on stdout once every record is
 * acknowledged, and with --wait tell the outcome.
 */
#ifndef NIANSHEN_PRODUCER_DISPATCH_H
#define NIANSHEN_PRODUCER_DISPATCH_H

#include <stdint.h>

#include "core/config.h"
#include "producer/outgoing.h"
#include "producer/send.h"
#include "producer/wait.h"

struct dispatch {
    struct judged judged; /* its id is what is printed */
    uint64_t count;
    send_make_fn make;
    void *context;
};

/* Returns the exit status; the options source, wait and wait_seconds are read from `config`. */
int dispatch_run(const struct config *config, const struct dispatch *dispatch);

/* The same for one event, which is checked as the worker will before it is sent. */
int dispatch_one(const struct config *config, const struct outgoing *outgoing, int64_t year, const char *id);

#endif
