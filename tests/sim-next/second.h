/*
 * A second opinion: what becomes of each submission and who is removed, worked out from what upstreams meant to say (upstream.h) and the
 * world alone. Nothing of the decoder and the rules is used, and a reduced set of rules is written once more, each topic as a whole.
 */
#ifndef NIANSHEN_TESTS_SIM_NEXT_SECOND_H
#define NIANSHEN_TESTS_SIM_NEXT_SECOND_H

/* Ends the history when the kept reviews are of another opinion. */
void second_check(void);

#endif
