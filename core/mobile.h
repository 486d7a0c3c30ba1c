/* Mobile numbers of mainland China. Pure. */
#ifndef NIANSHEN_CORE_MOBILE_H
#define NIANSHEN_CORE_MOBILE_H

#include <stdbool.h>
#include <stddef.h>

enum { MOBILE_DIGITS = 11 };

/*
 * True when the text is a mobile number: 1, then 3 to 9, then nine digits, after +86 or 0086 in front and blanks and hyphens
 * are taken away. `out` gets the 11 digits; it is empty when the text is none.
 */
bool mobile_normalise(const char *text, size_t length, char out[MOBILE_DIGITS + 1]);

#endif
