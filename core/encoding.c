#include "core/encoding.h"
#include "core/language.h"

#include <errno.h>
#include <iconv.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "core/text.h"

enum {
    CARRY_BYTES_MAX = 8, /* the beginning of a character; the longest has four bytes in each encoding */
    PIECE_BYTES = 64 * 1024,
    OUT_BYTES = 64 * 1024,
    UTF8_CERTAIN_CHARACTERS = 8, /* so many by chance, all well formed: no text of another encoding begins like that */
    UTF16_ASCII_SHARE = 4, /* a file of numbers: at least one character in so many is ASCII, its other byte a NUL */
};

const char *encoding_name(enum encoding encoding)
{
    static const char *const names[] = {
        [ENCODING_UTF8] = "UTF-8", [ENCODING_GB18030] = "GB18030", [ENCODING_UTF16LE] = "UTF-16LE", [ENCODING_UTF16BE] = "UTF-16BE"};
    return names[encoding];
}

struct decoder {
    enum encoding encoding;
    iconv_t iconv; /* (iconv_t)-1 for UTF-8 */
    char carry[CARRY_BYTES_MAX];
    size_t carry_bytes;
    char out[OUT_BYTES];
};

struct decoder *decoder_new(enum encoding encoding, struct fault *fault)
{
    struct decoder *decoder = calloc(1, sizeof *decoder);
    if (decoder == NULL) {
        fault_set(fault, FAULT_FATAL, EX_OSERR, "memory", language_pick("内存不足", "out of memory"));
        return NULL;
    }
    decoder->encoding = encoding;
    decoder->iconv = encoding == ENCODING_UTF8 ? (iconv_t)-1 : iconv_open("UTF-8", encoding_name(encoding));
    if (encoding == ENCODING_UTF8 || decoder->iconv != (iconv_t)-1) return decoder;
    fault_set(fault, FAULT_FATAL, EX_OSERR, "no-encoding",
              language_pick("这台机器不能转换 %s（%s）；请把文件存为 UTF-8", "this machine can't convert %s (%s); save the file as UTF-8"),
              encoding_name(encoding), strerror(errno));
    free(decoder);
    return NULL;
}

void decoder_free(struct decoder *decoder)
{
    if (decoder == NULL) return;
    if (decoder->iconv != (iconv_t)-1) (void)iconv_close(decoder->iconv);
    free(decoder);
}

/* ---- UTF-8: given on as it is ---- */

/* Eight bytes of ASCII, none of them NUL: most of most files. */
static bool is_plain(const char *bytes)
{
    static const uint64_t ones = UINT64_C(0x0101010101010101), highs = UINT64_C(0x8080808080808080);
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return ((word | (word - ones)) & highs) == 0;
}

/* Bytes up to the first that is no text; `*is_cut` when only the rest of a character may be missing. */
static size_t utf8_prefix(const char *bytes, size_t count, bool *is_cut)
{
    size_t at = 0;
    *is_cut = false;
    while (at < count) {
        while (count - at >= sizeof(uint64_t) && is_plain(bytes + at)) at += sizeof(uint64_t);
        if (at == count) break;
        size_t start = at;
        uint32_t code_point = text_next(bytes, count, &at);
        if (code_point != TEXT_BAD && code_point != 0) continue;
        *is_cut = code_point == TEXT_BAD && count - start < 4;
        return start;
    }
    return count;
}

static enum decoded utf8_add(const char **bytes, size_t *count, decoder_sink_fn sink, void *context)
{
    bool is_cut;
    size_t good = utf8_prefix(*bytes, *count, &is_cut);
    if (good > 0 && !sink(context, *bytes, good)) return DECODED_STOPPED;
    *bytes += good;
    *count -= good;
    return *count == 0 || is_cut ? DECODED : DECODED_BAD;
}

/* ---- the others, by iconv ---- */

static enum decoded iconv_add(struct decoder *decoder, const char **bytes, size_t *count, decoder_sink_fn sink, void *context)
{
    while (*count > 0) {
        char *in = (char *)(uintptr_t)*bytes, *out = decoder->out; /* iconv's declaration lacks a const; it writes nothing there */
        size_t room = sizeof decoder->out;
        bool is_done = iconv(decoder->iconv, &in, count, &out, &room) != (size_t)-1;
        int why = is_done ? 0 : errno;
        *bytes = in;

        size_t bytes_out = sizeof decoder->out - room;
        const char *nul = memchr(decoder->out, '\0', bytes_out);
        if (nul != NULL) bytes_out = (size_t)(nul - decoder->out);
        if (bytes_out > 0 && !sink(context, decoder->out, bytes_out)) return DECODED_STOPPED;
        if (nul != NULL || why == EILSEQ) return DECODED_BAD;
        if (why == EINVAL) return DECODED;
    }
    return DECODED;
}

/* ---- pieces ---- */

static enum decoded add(struct decoder *decoder, const char **bytes, size_t *count, decoder_sink_fn sink, void *context)
{
    if (decoder->encoding == ENCODING_UTF8) return utf8_add(bytes, count, sink, context);
    return iconv_add(decoder, bytes, count, sink, context);
}

/* Completes the carried character byte by byte, and gives it. */
static enum decoded add_carried(struct decoder *decoder, const char **bytes, size_t *count, decoder_sink_fn sink, void *context)
{
    enum decoded decoded = DECODED;
    while (decoded == DECODED && decoder->carry_bytes > 0 && *count > 0) {
        decoder->carry[decoder->carry_bytes++] = *(*bytes)++;
        --*count;
        const char *carried = decoder->carry;
        size_t left = decoder->carry_bytes;
        decoded = add(decoder, &carried, &left, sink, context);
        /* Longer than any character and still none: it can't be completed. */
        if (decoded == DECODED && left == CARRY_BYTES_MAX) return DECODED_BAD; /* GCOV_EXCL_BR_LINE: no iconv is known to keep so much */
        memmove(decoder->carry, carried, left);
        decoder->carry_bytes = left;
    }
    return decoded;
}

enum decoded decoder_add(struct decoder *decoder, const char *bytes, size_t count, decoder_sink_fn sink, void *context)
{
    enum decoded decoded = add_carried(decoder, &bytes, &count, sink, context);
    if (decoded == DECODED && count > 0) decoded = add(decoder, &bytes, &count, sink, context);
    if (decoded != DECODED || count == 0) return decoded;
    if (count >= CARRY_BYTES_MAX) return DECODED_BAD; /* GCOV_EXCL_BR_LINE: the same */
    memcpy(decoder->carry, bytes, count);
    decoder->carry_bytes = count;
    return DECODED;
}

bool decoder_is_complete(const struct decoder *decoder)
{
    return decoder->carry_bytes == 0;
}

/* ---- deciding ---- */

struct tally {
    size_t ascii, others, breaks; /* characters up to the first that is none */
};

static bool tally_add(void *context, const char *text, size_t bytes)
{
    struct tally *tally = context;
    for (size_t i = 0; i < bytes; i++) {
        unsigned char byte = (unsigned char)text[i];
        tally->ascii += byte < 0x80;
        tally->others += byte >= 0xC0;
        tally->breaks += byte == '\n' || byte == '\r';
    }
    return true;
}

/* Decodes the whole file as if it were of that encoding; `*is_valid` says whether all of it was. */
static bool try_encoding(FILE *file, enum encoding encoding, struct tally *tally, bool *is_valid, struct fault *fault)
{
    struct decoder *decoder = decoder_new(encoding, fault);
    if (decoder == NULL) return false;
    char piece[PIECE_BYTES];
    enum decoded decoded = DECODED;
    *tally = (struct tally){0};
    rewind(file);
    for (size_t count; decoded == DECODED && (count = fread(piece, 1, sizeof piece, file)) > 0;)
        decoded = decoder_add(decoder, piece, count, tally_add, tally);
    *is_valid = decoded == DECODED && decoder_is_complete(decoder);
    decoder_free(decoder);
    if (!ferror(file)) return true;
    return fault_set(fault, FAULT_FATAL, EX_IOERR, "read-failed",
                     language_pick("文件无法继续读取（%s）", "the file can't be read further (%s)"), strerror(errno));
}

static bool mark_decides(FILE *file, enum encoding *encoding)
{
    static const struct {
        const char *mark;
        size_t bytes;
        enum encoding encoding;
    } marks[] = {{"\xEF\xBB\xBF", 3, ENCODING_UTF8}, {"\xFF\xFE", 2, ENCODING_UTF16LE}, {"\xFE\xFF", 2, ENCODING_UTF16BE}};
    char start[4] = {0};
    rewind(file);
    size_t count = fread(start, 1, sizeof start, file);
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (count >= marks[i].bytes && memcmp(start, marks[i].mark, marks[i].bytes) == 0) {
            *encoding = marks[i].encoding;
            return true;
        }
    return false;
}

/* Without a mark. A damaged file is taken for what most of it is, so that the damage is named and not the file. */
static bool content_decides(FILE *file, enum encoding *encoding, struct fault *fault)
{
    struct tally tally;
    bool is_valid;
    *encoding = ENCODING_UTF8;
    if (!try_encoding(file, ENCODING_UTF8, &tally, &is_valid, fault)) return false;
    if (is_valid || tally.others >= UTF8_CERTAIN_CHARACTERS) return true;

    *encoding = ENCODING_UTF16LE;
    if (!try_encoding(file, ENCODING_UTF16LE, &tally, &is_valid, fault)) return false;
    if (tally.breaks > 0 && tally.ascii >= (tally.ascii + tally.others) / UTF16_ASCII_SHARE) return true;
    *encoding = ENCODING_GB18030;
    return true;
}

bool encoding_of_file(FILE *file, enum encoding *encoding, struct fault *fault)
{
    bool is_good = mark_decides(file, encoding) || content_decides(file, encoding, fault);
    rewind(file);
    return is_good;
}
