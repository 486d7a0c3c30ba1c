/* A dead letter's original: read again from its topic, and published byte for byte with the reason in added headers. */
#ifndef NIANSHEN_WORKER_DEAD_LETTER_H
#define NIANSHEN_WORKER_DEAD_LETTER_H

#include "core/kafka.h"

enum {
    DEAD_LETTER_TEXT_BYTES_MAX = 1024, /* of nianshen_dl_text: the record must stay within what its topic takes */
    DEAD_LETTER_BOUNDS_MS = 2000, /* the longest wait for a partition's bounds */
    DEAD_LETTER_SKIP_MAX = 1000, /* reading on past so many records is cheaper than starting anew */
};

/* What the reader is doing: dead letters are asked for in the order of their offsets, so it mostly reads on. */
struct dead_letter_source {
    bool is_reading;
    bool is_fresh; /* nothing was delivered since the start at `next` */
    struct kafka_position next;
};

enum dead_letter_found {
    DEAD_LETTER_WAIT, /* not here yet */
    DEAD_LETTER_FOUND, /* `record` is the caller's */
    DEAD_LETTER_GONE, /* no longer in the topic */
    DEAD_LETTER_FAULT, /* try again a little later */
};

/* Looks for the record at that position, without waiting. */
enum dead_letter_found dead_letter_find(struct dead_letter_source *source, struct kafka_reader *reader, const struct kafka_position *wanted,
                                        struct kafka_record *record, struct fault *fault);
void dead_letter_rest(struct dead_letter_source *source, struct kafka_reader *reader);

struct dead_letter_reason {
    const char *topic_prefix;
    struct kafka_position origin;
    const char *code, *text; /* text is cut at DEAD_LETTER_TEXT_BYTES_MAX */
};

/* Hands the record over to the producer; `record` is zero when the original is gone. */
bool dead_letter_send(struct kafka_producer *producer, const struct kafka_record *record, const struct dead_letter_reason *reason,
                      uint64_t tag, struct fault *fault);

#endif
