/* Whether a partition stands still. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ops-next/stall.h"

static const struct stall_look still = {.next_offset = 10, .end_offset = 12, .stable_offset = 12, .still_ms = STALL_STILL_MS};

static struct stall_look with(int64_t next, int64_t end, int64_t still_ms, bool is_halted)
{
    return (struct stall_look){.next_offset = next, .end_offset = end, .stable_offset = end, .still_ms = still_ms, .is_halted = is_halted};
}

static void test_what_waits_for_long_is_suspect(void **state)
{
    (void)state;
    struct stall_look never = with(10, 12, -1, false);
    assert_true(stall_is_suspect(&still));
    assert_true(stall_is_suspect(&never));
}

static void test_what_moved_or_has_nothing_to_read_is_not(void **state)
{
    (void)state;
    struct stall_look moved = with(10, 12, STALL_STILL_MS - 1, false), idle = with(12, 12, 1000000, false);
    struct stall_look silent = with(10, -1, 1000000, false), halted = with(10, 12, 1000000, true);
    assert_false(stall_is_suspect(&moved));
    assert_false(stall_is_suspect(&idle));
    assert_false(stall_is_suspect(&silent)); /* the broker does not tell */
    assert_false(stall_is_suspect(&halted)); /* that is told by itself */
}

static void test_sure_is_what_stands_at_the_same_place_twice(void **state)
{
    (void)state;
    struct stall_look again = with(10, 15, STALL_STILL_MS + 3000, false), moved = with(11, 15, 100, false),
                      idle = with(12, 12, 1000000, false);
    struct stall_look elsewhere = with(11, 15, STALL_STILL_MS, false);
    assert_true(stall_is_sure(&still, &again));
    assert_false(stall_is_sure(&still, &moved));
    assert_false(stall_is_sure(&still, &idle));
    assert_false(stall_is_sure(&still, &elsewhere));
    assert_false(stall_is_sure(&idle, &still));
}

static void test_an_open_transaction_is_named(void **state)
{
    (void)state;
    struct stall_look behind = still, before = still, untold = still;
    behind.stable_offset = 10;
    before.stable_offset = 11; /* something could be read still */
    untold.stable_offset = -1;
    assert_true(stall_is_of_transaction(&behind));
    assert_false(stall_is_of_transaction(&before));
    assert_false(stall_is_of_transaction(&untold));
    assert_false(stall_is_of_transaction(&still));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_waits_for_long_is_suspect),
        cmocka_unit_test(test_what_moved_or_has_nothing_to_read_is_not),
        cmocka_unit_test(test_sure_is_what_stands_at_the_same_place_twice),
        cmocka_unit_test(test_an_open_transaction_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
