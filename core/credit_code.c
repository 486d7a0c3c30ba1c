#include "core/credit_code.h"

#include <stdbool.h>
#include <string.h>

enum { ORGANISATION_AT = 8, ORGANISATION_CHARS = 8 };

static const char alphabet[] = "0123456789ABCDEFGHJKLMNPQRTUWXY"; /* without I, O, S, V, Z */

/* In the organisation code letters count from A = 10 with none left out. */
static int organisation_value(char character)
{
    return character <= '9' ? character - '0' : character - 'A' + 10;
}

static bool has_good_organisation_check(const char *code)
{
    static const int weights[ORGANISATION_CHARS] = {3, 7, 9, 10, 5, 8, 4, 2};
    int sum = 0;
    for (size_t i = 0; i < ORGANISATION_CHARS; i++) sum += weights[i] * organisation_value(code[ORGANISATION_AT + i]);
    return code[ORGANISATION_AT + ORGANISATION_CHARS] == "0X987654321"[sum % 11];
}

static bool has_good_check(const char *code)
{
    int sum = 0, weight = 1;
    for (size_t i = 0; i < CREDIT_CODE_CHARS - 1; i++, weight = weight * 3 % 31)
        sum += weight * (int)(strchr(alphabet, code[i]) - alphabet);
    return code[CREDIT_CODE_CHARS - 1] == alphabet[(31 - sum % 31) % 31];
}

enum credit_code_verdict credit_code_check(const char *text, size_t length)
{
    if (length != CREDIT_CODE_CHARS) return CREDIT_CODE_FORM;
    for (size_t i = 0; i < length; i++)
        if (text[i] == '\0' || strchr(alphabet, text[i]) == NULL) return CREDIT_CODE_FORM;
    return has_good_organisation_check(text) && has_good_check(text) ? CREDIT_CODE_OK : CREDIT_CODE_CHECK;
}
