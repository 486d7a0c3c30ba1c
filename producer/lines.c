#include "producer/lines.h"

#include <stdlib.h>
#include <string.h>

#define BYTE_ORDER_MARK "\xEF\xBB\xBF"

void lines_rewind(struct lines *lines)
{
    char start[sizeof BYTE_ORDER_MARK - 1];
    lines->number = 0;
    rewind(lines->file);
    if (fread(start, 1, sizeof start, lines->file) != sizeof start || memcmp(start, BYTE_ORDER_MARK, sizeof start) != 0)
        rewind(lines->file);
}

struct lines *lines_new(FILE *file)
{
    struct lines *lines = malloc(sizeof *lines);
    if (lines == NULL) return NULL;
    lines->file = file;
    lines_rewind(lines);
    return lines;
}

void lines_free(struct lines *lines)
{
    free(lines);
}

/* Reads to the end of the line; false when there was no byte left at all. */
static bool lines_read(struct lines *lines)
{
    int c;
    lines->bytes = 0;
    while ((c = getc_unlocked(lines->file)) != EOF && c != '\n') {
        if (lines->bytes < LINE_BYTES_MAX) lines->text[lines->bytes] = (char)c;
        lines->bytes++;
    }
    if (c == EOF && lines->bytes == 0) return false;
    lines->number++;
    return true;
}

static bool line_is_blank(const struct lines *lines)
{
    for (size_t i = 0; i < lines->bytes && i < LINE_BYTES_MAX; i++)
        if (lines->text[i] != ' ' && lines->text[i] != '\t' && lines->text[i] != '\r') return false;
    return true;
}

bool lines_next(struct lines *lines)
{
    while (lines_read(lines))
        if (!line_is_blank(lines)) return true;
    return false;
}
