/*
 * A sorted submission cut into chunks, and the JSON text of each: at most EVENT_ENTRIES_MAX entries and EVENT_CHUNK_BYTES_MAX
 * bytes, each chunk wholly above the one before it. One chunk is held as text at a time. Pure.
 */
#ifndef NIANSHEN_PRODUCER_CHUNKS_H
#define NIANSHEN_PRODUCER_CHUNKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/fault.h"
#include "producer/compose.h"
#include "producer/entries.h"
#include "producer/reasons.h"

struct chunks;

/*
 * Cuts `entries`, which are sorted; all three are borrowed until chunks_free, and the entries are read by nobody else meanwhile.
 * `entries_max` lies in 1..EVENT_ENTRIES_MAX. NULL: more than EVENT_CHUNKS_MAX chunks, memory is out, or the entries can't be read. Without
 * entries there is one empty chunk.
 */
struct chunks *chunks_new(const struct submission *submission, struct entries *entries, const struct reasons *reasons, size_t entries_max,
                          struct fault *fault);
void chunks_free(struct chunks *chunks);

size_t chunks_count(const struct chunks *chunks);

/* The data of chunk `index` (from 0) as JSON; borrowed until the next call. NULL with the fault set. */
const char *chunks_text(struct chunks *chunks, size_t index, size_t *bytes, struct fault *fault);

/*
 * The file's row of the entry that an outcome speaks of: `chunk` from 1, `index` from 0 in that list of that chunk. 0 when
 * there is no such entry.
 */
int64_t chunks_row(const struct chunks *chunks, int64_t chunk, enum event_list list, int64_t index);

#endif
