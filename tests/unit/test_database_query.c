/* Parameters in PostgreSQL's binary format, byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/database_internal.h"

static struct database_query *query;

static int set_up(void **state)
{
    (void)state;
    query = query_new();
    query_reset(query, "SELECT");
    return query == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    query_free(query);
    return 0;
}

static void assert_parameter(size_t index, enum database_type type, const void *bytes, size_t count)
{
    size_t found_count;
    const char *found = query_parameter_bytes(query, index, &found_count);
    assert_true(index < query->count);
    assert_int_equal(query->parameters[index].type, type);
    assert_non_null(found);
    assert_int_equal(found_count, count);
    assert_memory_equal(found, bytes, count);
}

static void test_scalars(void **state)
{
    (void)state;
    query_text(query, "年");
    query_int4(query, -2);
    query_int8(query, INT64_C(0x0102030405060708));
    query_bool(query, true);
    query_bool(query, false);
    query_bytea(query, "a\0b", 3);
    query_text(query, "");
    assert_int_equal(query->count, 7);
    assert_parameter(0, DATABASE_TEXT, "\xE5\xB9\xB4", 3);
    assert_parameter(1, DATABASE_INT4, "\xFF\xFF\xFF\xFE", 4);
    assert_parameter(2, DATABASE_INT8, "\x01\x02\x03\x04\x05\x06\x07\x08", 8);
    assert_parameter(3, DATABASE_BOOL, "\x01", 1);
    assert_parameter(4, DATABASE_BOOL, "\x00", 1);
    assert_parameter(5, DATABASE_BYTEA, "a\0b", 3);
    assert_parameter(6, DATABASE_TEXT, "", 0);
    assert_int_equal(query_bytes(query), 3 + 4 + 8 + 1 + 1 + 3);
}

/* A null is no bytes at all, and not an empty text. */
static void test_nulls(void **state)
{
    (void)state;
    size_t count;
    query_null(query);
    query_text(query, NULL);
    query_bytea(query, NULL, 7);
    for (size_t i = 0; i < 3; i++) {
        assert_null(query_parameter_bytes(query, i, &count));
        assert_int_equal(count, 0);
    }
    assert_int_equal(query->parameters[0].type, DATABASE_ANY);
    assert_int_equal(query->parameters[1].type, DATABASE_TEXT);
}

/* Header: one dimension, whether there are nulls, the elements' type, their number, the first index; then length and bytes of each. */
static void test_text_array(void **state)
{
    (void)state;
    static const char expected[] = "\0\0\0\x01\0\0\0\x01\0\0\0\x19\0\0\0\x04\0\0\0\x01"
                                   "\0\0\0\x02"
                                   "ab"
                                   "\xFF\xFF\xFF\xFF"
                                   "\xFF\xFF\xFF\xFF"
                                   "\0\0\0";
    query_text_array(query);
    query_add_text(query, "abc", 2);
    query_add_null(query);
    query_add_text(query, NULL, 5);
    query_add_text(query, "", 0);
    assert_parameter(0, DATABASE_TEXT_ARRAY, expected, sizeof expected);
}

static void test_number_arrays(void **state)
{
    (void)state;
    query_int4_array(query);
    query_add_int4(query, 7);
    query_int8_array(query);
    query_add_int8(query, -1);
    query_bytea_array(query);
    query_add_bytea(query, "\x80", 1);
    query_int4_array(query);
    query_bool_array(query);
    query_add_bool(query, true);
    query_add_bool(query, false);
    assert_parameter(0, DATABASE_INT4_ARRAY, "\0\0\0\x01\0\0\0\0\0\0\0\x17\0\0\0\x01\0\0\0\x01\0\0\0\x04\0\0\0\x07", 28);
    assert_parameter(1, DATABASE_INT8_ARRAY, "\0\0\0\x01\0\0\0\0\0\0\0\x14\0\0\0\x01\0\0\0\x01\0\0\0\x08\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF",
                     32);
    assert_parameter(2, DATABASE_BYTEA_ARRAY, "\0\0\0\x01\0\0\0\0\0\0\0\x11\0\0\0\x01\0\0\0\x01\0\0\0\x01\x80", 25);
    assert_parameter(3, DATABASE_INT4_ARRAY, "\0\0\0\x01\0\0\0\0\0\0\0\x17\0\0\0\0\0\0\0\x01", 20);
    assert_parameter(4, DATABASE_BOOL_ARRAY, "\0\0\0\x01\0\0\0\0\0\0\0\x10\0\0\0\x02\0\0\0\x01\0\0\0\x01\x01\0\0\0\x01\0", 30);
}

/* Buffers that grow keep what was there; a reset forgets it. */
static void test_growth(void **state)
{
    (void)state;
    enum { ELEMENTS = 20000 };
    query_text(query, "first");
    query_int4_array(query);
    for (int32_t i = 0; i < ELEMENTS; i++) query_add_int4(query, i);
    size_t count;
    const char *bytes = query_parameter_bytes(query, 1, &count);
    assert_int_equal(count, 20 + 8 * ELEMENTS);
    assert_memory_equal(bytes + 12, "\0\0\x4E\x20", 4);
    assert_memory_equal(bytes + count - 4, "\0\0\x4E\x1F", 4);
    assert_parameter(0, DATABASE_TEXT, "first", 5);
    assert_false(query->is_broken);
    query_reset(query, "SELECT");
    assert_int_equal(query->count, 0);
    assert_int_equal(query_bytes(query), 0);
}

/* The maximum breaks the query for good, until it is reset. */
static void test_maximum(void **state)
{
    (void)state;
    enum { PIECE_BYTES = 16 * 1024 * 1024 };
    char *piece = calloc(1, PIECE_BYTES);
    assert_non_null(piece);
    query_text_array(query);
    for (size_t i = 0; i < QUERY_BYTES_MAX / PIECE_BYTES - 1; i++) query_add_text(query, piece, PIECE_BYTES);
    assert_false(query->is_broken);
    query_add_text(query, piece, PIECE_BYTES);
    assert_true(query->is_broken);
    query_add_text(query, "x", 1);
    query_add_null(query);
    query_int4_array(query);
    query_add_null(query);
    query_int4(query, 1);
    assert_true(query->is_broken);
    assert_true(query_bytes(query) <= QUERY_BYTES_MAX);
    query_reset(query, "SELECT");
    query_int4(query, 1);
    assert_false(query->is_broken);
    assert_int_equal(query_bytes(query), 4);
    free(piece);
    query_free(NULL); /* what was never made may be freed, as with free() */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_scalars, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nulls, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_text_array, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_number_arrays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_growth, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_maximum, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
