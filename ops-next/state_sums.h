/*
 * Two sets of lines compared without keeping them: the hash of each line is added to a sum of its unit on one side and taken away on the
 * other, so that order does not matter and a unit whose lines are equal comes to zero. The hashes are keyed with secret random bytes of
 * this run: whoever can write the lines can not choose them so that a difference sums to zero.
 *
 * Memory: of each unit its name and 16 bytes, with the table some 60 bytes for a name of 10.
 */
#ifndef NIANSHEN_OPS_STATE_SUMS_H
#define NIANSHEN_OPS_STATE_SUMS_H

#include <stdbool.h>
#include <stddef.h>

enum state_side { STATE_RECORDED, STATE_REBUILT };

enum { STATE_SUM_DIGITS = 32 };

struct state_sums;

/* NULL: memory is out, or there is no randomness. */
struct state_sums *state_sums_new(void);
void state_sums_free(struct state_sums *sums);

/* A line of COPY's text format, without its newline; the unit stands before its first tab. False: memory is out. */
bool state_sums_add(struct state_sums *sums, enum state_side side, const char *line, size_t bytes);

/* The units that differ, ascending, as COPY writes them; the names are borrowed, the list is the caller's to free. NULL: memory is out. */
const char **state_sums_differing(const struct state_sums *sums, size_t *count);

/* A side's digest over all its lines: the sum of their SHA-256's first halves, not keyed, so that it can be compared with another run's. */
void state_sums_digest(const struct state_sums *sums, enum state_side side, char out[STATE_SUM_DIGITS + 1]);

#endif
