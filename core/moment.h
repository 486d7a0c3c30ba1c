/* Moments: milliseconds since 1970-01-01T00:00:00Z, and dates in China Standard Time (UTC+8, no daylight saving). Pure but for the two
 * clocks.
 */
#ifndef NIANSHEN_CORE_MOMENT_H
#define NIANSHEN_CORE_MOMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A date of the Gregorian calendar as YYYYMMDD, e.g. 20260301: compares as a number. */
typedef int32_t date_ymd;

int64_t moment_now_ms(void);

/* Milliseconds of a clock that nobody sets: for time-outs and intervals only. */
int64_t moment_monotonic_ms(void);
int64_t moment_monotonic_us(void);

/* The date in China Standard Time at that moment. */
date_ymd moment_cst_date(int64_t moment_ms);

bool date_is_real(int year, int month, int day);

/*
 * A date as people and spreadsheets write it: YYYY-MM-DD, YYYY/M/D, YYYYMMDD, YYYY年M月D日, or a spreadsheet's serial number of
 * five digits (days, 1970-01-01 being 25569). Blanks are ignored; the years are 1900 to 2999.
 */
bool date_parse(const char *text, size_t length, date_ymd *date);

/* "2026-03-01T08:00:00.123Z" (RFC 3339). `out` holds at least 25 bytes. */
void moment_format(int64_t moment_ms, char *out, size_t out_bytes);

/* RFC 3339 with Z or an offset, or "YYYY-MM-DD" or "YYYY-MM-DD HH:MM[:SS]" in China Standard Time. */
bool moment_parse(const char *text, int64_t *moment_ms);

#endif
