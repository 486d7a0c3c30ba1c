#include "core/database_internal.h"

#include <assert.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>

enum {
    QUERY_BYTES_FIRST = 4096,
    ARRAY_HEADER_BYTES = 20, /* dimensions, has-nulls, element type, size, lower bound: five 32-bit numbers */
    ARRAY_NULLS_AT = 4,
    ARRAY_SIZE_AT = 12,
};

static void store_int4(char *at, uint32_t value)
{
    value = htobe32(value);
    memcpy(at, &value, sizeof value);
}

static void store_int8(char *at, uint64_t value)
{
    store_int4(at, (uint32_t)(value >> 32));
    store_int4(at + 4, (uint32_t)value);
}

static uint32_t load_int4(const char *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return be32toh(value);
}

struct database_query *query_new(void)
{
    struct database_query *query = calloc(1, sizeof *query);
    if (query == NULL) return NULL;
    query->bytes = malloc(QUERY_BYTES_FIRST);
    query->capacity = QUERY_BYTES_FIRST;
    if (query->bytes == NULL) {
        free(query);
        return NULL;
    }
    return query;
}

void query_free(struct database_query *query)
{
    if (query == NULL) return;
    free(query->bytes);
    free(query);
}

void query_reset(struct database_query *query, const char *sql)
{
    query->sql = sql;
    query->count = 0;
    query->used = 0;
    query->is_broken = false;
}

size_t query_bytes(const struct database_query *query)
{
    return query->used;
}

const char *query_parameter_bytes(const struct database_query *query, size_t index, size_t *bytes)
{
    const struct query_parameter *parameter = &query->parameters[index];
    size_t end = index + 1 < query->count ? query->parameters[index + 1].offset : query->used;
    *bytes = end - parameter->offset;
    return parameter->is_null ? NULL : query->bytes + parameter->offset;
}

/* Room for `bytes` more at the end. NULL, and the query is broken for good, when there is none. */
static char *query_take(struct database_query *query, size_t bytes)
{
    if (query->is_broken) return NULL;
    if (bytes > QUERY_BYTES_MAX - query->used) {
        query->is_broken = true;
        return NULL;
    }
    size_t capacity = query->capacity;
    while (capacity - query->used < bytes) capacity *= 2;
    if (capacity != query->capacity) {
        char *grown = realloc(query->bytes, capacity);
        if (grown == NULL) {
            query->is_broken = true;
            return NULL;
        }
        query->bytes = grown;
        query->capacity = capacity;
    }
    char *at = query->bytes + query->used;
    query->used += bytes;
    return at;
}

static void query_open(struct database_query *query, enum database_type type, enum database_type element)
{
    assert(query->count < QUERY_PARAMETERS_MAX);
    query->parameters[query->count++] = (struct query_parameter){.type = type, .element = element, .offset = query->used};
}

static void query_bytes_of(struct database_query *query, enum database_type type, const void *bytes, size_t count)
{
    query_open(query, type, DATABASE_ANY);
    char *at = query_take(query, count);
    if (at != NULL && count > 0) memcpy(at, bytes, count);
}

void query_null(struct database_query *query)
{
    query_open(query, DATABASE_ANY, DATABASE_ANY);
    query->parameters[query->count - 1].is_null = true;
}

void query_text(struct database_query *query, const char *text)
{
    query_bytes_of(query, DATABASE_TEXT, text, text == NULL ? 0 : strlen(text));
    query->parameters[query->count - 1].is_null = text == NULL;
}

void query_int4(struct database_query *query, int32_t value)
{
    char bytes[4];
    store_int4(bytes, (uint32_t)value);
    query_bytes_of(query, DATABASE_INT4, bytes, sizeof bytes);
}

void query_int8(struct database_query *query, int64_t value)
{
    char bytes[8];
    store_int8(bytes, (uint64_t)value);
    query_bytes_of(query, DATABASE_INT8, bytes, sizeof bytes);
}

void query_bool(struct database_query *query, bool value)
{
    char byte = value ? 1 : 0;
    query_bytes_of(query, DATABASE_BOOL, &byte, sizeof byte);
}

void query_bytea(struct database_query *query, const void *bytes, size_t count)
{
    query_bytes_of(query, DATABASE_BYTEA, bytes, bytes == NULL ? 0 : count);
    query->parameters[query->count - 1].is_null = bytes == NULL;
}

/* An array of one dimension with no elements yet; query_element counts them in the header. */
static void query_array(struct database_query *query, enum database_type type, enum database_type element)
{
    query_open(query, type, element);
    char *header = query_take(query, ARRAY_HEADER_BYTES);
    if (header == NULL) return;
    store_int4(header, 1);
    store_int4(header + ARRAY_NULLS_AT, 0);
    store_int4(header + 8, (uint32_t)element);
    store_int4(header + ARRAY_SIZE_AT, 0);
    store_int4(header + 16, 1);
}

void query_text_array(struct database_query *query)
{
    query_array(query, DATABASE_TEXT_ARRAY, DATABASE_TEXT);
}

void query_int4_array(struct database_query *query)
{
    query_array(query, DATABASE_INT4_ARRAY, DATABASE_INT4);
}

void query_int8_array(struct database_query *query)
{
    query_array(query, DATABASE_INT8_ARRAY, DATABASE_INT8);
}

void query_bool_array(struct database_query *query)
{
    query_array(query, DATABASE_BOOL_ARRAY, DATABASE_BOOL);
}

void query_bytea_array(struct database_query *query)
{
    query_array(query, DATABASE_BYTEA_ARRAY, DATABASE_BYTEA);
}

/* One more element of `bytes` bytes in the open array; returns where they go, NULL when the query is broken. */
static char *query_element(struct database_query *query, size_t bytes)
{
    char *at = query_take(query, 4 + bytes);
    if (at == NULL) return NULL;
    char *size = query->bytes + query->parameters[query->count - 1].offset + ARRAY_SIZE_AT;
    store_int4(size, load_int4(size) + 1);
    store_int4(at, (uint32_t)bytes);
    return at + 4;
}

static void query_add_bytes(struct database_query *query, enum database_type element, const void *bytes, size_t count)
{
    assert(query->count > 0 && query->parameters[query->count - 1].element == element);
    (void)element;
    if (bytes == NULL) {
        query_add_null(query);
        return;
    }
    char *at = query_element(query, count);
    if (at != NULL) memcpy(at, bytes, count);
}

void query_add_text(struct database_query *query, const char *text, size_t length)
{
    query_add_bytes(query, DATABASE_TEXT, text, length);
}

void query_add_bytea(struct database_query *query, const void *bytes, size_t count)
{
    query_add_bytes(query, DATABASE_BYTEA, bytes, count);
}

void query_add_int4(struct database_query *query, int32_t value)
{
    char bytes[4];
    store_int4(bytes, (uint32_t)value);
    query_add_bytes(query, DATABASE_INT4, bytes, sizeof bytes);
}

void query_add_int8(struct database_query *query, int64_t value)
{
    char bytes[8];
    store_int8(bytes, (uint64_t)value);
    query_add_bytes(query, DATABASE_INT8, bytes, sizeof bytes);
}

void query_add_bool(struct database_query *query, bool value)
{
    char byte = value ? 1 : 0;
    query_add_bytes(query, DATABASE_BOOL, &byte, sizeof byte);
}

void query_add_null(struct database_query *query)
{
    assert(query->count > 0 && query->parameters[query->count - 1].element != DATABASE_ANY);
    char *at = query_element(query, 0);
    if (at == NULL) return;
    store_int4(at - 4, UINT32_MAX);
    store_int4(query->bytes + query->parameters[query->count - 1].offset + ARRAY_NULLS_AT, 1);
}
