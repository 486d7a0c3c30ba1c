/* The lines of a reference dump that are not rows; the form is shown in ops/reference_dump.c. */
#ifndef NIANSHEN_OPS_REFERENCE_FILE_H
#define NIANSHEN_OPS_REFERENCE_FILE_H

#include <openssl/evp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "core/fault.h"
#include "ops/reference.h"
#include "ops/session.h"

enum {
    REFERENCE_FORMAT = 2,
    REFERENCE_HEAD_BYTES_MAX = 512,
};

#define REFERENCE_SECTION_END "\\.\n"

/* Each fills `out`, REFERENCE_HEAD_BYTES_MAX bytes, with its line. */
void reference_head(char *out);
void reference_section_head(const struct reference_section *section, char *out);
/* Ends the hash; false when libcrypto fails. */
bool reference_end(EVP_MD_CTX *hash, int64_t rows, char *out);

/* A SHA-256 that was begun; the caller frees it. NULL: the fault is set. */
EVP_MD_CTX *reference_hash_new(struct fault *fault);

/* That the first line is one of ours: format and sections change together. FAULT_REJECT, EX_DATAERR, with the release to use instead. */
bool reference_check_head(const char *line, struct fault *fault);

/*
 * Reads a whole dump into the session's database, which was just migrated, in one transaction. A file that was cut off or altered is
 * FAULT_REJECT, EX_DATAERR. `rows` (out): how many.
 */
bool reference_restore_file(struct session *session, FILE *in, int64_t *rows);

#endif
