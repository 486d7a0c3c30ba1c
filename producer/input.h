/* A file that a command reads, possibly twice: a named one, or standard input kept in a temporary file without a name. */
#ifndef NIANSHEN_PRODUCER_INPUT_H
#define NIANSHEN_PRODUCER_INPUT_H

#include <stdint.h>
#include <stdio.h>

#include "core/fault.h"

/* The most that is kept of standard input or a pipe; more has to come as a file. */
#define INPUT_SPOOL_BYTES_MAX (INT64_C(4) * 1024 * 1024 * 1024)

/*
 * Opens `path`, "-" being standard input; the caller closes it. What can not be sought is copied to a temporary file that
 * nobody else can open. NULL: EX_NOINPUT, EX_IOERR or, past the maximum, EX_DATAERR.
 */
FILE *input_open(const char *path, struct fault *fault);

/* How large such a file is; 0 when that can not be told. */
uint64_t input_bytes(FILE *input);

#endif
