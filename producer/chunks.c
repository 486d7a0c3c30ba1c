#include "producer/chunks.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "core/language.h"

struct chunks {
    const struct submission *submission;
    struct entries *entries;
    const struct reasons *reasons;
    size_t count;
    struct cut {
        int64_t place; /* of the first entry */
        size_t entries;
    } * cuts; /* of each chunk */
    size_t used;
    char text[EVENT_CHUNK_BYTES_MAX + 1];
};

/* What stands around the entries: the lists' names and brackets, and the object's end. */
#define FRAME_FAILED ",\"failed\":["
#define FRAME_PASSED "],\"passed\":["
#define FRAME_END "]}"
#define FAILED_BEFORE "{\"id_number\":"
#define FAILED_NAME ",\"name\":"
#define FAILED_BETWEEN ",\"reason\":"

static size_t quoted_bytes(const char *text, size_t length)
{
    size_t bytes = length + 2;
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '"' || c == '\\') bytes += 1;
        if (c < 0x20) bytes += strlen("\\u0000") - 1;
    }
    return bytes;
}

/* Bytes of the entry in its list, the comma before the next one included. */
static size_t entry_bytes(const struct entry *entry, const struct reasons *reasons)
{
    size_t bytes = quoted_bytes(entry->text, entry->text_bytes) + 1;
    if (entry->list == EVENT_LIST_PASSED) return bytes;
    const char *reason = reasons->list[entry->reason].code;
    if (entry->name_bytes > 0) bytes += strlen(FAILED_NAME) + quoted_bytes(entry->name, entry->name_bytes);
    return bytes + strlen(FAILED_BEFORE) + strlen(FAILED_BETWEEN) + quoted_bytes(reason, strlen(reason)) + strlen("}");
}

/* The bytes that entries may take in any chunk: what the longest possible frame leaves. 0 when memory is out. */
static size_t entries_room(const struct submission *submission)
{
    char *frame = compose_chunk_frame(submission, EVENT_CHUNKS_MAX, EVENT_CHUNKS_MAX, ENTRIES_MAX);
    if (frame == NULL) return 0;
    size_t around = strlen(frame) + strlen(FRAME_FAILED FRAME_PASSED FRAME_END);
    free(frame);
    return around < EVENT_CHUNK_BYTES_MAX ? EVENT_CHUNK_BYTES_MAX - around : 0;
}

static bool chunks_begin(struct chunks *chunks, int64_t place, struct fault *fault)
{
    if (chunks->count == EVENT_CHUNKS_MAX)
        return fault_set(
            fault, FAULT_REJECT, EX_DATAERR, "too-large",
            language_pick(
                "提交需要 %d 个以上的分片；请核对文件是否正确，或调大 --chunk-entries",
                "the submission needs more than %d chunks; check that it is the right file, or give --chunk-entries a larger number"),
            EVENT_CHUNKS_MAX);
    chunks->cuts[chunks->count++] = (struct cut){.place = place};
    return true;
}

static bool chunks_cut(struct chunks *chunks, size_t entries_max, struct fault *fault)
{
    size_t room = entries_room(chunks->submission), used = 0;
    if (room == 0) return fault_set(fault, FAULT_FATAL, EX_OSERR, "out-of-memory", language_pick("内存不足", "no memory for a chunk"));
    if (!chunks_begin(chunks, 0, fault)) return false;
    struct entry entry;
    int64_t place = 0;
    for (entries_seek(chunks->entries, 0); entries_next(chunks->entries, &entry, fault); place = entries_place(chunks->entries)) {
        size_t bytes = entry_bytes(&entry, chunks->reasons);
        if (chunks->cuts[chunks->count - 1].entries == entries_max || used + bytes > room) {
            if (!chunks_begin(chunks, place, fault)) return false;
            used = 0;
        }
        chunks->cuts[chunks->count - 1].entries++;
        used += bytes;
    }
    return fault->kind == FAULT_NONE;
}

struct chunks *chunks_new(const struct submission *submission, struct entries *entries, const struct reasons *reasons, size_t entries_max,
                          struct fault *fault)
{
    struct chunks *chunks = calloc(1, sizeof *chunks);
    struct cut *cuts = calloc(EVENT_CHUNKS_MAX, sizeof *cuts);
    if (chunks == NULL || cuts == NULL) {
        fault_set(fault, FAULT_FATAL, EX_OSERR, "out-of-memory", language_pick("内存不足", "no memory for the chunks"));
        free(cuts);
        free(chunks);
        return NULL;
    }
    chunks->submission = submission;
    chunks->entries = entries;
    chunks->reasons = reasons;
    chunks->cuts = cuts;
    if (chunks_cut(chunks, entries_max, fault)) return chunks;
    chunks_free(chunks);
    return NULL;
}

void chunks_free(struct chunks *chunks)
{
    if (chunks == NULL) return;
    free(chunks->cuts);
    free(chunks);
}

size_t chunks_count(const struct chunks *chunks)
{
    return chunks->count;
}

static void text_add(struct chunks *chunks, const char *bytes, size_t count)
{
    /* chunks_cut measured every byte; a longer text would be a bug of ours and must not leave the buffer. */
    if (count > EVENT_CHUNK_BYTES_MAX - chunks->used) abort();
    memcpy(chunks->text + chunks->used, bytes, count);
    chunks->used += count;
}

static void text_add_quoted(struct chunks *chunks, const char *text, size_t length)
{
    char escape[8];
    size_t plain = 0;
    text_add(chunks, "\"", 1);
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c != '"' && c != '\\' && c >= 0x20) continue;
        text_add(chunks, text + plain, i - plain);
        plain = i + 1;
        int bytes = c < 0x20 ? snprintf(escape, sizeof escape, "\\u%04x", c) : snprintf(escape, sizeof escape, "\\%c", c);
        text_add(chunks, escape, (size_t)bytes);
    }
    text_add(chunks, text + plain, length - plain);
    text_add(chunks, "\"", 1);
}

static void text_add_entry(struct chunks *chunks, const struct entry *entry)
{
    if (entry->list == EVENT_LIST_PASSED) {
        text_add_quoted(chunks, entry->text, entry->text_bytes);
        return;
    }
    const char *reason = chunks->reasons->list[entry->reason].code;
    text_add(chunks, FAILED_BEFORE, strlen(FAILED_BEFORE));
    text_add_quoted(chunks, entry->text, entry->text_bytes);
    if (entry->name_bytes > 0) {
        text_add(chunks, FAILED_NAME, strlen(FAILED_NAME));
        text_add_quoted(chunks, entry->name, entry->name_bytes);
    }
    text_add(chunks, FAILED_BETWEEN, strlen(FAILED_BETWEEN));
    text_add_quoted(chunks, reason, strlen(reason));
    text_add(chunks, "}", 1);
}

static bool text_add_list(struct chunks *chunks, size_t chunk, enum event_list list, struct fault *fault)
{
    const struct cut *cut = &chunks->cuts[chunk];
    bool is_first = true;
    entries_seek(chunks->entries, cut->place);
    for (size_t i = 0; i < cut->entries; i++) {
        struct entry entry;
        if (!entries_next(chunks->entries, &entry, fault)) return false;
        if (entry.list != list) continue;
        if (!is_first) text_add(chunks, ",", 1);
        is_first = false;
        text_add_entry(chunks, &entry);
    }
    return true;
}

const char *chunks_text(struct chunks *chunks, size_t index, size_t *bytes, struct fault *fault)
{
    assert(index < chunks->count);
    char *frame =
        compose_chunk_frame(chunks->submission, (int64_t)index + 1, (int64_t)chunks->count, (int64_t)entries_count(chunks->entries));
    if (frame == NULL) {
        fault_set(fault, FAULT_FATAL, EX_OSERR, "out-of-memory", language_pick("内存不足", "no memory for a chunk"));
        return NULL;
    }
    chunks->used = 0;
    text_add(chunks, frame, strlen(frame) - 1);
    free(frame);
    text_add(chunks, FRAME_FAILED, strlen(FRAME_FAILED));
    if (!text_add_list(chunks, index, EVENT_LIST_FAILED, fault)) return NULL;
    if (strcmp(chunks->submission->mode, "list") == 0) {
        text_add(chunks, FRAME_PASSED, strlen(FRAME_PASSED));
        if (!text_add_list(chunks, index, EVENT_LIST_PASSED, fault)) return NULL;
    }
    text_add(chunks, FRAME_END, strlen(FRAME_END));
    chunks->text[chunks->used] = '\0';
    *bytes = chunks->used;
    return chunks->text;
}

int64_t chunks_row(const struct chunks *chunks, int64_t chunk, enum event_list list, int64_t index)
{
    struct fault fault = {.kind = FAULT_NONE};
    struct entry entry;
    if (chunk < 1 || (uint64_t)chunk > chunks->count || index < 0) return 0;
    const struct cut *cut = &chunks->cuts[chunk - 1];
    entries_seek(chunks->entries, cut->place);
    for (size_t i = 0; i < cut->entries && entries_next(chunks->entries, &entry, &fault); i++)
        if (entry.list == list && index-- == 0) return entry.row;
    return 0;
}
