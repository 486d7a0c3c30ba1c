/*
 * The ID number check: bytes and a date in, a verdict out. Pure, no allocation. Used by the producer and, as the authority,
 * by the worker. The ladder: what is left of the text without blanks and wrappers, its length, its characters, the province,
 * the birth date (real, not in the future, at most 150 years ago), the check character, and then what is only doubtful.
 * What a person may really hold is never an error.
 *
 * Source: GB 11643-1999 (form, date, check character by ISO 7064 MOD 11-2), the residence permits of 2018 and the foreigners'
 * permanent residence cards of 2017 (check digit by ICAO 9303, weights 7 3 1) and 2023.
 */
#ifndef NIANSHEN_CORE_ID_NUMBER_H
#define NIANSHEN_CORE_ID_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/moment.h"

enum {
    ID_NUMBER_CHARS = 18,
    ID_NUMBER_TEXT_BYTES_MAX = 255, /* longer input is refused with id-length before anything is read */
};

enum id_level { ID_OK, ID_WARNING, ID_ERROR };

enum id_form {
    ID_FORM_NONE, /* ID_ERROR: it is not told what it was meant to be */
    ID_FORM_RESIDENT, /* 18 characters */
    ID_FORM_OLD, /* 15 digits, before 1999 */
    ID_FORM_PERMIT, /* residents of Hong Kong, Macau and Taiwan: 81, 82, 83 */
    ID_FORM_FOREIGNER, /* permanent residence card of 2023: 9, province, country, date, sequence, check */
    ID_FORM_FOREIGNER_OLD, /* the same of 2004 and 2017: three letters and twelve digits */
};

enum { ID_OTHERS_MAX = 7 };

struct id_verdict {
    enum id_level level;
    const char *code; /* of schemas/codes.tsv, static; NULL when ID_OK; of several warnings the most important */
    const char *others[ID_OTHERS_MAX + 1]; /* the further warnings by importance; NULL ends */
    int position; /* 1-based character of the input the code speaks of; 0 when it speaks of the whole */
    char expected; /* the character that would have been right at `position`; 0 when none can be named */
    enum id_form form;
    char normalised[ID_NUMBER_CHARS + 1]; /* 18 (ID_FORM_FOREIGNER_OLD: 15) characters; empty when ID_ERROR */
    int32_t region; /* six digits, or a province's with zeros for foreigners; 0 when ID_ERROR */
    date_ymd born; /* 0 when ID_ERROR */
    char gender; /* 'M' or 'F'; 0 when ID_ERROR or the form does not tell */
};

/* `today` is the date the number is judged on: the record's append time in China Standard Time, never the machine's clock. */
struct id_verdict id_number_check(const char *text, size_t length, date_ymd today);

/*
 * For the many, and several times as fast: true when the check of these ID_NUMBER_CHARS bytes gives ID_OK and the form is ID_FORM_RESIDENT
 * or ID_FORM_PERMIT. `packed` gets the key as core/id_key.h packs it. False says nothing: then the check decides.
 */
bool id_number_pack(const char *text, date_ymd today, uint64_t *packed, date_ymd *born);

/* What the number is: "居民身份证", "resident identity card". Static. */
const char *id_form_name(enum id_form form);

/*
 * The key an entry is sorted and matched by: the normalised number, or where the number is malformed the text without
 * surrounding blanks (cut after ID_NUMBER_TEXT_BYTES_MAX bytes), its control characters written as \xHH. Returns the key's length; `out`
 * holds ID_KEY_BYTES_MAX + 1.
 */
enum { ID_KEY_BYTES_MAX = 4 * ID_NUMBER_TEXT_BYTES_MAX };
size_t id_number_key(const char *text, size_t length, const struct id_verdict *verdict, char *out);

#endif
