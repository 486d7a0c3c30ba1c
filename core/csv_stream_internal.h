/* The reader without its file, so that tests can feed it in pieces of every size; only core/csv_stream.c and its test include this. */
#ifndef NIANSHEN_CORE_CSV_STREAM_INTERNAL_H
#define NIANSHEN_CORE_CSV_STREAM_INTERNAL_H

#include "core/csv_stream.h"

enum { CSV_FEED_BYTES_MAX = 64 * 1024 }; /* of one piece */

struct csv_feed;

/* `format` says the encoding; its delimiter is set before the first row. It is borrowed. NULL: as decoder_new. */
struct csv_feed *csv_feed_new(struct csv_format *format, csv_row_fn each, void *context, struct fault *fault);
void csv_feed_free(struct csv_feed *feed);

/* The next piece, at most CSV_FEED_BYTES_MAX; pieces may end within a character, a line break or a field. */
bool csv_feed_add(struct csv_feed *feed, const char *bytes, size_t count, struct fault *fault);
bool csv_feed_end(struct csv_feed *feed, struct fault *fault);

#endif
