/* Mobile numbers: what people write, as 11 digits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/mobile.h"

/* Country code, blanks and hyphens are taken away. */
static void test_good(void **state)
{
    (void)state;
    static const char *const forms[] = {"18163508457",       "+8618163508457",          "+86 181-6350-8457", "008618163508457",
                                        " 181 6350 8457\t ", "+86\xC2\xA0 18163508457", "0086-181-6350-8457"};
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        char digits[MOBILE_DIGITS + 1];
        assert_true(mobile_normalise(forms[i], strlen(forms[i]), digits));
        assert_string_equal(digits, "18163508457");
    }
}

/* Landlines, wrong lengths, wrong second digits, letters and endless text are none; the output is then empty. */
static void test_bad(void **state)
{
    (void)state;
    static const char *const forms[] = {"",
                                        "1816350845",
                                        "181635084570",
                                        "12163508457",
                                        "28163508457",
                                        "024-12345678",
                                        "1816350845O",
                                        "+85218163508457",
                                        "8618163508457",
                                        "181+63508457",
                                        "+1816350845",
                                        "+",
                                        "１８１６３５０８４５７",
                                        "18163508457/15265784521",
                                        "0086008618163508457",
                                        "181635084571816350845718163508457"};
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        char digits[MOBILE_DIGITS + 1] = "x";
        assert_false(mobile_normalise(forms[i], strlen(forms[i]), digits));
        assert_string_equal(digits, "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
