#include "rules/json_write.h"

#include <string.h>

enum { ROOM_FIRST = 2048 };

static char *room_for(struct json_out *out, size_t bytes)
{
    if (out->is_full) return NULL;
    if (bytes <= out->room - out->used) return out->text + out->used;
    size_t room = 2 * (out->used + bytes) > ROOM_FIRST ? 2 * (out->used + bytes) : ROOM_FIRST;
    char *text = arena_take(out->arena, room);
    out->is_full = text == NULL;
    if (text == NULL) return NULL;
    if (out->used > 0) memcpy(text, out->text, out->used);
    out->text = text;
    out->room = room;
    return text + out->used;
}

void out_bytes(struct json_out *out, const void *bytes, size_t count)
{
    char *to = room_for(out, count);
    if (to == NULL || count == 0) return;
    memcpy(to, bytes, count);
    out->used += count;
}

void out_raw(struct json_out *out, const char *text)
{
    out_bytes(out, text, strlen(text));
}

static bool needs_escape(unsigned char byte)
{
    return byte < 0x20 || byte == '"' || byte == '\\';
}

static void add_escaped(struct json_out *out, unsigned char byte)
{
    static const char digits[] = "0123456789abcdef", plain[] = "\"\\\b\t\n\f\r", letters[] = "\"\\btnfr";
    const char *found = strchr(plain, byte);
    char escape[6] = {'\\', 'u', '0', '0', digits[byte >> 4], digits[byte & 15]};
    if (byte != '\0' && found != NULL) {
        escape[1] = letters[found - plain];
        out_bytes(out, escape, 2);
    } else {
        out_bytes(out, escape, sizeof escape);
    }
}

/* None of eight bytes is to be escaped: tested side by side, a byte's highest bit tells. Perhaps also false for others. */
static bool are_plain(const char *text)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = 0x80 * ones;
    uint64_t word;
    memcpy(&word, text, sizeof word);
    uint64_t low = (word - 0x20 * ones) & ~word, quote = word ^ '"' * ones, backslash = word ^ '\\' * ones;
    return ((low | ((quote - ones) & ~quote) | ((backslash - ones) & ~backslash)) & tops) == 0;
}

void out_inner(struct json_out *out, const char *text, size_t length)
{
    for (size_t at = 0, plain = 0; at < length; at = plain + 1) {
        for (plain = at; length - plain >= 8 && are_plain(text + plain);) plain += 8;
        while (plain < length && !needs_escape((unsigned char)text[plain])) plain++;
        out_bytes(out, text + at, plain - at);
        if (plain < length) add_escaped(out, (unsigned char)text[plain]);
    }
}

void out_text(struct json_out *out, const char *text)
{
    if (text == NULL) {
        out_raw(out, "null");
        return;
    }
    out_raw(out, "\"");
    out_inner(out, text, strlen(text));
    out_raw(out, "\"");
}

void out_int(struct json_out *out, int64_t value)
{
    char digits[20];
    size_t at = sizeof digits;
    uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        digits[--at] = (char)('0' + left % 10);
        left /= 10;
    } while (left > 0);
    if (value < 0) out_raw(out, "-");
    out_bytes(out, digits + at, sizeof digits - at);
}

void out_comma(struct json_out *out)
{
    if (out->used > 0 && out->text[out->used - 1] != '{' && out->text[out->used - 1] != '[') out_raw(out, ",");
}

void out_key(struct json_out *out, const char *name)
{
    out_comma(out);
    out_raw(out, "\"");
    out_raw(out, name);
    out_raw(out, "\":");
}

void out_key_text(struct json_out *out, const char *name, const char *text)
{
    out_key(out, name);
    out_text(out, text);
}

void out_key_int(struct json_out *out, const char *name, int64_t value)
{
    out_key(out, name);
    out_int(out, value);
}

const char *out_copy(struct json_out *out)
{
    return out->is_full ? NULL : arena_copy(out->arena, out->used > 0 ? out->text : "", out->used);
}
