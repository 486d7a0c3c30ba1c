#include "producer/cell.h"

#include <stdio.h>

#include "core/text.h"

void cell_trim(const char **text, size_t *length)
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

void cell_column_letters(size_t index, char *out, size_t out_bytes)
{
    if (index < 26)
        snprintf(out, out_bytes, "%c", (char)('A' + index));
    else
        snprintf(out, out_bytes, "%c%c", (char)('A' + index / 26 - 1), (char)('A' + index % 26));
}
