#include "producer/cell.h"

#include <stdio.h>

void cell_column_letters(size_t index, char *out, size_t out_bytes)
{
    if (index < 26)
        snprintf(out, out_bytes, "%c", (char)('A' + index));
    else
        snprintf(out, out_bytes, "%c%c", (char)('A' + index / 26 - 1), (char)('A' + index % 26));
}
