/* Comparing the names of people as people write them. Pure, no allocation. */
#ifndef NIANSHEN_RULES_PERSON_H
#define NIANSHEN_RULES_PERSON_H

#include <stdbool.h>

/*
 * A member's name as two systems write it: white space of every width does not count, the dots between the parts of a name are one,
 * full-width letters are plain ones and case does not count.
 */
bool person_names_match(const char *a, const char *b);

/* Accounts of reviewer and submitter: blanks at the ends and of several widths do not count, nor full width and case. */
bool person_accounts_match(const char *a, const char *b);

#endif
