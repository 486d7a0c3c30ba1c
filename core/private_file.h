/* Files with personal data: nobody but their owner may read them, whatever the umask is, and none is put where another file is. */
#ifndef NIANSHEN_CORE_PRIVATE_FILE_H
#define NIANSHEN_CORE_PRIVATE_FILE_H

#include <stdio.h>

#include "core/fault.h"

/* A new file of mode 0600 at `path`, for writing. NULL, EX_CANTCREAT: among others, there is a file or a link of that name already. */
FILE *private_file_new(const char *path, struct fault *fault);

/*
 * For reading and writing, in TMPDIR or /tmp, and without a name: ID numbers don't stay behind on the disk, whatever ends the program.
 * NULL, EX_CANTCREAT.
 */
FILE *private_file_temporary(struct fault *fault);

#endif
