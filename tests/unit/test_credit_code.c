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
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_int_equal(credit_code_check(good[i], strlen(good[i])).level, CREDIT_CODE_OK);
}

/* A code whose check fails is only doubtful, as a real company carries the first; the character that would fit is named. */
static void test_check(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int position;
        char expected;
    } doubtful[] = {{"91350211M0000XUF46", 18, 'R'}, {"91110000600037341M", 18, 'L'}, {"91110000600037342P", 17, '1'}};
    for (size_t i = 0; i < sizeof doubtful / sizeof doubtful[0]; i++) {
        struct credit_code_verdict verdict = credit_code_check(doubtful[i].text, strlen(doubtful[i].text));
        assert_int_equal(verdict.level, CREDIT_CODE_WARNING);
        assert_string_equal(verdict.code, "credit-code-check");
        assert_int_equal(verdict.position, doubtful[i].position);
        assert_int_equal(verdict.expected, doubtful[i].expected);
        assert_string_equal(verdict.normalised, doubtful[i].text);
    }
}

/* Lower case, blanks and full-width forms are mended, and said so. */
static void test_normalised(void **state)
{
    (void)state;
    static const char *const odd[] = {"91110000600037341l", " 9111 0000 6000 37341L\t", "９１１１００００６００037341Ｌ"};
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        struct credit_code_verdict verdict = credit_code_check(odd[i], strlen(odd[i]));
        assert_string_equal(verdict.code, "credit-code-normalised");
        assert_string_equal(verdict.normalised, "91110000600037341L");
    }
}

/* Wrong lengths, the letters that the alphabet leaves out and NUL are errors; of a letter the digit that it is taken for is named. */
static void test_form(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t length;
        int position;
        char expected;
    } bad[] = {{"", 0, 0, 0},
               {"9111000060003734", 16, 0, 0},
               {"91110000600037341LL", 19, 0, 0},
               {"9111000060003734IL", 18, 17, '1'},
               {"91110000600 03734OL", 19, 18, '0'},
               {"9111000060003734SL", 18, 17, '5'},
               {"9111000060003734VL", 18, 17, 0},
               {"9111000060003734ZL", 18, 17, '2'},
               {"9111000060003734\0L", 18, 17, 0},
               {"9111000060003734\xFFL", 18, 17, 0}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct credit_code_verdict verdict = credit_code_check(bad[i].text, bad[i].length);
        assert_int_equal(verdict.level, CREDIT_CODE_ERROR);
        assert_int_equal(verdict.position, bad[i].position);
        assert_int_equal(verdict.expected, bad[i].expected);
        assert_string_equal(verdict.normalised, "");
    }
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
                assert_true(*other == good[i][at] || credit_code_check(code, CREDIT_CODE_CHARS).level == CREDIT_CODE_WARNING);
            }
            if (at + 1 == CREDIT_CODE_CHARS || good[i][at] == good[i][at + 1]) continue;
            memcpy(code, good[i], sizeof code);
            code[at] = good[i][at + 1];
            code[at + 1] = good[i][at];
            assert_int_equal(credit_code_check(code, CREDIT_CODE_CHARS).level, CREDIT_CODE_WARNING);
        }
    }
}

static void test_far_too_long(void **state)
{
    char text[CREDIT_CODE_TEXT_BYTES_MAX + 2];
    (void)state;
    memset(text, '1', sizeof text);
    assert_string_equal(credit_code_check(text, sizeof text).code, "credit-code-length");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good), cmocka_unit_test(test_check),         cmocka_unit_test(test_normalised),
        cmocka_unit_test(test_form), cmocka_unit_test(test_single_errors), cmocka_unit_test(test_far_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
