#include "core/id_key.h"

#include <string.h>

static char check_character(uint64_t packed)
{
    static const char characters[] = "10X98765432";
    static const int weights[] = {7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2};
    int sum = 0;
    for (int i = ID_KEY_PACKED_CHARS - 2; i >= 0; i--) {
        sum += (int)(packed % 10) * weights[i];
        packed /= 10;
    }
    return characters[sum % 11];
}

struct id_key id_key_of(const char *text, size_t length)
{
    struct id_key as_text = {.text = text};
    uint64_t packed = 0;
    if (length != ID_KEY_PACKED_CHARS) return as_text;
    for (size_t i = 0; i < ID_KEY_PACKED_CHARS - 1; i++) {
        if (text[i] < '0' || text[i] > '9') return as_text;
        packed = packed * 10 + (uint64_t)(text[i] - '0');
    }
    return text[ID_KEY_PACKED_CHARS - 1] == check_character(packed) ? (struct id_key){.packed = packed} : as_text;
}

int id_key_compare(struct id_key a, struct id_key b)
{
    char a_text[ID_KEY_PACKED_CHARS + 1], b_text[ID_KEY_PACKED_CHARS + 1];
    if (a.text == NULL && b.text == NULL) return a.packed < b.packed ? -1 : a.packed > b.packed;
    if (a.text == NULL) (void)id_key_write(a, a_text);
    if (b.text == NULL) (void)id_key_write(b, b_text);
    return strcmp(a.text != NULL ? a.text : a_text, b.text != NULL ? b.text : b_text);
}

bool id_key_equal(struct id_key a, struct id_key b)
{
    if (a.text == NULL || b.text == NULL) return a.text == b.text && a.packed == b.packed;
    return strcmp(a.text, b.text) == 0;
}

size_t id_key_write(struct id_key key, char *out)
{
    if (key.text != NULL) {
        size_t length = strlen(key.text);
        memcpy(out, key.text, length + 1);
        return length;
    }
    out[ID_KEY_PACKED_CHARS] = '\0';
    out[ID_KEY_PACKED_CHARS - 1] = check_character(key.packed);
    for (int i = ID_KEY_PACKED_CHARS - 2; i >= 0; i--) {
        out[i] = (char)('0' + key.packed % 10);
        key.packed /= 10;
    }
    return ID_KEY_PACKED_CHARS;
}
