#include "producer/entries.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

/*
 * One packed entry: a mark, the key's length (two bytes), the key, and where the text is not the key itself the text's
 * length (one byte) and the text. Most texts are the key: 21 bytes an entry.
 */
enum {
    MARK_REASON = 0x1F,
    MARK_HAS_TEXT = 0x40,
    MARK_PASSED = 0x80,
    PACKED_KEY_AT = 3,
};

_Static_assert(REASONS_MAX - 1 <= MARK_REASON, "a reason fits into its bits of the mark");
_Static_assert(ID_NUMBER_TEXT_BYTES_MAX <= UINT8_MAX && ID_KEY_BYTES_MAX <= UINT16_MAX, "lengths fit into their bytes");
_Static_assert(CSV_ROWS_MAX <= UINT32_MAX && ENTRIES_BYTES_MAX <= UINT32_MAX, "rows and places fit into 32 bits");

struct slot {
    uint32_t at, row;
};

struct entries {
    unsigned char *packed;
    size_t packed_bytes, packed_capacity;
    struct slot *slots;
    size_t count, capacity;
};

struct entries *entries_new(void)
{
    return calloc(1, sizeof(struct entries));
}

void entries_free(struct entries *entries)
{
    if (entries == NULL) return;
    free(entries->packed);
    free(entries->slots);
    free(entries);
}

/* Makes room for `needed` items. Doubling touches no page before it is used, so the capacity is not the memory taken. */
static bool array_reserve(void **items, size_t *capacity, size_t needed, size_t item_bytes, size_t maximum, struct fault *fault)
{
    enum { CAPACITY_FIRST = 4096 };
    if (needed <= *capacity) return true;
    if (needed > maximum)
        return fault_set(fault, FAULT_REJECT, EX_DATAERR, "too-large",
                         "the file has more entries than one submission can hold (%d); "
                         "check that it is the right file",
                         ENTRIES_MAX);
    size_t wanted = *capacity == 0 ? CAPACITY_FIRST : *capacity;
    while (wanted < needed) wanted *= 2;
    if (wanted > maximum) wanted = maximum;
    void *grown = realloc(*items, wanted * item_bytes);
    if (grown == NULL) return fault_set(fault, FAULT_FATAL, EX_OSERR, "out-of-memory", "no memory for %zu entries", needed);
    *items = grown;
    *capacity = wanted;
    return true;
}

static unsigned char *pack_bytes(unsigned char *at, const char *bytes, size_t count)
{
    if (count > 0) memcpy(at, bytes, count);
    return at + count;
}

bool entries_add(struct entries *entries, const struct entry *entry, struct fault *fault)
{
    bool has_text = entry->text_bytes != entry->key_bytes || memcmp(entry->text, entry->key, entry->key_bytes) != 0;
    size_t bytes = PACKED_KEY_AT + entry->key_bytes + (has_text ? 1 + entry->text_bytes : 0);
    void *packed = entries->packed, *slots = entries->slots;
    bool ok = array_reserve(&packed, &entries->packed_capacity, entries->packed_bytes + bytes, 1, ENTRIES_BYTES_MAX, fault);
    entries->packed = packed;
    ok = ok && array_reserve(&slots, &entries->capacity, entries->count + 1, sizeof(struct slot), ENTRIES_MAX, fault);
    entries->slots = slots;
    if (!ok) return false;

    unsigned char *at = entries->packed + entries->packed_bytes;
    int mark = entry->list == EVENT_LIST_PASSED ? MARK_PASSED : entry->reason & MARK_REASON;
    *at++ = (unsigned char)(mark | (has_text ? MARK_HAS_TEXT : 0));
    *at++ = (unsigned char)(entry->key_bytes >> 8);
    *at++ = (unsigned char)(entry->key_bytes & 0xFF);
    at = pack_bytes(at, entry->key, entry->key_bytes);
    if (has_text) {
        *at++ = (unsigned char)entry->text_bytes;
        pack_bytes(at, entry->text, entry->text_bytes);
    }
    entries->slots[entries->count++] = (struct slot){.at = (uint32_t)entries->packed_bytes, .row = (uint32_t)entry->row};
    entries->packed_bytes += bytes;
    return true;
}

size_t entries_count(const struct entries *entries)
{
    return entries->count;
}

static size_t packed_key_bytes(const unsigned char *packed)
{
    return (size_t)packed[1] << 8 | packed[2];
}

struct entry entries_get(const struct entries *entries, size_t index)
{
    const struct slot *slot = &entries->slots[index];
    const unsigned char *packed = entries->packed + slot->at;
    struct entry entry = {
        .key = (const char *)packed + PACKED_KEY_AT,
        .key_bytes = packed_key_bytes(packed),
        .list = (packed[0] & MARK_PASSED) != 0 ? EVENT_LIST_PASSED : EVENT_LIST_FAILED,
        .reason = packed[0] & MARK_REASON,
        .row = slot->row,
    };
    bool has_text = (packed[0] & MARK_HAS_TEXT) != 0;
    entry.text = has_text ? entry.key + entry.key_bytes + 1 : entry.key;
    entry.text_bytes = has_text ? (unsigned char)entry.text[-1] : entry.key_bytes;
    return entry;
}

static int packed_compare_keys(const unsigned char *left, const unsigned char *right)
{
    size_t left_bytes = packed_key_bytes(left), right_bytes = packed_key_bytes(right);
    int order = memcmp(left + PACKED_KEY_AT, right + PACKED_KEY_AT, left_bytes < right_bytes ? left_bytes : right_bytes);
    return order != 0 ? order : (left_bytes > right_bytes) - (left_bytes < right_bytes);
}

static int slot_compare(const void *left, const void *right, void *packed)
{
    const struct slot *a = left, *b = right;
    const unsigned char *bytes = packed;
    int order = packed_compare_keys(bytes + a->at, bytes + b->at);
    return order != 0 ? order : (a->row > b->row) - (a->row < b->row);
}

void entries_sort(struct entries *entries)
{
    if (entries->count > 1) qsort_r(entries->slots, entries->count, sizeof *entries->slots, slot_compare, entries->packed);
}

void entries_each_twice(const struct entries *entries, void (*twice)(void *context, const struct entry *entry, int64_t first_row),
                        void *context)
{
    for (size_t i = 1, first = 0; i < entries->count; i++) {
        const unsigned char *here = entries->packed + entries->slots[i].at, *before = entries->packed + entries->slots[first].at;
        if (packed_compare_keys(here, before) != 0) {
            first = i;
            continue;
        }
        struct entry entry = entries_get(entries, i);
        twice(context, &entry, entries->slots[first].row);
    }
}
