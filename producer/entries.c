#include "producer/entries.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "core/language.h"

#include "producer/sorter.h"

/*
 * A record's key is the entry's key and behind it the row in four bytes, so that equal keys are sorted by their rows. That does not disturb
 * the order of keys of which one begins with the other: no key holds a byte as low as a row's first.
 * Its value is a mark, where there is a name its length and the name, and where the text is not the key itself the text. Most texts are
 * the key: 27 bytes an entry and its name.
 */
enum {
    ROW_BYTES = 4,
    MARK_REASON = 0x1F,
    MARK_HAS_NAME = 0x20,
    MARK_HAS_TEXT = 0x40,
    MARK_PASSED = 0x80,
    KEY_BYTE_MIN = 0x20, /* id_number_key promises it */
};

_Static_assert(REASONS_MAX - 1 <= MARK_REASON, "a reason fits into its bits of the mark");
_Static_assert((CSV_ROWS_MAX >> 24) < KEY_BYTE_MIN, "a row's first byte is lower than any byte of a key");
_Static_assert(EVENT_NAME_BYTES_MAX <= UINT8_MAX, "a name's length fits into a byte");
enum { VALUE_BYTES_MAX = 2 + EVENT_NAME_BYTES_MAX + ID_NUMBER_TEXT_BYTES_MAX };
_Static_assert(ID_KEY_BYTES_MAX + ROW_BYTES + VALUE_BYTES_MAX < SORTER_RECORD_BYTES_MAX - 4, "an entry fits into a record");

struct entries {
    struct sorter *sorter;
    size_t count, failed[REASONS_MAX];
};

struct entries *entries_new(void)
{
    struct entries *entries = calloc(1, sizeof *entries);
    struct sorter *sorter = sorter_new();
    if (entries == NULL || sorter == NULL) {
        sorter_free(sorter);
        free(entries);
        return NULL;
    }
    entries->sorter = sorter;
    return entries;
}

void entries_free(struct entries *entries)
{
    if (entries == NULL) return;
    sorter_free(entries->sorter);
    free(entries);
}

/* Writes mark, name and text; returns how many bytes. */
static size_t value_write(const struct entry *entry, unsigned char value[VALUE_BYTES_MAX])
{
    bool has_text = entry->text_bytes != entry->key_bytes || memcmp(entry->text, entry->key, entry->key_bytes) != 0;
    int mark = entry->list == EVENT_LIST_PASSED ? MARK_PASSED : entry->reason & MARK_REASON;
    size_t used = 1;
    if (entry->name_bytes > 0) {
        mark |= MARK_HAS_NAME;
        value[used++] = (unsigned char)entry->name_bytes;
        memcpy(value + used, entry->name, entry->name_bytes);
        used += entry->name_bytes;
    }
    if (has_text) {
        mark |= MARK_HAS_TEXT;
        if (entry->text_bytes > 0) memcpy(value + used, entry->text, entry->text_bytes);
        used += entry->text_bytes;
    }
    value[0] = (unsigned char)mark;
    return used;
}

bool entries_add(struct entries *entries, const struct entry *entry, struct fault *fault)
{
    unsigned char key[ID_KEY_BYTES_MAX + ROW_BYTES], value[VALUE_BYTES_MAX];
    if (entries->count == ENTRIES_MAX)
        return fault_set(fault, FAULT_REJECT, EX_DATAERR, "too-large",
                         language_pick("文件的条目超过一次提交的上限（%d）；请核对文件是否正确",
                                       "the file has more entries than one submission can hold (%d); check that it is the right file"),
                         ENTRIES_MAX);
    memcpy(key, entry->key, entry->key_bytes);
    for (int i = 0; i < ROW_BYTES; i++) key[entry->key_bytes + (size_t)i] = (unsigned char)(entry->row >> 8 * (ROW_BYTES - 1 - i) & 0xFF);
    struct sorter_record record = {
        .key = key, .value = value, .key_bytes = entry->key_bytes + ROW_BYTES, .value_bytes = value_write(entry, value)};
    if (!sorter_add(entries->sorter, &record, fault)) return false;
    entries->count++;
    if (entry->list == EVENT_LIST_FAILED) entries->failed[entry->reason]++;
    return true;
}

size_t entries_count(const struct entries *entries)
{
    return entries->count;
}

size_t entries_count_failed(const struct entries *entries, int reason)
{
    return entries->failed[reason];
}

bool entries_sort(struct entries *entries, struct fault *fault)
{
    return sorter_sort(entries->sorter, fault);
}

static int64_t row_of(const unsigned char *bytes)
{
    int64_t row = 0;
    for (int i = 0; i < ROW_BYTES; i++) row = row << 8 | bytes[i];
    return row;
}

bool entries_next(struct entries *entries, struct entry *entry, struct fault *fault)
{
    struct sorter_record record;
    if (!sorter_next(entries->sorter, &record, fault)) return false;
    int mark = record.value[0];
    bool has_name = (mark & MARK_HAS_NAME) != 0, has_text = (mark & MARK_HAS_TEXT) != 0;
    size_t text_at = has_name ? 2 + (size_t)record.value[1] : 1;
    entry->key = (const char *)record.key;
    entry->key_bytes = record.key_bytes - ROW_BYTES;
    entry->name = has_name ? (const char *)record.value + 2 : "";
    entry->name_bytes = has_name ? record.value[1] : 0;
    entry->text = has_text ? (const char *)record.value + text_at : entry->key;
    entry->text_bytes = has_text ? record.value_bytes - text_at : entry->key_bytes;
    entry->list = (mark & MARK_PASSED) != 0 ? EVENT_LIST_PASSED : EVENT_LIST_FAILED;
    entry->reason = mark & MARK_REASON;
    entry->row = row_of(record.key + entry->key_bytes);
    return true;
}

int64_t entries_place(const struct entries *entries)
{
    return sorter_place(entries->sorter);
}

void entries_seek(struct entries *entries, int64_t place)
{
    sorter_seek(entries->sorter, place);
}

bool entries_each_twice(struct entries *entries, void (*twice)(void *context, const struct entry *entry, int64_t first_row), void *context,
                        struct fault *fault)
{
    char key[ID_KEY_BYTES_MAX];
    size_t key_bytes = 0;
    int64_t first_row = 0;
    struct entry entry;
    entries_seek(entries, 0);
    while (entries_next(entries, &entry, fault)) {
        if (first_row > 0 && entry.key_bytes == key_bytes && memcmp(entry.key, key, key_bytes) == 0) {
            twice(context, &entry, first_row);
            continue;
        }
        memcpy(key, entry.key, entry.key_bytes);
        key_bytes = entry.key_bytes;
        first_row = entry.row;
    }
    entries_seek(entries, 0);
    return fault->kind == FAULT_NONE;
}
