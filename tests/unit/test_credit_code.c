/* Unified social credit codes of GB 32100-2015. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/credit_code.h"

static const char *const good[] = {"91110000600037341L", "91350100M000100Y43", "91440300708461136T", "91330106MA27Y4U47R",
                                   "81320400509163849A", "89320400509163849H", "81320400MF0000013D"};

/* Published codes and made ones of unions pass. */
static void test_good(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) assert_int_equal(credit_code_check(good[i], strlen(good[i])), CREDIT_CODE_OK);
}

/* A code whose check fails is only doubtful: a real company carries this one. */
static void test_check(void **state)
{
    (void)state;
    assert_int_equal(credit_code_check("91350211M0000XUF46", 18), CREDIT_CODE_CHECK);
}

/* Wrong lengths, the letters that the alphabet leaves out, lower case and NUL are errors. */
static void test_form(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "9111000060003734",
                                      "91110000600037341LL",
                                      "9111000060003734IL",
                                      "9111000060003734OL",
                                      "9111000060003734SL",
                                      "9111000060003734VL",
                                      "9111000060003734ZL",
                                      "91110000600037341l",
                                      "91110000 00037341L"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) assert_int_equal(credit_code_check(bad[i], strlen(bad[i])), CREDIT_CODE_FORM);
    assert_int_equal(credit_code_check("9111000060003734\0L", 18), CREDIT_CODE_FORM);
}

/* Every change of one character and every exchange of neighbours is noticed. */
static void test_single_errors(void **state)
{
    (void)state;
    static const char alphabet[] = "0123456789ABCDEFGHJKLMNPQRTUWXY";
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        for (size_t at = 0; at < CREDIT_CODE_CHARS; at++) {
            char code[CREDIT_CODE_CHARS + 1];
            for (const char *other = alphabet; *other != '\0'; other++) {
                memcpy(code, good[i], sizeof code);
                code[at] = *other;
                assert_true(*other == good[i][at] || credit_code_check(code, CREDIT_CODE_CHARS) == CREDIT_CODE_CHECK);
            }
            if (at + 1 == CREDIT_CODE_CHARS || good[i][at] == good[i][at + 1]) continue;
            memcpy(code, good[i], sizeof code);
            code[at] = good[i][at + 1];
            code[at + 1] = good[i][at];
            assert_int_equal(credit_code_check(code, CREDIT_CODE_CHARS), CREDIT_CODE_CHECK);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_form),
        cmocka_unit_test(test_single_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
