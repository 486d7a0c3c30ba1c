/* A review as text: what must not depend on the order in which topics were read, line by line. */
#ifndef NIANSHEN_TESTS_SIM_NEXT_DUMP_H
#define NIANSHEN_TESTS_SIM_NEXT_DUMP_H

#include "rules/state.h"

enum { DUMP_BYTES_MAX = 256 * 1024, DUMP_ROWS_MAX = 1024 };

struct dump {
    char bytes[DUMP_BYTES_MAX];
    size_t used;
};

/* Replaces what is in `dump`. The review may be NULL; one without rows is dumped as the empty text, too. */
void dump_review(struct dump *dump, const struct review *review);

#endif
