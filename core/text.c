#include "core/text.h"

#include <string.h>

/* ---- reading ---- */

static size_t sequence_bytes(unsigned char lead)
{
    if (lead < 0x80) return 1;
    if (lead >= 0xC2 && lead <= 0xDF) return 2;
    if (lead >= 0xE0 && lead <= 0xEF) return 3;
    return lead >= 0xF0 && lead <= 0xF4 ? 4 : 0;
}

uint32_t text_next(const char *text, size_t length, size_t *at)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000}; /* by the bytes of a sequence: below it is overlong */
    const unsigned char *bytes = (const unsigned char *)text + *at;
    size_t left = length - *at;
    size_t count = sequence_bytes(bytes[0]);

    ++*at;
    if (count == 1) return bytes[0];
    if (count == 0 || count > left) return TEXT_BAD;
    uint32_t code_point = bytes[0] & (0x7FU >> count);
    for (size_t i = 1; i < count; i++) {
        if ((bytes[i] & 0xC0U) != 0x80) return TEXT_BAD;
        code_point = code_point << 6 | (bytes[i] & 0x3FU);
    }
    if (code_point < least[count] || (code_point >= 0xD800 && code_point <= 0xDFFF) || code_point > 0x10FFFF) return TEXT_BAD;
    *at += count - 1;
    return code_point;
}

bool text_is_control(uint32_t code_point)
{
    return code_point < 0x20 || (code_point >= 0x7F && code_point <= 0x9F);
}

bool text_is_bidi_control(uint32_t code_point)
{
    return (code_point >= 0x202A && code_point <= 0x202E) || (code_point >= 0x2066 && code_point <= 0x2069);
}

bool text_is_blank(uint32_t code_point)
{
    if (code_point < 0x80) return code_point == ' ' || (code_point >= '\t' && code_point <= '\r');
    switch (code_point) {
    case 0x00A0: /* no-break space */
    case 0x061C: /* Arabic letter mark */
    case 0x1680: /* Ogham space */
    case 0x3000: /* ideographic space */
    case 0xFEFF: /* byte-order mark */
        return true;
    default:
        /* Spaces of every width, zero-width characters, direction marks, embeddings and isolates. */
        return (code_point >= 0x2000 && code_point <= 0x200F) || (code_point >= 0x2028 && code_point <= 0x202F) ||
               (code_point >= 0x205F && code_point <= 0x206F);
    }
}

void text_trim(const char **text, size_t *length)
{
    size_t from = *length, to = 0;
    for (size_t at = 0, here; at < *length;) {
        here = at;
        if (text_is_blank(text_next(*text, *length, &at))) continue;
        if (from > here) from = here;
        to = at;
    }
    *text += from;
    *length = to > from ? to - from : 0;
}

bool text_is_all_blank(const char *text, size_t length)
{
    for (size_t at = 0; at < length;)
        if (!text_is_blank(text_next(text, length, &at))) return false;
    return true;
}

/* Eight bytes of ASCII, or a character of three as Chinese ones have, without a look at each. */
static inline size_t plain_bytes(const char *text, size_t left)
{
    uint64_t word;
    const unsigned char *bytes = (const unsigned char *)text;
    if (left < sizeof word) return 0;
    memcpy(&word, text, sizeof word);
    if ((word & 0x8080808080808080U) == 0) return sizeof word;
    bool is_three = bytes[0] >= 0xE1 && bytes[0] <= 0xEC && (bytes[1] & 0xC0U) == 0x80 && (bytes[2] & 0xC0U) == 0x80;
    return is_three ? 3 : 0;
}

bool text_is_utf8(const char *text, size_t length)
{
    for (size_t at = 0; at < length;) {
        size_t plain = plain_bytes(text + at, length - at);
        if (plain == 0 && text_next(text, length, &at) == TEXT_BAD) return false;
        at += plain;
    }
    return true;
}

bool text_is_name(const char *text, size_t length, size_t bytes_max)
{
    if (length == 0 || length > bytes_max) return false;
    for (size_t at = 0; at < length;) {
        if (text[at] >= 0x20 && text[at] <= 0x7E) { /* nearly all there is */
            at++;
            continue;
        }
        uint32_t code_point = text_next(text, length, &at);
        if (code_point == TEXT_BAD || text_is_control(code_point) || text_is_bidi_control(code_point)) return false;
    }
    return true;
}

/* ---- masking ---- */

enum { MASKED_ID_CHARACTERS_MAX = 40, ID_CHARACTERS_MIN = 15, MOBILE_DIGITS = 11 };

struct writer {
    char *out;
    size_t bytes_max; /* room for text, the NUL not counted */
    size_t used;
};

static struct writer writer_on(char *out, size_t out_bytes)
{
    if (out_bytes > 0) out[0] = '\0';
    return (struct writer){out, out_bytes > 0 ? out_bytes - 1 : 0, 0};
}

/* Writes all of the bytes or, being full, none of them and nothing after them. */
static void writer_add(struct writer *writer, const char *bytes, size_t count)
{
    if (count > writer->bytes_max - writer->used) {
        writer->bytes_max = writer->used;
        return;
    }
    memcpy(writer->out + writer->used, bytes, count);
    writer->used += count;
    writer->out[writer->used] = '\0';
}

static size_t count_characters(const char *text, size_t length)
{
    size_t count = 0;
    for (size_t at = 0; at < length; count++) (void)text_next(text, length, &at);
    return count;
}

struct mask {
    size_t head, tail; /* characters that stay */
};

static void add_masked(struct writer *writer, const char *text, size_t length, struct mask mask)
{
    size_t count = count_characters(text, length);
    size_t left_out = count > MASKED_ID_CHARACTERS_MAX ? count - MASKED_ID_CHARACTERS_MAX : 0;

    for (size_t at = 0, index = 0; at < length; index++) {
        size_t start = at;
        uint32_t code_point = text_next(text, length, &at);
        bool is_shown = index < mask.head || index + mask.tail >= count;
        if (!is_shown) {
            if (index - mask.head >= left_out) writer_add(writer, "*", 1);
        } else if (code_point == TEXT_BAD || text_is_control(code_point) || text_is_bidi_control(code_point)) {
            writer_add(writer, "?", 1);
        } else {
            writer_add(writer, text + start, at - start);
        }
    }
}

static struct mask id_mask(size_t characters)
{
    return characters >= ID_CHARACTERS_MIN ? (struct mask){3, 4} : (struct mask){1, 1};
}

void text_mask_id(const char *id_number, size_t length, char *out, size_t out_bytes)
{
    struct writer writer = writer_on(out, out_bytes);
    add_masked(&writer, id_number, length, id_mask(count_characters(id_number, length)));
}

void text_mask_mobile(const char *mobile, size_t length, char *out, size_t out_bytes)
{
    struct writer writer = writer_on(out, out_bytes);
    size_t characters = count_characters(mobile, length);
    add_masked(&writer, mobile, length, characters == MOBILE_DIGITS ? (struct mask){3, 4} : id_mask(characters));
}

static bool is_digit(uint32_t code_point)
{
    return (code_point >= '0' && code_point <= '9') || (code_point >= 0xFF10 && code_point <= 0xFF19);
}

static bool is_id_character(uint32_t code_point)
{
    return is_digit(code_point) || code_point == 'X' || code_point == 'x' || code_point == 0xFF38 || code_point == 0xFF58;
}

struct run {
    size_t end; /* byte behind it */
    size_t characters;
};

static struct run run_of(const char *text, size_t length, size_t start, bool (*belongs)(uint32_t code_point))
{
    struct run run = {start, 0};
    for (size_t at = start; at < length && belongs(text_next(text, length, &at)); run.characters++) run.end = at;
    return run;
}

/* 1 and ten digits; behind 86 only in plain digits, as a number of 13 digits that begins so is hardly ever anything else. */
static bool is_mobile(const char *text, struct run run, size_t start)
{
    if (run.characters == MOBILE_DIGITS + 2) return strncmp(text + start, "861", 3) == 0;
    size_t at = start;
    uint32_t first = run.characters == MOBILE_DIGITS ? text_next(text, run.end, &at) : 0;
    return first == '1' || first == 0xFF11;
}

static void add_character(struct writer *writer, const char *text, size_t length, size_t *at)
{
    size_t start = *at;
    uint32_t code_point = text_next(text, length, at);
    bool is_line_end = code_point == 0x2028 || code_point == 0x2029; /* line and paragraph separator: some readers break there */
    bool is_layout = code_point == '\t' || code_point == '\n';
    bool is_odd = code_point == TEXT_BAD || is_line_end || text_is_bidi_control(code_point) || (text_is_control(code_point) && !is_layout);
    if (is_odd)
        writer_add(writer, "?", 1);
    else
        writer_add(writer, text + start, *at - start);
}

void text_mask_digits(const char *text, size_t length, char *out, size_t out_bytes)
{
    struct writer writer = writer_on(out, out_bytes);
    for (size_t at = 0; at < length;) {
        struct run id = run_of(text, length, at, is_id_character);
        struct run digits = run_of(text, length, at, is_digit);
        if (id.characters >= ID_CHARACTERS_MIN) {
            add_masked(&writer, text + at, id.end - at, id_mask(id.characters));
            at = id.end;
        } else if (digits.characters == 0) {
            add_character(&writer, text, length, &at);
        } else if (is_mobile(text, digits, at)) {
            add_masked(&writer, text + at, digits.end - at, (struct mask){3, 4});
            at = digits.end;
        } else {
            writer_add(&writer, text + at, digits.end - at);
            at = digits.end;
        }
    }
}

/* ---- width ---- */

struct range {
    uint32_t first, last;
};

static bool is_in(uint32_t code_point, const struct range *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (code_point >= ranges[i].first && code_point <= ranges[i].last) return true;
    return false;
}

/* Own tables: wcwidth depends on the locale, and a service often runs in "C". Source: Unicode EastAsianWidth.txt, classes W and F. */
static int character_width(uint32_t code_point)
{
    static const struct range none[] = {{0x0300, 0x036F}, {0x1AB0, 0x1AFF}, {0x200B, 0x200F}, {0x202A, 0x202E},
                                        {0x2060, 0x206F}, {0x20D0, 0x20FF}, {0xFE00, 0xFE0F}, {0xFEFF, 0xFEFF}};
    static const struct range two[] = {{0x1100, 0x115F}, {0x2E80, 0x303E},   {0x3041, 0xA4CF},   {0xA960, 0xA97F},
                                       {0xAC00, 0xD7A3}, {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},   {0xFF01, 0xFF60},
                                       {0xFFE0, 0xFFE6}, {0x1F300, 0x1F64F}, {0x1F900, 0x1F9FF}, {0x20000, 0x3FFFD}};
    if (code_point == TEXT_BAD) return 1;
    if (text_is_control(code_point) || is_in(code_point, none, sizeof none / sizeof none[0])) return 0;
    return is_in(code_point, two, sizeof two / sizeof two[0]) ? 2 : 1;
}

size_t text_width(const char *text)
{
    size_t length = strlen(text), width = 0;
    for (size_t at = 0; at < length;) width += (size_t)character_width(text_next(text, length, &at));
    return width;
}
