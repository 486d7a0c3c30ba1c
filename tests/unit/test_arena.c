/* The arena: aligned zeroed pieces up to a named maximum, all forgotten at once. */
#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/arena.h"

/* Pieces of every size are aligned, zeroed and do not overlap: each keeps its own pattern. */
static void test_pieces(void **state)
{
    (void)state;
    struct arena *arena = arena_new(4000000);
    assert_non_null(arena);
    unsigned char *pieces[1000];
    for (size_t i = 0; i < 1000; i++) {
        pieces[i] = arena_take(arena, i);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % alignof(max_align_t), 0);
        for (size_t at = 0; at < i; at++) assert_int_equal(pieces[i][at], 0);
        memset(pieces[i], (int)(i % 251 + 1), i);
    }
    for (size_t i = 0; i < 1000; i++)
        for (size_t at = 0; at < i; at++) assert_int_equal(pieces[i][at], i % 251 + 1);
    arena_free(arena);
}

/* The maximum holds for small pieces, one large one and sizes that would wrap around; a refused piece costs nothing. */
static void test_maximum(void **state)
{
    (void)state;
    struct arena *arena = arena_new(100000);
    assert_null(arena_take(arena, 100001));
    assert_null(arena_take(arena, SIZE_MAX));
    assert_null(arena_take(arena, SIZE_MAX - 3));
    assert_null(arena_copy(arena, "", SIZE_MAX));
    assert_int_equal(arena_used_bytes(arena), 0);
    assert_non_null(arena_take(arena, 90000));
    assert_null(arena_take(arena, 10001));
    assert_non_null(arena_take(arena, 1000));
    assert_true(arena_used_bytes(arena) >= 91000 && arena_used_bytes(arena) <= 100000);
    arena_free(arena);
}

/* After a reset all of the maximum is there again, and memory that is used again is zeroed again. */
static void test_reset(void **state)
{
    (void)state;
    struct arena *arena = arena_new(1000000);
    for (int round = 0; round < 20; round++) {
        arena_reset(arena);
        assert_int_equal(arena_used_bytes(arena), 0);
        for (int piece = 0; piece < 9; piece++) {
            unsigned char *memory = arena_take(arena, 100000);
            assert_non_null(memory);
            assert_int_equal(memory[0], 0);
            assert_int_equal(memory[99999], 0);
            memset(memory, 0xAA, 100000);
        }
    }
    arena_free(arena);
}

/* A copy ends with NUL and is cut at the length given. */
static void test_copy(void **state)
{
    (void)state;
    struct arena *arena = arena_new(1000);
    assert_string_equal(arena_copy(arena, "abcdef", 3), "abc");
    assert_string_equal(arena_copy(arena, "", 0), "");
    for (size_t length = 0; length < 20; length++) { /* what comes behind a copy is aligned all the same */
        char *copy = arena_copy(arena, "abcdefghijklmnopqrst", length);
        unsigned char *piece = arena_take(arena, 3);
        assert_int_equal((uintptr_t)piece % alignof(max_align_t), 0);
        memset(piece, 0xAA, 3);
        assert_int_equal(strlen(copy), length);
    }
    arena_free(arena);
    arena_free(NULL);
}

/* Blocks stop growing; a piece that fits only without its alignment does not. */
static void test_edges(void **state)
{
    (void)state;
    struct arena *arena = arena_new((size_t)64 << 20);
    for (int i = 0; i < 40; i++) assert_non_null(arena_take(arena, (size_t)1 << 20));
    arena_free(arena);
    arena = arena_new(20);
    assert_null(arena_take(arena, 17));
    arena_free(arena);
    arena = arena_new(SIZE_MAX);
    assert_null(arena_take(arena, SIZE_MAX - 1));
    assert_null(arena_copy(arena, "", SIZE_MAX));
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces), cmocka_unit_test(test_maximum), cmocka_unit_test(test_reset),
        cmocka_unit_test(test_copy),   cmocka_unit_test(test_edges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
