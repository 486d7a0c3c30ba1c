/* One event ready to be sent: the key, the value and the headers, and the worker's own check of them. */
#ifndef NIANSHEN_PRODUCER_OUTGOING_H
#define NIANSHEN_PRODUCER_OUTGOING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/event.h"
#include "core/fault.h"

enum { IDENTITY_BYTES = 37, MOMENT_TEXT_BYTES = 25 };

struct outgoing { /* everything is borrowed but the headers' list */
    enum event_type type;
    const char *unit; /* the key */
    const void *value;
    size_t value_bytes;
    struct event_headers headers;
};

/* Binary mode. */
void outgoing_fill(struct outgoing *outgoing, enum event_type type, const char *unit, const char *source, const char *id, const char *time,
                   const char *text);

/*
 * Decodes the event as the worker will, so that what would become a dead letter, or a refused unit review, is told here and not
 * sent. False: FAULT_REJECT, EX_DATAERR.
 */
bool outgoing_check(const struct outgoing *outgoing, struct fault *fault);

/* A new random identity as text (RFC 9562, version 4). */
void identity_new(char out[IDENTITY_BYTES]);

#endif
