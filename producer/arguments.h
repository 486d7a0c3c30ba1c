/* Options whose values become fields of events, checked before anything is done with the limits that the worker has. */
#ifndef NIANSHEN_PRODUCER_ARGUMENTS_H
#define NIANSHEN_PRODUCER_ARGUMENTS_H

#include <stdbool.h>
#include <stddef.h>

#include "core/config.h"
#include "core/fault.h"

/*
 * False, EX_USAGE: one of the options named in `names` (NULL ends the list; each is in the command's table) is set to what is
 * not a name: empty, too long, not UTF-8, or with control characters.
 */
bool arguments_check_names(const struct config *config, const char *const *names, struct fault *fault);

/* False, EX_USAGE: the option `digest` is not "sha256:" and 64 hexadecimal digits. */
bool arguments_check_digest(const struct config *config, struct fault *fault);

/* The one operand of a command that takes one file; NULL, EX_USAGE: there is none, or another. */
const char *arguments_file(const struct config *config, struct fault *fault);

#endif
