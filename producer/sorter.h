/*
 * Sorts records by the bytes of their keys in bounded memory: runs that fill a buffer are sorted and put into a temporary file, and merged
 * at the end. What fits into one run never touches the disk. At most about 24 MiB are taken, however many records there are.
 */
#ifndef NIANSHEN_PRODUCER_SORTER_H
#define NIANSHEN_PRODUCER_SORTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/fault.h"

enum {
    SORTER_RUN_BYTES = 8 * 1024 * 1024,
    SORTER_RECORD_BYTES_MAX = 8 * 1024, /* key and value together */
    SORTER_RUNS_MAX = 136, /* more than SORTER_BYTES_MAX fill */
};
#define SORTER_BYTES_MAX (INT64_C(1024) * 1024 * 1024) /* of all records, at four bytes each for their lengths */

struct sorter;

struct sorter_record { /* points into the sorter until its next call */
    const unsigned char *key, *value;
    size_t key_bytes, value_bytes;
};

/* Caller owns the sorter. NULL when memory is out. */
struct sorter *sorter_new(void);
void sorter_free(struct sorter *sorter);

/* Copies the record. False: EX_DATAERR past SORTER_BYTES_MAX, EX_OSERR, EX_CANTCREAT, EX_IOERR. */
bool sorter_add(struct sorter *sorter, const struct sorter_record *record, struct fault *fault);

/* After the last record: sorts, and goes to the first. Records of equal keys come in any order. */
bool sorter_sort(struct sorter *sorter, struct fault *fault);

/* The next record in order; false at the end, or with the fault set when it can't be read. */
bool sorter_next(struct sorter *sorter, struct sorter_record *record, struct fault *fault);

/* Where sorter_next stands, to return there: 0 is the first record. */
int64_t sorter_place(const struct sorter *sorter);
void sorter_seek(struct sorter *sorter, int64_t place);

#endif
