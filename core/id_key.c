#include "core/id_key.h"

#include <string.h>

enum { DIGITS = ID_KEY_PACKED_CHARS - 1 };

static char check_character(unsigned sum)
{
    return "10X98765432"[sum % 11];
}

/* By ISO 7064 MOD 11-2: digit i (from 0) counts 2 to the power of 17 - i, modulo 11. */
static const uint8_t weights[DIGITS] = {7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2};

static bool pack(const char *text, size_t length, uint64_t *packed)
{
    unsigned sum = 0;
    uint64_t number = 0;
    if (length != ID_KEY_PACKED_CHARS) return false;
    for (size_t i = 0; i < DIGITS; i++) {
        unsigned digit = (unsigned)(unsigned char)text[i] - '0';
        if (digit > 9) return false;
        number = number * 10 + digit;
        sum += weights[i] * digit;
    }
    *packed = number;
    return text[DIGITS] == check_character(sum);
}

struct id_key id_key_of(const char *text, size_t length)
{
    uint64_t packed;
    if (pack(text, length, &packed)) return (struct id_key){.packed = packed};
    return (struct id_key){.text = text};
}

size_t id_key_write(struct id_key key, char *out)
{
    unsigned sum = 0;
    if (key.text != NULL) {
        size_t length = strlen(key.text);
        memcpy(out, key.text, length + 1);
        return length;
    }
    for (size_t i = DIGITS; i-- > 0; key.packed /= 10) {
        unsigned digit = (unsigned)(key.packed % 10);
        out[i] = (char)('0' + digit);
        sum += weights[i] * digit;
    }
    out[DIGITS] = check_character(sum);
    out[ID_KEY_PACKED_CHARS] = '\0';
    return ID_KEY_PACKED_CHARS;
}

/* A text never equals a packed key: it would have been packed. */
static int compare_packed(uint64_t packed, const char *text)
{
    char out[ID_KEY_PACKED_CHARS + 1];
    (void)id_key_write((struct id_key){.packed = packed}, out);
    return strcmp(out, text);
}

int id_key_compare_texts(struct id_key a, struct id_key b)
{
    if (a.text == NULL) return compare_packed(a.packed, b.text);
    return b.text == NULL ? -compare_packed(b.packed, a.text) : strcmp(a.text, b.text);
}
