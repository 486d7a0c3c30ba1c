/*
 * The entries of one submission, kept compactly: the bytes of every key packed one after the other, and eight bytes an entry
 * that say where and of which row. About 29 bytes an entry in all, so 500,000 entries take 15 MB and 5 million 145 MB; sorting
 * takes up to eight bytes an entry more. Both arrays grow as needed, up to the maxima named here.
 */
#ifndef NIANSHEN_PRODUCER_ENTRIES_H
#define NIANSHEN_PRODUCER_ENTRIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/csv.h"
#include "core/event.h"
#include "core/fault.h"
#include "core/id_number.h"
#include "producer/reasons.h"

enum {
    ENTRIES_MAX = CSV_ROWS_MAX,
    ENTRIES_BYTES_MAX = 1024 * 1024 * 1024,
};

struct entries;

struct entry {
    const char *key; /* what the submission is sorted by (id_number_key); not NUL-terminated */
    size_t key_bytes; /* at most ID_KEY_BYTES_MAX */
    const char *text; /* the number as the file has it: what is sent, so that the worker judges what the clerk wrote */
    size_t text_bytes; /* at most ID_NUMBER_TEXT_BYTES_MAX */
    enum event_list list;
    int reason; /* of struct reasons; of no meaning in the list of those who pass */
    int64_t row;
};

/* Caller owns the entries. NULL when memory is out. */
struct entries *entries_new(void);
void entries_free(struct entries *entries);

/* Copies the bytes. False, EX_DATAERR or EX_OSERR: a maximum is passed or memory is out. */
bool entries_add(struct entries *entries, const struct entry *entry, struct fault *fault);
size_t entries_count(const struct entries *entries);

/* The entry at `index` in the present order; it points into the entries until the next entries_add. */
struct entry entries_get(const struct entries *entries, size_t index);

/* Sorts by the bytes of the keys; equal keys stay in the order of their rows. */
void entries_sort(struct entries *entries);

/* After entries_sort: calls `twice` for every entry whose key an earlier row has too, with the first such row. */
void entries_each_twice(const struct entries *entries, void (*twice)(void *context, const struct entry *entry, int64_t first_row),
                        void *context);

#endif
