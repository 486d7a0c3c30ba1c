/*
 * The unified social credit code of an organisation: bytes in, a verdict out. Pure.
 *
 * Source: GB 32100-2015; its characters 9 to 17 are an organisation code after GB 11714-1997 with a check character of their own.
 */
#ifndef NIANSHEN_CORE_CREDIT_CODE_H
#define NIANSHEN_CORE_CREDIT_CODE_H

#include <stddef.h>

enum {
    CREDIT_CODE_CHARS = 18,
    CREDIT_CODE_TEXT_BYTES_MAX = 255, /* longer text is refused before anything is read */
};

enum credit_code_level {
    CREDIT_CODE_OK,
    CREDIT_CODE_WARNING, /* a check character does not fit, as is known of real codes, or the code was written otherwise */
    CREDIT_CODE_ERROR, /* not 18 characters of the code's alphabet */
};

struct credit_code_verdict {
    enum credit_code_level level;
    const char *code; /* of schemas/codes.tsv, static; NULL when CREDIT_CODE_OK */
    int position; /* 1-based character of the input; 0 when the code speaks of the whole */
    char expected; /* the character that would have been right at `position`; 0 when none can be named */
    char normalised[CREDIT_CODE_CHARS + 1]; /* upper case, without blanks and full-width forms; empty when CREDIT_CODE_ERROR */
};

struct credit_code_verdict credit_code_check(const char *text, size_t length);

#endif
