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

void json_bytes(struct json_out *out, const void *bytes, size_t count)
{
    char *to = room_for(out, count);
    if (to == NULL || count == 0) return;
    memcpy(to, bytes, count);
    out->used += count;
}

void json_raw(struct json_out *out, const char *text)
{
    json_bytes(out, text, strlen(text));
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
        json_bytes(out, escape, 2);
    } else {
        json_bytes(out, escape, sizeof escape);
    }
}

void json_inner(struct json_out *out, const char *text, size_t length)
{
    for (size_t at = 0, plain = 0; at < length; at = plain + 1) {
        for (plain = at; plain < length && !needs_escape((unsigned char)text[plain]);) plain++;
        json_bytes(out, text + at, plain - at);
        if (plain < length) add_escaped(out, (unsigned char)text[plain]);
    }
}

void json_text(struct json_out *out, const char *text)
{
    if (text == NULL) {
        json_raw(out, "null");
        return;
    }
    json_raw(out, "\"");
    json_inner(out, text, strlen(text));
    json_raw(out, "\"");
}

void json_int(struct json_out *out, int64_t value)
{
    char digits[20];
    size_t at = sizeof digits;
    uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        digits[--at] = (char)('0' + left % 10);
        left /= 10;
    } while (left > 0);
    if (value < 0) json_raw(out, "-");
    json_bytes(out, digits + at, sizeof digits - at);
}

void json_comma(struct json_out *out)
{
    if (out->used > 0 && out->text[out->used - 1] != '{' && out->text[out->used - 1] != '[') json_raw(out, ",");
}

void json_key(struct json_out *out, const char *name)
{
    json_comma(out);
    json_raw(out, "\"");
    json_raw(out, name);
    json_raw(out, "\":");
}

void json_key_text(struct json_out *out, const char *name, const char *text)
{
    json_key(out, name);
    json_text(out, text);
}

void json_key_int(struct json_out *out, const char *name, int64_t value)
{
    json_key(out, name);
    json_int(out, value);
}

const char *json_copy(struct json_out *out)
{
    return out->is_full ? NULL : arena_copy(out->arena, out->used > 0 ? out->text : "", out->used);
}
