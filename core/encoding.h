/*
 * How a file of text is encoded, decided once over the whole of it, and its bytes as UTF-8. Offices save GBK without any mark, "CSV UTF-8"
 * with a byte-order mark, or "Unicode text", which is UTF-16; GB18030 is a superset of GBK and GB 2312. Conversion by iconv, but for UTF-8.
 */
#ifndef NIANSHEN_CORE_ENCODING_H
#define NIANSHEN_CORE_ENCODING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "core/fault.h"

enum encoding { ENCODING_UTF8, ENCODING_GB18030, ENCODING_UTF16LE, ENCODING_UTF16BE };

/* "GB18030"; for messages. Static. */
const char *encoding_name(enum encoding encoding);

/*
 * Reads the whole of `file`, which can be sought, and rewinds it. A byte-order mark decides; without one UTF-8 if all of it is, or if so
 * much of it is that it can be nothing else; UTF-16 (little endian) if it looks like it; else GB18030. Whether it then is valid shows when
 * it is decoded. False: FAULT_FATAL, EX_IOERR or EX_OSERR.
 */
bool encoding_of_file(FILE *file, enum encoding *encoding, struct fault *fault);

struct decoder;

/* NULL with the fault set: memory is out, or this machine's iconv lacks the encoding. */
struct decoder *decoder_new(enum encoding encoding, struct fault *fault);
void decoder_free(struct decoder *decoder);

/* Takes valid UTF-8 without NUL, whole characters. False ends the decoding. */
typedef bool (*decoder_sink_fn)(void *context, const char *text, size_t bytes);

enum decoded {
    DECODED,
    DECODED_STOPPED, /* by the sink */
    DECODED_BAD, /* the next byte begins no character, or a NUL; all before it was given */
};

/* The next piece; it may end within a character. */
enum decoded decoder_add(struct decoder *decoder, const char *bytes, size_t count, decoder_sink_fn sink, void *context);

/* After the last piece; false when it ended within a character. */
bool decoder_is_complete(const struct decoder *decoder);

#endif
