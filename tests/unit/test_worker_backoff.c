#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "worker/backoff.h"

static void test_doubles_up_to_the_cap(void **state)
{
    (void)state;
    for (uint32_t seed = 0; seed < 100; seed++) {
        struct backoff backoff;
        backoff_init(&backoff, seed);
        int cap_ms = BACKOFF_FIRST_MS;
        for (int i = 0; i < 12; i++) {
            int wait_ms = backoff_next_ms(&backoff);
            assert_in_range(wait_ms, cap_ms / 2, cap_ms);
            cap_ms = cap_ms * 2 < BACKOFF_MAX_MS ? cap_ms * 2 : BACKOFF_MAX_MS;
        }
        backoff_reset(&backoff);
        assert_in_range(backoff_next_ms(&backoff), BACKOFF_FIRST_MS / 2, BACKOFF_FIRST_MS);
    }
}

static void test_workers_do_not_wait_alike(void **state)
{
    (void)state;
    int different = 0;
    for (uint32_t seed = 0; seed < 100; seed += 2) {
        struct backoff a, b;
        backoff_init(&a, seed);
        backoff_init(&b, seed + 2);
        for (int i = 0; i < 5; i++) different += backoff_next_ms(&a) != backoff_next_ms(&b);
    }
    assert_in_range(different, 200, 250);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_doubles_up_to_the_cap),
        cmocka_unit_test(test_workers_do_not_wait_alike),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
