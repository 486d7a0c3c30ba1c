/*
 * The ID number check: bytes and a date in, a verdict out. Pure, no allocation. Used by the producer and, as the authority,
 * by the worker.
 *
 * Source: GB 11643-1999 (form, date, check character by ISO 7064 MOD 11-2).
 */
#ifndef NIANSHEN_CORE_ID_NUMBER_H
#define NIANSHEN_CORE_ID_NUMBER_H

#include <stddef.h>
#include <stdint.h>

#include "core/moment.h"

enum {
    ID_NUMBER_CHARS = 18,
    ID_NUMBER_TEXT_BYTES_MAX = 255, /* longer input is refused with id-length before anything is read */
};

enum id_level { ID_OK, ID_WARNING, ID_ERROR };

struct id_verdict {
    enum id_level level;
    const char *code; /* of schemas/codes.tsv, static; NULL when ID_OK */
    int position; /* 1-based character of the input the code speaks of; 0 when it speaks of the whole */
    char expected; /* the character that would have been right at `position`; 0 when none can be named */
    char normalised[ID_NUMBER_CHARS + 1]; /* 18 (or, foreigner's card of 2017, 15) characters; empty when ID_ERROR */
    date_ymd born; /* 0 when ID_ERROR */
    char gender; /* 'M' or 'F'; 0 when ID_ERROR */
};

/* `today` is the date the number is judged on: the record's append time in China Standard Time, never the machine's clock. */
struct id_verdict id_number_check(const char *text, size_t length, date_ymd today);

/*
 * The key an entry is sorted and matched by: the normalised number, or where the number is malformed the text without
 * surrounding blanks (cut after ID_NUMBER_TEXT_BYTES_MAX bytes), its control characters written as \xHH. Returns the key's length; `out`
 * holds ID_KEY_BYTES_MAX + 1.
 */
enum { ID_KEY_BYTES_MAX = 4 * ID_NUMBER_TEXT_BYTES_MAX };
size_t id_number_key(const char *text, size_t length, const struct id_verdict *verdict, char *out);

#endif
