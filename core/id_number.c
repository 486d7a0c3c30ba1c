#include "core/id_number.h"

#include <endian.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/language.h"
#include "core/region.h"
#include "core/text.h"

enum {
    OLD_CHARS = 15, /* before 1999: year of two digits, no check character */
    DATE_AT = 6, /* where the birth date begins, in both forms */
    SEQUENCE_AT = 14,
    CHECK_AT = 17,
    CARD_LETTERS = 3, /* of the 15-character card: the country, then the region's first four digits, YYMMDD, one digit, check */
    CARD_DATE_AT = 7,
    CARD_CHECK_AT = 14,
    AGE_MAX = 150,
    USUAL_AGE_MIN = 16,
    USUAL_AGE_MAX = 100,
};

/* ---- reading: the characters that count, and where each stood ---- */

struct reading {
    size_t first, count; /* of `characters`: what is left after unwrapping */
    bool is_changed;
    bool is_plain; /* 18 characters as they should be: there is nothing in the lists */
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
    case 0x201C: /* quotes, as typing aids curl them */
    case 0x201D:
        return '"';
    case 0x2018: /* the apostrophe that marks a cell as text, as typing aids curl it */
    case 0x2019:
        return '\'';
    default:
        return code_point;
    }
}

/* An apostrophe, quotes or ="…" around a number only tell a spreadsheet that it is text. */
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
    } else if (reading->count > 1 && characters[0] == '"' && characters[reading->count - 1] == '"') {
        reading->first = 1;
        reading->count -= 2;
        reading->is_changed = true;
    }
}

static void add_character(struct reading *reading, uint32_t character, int position)
{
    reading->characters[reading->count] = character;
    reading->positions[reading->count++] = position;
}

static void read_characters(struct reading *reading, const char *text, size_t length)
{
    reading->first = reading->count = 0;
    reading->is_changed = reading->is_plain = false;
    int position = 0;
    for (size_t at = 0; at < length;) {
        position++;
        if (text[at] >= '0' && text[at] <= '9') { /* nearly all there is: nothing to look up */
            add_character(reading, (uint32_t)text[at++], position);
            continue;
        }
        uint32_t code_point = text_next(text, length, &at), plain = plain_character(code_point);
        bool is_blank = text_is_blank(code_point);
        reading->is_changed = reading->is_changed || plain != code_point || is_blank;
        if (!is_blank) add_character(reading, plain, position);
    }
    unwrap(reading);
}

static uint32_t character_at(const struct reading *reading, size_t index)
{
    return reading->characters[reading->first + index];
}

static int position_at(const struct reading *reading, size_t index)
{
    return reading->is_plain ? (int)index + 1 : reading->positions[reading->first + index];
}

static bool is_digit(uint32_t character)
{
    return character >= '0' && character <= '9';
}

/* ---- the steps of the ladder; each returns false after refusing ---- */

struct ladder {
    struct reading reading;
    date_ymd today;
    enum id_form form;
    char number[ID_NUMBER_CHARS + 1]; /* from check_characters on */
    struct id_verdict verdict;
};

static bool refuse(struct ladder *ladder, const char *code, int position, char expected)
{
    ladder->verdict = (struct id_verdict){.level = ID_ERROR, .code = code, .position = position, .expected = expected};
    return false;
}

/* 4.32500197707303E+17: a digit, perhaps a fraction, and the exponent of a number of 15 to 18 digits. */
static bool is_scientific(const struct reading *reading)
{
    size_t at = 1;
    if (reading->count < 4 || !is_digit(character_at(reading, 0))) return false;
    if (character_at(reading, 1) == '.' || character_at(reading, 1) == ',') {
        at = 2;
        while (at < reading->count && is_digit(character_at(reading, at))) at++;
        if (at == 2) return false;
    }
    if (at == reading->count || (character_at(reading, at) != 'E' && character_at(reading, at) != 'e')) return false;
    at++;
    if (at < reading->count && character_at(reading, at) == '+') at++;
    if (at < reading->count && character_at(reading, at) == '0') at++; /* LibreOffice writes E+017 */
    if (reading->count - at != 2) return false;
    uint32_t last = character_at(reading, at + 1);
    return character_at(reading, at) == '1' && last >= '4' && last <= '7';
}

/* 432500197707302784.0 or .00: the column was read as decimal numbers. */
static bool is_decimal(const struct reading *reading)
{
    size_t digits = 0, at;
    while (digits < reading->count && is_digit(character_at(reading, digits))) digits++;
    if (digits != OLD_CHARS && digits != ID_NUMBER_CHARS) return false;
    if (digits == reading->count || character_at(reading, digits) != '.') return false;
    for (at = digits + 1; at < reading->count && character_at(reading, at) == '0';) at++;
    return at == reading->count && at > digits + 1;
}

static char letter_of(uint32_t character)
{
    if (character >= 'a' && character <= 'z') return (char)(character - 'a' + 'A');
    return character >= 'A' && character <= 'Z' ? (char)character : 0;
}

/* By length and beginning; whether it is a resident's or a permit is told by the province. */
static enum id_form form_of(const struct reading *reading)
{
    if (reading->count == ID_NUMBER_CHARS) return character_at(reading, 0) == '9' ? ID_FORM_FOREIGNER : ID_FORM_RESIDENT;
    for (size_t i = 0; i < CARD_LETTERS; i++)
        if (letter_of(character_at(reading, i)) == 0) return ID_FORM_OLD;
    return ID_FORM_FOREIGNER_OLD;
}

static bool check_length(struct ladder *ladder)
{
    const struct reading *reading = &ladder->reading;
    if (reading->count == 0) return refuse(ladder, "id-missing", 0, 0);
    if (is_scientific(reading) || is_decimal(reading)) return refuse(ladder, "id-spreadsheet", 0, 0);
    if (reading->count != ID_NUMBER_CHARS && reading->count != OLD_CHARS) return refuse(ladder, "id-length", 0, 0);
    ladder->form = form_of(reading);
    return true;
}

/* The digit that a letter is mostly typed for; 0 when there is none. */
static char digit_meant(uint32_t character)
{
    if (character == 'O' || character == 'o') return '0';
    return character == 'l' || character == 'L' || character == 'I' || character == 'i' ? '1' : 0;
}

static bool check_characters(struct ladder *ladder)
{
    for (size_t i = 0; i < ladder->reading.count; i++) {
        uint32_t character = character_at(&ladder->reading, i);
        char digit = digit_meant(character);
        if (ladder->form == ID_FORM_FOREIGNER_OLD && i < CARD_LETTERS) {
            ladder->number[i] = letter_of(character);
            ladder->reading.is_changed = ladder->reading.is_changed || ladder->number[i] != (char)character;
        } else if (is_digit(character) || (character == 'X' && i == CHECK_AT)) {
            ladder->number[i] = (char)character;
        } else {
            return refuse(ladder, digit != 0 ? "id-letter" : "id-characters", position_at(&ladder->reading, i), digit);
        }
    }
    return true;
}

/* Nearly all numbers need no reading character by character: does for them what the steps so far do. */
static bool is_plain(struct ladder *ladder, const char *text, size_t length)
{
    bool is_plain = length == ID_NUMBER_CHARS && (is_digit((unsigned char)text[CHECK_AT]) || text[CHECK_AT] == 'X');
    for (size_t i = 0; is_plain && i < CHECK_AT; i++) is_plain = is_digit((unsigned char)text[i]);
    if (!is_plain) return false;
    ladder->reading.count = length;
    ladder->reading.is_changed = false;
    ladder->reading.is_plain = true;
    ladder->form = text[0] == '9' ? ID_FORM_FOREIGNER : ID_FORM_RESIDENT;
    memcpy(ladder->number, text, length);
    return true;
}

/* The characters, and what their number and kinds tell. */
static bool read_form(struct ladder *ladder, const char *text, size_t length)
{
    if (is_plain(ladder, text, length)) return true;
    read_characters(&ladder->reading, text, length);
    return check_length(ladder) && check_characters(ladder);
}

static int number_of(const char *digits, size_t count)
{
    int number = 0;
    for (size_t i = 0; i < count; i++) number = number * 10 + (digits[i] - '0');
    return number;
}

/*
 * An unknown province is an error; counties are not checked here, as retired and unpublished codes are found on real cards. What the
 * region of the 15-character card may hold was never published.
 */
static bool check_province(struct ladder *ladder)
{
    const char *number = ladder->number;
    size_t province_at = ladder->form == ID_FORM_FOREIGNER ? 1 : 0;
    if (ladder->form == ID_FORM_FOREIGNER_OLD) {
        ladder->verdict.region = 100 * number_of(number + CARD_LETTERS, 4);
        return true;
    }
    int32_t province = number_of(number + province_at, 2);
    if (!region_is_province(province)) return refuse(ladder, "id-province", position_at(&ladder->reading, province_at), 0);
    ladder->verdict.region = ladder->form == ID_FORM_FOREIGNER ? 10000 * province : number_of(number, DATE_AT);
    if (ladder->form == ID_FORM_RESIDENT && province > 80) ladder->form = ID_FORM_PERMIT;
    return true;
}

static char check_character_of(const char *number)
{
    static const int weights[CHECK_AT] = {7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2};
    int sum = 0;
    for (size_t i = 0; i < CHECK_AT; i++) sum += weights[i] * (number[i] - '0');
    return "10X98765432"[sum % 11];
}

static char card_check_digit_of(const char *number)
{
    static const int weights[] = {7, 3, 1};
    int sum = 0;
    for (size_t i = 0; i < CARD_CHECK_AT; i++) sum += weights[i % 3] * (number[i] <= '9' ? number[i] - '0' : number[i] - 'A' + 10);
    return (char)('0' + sum % 10);
}

/* 15 digits become 18. Sequences 996–999 were kept for people born in the 1800s: a century can't be guessed for them. */
static bool upgrade(struct ladder *ladder)
{
    char *number = ladder->number;
    if (ladder->form != ID_FORM_OLD) return true;
    if (memcmp(number + OLD_CHARS - 3, "996", 3) >= 0) return refuse(ladder, "id-manual", position_at(&ladder->reading, OLD_CHARS - 3), 0);
    memmove(number + DATE_AT + 2, number + DATE_AT, OLD_CHARS - DATE_AT);
    memcpy(number + DATE_AT, "19", 2);
    number[CHECK_AT] = check_character_of(number);
    return true;
}

static int full_years(date_ymd born, date_ymd today)
{
    return (today - born) / 10000; /* as YYYYMMDD the difference's years are the full ones */
}

/* The 15-character card has a year of two digits: the later century that is not in the future. */
static date_ymd birth_date_of(const struct ladder *ladder)
{
    if (ladder->form != ID_FORM_FOREIGNER_OLD) return number_of(ladder->number + DATE_AT, 8);
    date_ymd this_century = 20000000 + number_of(ladder->number + CARD_DATE_AT, 6);
    return this_century > ladder->today ? this_century - 1000000 : this_century;
}

static bool check_date(struct ladder *ladder)
{
    int position = position_at(&ladder->reading, ladder->form == ID_FORM_FOREIGNER_OLD ? CARD_DATE_AT : DATE_AT);
    date_ymd born = birth_date_of(ladder);
    if (!date_is_real(born / 10000, born / 100 % 100, born % 100)) return refuse(ladder, "id-date", position, 0);
    if (born > ladder->today) return refuse(ladder, "id-future", position, 0);
    if (full_years(born, ladder->today) > AGE_MAX) return refuse(ladder, "id-age", position, 0);
    ladder->verdict.born = born;
    return true;
}

static bool ends_in_zeros(const struct ladder *ladder)
{
    return ladder->reading.count == ID_NUMBER_CHARS && memcmp(ladder->number + ID_NUMBER_CHARS - 3, "000", 3) == 0;
}

/* A spreadsheet keeps 15 digits of a number and makes the rest zeros: then no single character is to blame. */
static bool check_check_character(struct ladder *ladder)
{
    bool is_card = ladder->form == ID_FORM_FOREIGNER_OLD;
    size_t at = is_card ? CARD_CHECK_AT : CHECK_AT;
    char expected = is_card ? card_check_digit_of(ladder->number) : check_character_of(ladder->number);
    if (ladder->number[at] == expected) return true;
    if (ends_in_zeros(ladder)) return refuse(ladder, "id-spreadsheet", 0, 0);
    return refuse(ladder, "id-check", position_at(&ladder->reading, at), expected);
}

/* ---- what is only doubtful ---- */

static void warn(struct id_verdict *verdict, size_t *others, bool is_so, const char *code)
{
    if (!is_so) return;
    if (verdict->code == NULL)
        verdict->code = code;
    else
        verdict->others[(*others)++] = code;
    verdict->level = ID_WARNING;
}

static bool is_country_known(const struct ladder *ladder)
{
    if (ladder->form == ID_FORM_FOREIGNER_OLD) return region_country_is_known(ladder->number);
    return ladder->form != ID_FORM_FOREIGNER || region_country_letters(number_of(ladder->number + CARD_LETTERS, 3)) != NULL;
}

/* What may be the wrong person comes before what is only unusual, and that before what was mended. */
static void find_warnings(struct ladder *ladder)
{
    struct id_verdict *verdict = &ladder->verdict;
    int age = full_years(verdict->born, ladder->today);
    size_t others = 0;
    bool has_sequence = ladder->form != ID_FORM_FOREIGNER_OLD;

    warn(verdict, &others, ends_in_zeros(ladder), "id-trailing-zeros");
    warn(verdict, &others, has_sequence && memcmp(ladder->number + SEQUENCE_AT, "000", 3) == 0, "id-sequence");
    warn(verdict, &others, verdict->region / 10000 == 71 && ladder->form != ID_FORM_FOREIGNER_OLD, "id-taiwan-region");
    warn(verdict, &others, !region_is_known(verdict->region), "id-region");
    warn(verdict, &others, !is_country_known(ladder), "id-country");
    warn(verdict, &others, age < USUAL_AGE_MIN || age > USUAL_AGE_MAX, "id-unusual-age");
    warn(verdict, &others, ladder->form == ID_FORM_OLD, "id-upgraded");
    warn(verdict, &others, ladder->reading.is_changed, "id-normalised");
}

static void accept(struct ladder *ladder)
{
    struct id_verdict *verdict = &ladder->verdict;
    find_warnings(ladder);
    verdict->form = ladder->form;
    if (ladder->form != ID_FORM_FOREIGNER_OLD) verdict->gender = (ladder->number[CHECK_AT - 1] - '0') % 2 == 1 ? 'M' : 'F';
    memcpy(verdict->normalised, ladder->number, ladder->form == ID_FORM_FOREIGNER_OLD ? OLD_CHARS : ID_NUMBER_CHARS);
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
    if (read_form(&ladder, text, length) && check_province(&ladder) && upgrade(&ladder) && check_date(&ladder) &&
        check_check_character(&ladder))
        accept(&ladder);
    return ladder.verdict;
}

/* ---- the same for the many, at once ---- */

enum { WORD_DIGITS = 8 };

/* Eight digits in one word, the first one lowest: read and weighted side by side. False when one of them is no digit. */
static bool read_word(const char *text, uint64_t even_weights, uint64_t odd_weights, unsigned *number, unsigned *sum)
{
    const uint64_t high = UINT64_C(0xF0F0F0F0F0F0F0F0), zeros = UINT64_C(0x3030303030303030), lanes = UINT64_C(0x00FF00FF00FF00FF);
    uint64_t word;
    memcpy(&word, text, sizeof word);
    word = le64toh(word);
    if ((word & high) != zeros || ((word + UINT64_C(0x0606060606060606)) & high) != zeros) return false;
    word -= zeros;
    /* A product of lanes adds up in the highest lane what belongs together, here digit times weight: below 2^16, so nothing is carried. */
    *sum += (unsigned)((word & lanes) * even_weights >> 48) + (unsigned)((word >> 8 & lanes) * odd_weights >> 48);
    word = (word * 10 + (word >> 8)) & lanes; /* pairs of digits, fours, eight */
    word = (word * 100 + (word >> 16)) & UINT64_C(0x0000FFFF0000FFFF);
    *number = (unsigned)((word * 10000 + (word >> 32)) & UINT32_MAX);
    return true;
}

bool id_number_pack(const char *text, date_ymd today, uint64_t *packed, date_ymd *born)
{
    /* Weights 7 9 10 5 8 4 2 1 and 6 3 7 9 10 5 8 4 of the even and the odd digits, the first digit's highest, then 2. */
    unsigned first, second, sum = 0, last = (unsigned)(unsigned char)text[CHECK_AT - 1] - '0';
    if (!read_word(text, UINT64_C(0x0007000A00080002), UINT64_C(0x0009000500040001), &first, &sum) ||
        !read_word(text + WORD_DIGITS, UINT64_C(0x00060007000A0008), UINT64_C(0x0003000900050004), &second, &sum) || last > 9)
        return false;
    unsigned region = first / 100, sequence = second % 100 * 10 + last;
    if (text[CHECK_AT] != "10X98765432"[(sum + 2 * last) % 11] || sequence == 0 || (sequence % 100 == 0 && text[CHECK_AT] == '0'))
        return false;
    *born = (date_ymd)(first % 100 * 1000000 + second / 100);
    int age = full_years(*born, today), province = (int)region / 10000;
    if (*born > today || age < USUAL_AGE_MIN || age > USUAL_AGE_MAX || !date_is_real(*born / 10000, *born / 100 % 100, *born % 100))
        return false;
    if (text[0] == '9' || province == 71 || !region_is_province(province) || !region_is_known((int32_t)region)) return false;
    *packed = (first * UINT64_C(100000000) + second) * 10 + last;
    return true;
}

const char *id_form_name(enum id_form form)
{
    static const struct words names[] = {
        [ID_FORM_NONE] = {"", ""},
        [ID_FORM_RESIDENT] = {"居民身份证", "resident identity card"},
        [ID_FORM_OLD] = {"居民身份证（15 位）", "resident identity card (15 digits)"},
        [ID_FORM_PERMIT] = {"港澳台居民居住证", "residence permit (Hong Kong, Macau, Taiwan)"},
        [ID_FORM_FOREIGNER] = {"外国人永久居留身份证（2023 版）", "foreigner's permanent residence card (2023)"},
        [ID_FORM_FOREIGNER_OLD] = {"外国人永久居留身份证（2004、2017 版）", "foreigner's permanent residence card (2004, 2017)"},
    };
    return language_words(names[form]);
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
