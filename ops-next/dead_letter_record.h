/* The original of a dead letter, as the ledger keeps it: its topic is not read again. */
#ifndef NIANSHEN_OPS_DEAD_LETTER_RECORD_H
#define NIANSHEN_OPS_DEAD_LETTER_RECORD_H

#include <stdbool.h>

#include "core/kafka.h"
#include "ops/session.h"

struct dead_letter_record;

/*
 * Reads the record at that place. NULL: the fault says why; FAULT_REJECT with code record-gone (EX_NOINPUT): a purge took its bytes. Free
 * it.
 */
struct dead_letter_record *dead_letter_record_read(struct session *session, const struct kafka_position *at, struct fault *fault);
void dead_letter_record_free(struct dead_letter_record *read);

/* Borrowed from it; without a handle. */
const struct kafka_record *dead_letter_record_of(const struct dead_letter_record *read);

#endif
