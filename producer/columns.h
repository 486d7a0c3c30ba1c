/*
 * Which column of a file is which, by its header: the synonyms that offices use, a '*' before or behind (a mandatory column
 * in many templates) and blanks ignored, any case, simplified or traditional. Columns with other names are nobody's business here. Pure.
 */
#ifndef NIANSHEN_PRODUCER_COLUMNS_H
#define NIANSHEN_PRODUCER_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>

#include "core/csv_stream.h"
#include "core/fault.h"

enum column {
    COLUMN_ID_NUMBER,
    COLUMN_NAME,
    COLUMN_REASON,
    COLUMN_RESULT,
    COLUMN_CHECK,
    COLUMNS
}; /* COLUMN_CHECK: what --report said, not read */
enum { COLUMN_TITLE_BYTES_MAX = 90, COLUMN_WORD_BYTES_MAX = 255 };

struct columns {
    int at[COLUMNS]; /* 0-based; -1: the file has no such column */
    char title[COLUMNS][COLUMN_TITLE_BYTES_MAX]; /* for messages: "A 身份证号码", as the file spells it; "" without column */
};

/* The name that the template gives to a column. Static. */
const char *column_name(enum column column);

/* Reads the header row. False: a column is there twice, the columns seem not to be separated, or there is no ID number column. */
bool columns_read(struct columns *columns, const struct csv_row *header, struct fault *fault);

/* The trimmed cell of that column; false when the file has no such column or the row is too short. */
bool columns_cell(const struct columns *columns, enum column column, const struct csv_row *row, const char **text, size_t *length);

/*
 * A cell that holds one of few words, in the one form to compare: without blanks, stars at both ends and ="…" around it, in simplified
 * characters as far as those words need it. What is longer than COLUMN_WORD_BYTES_MAX is cut.
 */
void columns_word(const char *text, size_t length, char out[COLUMN_WORD_BYTES_MAX + 1]);

#endif
