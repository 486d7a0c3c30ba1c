/*
 * A micro-batch as verify and replay fill it: decoded records, of which the bytes are not kept, in one arena with all that is made of them.
 */
#ifndef NIANSHEN_OPS_PORTION_H
#define NIANSHEN_OPS_PORTION_H

#include "ops-next/kept_world.h"
#include "worker-next/store_read.h"

enum {
    PORTION_RECORDS_MAX = 4000,
    PORTION_BYTES_FULL = 8 * 1024 * 1024, /* of keys and values */
    PORTION_DECODED_BYTES_FULL = 128 * 1024 * 1024,
};

struct portion {
    struct arena *arena;
    struct batch_record *records; /* their events; the bytes are not kept */
    struct review_event *events;
    const char **units; /* of each event; NULL: decoding refused the record */
    int32_t *years;
    size_t count, bytes;
    struct micro_batch micro; /* filled by portion_load, released by portion_reset */
};

/* False: memory is out. portion_free in either case. */
bool portion_init(struct portion *portion);
void portion_free(struct portion *portion);
void portion_reset(struct portion *portion);
bool portion_is_full(const struct portion *portion);

/*
 * Decodes a record behind the others. A record that decoding refuses is a dead letter with its code, without a review. The caller may take
 * it away again by lowering `count`. False: the fault is set, and the record is not to blame.
 */
bool portion_add(struct portion *portion, const struct kafka_record *record, int32_t input_partitions, struct fault *fault);

/* Begins to load: all rows of the database, or, where `kept` holds them, only reference data. store_read_await ends it. */
bool portion_load_state(struct portion *portion, struct kept_world *none, struct store *store, struct fault *fault);
bool portion_load_reference(struct portion *portion, struct kept_world *kept, struct store *store, struct fault *fault);
/* Applies the events to what was loaded. */
bool portion_apply(struct portion *portion, struct fault *fault);

#endif
