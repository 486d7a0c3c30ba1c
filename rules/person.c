#include "rules/person.h"

#include <stdint.h>
#include <string.h>

#include "core/text.h"

static uint32_t plain(uint32_t code_point)
{
    if (code_point >= 0xFF01 && code_point <= 0xFF5E) code_point -= 0xFF01 - '!';
    return code_point >= 'A' && code_point <= 'Z' ? code_point + ('a' - 'A') : code_point;
}

static uint32_t one_dot(uint32_t code_point)
{
    switch (code_point) {
    case 0x2022: /* bullet */
    case 0x2027: /* hyphenation point */
    case 0x2219: /* bullet operator */
    case 0x30FB: /* katakana middle dot */
    case 0xFF65: /* the same in half width */
        return 0x00B7;
    default:
        return code_point;
    }
}

struct reading {
    const char *text;
    size_t length, at;
};

static struct reading read(const char *text)
{
    struct reading reading = {text, strlen(text), 0};
    text_trim(&reading.text, &reading.length);
    return reading;
}

/* The next character that is not blank, as it is compared; TEXT_BAD at the end. `*has_gap`: there were blanks before it. */
static uint32_t next_plain(struct reading *reading, bool *has_gap)
{
    for (*has_gap = false; reading->at < reading->length; *has_gap = true) {
        uint32_t code_point = text_next(reading->text, reading->length, &reading->at);
        if (!text_is_blank(code_point)) return plain(code_point);
    }
    return TEXT_BAD;
}

bool person_names_match(const char *a, const char *b)
{
    struct reading first = read(a), second = read(b);
    bool has_gap = false;
    for (;;) {
        uint32_t one = one_dot(next_plain(&first, &has_gap)), other = one_dot(next_plain(&second, &has_gap));
        if (one != other) return false;
        if (one == TEXT_BAD) return first.at == first.length && second.at == second.length;
    }
}

bool person_accounts_match(const char *a, const char *b)
{
    struct reading first = read(a), second = read(b);
    for (;;) {
        bool first_gap = false, second_gap = false;
        uint32_t one = next_plain(&first, &first_gap), other = next_plain(&second, &second_gap);
        if (one != other || first_gap != second_gap) return false;
        if (one == TEXT_BAD) return first.at == first.length && second.at == second.length;
    }
}
