#include "core/record_bytes.h"

#include <string.h>

enum { VERSION = 1, HEAD_BYTES = 6, HEADER_BYTES_MIN = 8 };
static const uint32_t NULL_VALUE = UINT32_MAX;

static unsigned char *put_number(unsigned char *at, uint32_t number)
{
    for (int shift = 24; shift >= 0; shift -= 8) *at++ = (unsigned char)(number >> shift);
    return at;
}

static unsigned char *put_bytes(unsigned char *at, const void *bytes, size_t count)
{
    at = put_number(at, (uint32_t)count);
    if (count > 0) memcpy(at, bytes, count);
    return at + count;
}

const void *record_headers_pack(struct arena *arena, const struct kafka_record *record, size_t *size_bytes)
{
    size_t size = HEAD_BYTES;
    for (size_t i = 0; i < record->header_count; i++)
        size +=
            HEADER_BYTES_MIN + strlen(record->headers[i].name) + (record->headers[i].value == NULL ? 0 : record->headers[i].value_bytes);
    unsigned char *bytes = arena_take(arena, size);
    if (bytes == NULL) return NULL;
    unsigned char *at = bytes;
    *at++ = VERSION;
    *at++ = record->has_lost_headers;
    at = put_number(at, (uint32_t)record->header_count);
    for (size_t i = 0; i < record->header_count; i++) {
        const struct kafka_header *header = &record->headers[i];
        at = put_bytes(at, header->name, strlen(header->name));
        at = header->value == NULL ? put_number(at, NULL_VALUE) : put_bytes(at, header->value, header->value_bytes);
    }
    *size_bytes = size;
    return bytes;
}

struct reader {
    const unsigned char *at, *end;
};

static bool get_number(struct reader *reader, uint32_t *number)
{
    if (reader->end - reader->at < 4) return false;
    *number = (uint32_t)reader->at[0] << 24 | (uint32_t)reader->at[1] << 16 | (uint32_t)reader->at[2] << 8 | reader->at[3];
    reader->at += 4;
    return true;
}

static const unsigned char *get_bytes(struct reader *reader, uint32_t count)
{
    if ((size_t)(reader->end - reader->at) < count) return NULL;
    const unsigned char *bytes = reader->at;
    reader->at += count;
    return bytes;
}

static bool get_header(struct arena *arena, struct reader *reader, struct kafka_header *header)
{
    uint32_t count;
    if (!get_number(reader, &count)) return false;
    const unsigned char *name = get_bytes(reader, count);
    if (name == NULL || memchr(name, '\0', count) != NULL) return false;
    header->name = arena_copy(arena, (const char *)name, count);
    if (header->name == NULL || !get_number(reader, &count)) return false;
    if (count == NULL_VALUE) return true;
    header->value = get_bytes(reader, count);
    header->value_bytes = count;
    return header->value != NULL;
}

bool record_headers_unpack(struct arena *arena, const void *bytes, size_t size_bytes, struct kafka_record *record)
{
    struct reader reader = {bytes, (const unsigned char *)bytes + size_bytes};
    uint32_t count;
    if (size_bytes < HEAD_BYTES || reader.at[0] != VERSION || reader.at[1] > 1) return false;
    record->has_lost_headers = reader.at[1] == 1;
    reader.at += 2;
    if (!get_number(&reader, &count) || count > (size_bytes - HEAD_BYTES) / HEADER_BYTES_MIN) return false;
    struct kafka_header *headers = arena_take(arena, count * sizeof *headers + 1);
    if (headers == NULL) return false;
    for (uint32_t i = 0; i < count; i++)
        if (!get_header(arena, &reader, &headers[i])) return false;
    record->headers = headers;
    record->header_count = count;
    return reader.at == reader.end;
}
