/* The letters that a spreadsheet's columns are called by. Pure. */
#ifndef NIANSHEN_PRODUCER_CELL_H
#define NIANSHEN_PRODUCER_CELL_H

#include <stddef.h>

/* "A" for 0, "Z" for 25, "AA" for 26. `out` holds at least 3 bytes; `index` is below CSV_COLUMNS_MAX. */
void cell_column_letters(size_t index, char *out, size_t out_bytes);

#endif
