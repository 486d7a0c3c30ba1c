#include "core/mobile.h"

#include <stdio.h>
#include <string.h>

#include "core/text.h"

enum {
    NUMBER_CHARS_MAX = 4 + 1 + LANDLINE_CHARS_MAX, /* 0086- and the number */
    EXTENSION_DIGITS_MAX = 6,
};

/* Copies what is no blank; false when something else than digits, hyphens and a '+' in front is in it, or it is too long. */
static bool read_characters(const char *text, size_t length, char out[NUMBER_CHARS_MAX + 1])
{
    size_t used = 0;
    for (size_t at = 0; at < length;) {
        uint32_t code_point = text_next(text, length, &at);
        if (text_is_blank(code_point)) continue;
        bool belongs = (code_point >= '0' && code_point <= '9') || code_point == '-' || (code_point == '+' && used == 0);
        if (!belongs || used == NUMBER_CHARS_MAX) return false;
        out[used++] = (char)code_point;
    }
    out[used] = '\0';
    return true;
}

/* Behind +86 or 0086, where one stands in front. */
static const char *behind_country(const char *number)
{
    return strncmp(number, "+86", 3) == 0 ? number + 3 : strncmp(number, "0086", 4) == 0 ? number + 4 : number;
}

bool mobile_normalise(const char *text, size_t length, char out[MOBILE_DIGITS + 1])
{
    char characters[NUMBER_CHARS_MAX + 1] = "", digits[NUMBER_CHARS_MAX + 1] = "";
    size_t used = 0;
    out[0] = '\0';
    if (!read_characters(text, length, characters)) return false;
    for (const char *at = characters; *at != '\0'; at++)
        if (*at != '-') digits[used++] = *at;
    digits[used] = '\0';
    const char *number = behind_country(digits);
    if (strlen(number) != MOBILE_DIGITS || number[0] != '1' || number[1] < '3') return false;
    memcpy(out, number, MOBILE_DIGITS + 1);
    return true;
}

/* The digits at `*text`, which moves behind them. */
static size_t take_digits(const char **text)
{
    size_t count = strspn(*text, "0123456789");
    *text += count;
    return count;
}

static bool is_landline(const char *number)
{
    const char *at = number;
    size_t digits = take_digits(&at);
    /* Of the area codes only Beijing's 010 goes on with a 1: anything else is a mobile with a 0 in front. */
    if (number[0] != '0' || (number[1] == '1' && number[2] != '0')) return false;
    if ((digits == 3 || digits == 4) && *at == '-') {
        at++;
        size_t local = take_digits(&at);
        if (local != 7 && local != 8) return false;
    } else if (digits < 10 || digits > 12) { /* area and number together */
        return false;
    }
    if (*at == '\0') return true;
    at++; /* a hyphen: nothing else is left */
    digits = take_digits(&at);
    return digits > 0 && digits <= EXTENSION_DIGITS_MAX && *at == '\0';
}

bool landline_normalise(const char *text, size_t length, char out[LANDLINE_CHARS_MAX + 1])
{
    char characters[NUMBER_CHARS_MAX + 1] = "", with_area[NUMBER_CHARS_MAX + 2];
    out[0] = '\0';
    if (!read_characters(text, length, characters)) return false;
    const char *number = behind_country(characters);
    if (number != characters && *number == '-') number++;
    bool has_lost_zero = number != characters && *number != '0';
    (void)snprintf(with_area, sizeof with_area, "%s%s", has_lost_zero ? "0" : "", number);
    if (!is_landline(with_area)) return false;
    memcpy(out, with_area, strlen(with_area) + 1);
    return true;
}
