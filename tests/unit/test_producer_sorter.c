/* Sorting in runs: the same order whether all fits into memory or not, every place can be returned to, and a disk that fails is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "producer/sorter.h"

static void add(struct sorter *sorter, const char *key, const char *value)
{
    struct fault fault = {.kind = FAULT_NONE};
    struct sorter_record record = {
        .key = (const unsigned char *)key, .value = (const unsigned char *)value, .key_bytes = strlen(key), .value_bytes = strlen(value)};
    assert_true(sorter_add(sorter, &record, &fault));
}

/* `count` records in an order that is far from sorted, of about `bytes` each. */
static struct sorter *filled(size_t count, size_t bytes)
{
    struct sorter *sorter = sorter_new();
    struct fault fault = {.kind = FAULT_NONE};
    char key[32], *value = calloc(1, bytes + 1);
    assert_non_null(sorter);
    assert_non_null(value);
    memset(value, 'v', bytes);
    for (size_t i = 0; i < count; i++) {
        snprintf(key, sizeof key, "%09zu", i * 7919 % count);
        value[0] = key[8];
        add(sorter, key, value);
    }
    free(value);
    assert_true(sorter_sort(sorter, &fault));
    return sorter;
}

static void check_order(struct sorter *sorter, size_t from, size_t count)
{
    struct fault fault = {.kind = FAULT_NONE};
    struct sorter_record record;
    char key[32];
    for (size_t i = from; i < count; i++) {
        assert_true(sorter_next(sorter, &record, &fault));
        snprintf(key, sizeof key, "%09zu", i);
        assert_int_equal(record.key_bytes, 9);
        assert_memory_equal(record.key, key, 9);
        assert_int_equal(record.value[0], key[8]);
    }
    assert_false(sorter_next(sorter, &record, &fault));
    assert_int_equal(fault.kind, FAULT_NONE);
}

static void check_sorted(size_t count, size_t bytes)
{
    struct sorter *sorter = filled(count, bytes);
    struct fault fault = {.kind = FAULT_NONE};
    struct sorter_record record;
    check_order(sorter, 0, count);
    sorter_seek(sorter, 0);
    for (size_t i = 0; i < count / 3; i++) assert_true(sorter_next(sorter, &record, &fault));
    int64_t place = sorter_place(sorter);
    check_order(sorter, count / 3, count);
    sorter_seek(sorter, place);
    check_order(sorter, count / 3, count);
    sorter_free(sorter);
}

static void order_in_memory(void **state)
{
    (void)state;
    check_sorted(0, 0);
    check_sorted(1, 1);
    check_sorted(10000, 5);
}

static void order_in_runs(void **state)
{
    (void)state;
    check_sorted(10000, 3000); /* four runs */
    check_sorted(9000, 7000); /* eight, with records larger than what is left of a buffer */
}

static void a_key_that_begins_like_another_comes_first(void **state)
{
    struct sorter *sorter = sorter_new();
    struct fault fault = {.kind = FAULT_NONE};
    struct sorter_record record;
    static const char *const keys[] = {"", "1", "10", "2"};
    (void)state;
    for (size_t i = 4; i-- > 0;) add(sorter, keys[i], "");
    assert_true(sorter_sort(sorter, &fault));
    for (size_t i = 0; i < 4; i++) {
        assert_true(sorter_next(sorter, &record, &fault));
        assert_int_equal(record.key_bytes, strlen(keys[i]));
        assert_memory_equal(record.key, keys[i], record.key_bytes);
    }
    sorter_free(sorter);
}

static void a_folder_that_is_not_there_is_named_with_its_remedy(void **state)
{
    struct sorter *sorter = sorter_new();
    struct fault fault = {.kind = FAULT_NONE};
    static const unsigned char value[SORTER_RECORD_BYTES_MAX - 8];
    struct sorter_record record = {.key = value, .value = value, .key_bytes = 1, .value_bytes = sizeof value - 1};
    bool ok = true;
    (void)state;
    assert_int_equal(setenv("TMPDIR", "/nonexistent", 1), 0);
    for (size_t i = 0; ok && i < 2000; i++) ok = sorter_add(sorter, &record, &fault);
    assert_int_equal(unsetenv("TMPDIR"), 0);
    assert_false(ok);
    assert_int_equal(fault.exit_status, EX_CANTCREAT);
    assert_non_null(strstr(fault.text, "TMPDIR"));
    sorter_free(sorter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_in_memory),
        cmocka_unit_test(order_in_runs),
        cmocka_unit_test(a_key_that_begins_like_another_comes_first),
        cmocka_unit_test(a_folder_that_is_not_there_is_named_with_its_remedy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
