/* The data of each event as JSON text, from plain values. The caller frees what is returned; NULL when memory is out. Pure. */
#ifndef NIANSHEN_PRODUCER_COMPOSE_H
#define NIANSHEN_PRODUCER_COMPOSE_H

#include <stddef.h>
#include <stdint.h>

#include "core/event.h"

struct profile_change {
    const char *field, *value;
};

char *compose_unit_review(const char *unit, int64_t year, const char *submitted_by, const struct profile_change *changes,
                          size_t change_count);

struct decision {
    enum event_type type; /* approved, returned or withdrawn */
    const char *unit;
    int64_t year;
    const char *submission;
    const char *digest, *superior, *reviewer, *comment; /* NULL: left out */
    const char *submitted_by; /* of a withdrawal; else NULL */
};

char *compose_decision(const struct decision *decision);

struct submission {
    const char *unit;
    int64_t year;
    const char *id, *unit_review, *mode, *submitted_by;
};

/* One chunk of a submission without its lists. */
char *compose_chunk_frame(const struct submission *submission, int64_t chunk, int64_t chunks, int64_t entries_total);

#endif
