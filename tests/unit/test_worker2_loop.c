/*
 * The second edition's worker on a broker and a store in memory that go wrong as told. Whatever happens, in the end every record has been
 * applied exactly once and everything in the outbox has been published.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/fake_worker2.h"

enum { ROUNDS = 3 };

/* ---- the ordinary way ---- */

static void test_reads_to_the_end(void **state)
{
    (void)state;
    append_units("a");
    assert_int_equal(run_worker(true), 0);
    assert_all_applied_once();
    assert_int_equal(fake_kafka.sent_count, UNITS);
    for (size_t i = 0; i < fake_kafka.sent_count; i++) assert_int_equal(fake_kafka.sent[i].topic, TOPIC_OUTCOME);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_reads_to_the_end, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
