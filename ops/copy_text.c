#include "ops/copy_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM_MIN = 64 * 1024, NUMBER_BYTES = 24 };

/* What stands behind a backslash, and the character it stands for. */
static const char escaped[] = "bfnrtv\\", unescaped[] = "\b\f\n\r\t\v\\";

void copy_text_free(struct copy_text *text)
{
    free(text->bytes);
    *text = (struct copy_text){0};
}

static bool reserve(struct copy_text *text, size_t bytes)
{
    if (text->is_broken) return false;
    if (text->used + bytes <= text->room) return true;
    size_t room = text->room < ROOM_MIN ? ROOM_MIN : text->room;
    while (room < text->used + bytes) room *= 2;
    char *larger = realloc(text->bytes, room);
    text->is_broken = larger == NULL;
    if (larger == NULL) return false;
    text->bytes = larger;
    text->room = room;
    return true;
}

void copy_text_field(struct copy_text *text, const char *field)
{
    if (!reserve(text, 2 * strlen(field))) return;
    for (; *field != '\0'; field++) {
        const char *special = strchr(unescaped, *field);
        if (special != NULL) text->bytes[text->used++] = '\\';
        text->bytes[text->used++] = special != NULL ? escaped[special - unescaped] : *field;
    }
}

void copy_text_plain(struct copy_text *text, const char *plain)
{
    size_t length = strlen(plain);
    if (!reserve(text, length)) return;
    memcpy(text->bytes + text->used, plain, length);
    text->used += length;
}

void copy_text_number(struct copy_text *text, int64_t number)
{
    char digits[NUMBER_BYTES];
    (void)snprintf(digits, sizeof digits, "%" PRId64, number);
    copy_text_plain(text, digits);
}

void copy_text_hex(struct copy_text *text, const void *bytes, size_t count)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *from = bytes;
    if (!reserve(text, 2 * count)) return;
    char *to = text->bytes + text->used;
    for (size_t i = 0; i < count; i++) {
        *to++ = digits[from[i] >> 4];
        *to++ = digits[from[i] & 15];
    }
    text->used += 2 * count;
}

char *copy_text_end(struct copy_text *text)
{
    if (!reserve(text, 1)) return NULL;
    text->bytes[text->used] = '\0';
    return text->bytes;
}

/* Takes the escapes out of a field that ends with a NUL. */
static void unescape(char *field)
{
    char *from = strchr(field, '\\'), *to = from;
    if (from == NULL) return;
    for (; *from != '\0'; from++) {
        if (*from == '\\' && from[1] != '\0') {
            const char *special = strchr(escaped, *++from);
            *to++ = special != NULL ? unescaped[special - escaped] : *from;
        } else {
            *to++ = *from;
        }
    }
    *to = '\0';
}

size_t copy_text_split(char *line, const char **fields, size_t fields_max)
{
    size_t count = 0;
    while (line != NULL && count < fields_max) {
        char *end = line + strcspn(line, "\t\n");
        char *next = *end == '\t' ? end + 1 : NULL;
        *end = '\0';
        bool is_null = strcmp(line, "\\N") == 0;
        if (!is_null) unescape(line);
        fields[count++] = is_null ? NULL : line;
        line = next;
    }
    return count;
}
