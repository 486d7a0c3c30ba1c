/* The lines of a file of events, one at a time in a buffer of fixed size; blank lines are counted and left out. */
#ifndef NIANSHEN_PRODUCER_LINES_H
#define NIANSHEN_PRODUCER_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "core/kafka.h"

enum { LINE_BYTES_MAX = KAFKA_RECORD_BYTES_MAX };

struct lines {
    FILE *file; /* borrowed */
    int64_t number; /* of the present line, from 1 */
    size_t bytes; /* without the line's end; what is past LINE_BYTES_MAX is counted but not kept */
    char text[LINE_BYTES_MAX];
};

/* From the start of `file`, past a byte-order mark. NULL when memory is out. */
struct lines *lines_new(FILE *file);
void lines_free(struct lines *lines);
void lines_rewind(struct lines *lines);

/* The next line that is not blank; false at the end of the file or when it can not be read (ferror tells which). */
bool lines_next(struct lines *lines);

#endif
