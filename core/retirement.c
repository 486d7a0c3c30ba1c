#include "core/retirement.h"

#include <stdbool.h>
#include <stddef.h>

enum { MONTHS = 12, EARLY_MONTHS_MAX = 36, LEAST_YEARS_MEN = 50, LEAST_YEARS_WOMEN = 45 };

static const struct {
    int base_years;
    int first_birth_month; /* as month_number: who is born before it has no delay */
    int step_months, delay_months_max;
} groups[] = {
    [RETIREMENT_MEN] = {60, 1965 * MONTHS, 4, 36},
    [RETIREMENT_WOMEN_55] = {55, 1970 * MONTHS, 4, 36},
    [RETIREMENT_WOMEN_50] = {50, 1975 * MONTHS, 2, 60},
};

/* Months count from January of the year 0. */
static int month_number(date_ymd date)
{
    return date / 10000 * MONTHS + date / 100 % 100 - 1;
}

static month_ym month_of_number(int number)
{
    return number / MONTHS * 100 + number % MONTHS + 1;
}

static int statutory_month(enum retirement_group group, int birth_month)
{
    int late = birth_month - groups[group].first_birth_month;
    int delay = late < 0 ? 0 : late / groups[group].step_months + 1;
    if (delay > groups[group].delay_months_max) delay = groups[group].delay_months_max;
    return birth_month + groups[group].base_years * MONTHS + delay;
}

month_ym retirement_month(enum retirement_group group, date_ymd born)
{
    return month_of_number(statutory_month(group, month_number(born)));
}

/* Up to three years before the statutory month, but not below the base age. */
static int earliest_month(enum retirement_group group, int birth_month)
{
    int base = birth_month + groups[group].base_years * MONTHS, early = statutory_month(group, birth_month) - EARLY_MONTHS_MAX;
    return early > base ? early : base;
}

const char *retirement_warning(char gender, date_ymd born, date_ymd today)
{
    bool is_man = gender == 'M';
    int birth_month = month_number(born), month = month_number(today);
    int least_years = is_man ? LEAST_YEARS_MEN : LEAST_YEARS_WOMEN;
    if (month < birth_month + least_years * MONTHS) return "retired-too-young";
    return month < earliest_month(is_man ? RETIREMENT_MEN : RETIREMENT_WOMEN_50, birth_month) ? "retired-early" : NULL;
}
