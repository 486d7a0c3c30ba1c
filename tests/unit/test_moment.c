/* Moments and dates, against the C library's own calendar. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "core/moment.h"

/* Every week and an hour, a minute and a second from 1800 to 2200 the formatted moment and the CST date are what gmtime_r says. */
static void test_calendar(void **state)
{
    (void)state;
    for (int64_t second = -5364662400; second < 7258118400; second += 608461) {
        char ours[32], theirs[32];
        struct tm tm;
        time_t time = (time_t)second;
        assert_non_null(gmtime_r(&time, &tm));
        (void)strftime(theirs, sizeof theirs, "%Y-%m-%dT%H:%M:%S.007Z", &tm);
        moment_format(second * 1000 + 7, ours, sizeof ours);
        assert_string_equal(ours, theirs);

        time += 28800;
        assert_non_null(gmtime_r(&time, &tm));
        assert_int_equal(moment_cst_date(second * 1000 + 7), (tm.tm_year + 1900) * 10000 + (tm.tm_mon + 1) * 100 + tm.tm_mday);
    }
}

/* The day begins at 16:00 UTC of the day before, to the millisecond. */
static void test_cst_midnight(void **state)
{
    (void)state;
    int64_t midnight;
    assert_true(moment_parse("2026-02-28T16:00:00Z", &midnight));
    assert_int_equal(moment_cst_date(midnight), 20260301);
    assert_int_equal(moment_cst_date(midnight - 1), 20260228);
    assert_int_equal(moment_cst_date(0), 19700101);
    assert_int_equal(moment_cst_date(-8 * 3600000 - 1), 19691231);
}

/* Leap years are those of the Gregorian calendar. */
static void test_real_dates(void **state)
{
    (void)state;
    assert_true(date_is_real(2000, 2, 29));
    assert_true(date_is_real(2024, 2, 29));
    assert_false(date_is_real(1900, 2, 29));
    assert_false(date_is_real(2023, 2, 29));
    assert_false(date_is_real(2023, 4, 31));
    assert_false(date_is_real(2023, 0, 1));
    assert_false(date_is_real(2023, 13, 1));
    assert_false(date_is_real(2023, 1, 0));
    assert_false(date_is_real(0, 1, 1));
    assert_true(date_is_real(9999, 12, 31));
}

static void assert_parsed(const char *text, const char *expected)
{
    int64_t moment;
    char out[32];
    assert_true(moment_parse(text, &moment));
    moment_format(moment, out, sizeof out);
    assert_string_equal(out, expected);
}

/* RFC 3339 in any zone; without a zone a date or a time of the clock on the wall in China. */
static void test_parse(void **state)
{
    (void)state;
    assert_parsed("2026-03-01T08:00:00Z", "2026-03-01T08:00:00.000Z");
    assert_parsed("2026-03-01t08:00:00.5z", "2026-03-01T08:00:00.500Z");
    assert_parsed("2026-03-01T08:00:00.123999Z", "2026-03-01T08:00:00.123Z");
    assert_parsed("2026-03-01T08:00:00+08:00", "2026-03-01T00:00:00.000Z");
    assert_parsed("2026-03-01T00:00:00-03:30", "2026-03-01T03:30:00.000Z");
    assert_parsed("2026-03-01 08:00:00Z", "2026-03-01T08:00:00.000Z");
    assert_parsed("2026-03-01", "2026-02-28T16:00:00.000Z");
    assert_parsed("2026-03-01 08:30", "2026-03-01T00:30:00.000Z");
    assert_parsed("2026-03-01 08:30:15", "2026-03-01T00:30:15.000Z");
    assert_parsed("1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z");
}

/* What is no moment, or says too little or too much, is refused. */
static void test_parse_refuses(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "2026",
                                      "2026-3-1",
                                      "2026-02-29",
                                      "2026-03-01T",
                                      "2026-03-01T08:00Z",
                                      "2026-03-01T08:00:00",
                                      "2026-03-01T24:00:00Z",
                                      "2026-03-01T08:60:00Z",
                                      "2026-03-01T08:00:60Z",
                                      "2026-03-01T08:00:00.Z",
                                      "2026-03-01T08:00:00+8:00",
                                      "2026-03-01T08:00:00+0800",
                                      "2026-03-01T08:00:00+24:00",
                                      "2026-03-01T08:00:00ZZ",
                                      "2026-03-01 ",
                                      "2026-03-01 08",
                                      " 2026-03-01",
                                      "2026/03/01",
                                      "20260301",
                                      "now"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int64_t moment;
        assert_false(moment_parse(bad[i], &moment));
    }
}

/* The clock is the system's. */
static void test_now(void **state)
{
    (void)state;
    int64_t now = moment_now_ms(), seconds = (int64_t)time(NULL);
    assert_true(now / 1000 - seconds <= 1 && seconds - now / 1000 <= 1);
}

/* The five forms that people and spreadsheets write dates in, and what is none. */
static void test_written_dates(void **state)
{
    (void)state;
    static const char *const good[] = {"2026-03-01", "2026/3/1", "20260301", "2026年3月1日", "46082", " 2026 年 03 月 01 日 "};
    static const char *const bad[] = {"",         "2026-13-01", "2026-02-29", "2026/3",     "260301",        "2026年3月1",
                                      "1899-1-1", "2026-3-1x",  "4608",       "2026-03/01", "2026-03-01 08", "1"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        date_ymd date = 0;
        assert_true(date_parse(good[i], strlen(good[i]), &date));
        assert_int_equal(date, 20260301);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        date_ymd date = 0;
        assert_false(date_parse(bad[i], strlen(bad[i]), &date));
        assert_int_equal(date, 0);
    }
}

/* One character wrong at each place. */
static void test_one_character_wrong(void **state)
{
    static const char *const dates[] = {"20x6-1-1",
                                        "2026x1-1",
                                        "2026-x-1",
                                        "2026-1x1",
                                        "2026-1-x",
                                        "2026-1-1x",
                                        "2026年1x1日",
                                        "2026年1月1x",
                                        "202601x1",
                                        "20260x01",
                                        "2026010x",
                                        "2026010",
                                        "20260101x",
                                        "1899-01-01",
                                        "3000-01-01",
                                        "2026-13-01",
                                        "1234x",
                                        "12345x",
                                        "202612345678901234567890123456789012345"};
    static const char *const moments[] = {"2026-0x-01",
                                          "2026x02-01",
                                          "2026-02x01",
                                          "2026-02-0x",
                                          "2026-01-01T1x:00:00Z",
                                          "2026-01-01T10x00:00Z",
                                          "2026-01-01T10:0x:00Z",
                                          "2026-01-01T10:00:0xZ",
                                          "2026-01-01T10:00:00.xZ",
                                          "2026-01-01T10:00:00+1x:00",
                                          "2026-01-01T10:00:00+10x00",
                                          "2026-01-01T10:00:00+10:0x",
                                          "2026-01-01T10:00:00+24:00",
                                          "2026-01-01T10:00:00+10:60",
                                          "2026-01-01x10:00",
                                          "2026-01-01 10:00x"};
    date_ymd date;
    int64_t moment;
    (void)state;
    for (size_t i = 0; i < sizeof dates / sizeof dates[0]; i++) assert_false(date_parse(dates[i], strlen(dates[i]), &date));
    assert_false(date_parse("2026-1-1\0x", 10, &date));
    for (size_t i = 0; i < sizeof moments / sizeof moments[0]; i++) assert_false(moment_parse(moments[i], &moment));
    assert_false(date_is_real(10000, 1, 1));
    assert_true(moment_cst_date(INT64_C(-86400000) * 800000) < 0); /* before our era */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calendar), cmocka_unit_test(test_cst_midnight),        cmocka_unit_test(test_real_dates),
        cmocka_unit_test(test_parse),    cmocka_unit_test(test_parse_refuses),       cmocka_unit_test(test_written_dates),
        cmocka_unit_test(test_now),      cmocka_unit_test(test_one_character_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
