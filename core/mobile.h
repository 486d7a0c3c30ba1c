/* Telephone numbers of mainland China. Pure. */
#ifndef NIANSHEN_CORE_MOBILE_H
#define NIANSHEN_CORE_MOBILE_H

#include <stdbool.h>
#include <stddef.h>

enum {
    MOBILE_DIGITS = 11,
    LANDLINE_CHARS_MAX = 20, /* 0755-12345678-123456 */
};

/*
 * True when the text is a mobile number: 1, then 3 to 9, then nine digits, after +86 or 0086 in front and blanks and hyphens
 * are taken away. `out` gets the 11 digits; it is empty when the text is none.
 */
bool mobile_normalise(const char *text, size_t length, char out[MOBILE_DIGITS + 1]);

/*
 * True when the text is a landline number: an area code of 0 and two or three digits, seven or eight digits, and perhaps an extension of up
 * to six digits behind a hyphen; the hyphen behind the area code may be left out, +86 or 0086 may stand for its 0. `out` gets the number
 * without blanks and country code; it is empty when the text is none.
 */
bool landline_normalise(const char *text, size_t length, char out[LANDLINE_CHARS_MAX + 1]);

#endif
