/*
 * The entries of one submission, sorted for sending in bounded memory (producer/sorter.h): a file of millions of rows takes no more than
 * one that fills a single run. First all are added, then they are sorted, then read in order, as often as needed and from any place.
 */
#ifndef NIANSHEN_PRODUCER_ENTRIES_H
#define NIANSHEN_PRODUCER_ENTRIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/csv_stream.h"
#include "core/event.h"
#include "core/fault.h"
#include "core/id_number.h"
#include "producer/reasons.h"

enum { ENTRIES_MAX = CSV_ROWS_MAX };

struct entries;

struct entry {
    const char *key; /* what the submission is sorted by (id_number_key); not NUL-terminated */
    size_t key_bytes; /* at most ID_KEY_BYTES_MAX */
    const char *text; /* the number as the file has it: what is sent, so that the worker judges what the clerk wrote */
    size_t text_bytes; /* at most ID_NUMBER_TEXT_BYTES_MAX */
    const char *name; /* the member's name as the file has it, of a failing entry; not NUL-terminated */
    size_t name_bytes; /* at most EVENT_NAME_BYTES_MAX; 0: none */
    enum event_list list;
    int reason; /* of struct reasons; of no meaning in the list of those who pass */
    int64_t row;
};

/* Caller owns the entries. NULL when memory is out. */
struct entries *entries_new(void);
void entries_free(struct entries *entries);

/* Copies the bytes. False: a maximum is passed (EX_DATAERR), or as sorter_add. */
bool entries_add(struct entries *entries, const struct entry *entry, struct fault *fault);
size_t entries_count(const struct entries *entries);
size_t entries_count_failed(const struct entries *entries, int reason);

/* Sorts by the bytes of the keys, equal keys by their rows, and goes to the first. */
bool entries_sort(struct entries *entries, struct fault *fault);

/* The next entry in order; it points into the entries until the next call. False at the end, or with the fault set. */
bool entries_next(struct entries *entries, struct entry *entry, struct fault *fault);

/* Where entries_next stands, to return there; 0 is the first entry. */
int64_t entries_place(const struct entries *entries);
void entries_seek(struct entries *entries, int64_t place);

/* After entries_sort: calls `twice` for every entry whose key an earlier row has too, with the first such row. Ends at the first entry. */
bool entries_each_twice(struct entries *entries, void (*twice)(void *context, const struct entry *entry, int64_t first_row), void *context,
                        struct fault *fault);

#endif
