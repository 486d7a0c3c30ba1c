#include "core/id_number.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/text.h"

enum {
    OLD_CHARS = 15, /* before 1999: year of two digits, no check character */
    DATE_AT = 6, /* where the birth date begins, in both forms */
    SEQUENCE_AT = 14,
    CHECK_AT = 17,
    AGE_MAX = 150,
    USUAL_AGE_MIN = 16,
    USUAL_AGE_MAX = 100,
};

/* ---- reading: the characters that count, and where each stood ---- */

struct reading {
    size_t first, count; /* of `characters`: what is left after unwrapping */
    bool is_changed;
    uint32_t characters[ID_NUMBER_TEXT_BYTES_MAX];
    int positions[ID_NUMBER_TEXT_BYTES_MAX]; /* 1-based, in characters of the input */
};

/* Full-width forms and the look-alikes of X that keyboards and fonts bring. */
static uint32_t plain_character(uint32_t code_point)
{
    if (code_point >= 0xFF01 && code_point <= 0xFF5E) code_point -= 0xFEE0;
    switch (code_point) {
    case 'x':
    case 0x2169: /* Roman numeral ten */
    case 0x2179: /* small Roman numeral ten */
    case 0x0425: /* Cyrillic capital ha */
    case 0x0445: /* Cyrillic small ha */
        return 'X';
    case 0x2018: /* the apostrophe that marks a cell as text, as typing aids curl it */
    case 0x2019:
        return '\'';
    default:
        return code_point;
    }
}

/* An apostrophe or ="…" around a number only tells a spreadsheet that it is text. */
static void unwrap(struct reading *reading)
{
    const uint32_t *characters = reading->characters;
    if (reading->count > 0 && characters[0] == '\'') {
        reading->first = 1;
        reading->count -= 1;
        reading->is_changed = true;
    } else if (reading->count > 2 && characters[0] == '=' && characters[1] == '"' && characters[reading->count - 1] == '"') {
        reading->first = 2;
        reading->count -= 3;
        reading->is_changed = true;
    }
}

static void read_characters(struct reading *reading, const char *text, size_t length)
{
    reading->first = reading->count = 0;
    reading->is_changed = false;
    int position = 0;
    for (size_t at = 0; at < length;) {
        uint32_t code_point = text_next(text, length, &at), plain = plain_character(code_point);
        position++;
        reading->is_changed = reading->is_changed || plain != code_point || text_is_blank(code_point);
        if (text_is_blank(code_point)) continue;
        reading->characters[reading->count] = plain;
        reading->positions[reading->count++] = position;
    }
    unwrap(reading);
}

static uint32_t character_at(const struct reading *reading, size_t index)
{
    return reading->characters[reading->first + index];
}

static int position_at(const struct reading *reading, size_t index)
{
    return reading->positions[reading->first + index];
}

static bool is_digit(uint32_t character)
{
    return character >= '0' && character <= '9';
}

/* ---- the steps of the ladder; each returns false after refusing ---- */

struct ladder {
    struct reading reading;
    date_ymd today;
    char number[ID_NUMBER_CHARS + 1]; /* from check_characters on */
    struct id_verdict verdict;
};

static bool refuse(struct ladder *ladder, const char *code, int position, char expected)
{
    ladder->verdict = (struct id_verdict){.level = ID_ERROR, .code = code, .position = position, .expected = expected};
    return false;
}

/* 4.32500197707303E+17: a digit, perhaps a fraction, and the exponent of a number of 15, 17 or 18 digits. */
static bool is_scientific(const struct reading *reading)
{
    size_t at = 1;
    if (reading->count < 5 || !is_digit(character_at(reading, 0))) return false;
    if (character_at(reading, 1) == '.') {
        at = 2;
        while (at < reading->count && is_digit(character_at(reading, at))) at++;
        if (at == 2) return false;
    }
    if (reading->count - at != 4) return false;
    uint32_t mark = character_at(reading, at), last = character_at(reading, at + 3);
    return (mark == 'E' || mark == 'e') && character_at(reading, at + 1) == '+' && character_at(reading, at + 2) == '1' &&
           (last == '4' || last == '6' || last == '7');
}

static bool check_length(struct ladder *ladder)
{
    size_t count = ladder->reading.count;
    if (count == 0) return refuse(ladder, "id-missing", 0, 0);
    if (is_scientific(&ladder->reading)) return refuse(ladder, "id-spreadsheet", 0, 0);
    return count == ID_NUMBER_CHARS || count == OLD_CHARS || refuse(ladder, "id-length", 0, 0);
}

/* The digit that a letter is mostly typed for; 0 when there is none. */
static char digit_meant(uint32_t character)
{
    if (character == 'O' || character == 'o') return '0';
    return character == 'l' || character == 'I' || character == 'i' ? '1' : 0;
}

static bool check_characters(struct ladder *ladder)
{
    for (size_t i = 0; i < ladder->reading.count; i++) {
        uint32_t character = character_at(&ladder->reading, i);
        if (!is_digit(character) && !(character == 'X' && i == CHECK_AT))
            return refuse(ladder, "id-characters", position_at(&ladder->reading, i), digit_meant(character));
        ladder->number[i] = (char)character;
    }
    return true;
}

static bool check_province(struct ladder *ladder)
{
    /*
     * The provinces, and 71 and 81–83 for Taiwan, Hong Kong and Macau and their residence permits. No list of counties:
     * retired and unpublished codes are found on real cards.
     */
    static const char provinces[] = "11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 52 53 54 61 62 63 64 65 "
                                    "71 81 82 83";
    for (const char *province = provinces; *province != '\0'; province += province[2] == '\0' ? 2 : 3)
        if (memcmp(province, ladder->number, 2) == 0) return true;
    return refuse(ladder, "id-province", position_at(&ladder->reading, 0), 0);
}

static char check_character_of(const char *number)
{
    static const int weights[CHECK_AT] = {7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2};
    int sum = 0;
    for (size_t i = 0; i < CHECK_AT; i++) sum += weights[i] * (number[i] - '0');
    return "10X98765432"[sum % 11];
}

/* 15 digits become 18. Sequences 996–999 were kept for people born in the 1800s: a century can't be guessed for them. */
static bool upgrade(struct ladder *ladder)
{
    char *number = ladder->number;
    if (ladder->reading.count != OLD_CHARS) return true;
    if (memcmp(number + OLD_CHARS - 3, "996", 3) >= 0) return refuse(ladder, "id-manual", position_at(&ladder->reading, OLD_CHARS - 3), 0);
    memmove(number + DATE_AT + 2, number + DATE_AT, OLD_CHARS - DATE_AT);
    memcpy(number + DATE_AT, "19", 2);
    number[CHECK_AT] = check_character_of(number);
    return true;
}

static int number_of(const char *digits, size_t count)
{
    int number = 0;
    for (size_t i = 0; i < count; i++) number = number * 10 + (digits[i] - '0');
    return number;
}

static int full_years(date_ymd born, date_ymd today)
{
    return (today - born) / 10000; /* as YYYYMMDD the difference's years are the full ones */
}

static bool check_date(struct ladder *ladder)
{
    const char *date = ladder->number + DATE_AT;
    int position = position_at(&ladder->reading, DATE_AT);
    if (!date_is_real(number_of(date, 4), number_of(date + 4, 2), number_of(date + 6, 2))) return refuse(ladder, "id-date", position, 0);
    date_ymd born = number_of(date, 8);
    if (born > ladder->today) return refuse(ladder, "id-future", position, 0);
    if (full_years(born, ladder->today) > AGE_MAX) return refuse(ladder, "id-age", position, 0);
    ladder->verdict.born = born;
    return true;
}

static bool ends_in_zeros(const char *number)
{
    return memcmp(number + ID_NUMBER_CHARS - 3, "000", 3) == 0;
}

/* A spreadsheet keeps 15 digits of a number and makes the rest zeros: then no single character is to blame. */
static bool check_check_character(struct ladder *ladder)
{
    char expected = check_character_of(ladder->number);
    if (ladder->number[CHECK_AT] == expected) return true;
    if (ends_in_zeros(ladder->number)) return refuse(ladder, "id-spreadsheet", 0, 0);
    return refuse(ladder, "id-check", position_at(&ladder->reading, CHECK_AT), expected);
}

/* One warning a number: what may be the wrong person comes before what is only unusual, and that before what was mended. */
static const char *warning_of(const struct ladder *ladder)
{
    int age = full_years(ladder->verdict.born, ladder->today);
    bool is_old_form = ladder->reading.count == OLD_CHARS;

    if (ends_in_zeros(ladder->number) && !is_old_form) return "id-trailing-zeros";
    if (memcmp(ladder->number + SEQUENCE_AT, "000", 3) == 0) return "id-sequence";
    if (memcmp(ladder->number, "71", 2) == 0) return "id-taiwan-region";
    if (age < USUAL_AGE_MIN || age > USUAL_AGE_MAX) return "id-unusual-age";
    if (is_old_form) return "id-upgraded";
    return ladder->reading.is_changed ? "id-normalised" : NULL;
}

static void accept(struct ladder *ladder)
{
    struct id_verdict *verdict = &ladder->verdict;
    verdict->code = warning_of(ladder);
    verdict->level = verdict->code != NULL ? ID_WARNING : ID_OK;
    verdict->gender = (ladder->number[CHECK_AT - 1] - '0') % 2 == 1 ? 'M' : 'F';
    memcpy(verdict->normalised, ladder->number, ID_NUMBER_CHARS);
}

struct id_verdict id_number_check(const char *text, size_t length, date_ymd today)
{
    struct ladder ladder;
    ladder.today = today;
    ladder.verdict = (struct id_verdict){0};

    if (length > ID_NUMBER_TEXT_BYTES_MAX) {
        (void)refuse(&ladder, "id-length", 0, 0);
        return ladder.verdict;
    }
    read_characters(&ladder.reading, text, length);
    if (check_length(&ladder) && check_characters(&ladder) && check_province(&ladder) && upgrade(&ladder) && check_date(&ladder) &&
        check_check_character(&ladder))
        accept(&ladder);
    return ladder.verdict;
}

/* ---- the key ---- */

/* The bytes between the blanks at both ends, cut to ID_NUMBER_TEXT_BYTES_MAX at a character. */
static const char *trim(const char *text, size_t *length)
{
    size_t start = 0, end = 0;
    bool has_begun = false;
    for (size_t at = 0; at < *length;) {
        size_t before = at;
        bool is_blank = text_is_blank(text_next(text, *length, &at));
        if (!has_begun) start = end = before;
        has_begun = has_begun || !is_blank;
        if (has_begun && at - start > ID_NUMBER_TEXT_BYTES_MAX) break;
        if (!is_blank) end = at;
    }
    *length = has_begun ? end - start : 0;
    return text + start;
}

size_t id_number_key(const char *text, size_t length, const struct id_verdict *verdict, char *out)
{
    size_t used = 0;
    if (verdict->level != ID_ERROR) {
        memcpy(out, verdict->normalised, sizeof verdict->normalised);
        return strlen(out);
    }
    text = trim(text, &length);
    for (size_t at = 0; at < length;) {
        size_t start = at;
        uint32_t code_point = text_next(text, length, &at);
        bool is_odd = code_point == TEXT_BAD || text_is_control(code_point);
        for (; start < at; start++) {
            if (is_odd)
                used += (size_t)sprintf(out + used, "\\x%02X", (unsigned char)text[start]);
            else
                out[used++] = text[start];
        }
    }
    out[used] = '\0';
    return used;
}
