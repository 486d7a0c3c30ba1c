#include "producer/sorter.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "core/language.h"
#include "core/private_file.h"

enum {
    LENGTHS_BYTES = 4, /* before each record: of the key and of the value, two bytes each */
    READER_BYTES = 64 * 1024,
    RUN_BYTES_FIRST = 64 * 1024,
    SLOTS_FIRST = 4096,
};

_Static_assert((SORTER_RUNS_MAX - 1) * (int64_t)(SORTER_RUN_BYTES - SORTER_RECORD_BYTES_MAX - LENGTHS_BYTES) > SORTER_BYTES_MAX,
               "all records fit into the runs");

/* Reads records one after the other: of a part of a file, or of a buffer that holds all there is. */
struct reader {
    int file; /* -1: all is in the buffer */
    int64_t at, end; /* of the file: what comes into the buffer next */
    unsigned char *buffer;
    size_t first, used; /* of the buffer: the next record, and the end of what was read */
};

struct sorter {
    unsigned char *run; /* records as they come */
    size_t used, capacity;
    uint32_t *slots; /* where in the run each record is */
    size_t count, slot_capacity;
    int64_t bytes; /* of all records */

    FILE *runs; /* NULL until the first run is full */
    int64_t run_ends[SORTER_RUNS_MAX];
    size_t run_count;
    FILE *sorted; /* the merged runs; NULL when there is only one, which is in the reader's buffer */
    struct reader reader;
};

struct sorter *sorter_new(void)
{
    struct sorter *sorter = calloc(1, sizeof *sorter);
    if (sorter != NULL) sorter->reader.file = -1;
    return sorter;
}

static void run_free(struct sorter *sorter)
{
    free(sorter->run);
    free(sorter->slots);
    sorter->run = NULL;
    sorter->slots = NULL;
    sorter->used = sorter->capacity = sorter->count = sorter->slot_capacity = 0;
}

void sorter_free(struct sorter *sorter)
{
    if (sorter == NULL) return;
    run_free(sorter);
    if (sorter->runs != NULL) fclose(sorter->runs);
    if (sorter->sorted != NULL) fclose(sorter->sorted);
    free(sorter->reader.buffer);
    free(sorter);
}

static bool memory_fault(struct fault *fault)
{
    return fault_set(fault, FAULT_FATAL, EX_OSERR, "out-of-memory", language_pick("内存不足", "no memory for sorting the entries"));
}

static bool file_fault(struct fault *fault)
{
    return fault_set(fault, FAULT_FATAL, EX_IOERR, "spool-failed",
                     language_pick("排序用的临时文件无法使用（%s）；请把 TMPDIR 设为有空间的文件夹",
                                   "the temporary file for sorting can not be used (%s); set TMPDIR to a folder with room"),
                     strerror(errno));
}

/* ---- records ---- */

static struct sorter_record record_of(const unsigned char *packed)
{
    size_t key_bytes = (size_t)packed[0] << 8 | packed[1], value_bytes = (size_t)packed[2] << 8 | packed[3];
    const unsigned char *key = packed + LENGTHS_BYTES;
    return (struct sorter_record){.key = key, .value = key + key_bytes, .key_bytes = key_bytes, .value_bytes = value_bytes};
}

static size_t packed_bytes(const struct sorter_record *record)
{
    return LENGTHS_BYTES + record->key_bytes + record->value_bytes;
}

static int record_compare(const struct sorter_record *left, const struct sorter_record *right)
{
    int order = memcmp(left->key, right->key, left->key_bytes < right->key_bytes ? left->key_bytes : right->key_bytes);
    return order != 0 ? order : (left->key_bytes > right->key_bytes) - (left->key_bytes < right->key_bytes);
}

static int slot_compare(const void *left, const void *right, void *run)
{
    const unsigned char *bytes = run;
    struct sorter_record a = record_of(bytes + *(const uint32_t *)left), b = record_of(bytes + *(const uint32_t *)right);
    return record_compare(&a, &b);
}

/* ---- one run ---- */

/* Makes room for `needed` items, doubling. */
static bool array_reserve(void **items, size_t *capacity, size_t needed, size_t first, size_t item_bytes, struct fault *fault)
{
    size_t wanted = *capacity == 0 ? first : *capacity;
    while (wanted < needed) wanted *= 2;
    if (wanted == *capacity) return true;
    void *grown = realloc(*items, wanted * item_bytes);
    if (grown == NULL) return memory_fault(fault);
    *items = grown;
    *capacity = wanted;
    return true;
}

static void run_sort(struct sorter *sorter)
{
    if (sorter->count > 1) qsort_r(sorter->slots, sorter->count, sizeof *sorter->slots, slot_compare, sorter->run);
}

static bool run_write(struct sorter *sorter, struct fault *fault)
{
    assert(sorter->run_count < SORTER_RUNS_MAX);
    if (sorter->runs == NULL && (sorter->runs = private_file_temporary(fault)) == NULL) return false;
    run_sort(sorter);
    for (size_t i = 0; i < sorter->count; i++) {
        const unsigned char *packed = sorter->run + sorter->slots[i];
        struct sorter_record record = record_of(packed);
        if (fwrite(packed, packed_bytes(&record), 1, sorter->runs) != 1) return file_fault(fault);
    }
    if (fflush(sorter->runs) != 0) return file_fault(fault);
    sorter->run_ends[sorter->run_count++] = sorter->bytes;
    sorter->used = sorter->count = 0;
    return true;
}

static bool run_reserve(struct sorter *sorter, size_t bytes, struct fault *fault)
{
    void *run = sorter->run, *slots = sorter->slots;
    bool ok = array_reserve(&run, &sorter->capacity, sorter->used + bytes, RUN_BYTES_FIRST, 1, fault);
    sorter->run = run;
    ok = ok && array_reserve(&slots, &sorter->slot_capacity, sorter->count + 1, SLOTS_FIRST, sizeof *sorter->slots, fault);
    sorter->slots = slots;
    return ok;
}

static unsigned char *pack(unsigned char *at, const unsigned char *bytes, size_t count)
{
    if (count > 0) memcpy(at, bytes, count);
    return at + count;
}

bool sorter_add(struct sorter *sorter, const struct sorter_record *record, struct fault *fault)
{
    size_t bytes = packed_bytes(record);
    assert(bytes <= SORTER_RECORD_BYTES_MAX);
    if (sorter->bytes + (int64_t)bytes > SORTER_BYTES_MAX)
        return fault_set(fault, FAULT_REJECT, EX_DATAERR, "too-large",
                         language_pick("文件的条目超过一次提交的上限；请核对文件是否正确",
                                       "the file's entries are larger than one submission can hold; check that it is the right file"));
    if (sorter->used + bytes > SORTER_RUN_BYTES && !run_write(sorter, fault)) return false;
    if (!run_reserve(sorter, bytes, fault)) return false;

    unsigned char lengths[LENGTHS_BYTES] = {(unsigned char)(record->key_bytes >> 8), (unsigned char)(record->key_bytes & 0xFF),
                                            (unsigned char)(record->value_bytes >> 8), (unsigned char)(record->value_bytes & 0xFF)};
    unsigned char *at = pack(sorter->run + sorter->used, lengths, sizeof lengths);
    pack(pack(at, record->key, record->key_bytes), record->value, record->value_bytes);
    sorter->slots[sorter->count++] = (uint32_t)sorter->used;
    sorter->used += bytes;
    sorter->bytes += (int64_t)bytes;
    return true;
}

/* ---- reading records ---- */

/* Brings `needed` bytes from the next record on into the buffer; false without a fault: there are not so many. */
static bool reader_fill(struct reader *reader, size_t needed, struct fault *fault)
{
    if (reader->used - reader->first >= needed) return true;
    if (reader->file < 0 || reader->at == reader->end) return false;
    memmove(reader->buffer, reader->buffer + reader->first, reader->used - reader->first);
    reader->used -= reader->first;
    reader->first = 0;
    while (reader->used < READER_BYTES && reader->at < reader->end) {
        size_t room = READER_BYTES - reader->used;
        if ((int64_t)room > reader->end - reader->at) room = (size_t)(reader->end - reader->at);
        ssize_t count = pread(reader->file, reader->buffer + reader->used, room, reader->at);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return file_fault(fault);
        reader->used += (size_t)count;
        reader->at += count;
    }
    return reader->used >= needed;
}

static bool reader_next(struct reader *reader, struct sorter_record *record, struct fault *fault)
{
    if (!reader_fill(reader, LENGTHS_BYTES, fault)) return false;
    *record = record_of(reader->buffer + reader->first);
    size_t bytes = packed_bytes(record);
    if (!reader_fill(reader, bytes, fault)) return false;
    *record = record_of(reader->buffer + reader->first);
    reader->first += bytes;
    return true;
}

bool sorter_next(struct sorter *sorter, struct sorter_record *record, struct fault *fault)
{
    return reader_next(&sorter->reader, record, fault);
}

int64_t sorter_place(const struct sorter *sorter)
{
    const struct reader *reader = &sorter->reader;
    return reader->file < 0 ? (int64_t)reader->first : reader->at - (int64_t)(reader->used - reader->first);
}

void sorter_seek(struct sorter *sorter, int64_t place)
{
    struct reader *reader = &sorter->reader;
    if (reader->file < 0) {
        reader->first = (size_t)place;
    } else {
        reader->at = place;
        reader->first = reader->used = 0;
    }
}

/* ---- merging ---- */

struct merge {
    struct reader readers[SORTER_RUNS_MAX];
    struct sorter_record heads[SORTER_RUNS_MAX];
    size_t heap[SORTER_RUNS_MAX]; /* of runs that are not at their end, the smallest head on top */
    size_t count;
};

static bool is_before(const struct merge *merge, size_t left, size_t right)
{
    return record_compare(&merge->heads[merge->heap[left]], &merge->heads[merge->heap[right]]) < 0;
}

/* Restores the order below `at`. */
static void heap_sink(struct merge *merge, size_t at)
{
    for (;;) {
        size_t least = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < merge->count; child++)
            if (is_before(merge, child, least)) least = child;
        if (least == at) return;
        size_t run = merge->heap[at];
        merge->heap[at] = merge->heap[least];
        merge->heap[least] = run;
        at = least;
    }
}

static bool merge_start(struct merge *merge, const struct sorter *sorter, struct fault *fault)
{
    for (size_t i = 0; i < sorter->run_count; i++) {
        struct reader *reader = &merge->readers[i];
        *reader = (struct reader){.file = fileno(sorter->runs), .at = i > 0 ? sorter->run_ends[i - 1] : 0, .end = sorter->run_ends[i]};
        reader->buffer = malloc(READER_BYTES);
        if (reader->buffer == NULL) return memory_fault(fault);
        if (!reader_next(reader, &merge->heads[i], fault)) return false;
        merge->heap[merge->count++] = i;
    }
    for (size_t at = merge->count; at-- > 0;) heap_sink(merge, at);
    return true;
}

static bool merge_all(struct merge *merge, FILE *out, struct fault *fault)
{
    while (merge->count > 0) {
        size_t run = merge->heap[0];
        const struct sorter_record *head = &merge->heads[run];
        if (fwrite(head->key - LENGTHS_BYTES, packed_bytes(head), 1, out) != 1) return file_fault(fault);
        if (!reader_next(&merge->readers[run], &merge->heads[run], fault)) {
            if (fault->kind != FAULT_NONE) return false;
            merge->heap[0] = merge->heap[--merge->count];
        }
        heap_sink(merge, 0);
    }
    return fflush(out) == 0 || file_fault(fault);
}

static bool sort_runs(struct sorter *sorter, struct fault *fault)
{
    if (!run_write(sorter, fault)) return false;
    run_free(sorter);
    struct merge *merge = calloc(1, sizeof *merge);
    if (merge == NULL) return memory_fault(fault);
    sorter->sorted = private_file_temporary(fault);
    bool ok = sorter->sorted != NULL && merge_start(merge, sorter, fault) && merge_all(merge, sorter->sorted, fault);
    for (size_t i = 0; i < sorter->run_count; i++) free(merge->readers[i].buffer);
    free(merge);
    fclose(sorter->runs);
    sorter->runs = NULL;
    if (!ok) return false;
    sorter->reader = (struct reader){.file = fileno(sorter->sorted), .end = sorter->bytes, .buffer = malloc(READER_BYTES)};
    return sorter->reader.buffer != NULL || memory_fault(fault);
}

static bool sort_in_memory(struct sorter *sorter, struct fault *fault)
{
    run_sort(sorter);
    struct reader *reader = &sorter->reader;
    reader->buffer = malloc(sorter->used > 0 ? sorter->used : 1);
    if (reader->buffer == NULL) return memory_fault(fault);
    for (size_t i = 0; i < sorter->count; i++) {
        struct sorter_record record = record_of(sorter->run + sorter->slots[i]);
        pack(reader->buffer + reader->used, record.key - LENGTHS_BYTES, packed_bytes(&record));
        reader->used += packed_bytes(&record);
    }
    run_free(sorter);
    return true;
}

bool sorter_sort(struct sorter *sorter, struct fault *fault)
{
    return sorter->run_count > 0 ? sort_runs(sorter, fault) : sort_in_memory(sorter, fault);
}
