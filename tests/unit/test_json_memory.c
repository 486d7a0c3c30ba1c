/* Jansson's memory while a record is decoded: a block that is used again, and malloc for all else. */
#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "core/json_memory.h"
#include "tests/unit/failing.h"

/* Pieces are aligned and do not overlap; the next record gets the same ones. */
static void test_again_and_again(void **state)
{
    (void)state;
    void *first = NULL;
    for (int record = 0; record < 3; record++) {
        json_memory_begin();
        unsigned char *a = json_memory_take(3), *b = json_memory_take(40);
        assert_int_equal((uintptr_t)a % alignof(max_align_t), 0);
        assert_int_equal((uintptr_t)b % alignof(max_align_t), 0);
        assert_true(b >= a + 3);
        assert_true(first == NULL || first == a);
        first = a;
        json_memory_give(b);
        json_memory_give(a);
        json_memory_end();
    }
}

/* More than the block holds is from malloc, and given back to it: the sanitizers would tell. */
static void test_more_than_the_block(void **state)
{
    (void)state;
    void *pieces[5];
    json_memory_begin();
    for (int i = 0; i < 5; i++) {
        pieces[i] = json_memory_take(JSON_MEMORY_BYTES / 3);
        assert_non_null(pieces[i]);
        memset(pieces[i], i, JSON_MEMORY_BYTES / 3);
    }
    void *large = json_memory_take(2 * JSON_MEMORY_BYTES);
    assert_non_null(large);
    memset(large, 1, 2 * JSON_MEMORY_BYTES);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(((char *)pieces[i])[JSON_MEMORY_BYTES / 3 - 1], i);
        json_memory_give(pieces[i]);
    }
    json_memory_give(large);
    json_memory_end();
}

/* A size that can't be rounded up is malloc's to refuse, and takes nothing of the block. */
static void test_more_than_there_is(void **state)
{
    (void)state;
    json_memory_begin();
    unsigned char *before = json_memory_take(16);
    failing_start("malloc", 1); /* a sanitizer's would end the test */
    assert_null(json_memory_take(SIZE_MAX - 1));
    assert_true(failing_stop());
    assert_ptr_equal(json_memory_take(16), before + 16);
    json_memory_end();
}

/* A value from before may be changed and released in between; one made outside outlives any record. */
static void test_values_from_outside(void **state)
{
    (void)state;
    json_t *before = json_pack("{s:[s,s]}", "list", "one", "two"), *kept = json_string("kept");
    json_memory_begin();
    json_t *within = json_loads("{\"a\":[1,2,{\"b\":\"c\"}]}", 0, NULL);
    assert_non_null(within);
    json_object_del(before, "list");
    json_decref(before);
    json_decref(within);
    json_memory_end();
    json_memory_begin();
    within = json_loads("[\"other\"]", 0, NULL);
    assert_string_equal(json_string_value(kept), "kept");
    json_decref(kept);
    json_decref(within);
    json_memory_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_again_and_again),
        cmocka_unit_test(test_more_than_the_block),
        cmocka_unit_test(test_more_than_there_is),
        cmocka_unit_test(test_values_from_outside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
