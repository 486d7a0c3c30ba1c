/* A record's headers as bytes: what goes in comes out, and no bytes whatever are read past their end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/record_bytes.h"

static const struct kafka_header headers[] = {{"ce_id", "1", 1}, {"", NULL, 0}, {"ce_type", "", 0}, {"x", "\0\xff", 2}};

static void test_round_trip(void **state)
{
    (void)state;
    struct arena *arena = arena_new(100000);
    for (size_t count = 0; count <= 4; count++) {
        size_t bytes;
        struct kafka_record record = {.headers = headers, .header_count = count, .has_lost_headers = count == 0},
                            out = {.topic = TOPIC_APPROVAL};
        const void *packed = record_headers_pack(arena, &record, &bytes);
        assert_non_null(packed);
        assert_true(record_headers_unpack(arena, packed, bytes, &out));
        assert_int_equal(out.header_count, count);
        assert_int_equal(out.has_lost_headers, count == 0);
        for (size_t i = 0; i < count; i++) {
            assert_string_equal(out.headers[i].name, headers[i].name);
            assert_int_equal(out.headers[i].value == NULL, headers[i].value == NULL);
            assert_int_equal(out.headers[i].value_bytes, headers[i].value_bytes);
            if (headers[i].value != NULL) assert_memory_equal(out.headers[i].value, headers[i].value, headers[i].value_bytes);
        }
    }
    arena_free(arena);
}

/* Each shortening and each changed byte: refused or read within the bytes, which the sanitizers watch. */
static void test_damage(void **state)
{
    (void)state;
    size_t bytes;
    struct arena *arena = arena_new(1000000);
    struct kafka_record record = {.headers = headers, .header_count = 4}, out;
    const char *packed = record_headers_pack(arena, &record, &bytes);
    for (size_t length = 0; length < bytes; length++) {
        char *copy = malloc(length + 1);
        memcpy(copy, packed, length);
        assert_false(record_headers_unpack(arena, copy, length, &out));
        free(copy);
    }
    for (size_t at = 0; at < bytes; at++) {
        for (int value = 0; value < 256; value += 5) {
            char *copy = malloc(bytes);
            memcpy(copy, packed, bytes);
            copy[at] = (char)value;
            (void)record_headers_unpack(arena, copy, bytes, &out);
            free(copy);
        }
    }
    char more[64] = {0};
    memcpy(more, packed, bytes);
    assert_false(record_headers_unpack(arena, more, bytes + 1, &out));
    arena_free(arena);
}

static void test_no_memory(void **state)
{
    (void)state;
    size_t bytes;
    struct kafka_record record = {.headers = headers, .header_count = 4}, out;
    struct arena *arena = arena_new(1000), *none = arena_new(0), *little = arena_new(4 * sizeof(struct kafka_header) + 16);
    const void *packed = record_headers_pack(arena, &record, &bytes);
    assert_null(record_headers_pack(none, &record, &bytes));
    assert_false(record_headers_unpack(none, packed, bytes, &out));
    assert_false(record_headers_unpack(little, packed, bytes, &out));
    arena_free(arena);
    arena_free(none);
    arena_free(little);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_round_trip), cmocka_unit_test(test_damage), cmocka_unit_test(test_no_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
