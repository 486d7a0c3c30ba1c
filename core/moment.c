#include "core/moment.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/text.h"

enum {
    CST_OFFSET_MINUTES = 8 * 60,
    SERIAL_OF_1970 = 25569, /* a spreadsheet's number of 1970-01-01 */
};

static const int64_t day_ms = INT64_C(86400000);
static const int64_t minute_ms = INT64_C(60000);

int64_t moment_now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t moment_monotonic_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t moment_monotonic_ms(void)
{
    return moment_monotonic_us() / 1000;
}

static bool is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

bool date_is_real(int year, int month, int day)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (year < 1 || year > 9999 || month < 1 || month > 12 || day < 1) return false;
    return day <= days[month - 1] + (month == 2 && is_leap(year) ? 1 : 0);
}

/*
 * Days since 1970-01-01 and back, for the Gregorian calendar. Years are counted from March, so that the leap day is a year's
 * last and the days before a month follow (153 × month + 2) / 5; 400 years have 146,097 days.
 */
static int64_t days_of_date(int year, int month, int day)
{
    int64_t from_march = month > 2 ? month - 3 : month + 9;
    int64_t y = month > 2 ? year : year - 1;
    int64_t era = y / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * from_march + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static void date_of_days(int64_t days, int *year, int *month, int *day)
{
    int64_t shifted = days + 719468;
    int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    int64_t day_of_era = shifted - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t from_march = (5 * day_of_year + 2) / 153;
    *day = (int)(day_of_year - (153 * from_march + 2) / 5 + 1);
    *month = (int)(from_march < 10 ? from_march + 3 : from_march - 9);
    *year = (int)(year_of_era + era * 400 + (*month <= 2 ? 1 : 0));
}

static int64_t floor_div(int64_t value, int64_t by)
{
    return value / by - (value % by < 0 ? 1 : 0);
}

date_ymd moment_cst_date(int64_t moment_ms)
{
    int year, month, day;
    date_of_days(floor_div(moment_ms + CST_OFFSET_MINUTES * minute_ms, day_ms), &year, &month, &day);
    return year * 10000 + month * 100 + day;
}

static char *put_digits(char *at, int number, int digits, char behind)
{
    for (int i = digits; i-- > 0; number /= 10) at[i] = (char)('0' + number % 10);
    at[digits] = behind;
    return at + digits + 1;
}

/* Without printf, which takes longer than all else of a small record. */
static void format_usual(int year, int month, int day, int rest, char *at)
{
    at = put_digits(at, year, 4, '-');
    at = put_digits(at, month, 2, '-');
    at = put_digits(at, day, 2, 'T');
    at = put_digits(at, rest / 3600000, 2, ':');
    at = put_digits(at, rest / 60000 % 60, 2, ':');
    at = put_digits(at, rest / 1000 % 60, 2, '.');
    at = put_digits(at, rest % 1000, 3, 'Z');
    *at = '\0';
}

void moment_format(int64_t moment_ms, char *out, size_t out_bytes)
{
    int64_t days = floor_div(moment_ms, day_ms);
    int rest = (int)(moment_ms - days * day_ms);
    int year, month, day;
    date_of_days(days, &year, &month, &day);
    if (year >= 0 && year <= 9999 && out_bytes >= sizeof "0000-00-00T00:00:00.000Z")
        format_usual(year, month, day, rest, out);
    else
        (void)snprintf(out, out_bytes, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", year, month, day, rest / 3600000, rest / 60000 % 60,
                       rest / 1000 % 60, rest % 1000);
}

/* ---- parsing ---- */

/* Reads exactly `digits` digits and moves `*text` behind them. */
static bool take_number(const char **text, int digits, int *number)
{
    *number = 0;
    for (int i = 0; i < digits; i++) {
        if (!isdigit((unsigned char)(*text)[i])) return false;
        *number = *number * 10 + ((*text)[i] - '0');
    }
    *text += digits;
    return true;
}

static bool take(const char **text, char wanted)
{
    if (**text != wanted) return false;
    ++*text;
    return true;
}

static bool take_date(const char **text, int64_t *days)
{
    int year, month, day;
    if (!take_number(text, 4, &year) || !take(text, '-') || !take_number(text, 2, &month) || !take(text, '-') ||
        !take_number(text, 2, &day) || !date_is_real(year, month, day))
        return false;
    *days = days_of_date(year, month, day);
    return true;
}

/* A month or a day of one or two digits. */
static bool take_short_number(const char **text, int *number)
{
    return take_number(text, isdigit((unsigned char)(*text)[0]) && isdigit((unsigned char)(*text)[1]) ? 2 : 1, number);
}

static bool take_word(const char **text, const char *word)
{
    size_t length = strlen(word);
    if (strncmp(*text, word, length) != 0) return false;
    *text += length;
    return true;
}

/* Year, month and day with what stands between them. */
static bool take_separated(const char *text, const char *between_1, const char *between_2, const char *behind, int ymd[3])
{
    return take_number(&text, 4, &ymd[0]) && take_word(&text, between_1) && take_short_number(&text, &ymd[1]) &&
           take_word(&text, between_2) && take_short_number(&text, &ymd[2]) && take_word(&text, behind) && *text == '\0';
}

static bool take_packed(const char *text, int ymd[3])
{
    return take_number(&text, 4, &ymd[0]) && take_number(&text, 2, &ymd[1]) && take_number(&text, 2, &ymd[2]) && *text == '\0';
}

static bool take_serial(const char *text, int ymd[3])
{
    int serial;
    if (!take_number(&text, 5, &serial) || *text != '\0') return false;
    date_of_days(serial - SERIAL_OF_1970, &ymd[0], &ymd[1], &ymd[2]);
    return true;
}

bool date_parse(const char *text, size_t length, date_ymd *date)
{
    char copy[32]; /* the longest form has 17 bytes */
    size_t used = 0;
    int ymd[3];
    for (size_t at = 0; at < length;) {
        size_t start = at;
        if (text_is_blank(text_next(text, length, &at))) continue;
        if (used + at - start >= sizeof copy) return false;
        memcpy(copy + used, text + start, at - start);
        used += at - start;
    }
    copy[used] = '\0';
    bool ok = strlen(copy) == used && (take_separated(copy, "-", "-", "", ymd) || take_separated(copy, "/", "/", "", ymd) ||
                                       take_separated(copy, "年", "月", "日", ymd) || take_packed(copy, ymd) || take_serial(copy, ymd));
    if (!ok || ymd[0] < 1900 || ymd[0] > 2999 || !date_is_real(ymd[0], ymd[1], ymd[2])) return false;
    *date = ymd[0] * 10000 + ymd[1] * 100 + ymd[2];
    return true;
}

/* ".5" is 500 ms; digits behind the third are read and dropped. */
static bool take_fraction(const char **text, int *milliseconds)
{
    int weight = 100;
    if (!isdigit((unsigned char)**text)) return false;
    for (; isdigit((unsigned char)**text); ++*text, weight /= 10) *milliseconds += (**text - '0') * weight;
    return true;
}

/* HH:MM, or HH:MM:SS with a fraction. */
static bool take_time(const char **text, bool *has_seconds, int64_t *time_ms)
{
    int hour, minute, second = 0, milliseconds = 0;
    if (!take_number(text, 2, &hour) || !take(text, ':') || !take_number(text, 2, &minute)) return false;
    *has_seconds = take(text, ':');
    if (*has_seconds && !take_number(text, 2, &second)) return false;
    if (*has_seconds && take(text, '.') && !take_fraction(text, &milliseconds)) return false;
    if (hour > 23 || minute > 59 || second > 59) return false;
    *time_ms = ((int64_t)hour * 60 + minute) * minute_ms + (int64_t)second * 1000 + milliseconds;
    return true;
}

static bool take_zone(const char **text, int *offset_minutes)
{
    int hour, minute;
    bool is_east = **text == '+';
    *offset_minutes = 0;
    if (take(text, 'Z') || take(text, 'z')) return true;
    if (!take(text, '+') && !take(text, '-')) return false;
    if (!take_number(text, 2, &hour) || !take(text, ':') || !take_number(text, 2, &minute) || hour > 23 || minute > 59) return false;
    *offset_minutes = (is_east ? 1 : -1) * (hour * 60 + minute);
    return true;
}

bool moment_parse(const char *text, int64_t *moment_ms)
{
    int64_t days, time_ms = 0;
    int offset_minutes = CST_OFFSET_MINUTES;
    bool has_seconds = false;

    if (!take_date(&text, &days)) return false;
    if (*text != '\0') {
        bool is_rfc3339 = *text == 'T' || *text == 't';
        if (!is_rfc3339 && *text != ' ') return false;
        text++;
        if (!take_time(&text, &has_seconds, &time_ms)) return false;
        /* RFC 3339 wants seconds and a zone behind its T; behind a blank the zone may be left out. */
        bool wants_zone = is_rfc3339 || *text != '\0';
        if (wants_zone && (!has_seconds || !take_zone(&text, &offset_minutes))) return false;
    }
    *moment_ms = days * day_ms + time_ms - offset_minutes * minute_ms;
    return *text == '\0';
}
