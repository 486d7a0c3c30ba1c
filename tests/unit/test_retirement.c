/* The moving retirement age, by the decision's own tables, and what is doubtful about a retirement. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/retirement.h"

/* Published pairs of birth month and retirement month, the first and last of each rise. */
static void test_months(void **state)
{
    (void)state;
    static const struct {
        enum retirement_group group;
        date_ymd born;
        month_ym month;
    } known[] = {
        {RETIREMENT_MEN, 19641231, 202412},      {RETIREMENT_MEN, 19650101, 202502},      {RETIREMENT_MEN, 19650430, 202505},
        {RETIREMENT_MEN, 19650501, 202507},      {RETIREMENT_MEN, 19660522, 202610},      {RETIREMENT_MEN, 19760901, 203909},
        {RETIREMENT_MEN, 19900101, 205301},      {RETIREMENT_WOMEN_55, 19691231, 202412}, {RETIREMENT_WOMEN_55, 19700101, 202502},
        {RETIREMENT_WOMEN_55, 19770730, 203406}, {RETIREMENT_WOMEN_55, 19810901, 203909}, {RETIREMENT_WOMEN_50, 19741231, 202412},
        {RETIREMENT_WOMEN_50, 19750101, 202502}, {RETIREMENT_WOMEN_50, 19770730, 202811}, {RETIREMENT_WOMEN_50, 19841101, 203911},
        {RETIREMENT_WOMEN_50, 20000101, 205501},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        assert_int_equal(retirement_month(known[i].group, known[i].born), known[i].month);
}

/* The warnings to the month: men before 60, women before 50 or three years before a later age; strong below 50 and 45. */
static void test_warnings(void **state)
{
    (void)state;
    static const struct {
        char gender;
        date_ymd born, today;
        const char *code;
    } cases[] = {
        {'M', 19660522, 20260501, NULL},
        {'M', 19660522, 20260430, "retired-early"},
        {'M', 19760522, 20260501, "retired-early"},
        {'M', 19760522, 20260430, "retired-too-young"},
        {'F', 19760301, 20260301, NULL},
        {'F', 19760401, 20260301, "retired-early"},
        {'F', 19810301, 20260301, "retired-early"},
        {'F', 19810401, 20260301, "retired-too-young"},
        /* Born in 2000: 55 by law, 52 by choice. */
        {'F', 20000101, 20520101, NULL},
        {'F', 20000101, 20511231, "retired-early"},
        {0, 19760301, 20260301, NULL},
        {0, 19810401, 20260301, "retired-too-young"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *code = retirement_warning(cases[i].gender, cases[i].born, cases[i].today);
        if (cases[i].code == NULL)
            assert_null(code);
        else
            assert_string_equal(code, cases[i].code);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_months), cmocka_unit_test(test_warnings)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
