/*
 * The unified social credit code of an organisation. Pure.
 *
 * Source: GB 32100-2015; its characters 9 to 17 are an organisation code after GB 11714-1997 with a check character of their own.
 */
#ifndef NIANSHEN_CORE_CREDIT_CODE_H
#define NIANSHEN_CORE_CREDIT_CODE_H

#include <stddef.h>

enum { CREDIT_CODE_CHARS = 18 };

enum credit_code_verdict {
    CREDIT_CODE_OK,
    CREDIT_CODE_CHECK, /* a check character does not fit: a warning only, as real codes with a wrong one are known */
    CREDIT_CODE_FORM, /* not 18 characters of the code's alphabet: an error */
};

enum credit_code_verdict credit_code_check(const char *text, size_t length);

#endif
