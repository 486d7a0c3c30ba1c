/*
 * The statutory retirement age as it moves from 2025-01-01 on, to tell a reviewer where a member seems too young to have retired.
 * Only ever a warning: hazardous work, incapacity and special rules are known to the union and not to us. Pure.
 *
 * Source: 关于实施渐进式延迟法定退休年龄的决定 (2024-09-13): delay in months = 0 before the first birth month, else one month for each
 * step of birth months that has begun, up to a cap; retirement up to three years earlier by choice, but not below the base age.
 */
#ifndef NIANSHEN_CORE_RETIREMENT_H
#define NIANSHEN_CORE_RETIREMENT_H

#include <stdint.h>

#include "core/moment.h"

enum retirement_group {
    RETIREMENT_MEN, /* 60 to 63 */
    RETIREMENT_WOMEN_55, /* 55 to 58 */
    RETIREMENT_WOMEN_50, /* 50 to 55 */
};

/* A month of the calendar as YYYYMM. */
typedef int32_t month_ym;

/* The month in which somebody born on that date reaches the statutory age. */
month_ym retirement_month(enum retirement_group group, date_ymd born);

/*
 * What is doubtful about somebody who is said to have retired by `today`: "retired-too-young" below what even hazardous work and
 * incapacity allow (men 50, women 45), "retired-early" before the earliest month of an ordinary retirement, else NULL. Static.
 * Of women it is not known which group they belong to: the earlier one counts. `gender` 'M', 'F' or 0: unknown, as for women.
 */
const char *retirement_warning(char gender, date_ymd born, date_ymd today);

#endif
