/* Mobile and landline numbers: what people write, in one form. */
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

/* An area code, seven or eight digits, perhaps an extension; blanks are taken away, the country code is written as the area's 0. */
static void test_landlines(void **state)
{
    static const char *const forms[][2] = {
        {"024-12345678", "024-12345678"},     {"0755-1234567", "0755-1234567"},        {"02412345678", "02412345678"},
        {"075512345678", "075512345678"},     {" 0755 - 1234 5678 ", "0755-12345678"}, {"0755-12345678-801", "0755-12345678-801"},
        {"075512345678-8", "075512345678-8"}, {"+86-755-12345678", "0755-12345678"},   {"0086 024 12345678", "02412345678"},
        {"+8675512345678", "075512345678"},   {"+86 10 12345678", "01012345678"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        char number[LANDLINE_CHARS_MAX + 1];
        assert_true(landline_normalise(forms[i][0], strlen(forms[i][0]), number));
        assert_string_equal(number, forms[i][1]);
    }
}

static void test_no_landlines(void **state)
{
    static const char *const forms[] = {"",
                                        "0",
                                        "12345678",
                                        "18163508457",
                                        "+8618163508457",
                                        "02-12345678",
                                        "07555-12345678",
                                        "0755-123456",
                                        "0755-123456789",
                                        "0755-12345678-",
                                        "-0755-12345678",
                                        "0755--12345678",
                                        "0755-12345678-8-9",
                                        "0755-1234567O",
                                        "０755-12345678",
                                        "0755/12345678",
                                        "+85224123456",
                                        "013912345678",
                                        "0755-12345678-1234567890123456",
                                        "0755123456789",
                                        "0755",
                                        "010-1234567-1234567"};
    (void)state;
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        char number[LANDLINE_CHARS_MAX + 1] = "x";
        assert_false(landline_normalise(forms[i], strlen(forms[i]), number));
        assert_string_equal(number, "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_landlines),
        cmocka_unit_test(test_no_landlines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
