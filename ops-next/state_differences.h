/*
 * Where the recorded and the rebuilt lines of some units differ: a field of a row, or a row that only one side has. Lines are kept: for the
 * units that state_sums found, as many as are shown.
 */
#ifndef NIANSHEN_OPS_STATE_DIFFERENCES_H
#define NIANSHEN_OPS_STATE_DIFFERENCES_H

#include "ops-next/state_sums.h"

struct state_differences { /* begins as {0} */
    struct state_difference_line *lines;
    size_t count, room;
};

/* A line of COPY's text format, without its newline. False: memory is out. */
bool state_differences_add(struct state_differences *differences, enum state_side side, const char *line, size_t bytes);
void state_differences_free(struct state_differences *differences);

struct state_difference { /* borrowed for the call */
    const char *unit, *kind, *key;
    const char *field; /* NULL: the row stands on one side only, and the side that has it says what it is about */
    const char *recorded, *rebuilt;
};
typedef bool (*state_difference_fn)(void *context, const struct state_difference *difference);

/* Tells each difference, by unit, kind and key, until the function returns false. False then, and when memory is out. */
bool state_differences_tell(struct state_differences *differences, state_difference_fn tell, void *context);

#endif
