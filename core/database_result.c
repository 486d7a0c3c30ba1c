#include "core/database_internal.h"

#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

/* ---- answers ---- */

void result_free(struct database_result *result)
{
    if (result == NULL) return;
    for (size_t i = 0; i < result->decoded_count; i++) PQfreemem(result->decoded[i]);
    free(result->decoded);
    PQclear(result->rows);
    free(result);
}

size_t result_rows(const struct database_result *result)
{
    return (size_t)PQntuples(result->rows);
}

size_t result_columns(const struct database_result *result)
{
    return (size_t)PQnfields(result->rows);
}

const char *result_column_name(const struct database_result *result, size_t column)
{
    return PQfname(result->rows, (int)column);
}

bool result_is_null(const struct database_result *result, size_t row, size_t column)
{
    return PQgetisnull(result->rows, (int)row, (int)column) != 0;
}

const char *result_text(const struct database_result *result, size_t row, size_t column)
{
    return PQgetvalue(result->rows, (int)row, (int)column);
}

size_t result_bytes(const struct database_result *result, size_t row, size_t column)
{
    return (size_t)PQgetlength(result->rows, (int)row, (int)column);
}

static bool result_is_binary(const struct database_result *result, size_t column)
{
    return PQfformat(result->rows, (int)column) == 1;
}

static int64_t binary_int8(const char *bytes, size_t count)
{
    uint64_t value = (signed char)bytes[0] < 0 ? UINT64_MAX : 0;
    for (size_t i = 0; i < count; i++) value = value << 8 | (unsigned char)bytes[i];
    return (int64_t)value;
}

int64_t result_int8(const struct database_result *result, size_t row, size_t column)
{
    const char *value = PQgetvalue(result->rows, (int)row, (int)column);
    return result_is_binary(result, column) ? binary_int8(value, result_bytes(result, row, column)) : strtoll(value, NULL, 10);
}

bool result_bool(const struct database_result *result, size_t row, size_t column)
{
    return result_text(result, row, column)[0] == (result_is_binary(result, column) ? 1 : 't');
}

const void *result_bytea(struct database_result *result, size_t row, size_t column, size_t *bytes)
{
    *bytes = 0;
    if (result_is_null(result, row, column)) return NULL;
    if (result_is_binary(result, column)) {
        *bytes = result_bytes(result, row, column);
        return PQgetvalue(result->rows, (int)row, (int)column);
    }
    unsigned char **grown = realloc(result->decoded, (result->decoded_count + 1) * sizeof *grown);
    if (grown == NULL) return NULL;
    result->decoded = grown;
    const unsigned char *text = (const unsigned char *)PQgetvalue(result->rows, (int)row, (int)column);
    unsigned char *decoded = PQunescapeBytea(text, bytes);
    if (decoded != NULL) result->decoded[result->decoded_count++] = decoded;
    return decoded;
}

/* ---- arrays ---- */

enum { ARRAY_HEADER_BYTES = 20 };

static uint32_t array_number(const char *at)
{
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) value = value << 8 | (unsigned char)at[i];
    return value;
}

struct database_array result_array(const struct database_result *result, size_t row, size_t column)
{
    struct database_array array = {0};
    if (result_is_null(result, row, column)) return array;
    const char *bytes = PQgetvalue(result->rows, (int)row, (int)column);
    size_t size = result_bytes(result, row, column);
    if (size < ARRAY_HEADER_BYTES || array_number(bytes) != 1) return array; /* an empty one has no dimension */
    array.left = array_number(bytes + 12);
    array.at = bytes + ARRAY_HEADER_BYTES;
    array.end = bytes + size;
    return array;
}

bool array_next(struct database_array *array, const char **bytes, size_t *count)
{
    if (array->left == 0 || array->end - array->at < 4) return false;
    uint32_t length = array_number(array->at);
    array->at += 4;
    array->left--;
    *bytes = NULL;
    *count = 0;
    if (length == UINT32_MAX) return true;
    if ((size_t)(array->end - array->at) < length) return false;
    *bytes = array->at;
    *count = length;
    array->at += length;
    return true;
}

bool array_next_int8(struct database_array *array, int64_t *value)
{
    size_t count;
    const char *bytes;
    if (!array_next(array, &bytes, &count) || bytes == NULL) return false;
    *value = binary_int8(bytes, count);
    return true;
}
