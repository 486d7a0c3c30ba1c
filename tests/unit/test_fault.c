/* Faults: the first one is kept, and no number of a person leaves through a fault's text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sysexits.h>

#include <cmocka.h>

#include "core/fault.h"
#include "core/text.h"

/* A fault carries kind, exit status, code and the formatted text, and setting it says false. */
static void test_set(void **state)
{
    (void)state;
    struct fault fault = {0};
    assert_false(fault_set(&fault, FAULT_REJECT, EX_DATAERR, "schema", "row %d", 7));
    assert_int_equal(fault.kind, FAULT_REJECT);
    assert_int_equal(fault.exit_status, EX_DATAERR);
    assert_string_equal(fault.code, "schema");
    assert_string_equal(fault.text, "row 7");
}

/* A later fault does not hide the root cause; after fault_clear a new one is taken. */
static void test_first_is_kept(void **state)
{
    (void)state;
    struct fault fault = {0};
    (void)fault_set(&fault, FAULT_RETRY, EX_UNAVAILABLE, "first", "the cause");
    (void)fault_set(&fault, FAULT_FATAL, EX_SOFTWARE, "second", "a consequence");
    assert_string_equal(fault.code, "first");
    assert_string_equal(fault.text, "the cause");
    fault_clear(&fault);
    assert_int_equal(fault.kind, FAULT_NONE);
    (void)fault_set(&fault, FAULT_FATAL, EX_SOFTWARE, "third", "new");
    assert_string_equal(fault.code, "third");
}

/* ID numbers and mobiles are masked even when the caller forgot to. */
static void test_masks(void **state)
{
    (void)state;
    struct fault fault = {0};
    (void)fault_set(&fault, FAULT_REJECT, EX_DATAERR, "schema", "'%s' and '%s'", "211011196605229673", "18163508457");
    assert_string_equal(fault.text, "'211***********9673' and '181****8457'");
}

/* A long text ends at a whole character, so that it can be stored as UTF-8, and a number at the cut is masked all the same. */
static void test_cuts_at_character(void **state)
{
    (void)state;
    char text[4000];
    for (size_t offset = 0; offset < 24; offset++) {
        memset(text, '.', sizeof text);
        for (size_t at = offset; at + 40 < sizeof text; at += 40)
            memcpy(text + at, "单位 211011196605229673", strlen("单位 211011196605229673"));
        text[sizeof text - 1] = '\0';
        struct fault fault = {0};
        (void)fault_set(&fault, FAULT_REJECT, EX_DATAERR, "schema", "%s", text);
        assert_true(strlen(fault.text) > FAULT_TEXT_BYTES_MAX - 5);
        assert_true(text_is_utf8(fault.text, strlen(fault.text)));
        assert_null(strstr(fault.text, "2110111966"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set),
        cmocka_unit_test(test_first_is_kept),
        cmocka_unit_test(test_masks),
        cmocka_unit_test(test_cuts_at_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
