/* A dead letter: its original as it was, byte for byte, with the reason in added headers. */
#ifndef NIANSHEN_WORKER_DEAD_LETTER_H
#define NIANSHEN_WORKER_DEAD_LETTER_H

#include "core/kafka.h"

enum { DEAD_LETTER_TEXT_BYTES_MAX = 1024 /* of nianshen_dl_text: the record must stay within what its topic takes */ };

struct dead_letter_reason {
    const char *topic_prefix;
    struct kafka_position origin;
    const char *code, *text; /* text is cut at DEAD_LETTER_TEXT_BYTES_MAX */
};

/* Hands the record over to the producer; `record` is zero when the original is gone. */
bool dead_letter_send(struct kafka_producer *producer, const struct kafka_record *record, const struct dead_letter_reason *reason,
                      uint64_t tag, struct fault *fault);

#endif
