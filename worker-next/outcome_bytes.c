/*
 * A version and the number of outcomes and of bytes before compression (4 bytes each, big-endian), then the LZ4 block. In it of each
 * outcome: partition, topic, time, id, and type, unit, causation and body behind their lengths (all ones: there is none), each with a NUL
 * that is not counted.
 */
#include "worker-next/outcome_bytes.h"

#include <lz4.h>
#include <string.h>

enum { VERSION = 1, HEAD_BYTES = 9, OUTCOME_HEAD_BYTES = 4 + 1 + 8 + OUTCOME_ID_CHARS, OUTCOME_BYTES_MIN = OUTCOME_HEAD_BYTES + 4 * 4 };
static const uint32_t NO_TEXT = UINT32_MAX;

static char *put_number(char *at, uint64_t number, int bytes)
{
    for (int i = bytes - 1; i >= 0; i--) *at++ = (char)(unsigned char)(number >> (8 * i));
    return at;
}

static size_t text_size(const char *text, size_t count)
{
    return text == NULL ? 4 : 4 + count + 1;
}

static char *put_text(char *at, const char *text, size_t count)
{
    if (text == NULL) return put_number(at, NO_TEXT, 4);
    at = put_number(at, count, 4);
    memcpy(at, text, count);
    at[count] = '\0';
    return at + count + 1;
}

static size_t length_of(const char *text)
{
    return text == NULL ? 0 : strlen(text);
}

static size_t outcome_size(const struct outcome *outcome)
{
    return OUTCOME_HEAD_BYTES + text_size(outcome->type, strlen(outcome->type)) + text_size(outcome->unit, strlen(outcome->unit)) +
           text_size(outcome->causation, length_of(outcome->causation)) + text_size(outcome->body, outcome->body_bytes);
}

static char *put_outcome(char *at, const struct outcome *outcome)
{
    at = put_number(at, (uint32_t)outcome->partition, 4);
    at = put_number(at, outcome->topic, 1);
    at = put_number(at, (uint64_t)outcome->time_ms, 8);
    memcpy(at, outcome->id, OUTCOME_ID_CHARS);
    at = put_text(at + OUTCOME_ID_CHARS, outcome->type, strlen(outcome->type));
    at = put_text(at, outcome->unit, strlen(outcome->unit));
    at = put_text(at, outcome->causation, length_of(outcome->causation));
    return put_text(at, outcome->body, outcome->body_bytes);
}

const void *outcome_pack(struct arena *arena, const struct outcome *const *outcomes, size_t count, size_t *size_bytes)
{
    size_t size = 0;
    for (size_t i = 0; i < count && size <= OUTCOME_BYTES_MAX; i++) size += outcome_size(outcomes[i]);
    if (size > OUTCOME_BYTES_MAX) return NULL;
    int room = LZ4_compressBound((int)size);
    char *plain = arena_take(arena, size + 1), *packed = arena_take(arena, HEAD_BYTES + (size_t)room);
    if (plain == NULL || packed == NULL) return NULL;
    char *at = plain;
    for (size_t i = 0; i < count; i++) at = put_outcome(at, outcomes[i]);
    packed[0] = VERSION;
    put_number(put_number(packed + 1, count, 4), size, 4);
    int compressed = LZ4_compress_default(plain, packed + HEAD_BYTES, (int)size, room);
    if (compressed <= 0) return NULL;
    *size_bytes = HEAD_BYTES + (size_t)compressed;
    return packed;
}

struct reader {
    const char *at, *end;
};

static bool get_number(struct reader *reader, int bytes, uint64_t *number)
{
    if (reader->end - reader->at < bytes) return false;
    *number = 0;
    for (int i = 0; i < bytes; i++) *number = *number << 8 | (unsigned char)*reader->at++;
    return true;
}

static bool get_text(struct reader *reader, const char **text, size_t *count)
{
    uint64_t length;
    *text = NULL;
    *count = 0;
    if (!get_number(reader, 4, &length)) return false;
    if (length == NO_TEXT) return true;
    if ((uint64_t)(reader->end - reader->at) <= length || reader->at[length] != '\0') return false;
    *text = reader->at;
    *count = (size_t)length;
    reader->at += length + 1;
    return true;
}

static bool get_outcome(struct reader *reader, struct outcome *outcome)
{
    size_t count;
    uint64_t partition, topic, time_ms;
    if (!get_number(reader, 4, &partition) || !get_number(reader, 1, &topic) || !get_number(reader, 8, &time_ms)) return false;
    if (reader->end - reader->at < OUTCOME_ID_CHARS || topic >= TOPIC_INPUTS) return false;
    outcome->partition = (int32_t)partition;
    outcome->topic = (enum topic_kind)topic;
    outcome->time_ms = (int64_t)time_ms;
    memcpy(outcome->id, reader->at, OUTCOME_ID_CHARS);
    reader->at += OUTCOME_ID_CHARS;
    return get_text(reader, &outcome->type, &count) && get_text(reader, &outcome->unit, &count) &&
           get_text(reader, &outcome->causation, &count) && get_text(reader, &outcome->body, &outcome->body_bytes) &&
           outcome->type != NULL && outcome->unit != NULL && outcome->body != NULL;
}

bool outcome_unpack(struct arena *arena, const void *bytes, size_t size_bytes, struct outcome **outcomes, size_t *count)
{
    uint64_t number, size;
    struct reader reader = {bytes, (const char *)bytes + size_bytes};
    if (size_bytes < HEAD_BYTES || *reader.at++ != VERSION) return false;
    if (!get_number(&reader, 4, &number) || !get_number(&reader, 4, &size)) return false;
    if (size > OUTCOME_BYTES_MAX || number > size / OUTCOME_BYTES_MIN) return false;
    char *plain = arena_take(arena, (size_t)size + 1);
    struct outcome *list = arena_take(arena, (size_t)number * sizeof *list + 1);
    if (plain == NULL || list == NULL) return false;
    if (LZ4_decompress_safe(reader.at, plain, (int)(reader.end - reader.at), (int)size) != (int)size) return false;
    reader = (struct reader){plain, plain + size};
    for (uint64_t i = 0; i < number; i++)
        if (!get_outcome(&reader, &list[i])) return false;
    *outcomes = list;
    *count = (size_t)number;
    return reader.at == reader.end;
}
