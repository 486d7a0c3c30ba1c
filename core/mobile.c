#include "core/mobile.h"

#include <string.h>

#include "core/text.h"

enum { PREFIXED_CHARACTERS_MAX = 4 + MOBILE_DIGITS }; /* 0086 and the number */

/* Copies what counts of a number; false when something else is in it or it is too long. */
static bool read_characters(const char *text, size_t length, char out[PREFIXED_CHARACTERS_MAX + 1])
{
    size_t used = 0;
    for (size_t at = 0; at < length;) {
        uint32_t code_point = text_next(text, length, &at);
        if (text_is_blank(code_point) || code_point == '-') continue;
        bool belongs = (code_point >= '0' && code_point <= '9') || (code_point == '+' && used == 0);
        if (!belongs || used == PREFIXED_CHARACTERS_MAX) return false;
        out[used++] = (char)code_point;
    }
    out[used] = '\0';
    return true;
}

bool mobile_normalise(const char *text, size_t length, char out[MOBILE_DIGITS + 1])
{
    char characters[PREFIXED_CHARACTERS_MAX + 1] = "";
    const char *number = characters;

    out[0] = '\0';
    if (!read_characters(text, length, characters)) return false;
    if (strncmp(number, "+86", 3) == 0)
        number += 3;
    else if (strncmp(number, "0086", 4) == 0)
        number += 4;
    if (strlen(number) != MOBILE_DIGITS || number[0] != '1' || number[1] < '3') return false;
    memcpy(out, number, MOBILE_DIGITS + 1);
    return true;
}
