#include "core/credit_code.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "core/text.h"

enum { ORGANISATION_AT = 8, ORGANISATION_CHARS = 8, ORGANISATION_CHECK_AT = 16, CHECK_AT = 17 };

static const char alphabet[] = "0123456789ABCDEFGHJKLMNPQRTUWXY"; /* without I, O, S, V, Z */

/* ---- reading: what is left without blanks, in upper case ---- */

struct reading {
    size_t count; /* of all characters but blanks; at most CREDIT_CODE_CHARS are kept */
    bool is_changed;
    uint32_t characters[CREDIT_CODE_CHARS];
    int positions[CREDIT_CODE_CHARS];
};

static uint32_t plain_character(uint32_t code_point)
{
    if (code_point >= 0xFF01 && code_point <= 0xFF5E) code_point -= 0xFEE0;
    return code_point >= 'a' && code_point <= 'z' ? code_point - 'a' + 'A' : code_point;
}

static void read_characters(struct reading *reading, const char *text, size_t length)
{
    int position = 0;
    reading->count = 0;
    reading->is_changed = false;
    for (size_t at = 0; at < length;) {
        uint32_t code_point = text_next(text, length, &at), plain = plain_character(code_point);
        position++;
        reading->is_changed = reading->is_changed || plain != code_point || text_is_blank(code_point);
        if (text_is_blank(code_point)) continue;
        if (reading->count < CREDIT_CODE_CHARS) {
            reading->characters[reading->count] = plain;
            reading->positions[reading->count] = position;
        }
        reading->count++;
    }
}

static bool is_of_alphabet(uint32_t character)
{
    return character > 0 && character < 0x80 && strchr(alphabet, (int)character) != NULL;
}

/* The alphabet leaves out the letters that are taken for digits: so those digits are meant. */
static char character_meant(uint32_t character)
{
    static const char letters[] = "IOSZ", digits[] = "1052";
    const char *letter = character > 0 && character < 0x80 ? strchr(letters, (int)character) : NULL;
    return letter != NULL ? digits[letter - letters] : 0;
}

/* ---- the two check characters ---- */

/* In the organisation code letters count from A = 10 with none left out. */
static int organisation_value(char character)
{
    return character <= '9' ? character - '0' : character - 'A' + 10;
}

static char organisation_check_of(const char *code)
{
    static const int weights[ORGANISATION_CHARS] = {3, 7, 9, 10, 5, 8, 4, 2};
    int sum = 0;
    for (size_t i = 0; i < ORGANISATION_CHARS; i++) sum += weights[i] * organisation_value(code[ORGANISATION_AT + i]);
    return "0X987654321"[sum % 11];
}

static char check_character_of(const char *code)
{
    int sum = 0, weight = 1;
    for (size_t i = 0; i < CHECK_AT; i++, weight = weight * 3 % 31) sum += weight * (int)(strchr(alphabet, code[i]) - alphabet);
    return alphabet[(31 - sum % 31) % 31];
}

/* ---- the verdict ---- */

static struct credit_code_verdict refuse(const char *code, int position, char expected)
{
    return (struct credit_code_verdict){.level = CREDIT_CODE_ERROR, .code = code, .position = position, .expected = expected};
}

static void warn(struct credit_code_verdict *verdict, const char *code, int position, char expected)
{
    verdict->level = CREDIT_CODE_WARNING;
    verdict->code = code;
    verdict->position = position;
    verdict->expected = expected;
}

/* The last character covers all others and so is looked at first; the inner one can only fail by itself in a code that was made so. */
static void judge(struct credit_code_verdict *verdict, const struct reading *reading)
{
    char inner = organisation_check_of(verdict->normalised), outer = check_character_of(verdict->normalised);
    if (verdict->normalised[CHECK_AT] != outer)
        warn(verdict, "credit-code-check", reading->positions[CHECK_AT], outer);
    else if (verdict->normalised[ORGANISATION_CHECK_AT] != inner)
        warn(verdict, "credit-code-check", reading->positions[ORGANISATION_CHECK_AT], inner);
    else if (reading->is_changed)
        warn(verdict, "credit-code-normalised", 0, 0);
}

struct credit_code_verdict credit_code_check(const char *text, size_t length)
{
    struct credit_code_verdict verdict = {.level = CREDIT_CODE_OK};
    struct reading reading;

    if (length > CREDIT_CODE_TEXT_BYTES_MAX) return refuse("credit-code-length", 0, 0);
    read_characters(&reading, text, length);
    if (reading.count != CREDIT_CODE_CHARS) return refuse("credit-code-length", 0, 0);
    for (size_t i = 0; i < reading.count; i++) {
        uint32_t character = reading.characters[i];
        if (!is_of_alphabet(character)) return refuse("credit-code-characters", reading.positions[i], character_meant(character));
        verdict.normalised[i] = (char)character;
    }
    judge(&verdict, &reading);
    return verdict;
}
