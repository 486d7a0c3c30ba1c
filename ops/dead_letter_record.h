/* The original of a dead letter: read again, by its offset, from the input topic that it came from. */
#ifndef NIANSHEN_OPS_DEAD_LETTER_RECORD_H
#define NIANSHEN_OPS_DEAD_LETTER_RECORD_H

#include <stdbool.h>

#include "core/config.h"
#include "core/kafka.h"

struct dead_letter_reader;

/* `config` is borrowed. NULL: the fault is set. */
struct dead_letter_reader *dead_letter_reader_new(const struct config *config, struct fault *fault);
void dead_letter_reader_free(struct dead_letter_reader *reader);

/*
 * Reads the record that was appended at `append_ms`; the caller releases it before the reader is freed. Asked for in the order of offsets,
 * the reader mostly reads on. FAULT_REJECT with code record-gone (EX_NOINPUT): it is not in its topic any more; FAULT_RETRY with code
 * broker-absent (EX_UNAVAILABLE): nothing came for SESSION_BROKER_TIMEOUT_MS.
 */
bool dead_letter_read(struct dead_letter_reader *reader, const struct kafka_position *at, int64_t append_ms, struct kafka_record *record,
                      struct fault *fault);

#endif
