/* Outcomes as bytes: what goes in comes out, and no bytes whatever are read past their end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "worker-next/outcome_bytes.h"

static const struct outcome examples[] = {
    {.unit = "U1",
     .partition = 7,
     .topic = TOPIC_APPROVAL,
     .type = "nianshen.x.v1",
     .id = "0123456789abcdef0123456789abcdef",
     .causation = "c",
     .time_ms = INT64_MAX,
     .body = "{\"a\":1}",
     .body_bytes = 7},
    {.unit = "",
     .partition = 0,
     .topic = TOPIC_UNIT_REVIEW,
     .type = "t",
     .id = "ffffffffffffffffffffffffffffffff",
     .causation = NULL,
     .time_ms = 0,
     .body = "",
     .body_bytes = 0},
};

static const void *packed_examples(struct arena *arena, size_t count, size_t *bytes)
{
    const struct outcome *list[] = {&examples[0], &examples[1]};
    return outcome_pack(arena, list, count, bytes);
}

static void test_round_trip(void **state)
{
    (void)state;
    struct arena *arena = arena_new(100000);
    for (size_t count = 0; count <= 2; count++) {
        size_t bytes, read;
        struct outcome *out;
        const void *packed = packed_examples(arena, count, &bytes);
        assert_non_null(packed);
        assert_true(outcome_unpack(arena, packed, bytes, &out, &read));
        assert_int_equal(read, count);
        for (size_t i = 0; i < count; i++) {
            assert_string_equal(out[i].unit, examples[i].unit);
            assert_string_equal(out[i].type, examples[i].type);
            assert_string_equal(out[i].id, examples[i].id);
            assert_string_equal(out[i].body, examples[i].body);
            assert_int_equal(out[i].body_bytes, examples[i].body_bytes);
            assert_int_equal(out[i].partition, examples[i].partition);
            assert_int_equal(out[i].topic, examples[i].topic);
            assert_true(out[i].time_ms == examples[i].time_ms);
            assert_int_equal(out[i].causation == NULL, examples[i].causation == NULL);
        }
    }
    arena_free(arena);
}

static void test_damage(void **state)
{
    (void)state;
    size_t bytes, read;
    struct outcome *out;
    struct arena *arena = arena_new(1000000);
    const char *packed = packed_examples(arena, 2, &bytes);
    char *kept = malloc(bytes);
    memcpy(kept, packed, bytes);
    for (size_t length = 0; length < bytes; length++) {
        char *copy = malloc(length + 1);
        memcpy(copy, kept, length);
        arena_reset(arena);
        assert_false(outcome_unpack(arena, copy, length, &out, &read));
        free(copy);
    }
    for (size_t at = 0; at < bytes; at++) {
        for (int value = 0; value < 256; value++) {
            char *copy = malloc(bytes);
            memcpy(copy, kept, bytes);
            copy[at] = (char)value;
            arena_reset(arena);
            (void)outcome_unpack(arena, copy, bytes, &out, &read);
            free(copy);
        }
    }
    free(kept);
    arena_free(arena);
}

static void test_no_memory(void **state)
{
    (void)state;
    size_t bytes, read;
    struct outcome *out;
    struct arena *arena = arena_new(10000);
    const void *packed = packed_examples(arena, 2, &bytes);
    for (size_t room = 0; room < 600; room += 16) {
        struct arena *little = arena_new(room);
        (void)packed_examples(little, 2, &read);
        (void)outcome_unpack(little, packed, bytes, &out, &read);
        arena_free(little);
    }
    struct arena *none = arena_new(0);
    assert_null(packed_examples(none, 2, &read));
    assert_false(outcome_unpack(none, packed, bytes, &out, &read));
    arena_free(none);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_round_trip), cmocka_unit_test(test_damage), cmocka_unit_test(test_no_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
