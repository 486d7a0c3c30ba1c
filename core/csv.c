#include "core/csv.h"

#include <csv.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "core/csv_internal.h"
#include "core/text.h"

enum {
    CHARACTER_BYTES_MAX = 4,
    ROW_BYTES_FIRST = 4096,
};

struct csv_feed {
    csv_row_fn each;
    void *context;
    struct csv_parser parser;
    struct fault fault; /* set within libcsv's callbacks, which can't stop the parser */

    char carry[CHARACTER_BYTES_MAX]; /* the beginning of a character whose rest comes with the next piece */
    size_t carry_bytes;
    bool has_begun; /* the place of a byte-order mark is behind us */

    int64_t rows_done; /* as a spreadsheet counts them */
    bool is_after_cr; /* nothing has come since a CR: an LF now belongs to it */
    char *row; /* the cells of the row, each NUL-terminated */
    size_t row_bytes, row_capacity;
    size_t count;
    size_t starts[CSV_COLUMNS_MAX], lengths[CSV_COLUMNS_MAX];
};

static bool refuse(struct csv_feed *feed, const char *code, const char *what)
{
    return fault_set(&feed->fault, FAULT_REJECT, EX_DATAERR, code, "row %" PRId64 ": %s", feed->rows_done + 1, what);
}

/* ---- libcsv's callbacks ---- */

static bool has_room(struct csv_feed *feed, size_t bytes)
{
    if (bytes > CSV_ROW_BYTES_MAX - feed->row_bytes)
        return refuse(feed, "csv-limit", "its cells together are longer than 1 MiB; is a quote missing?");
    size_t wanted = feed->row_capacity;
    while (wanted < feed->row_bytes + bytes) wanted = wanted == 0 ? ROW_BYTES_FIRST : wanted * 2;
    if (wanted == feed->row_capacity) return true;
    char *row = realloc(feed->row, wanted);
    if (row == NULL) return fault_set(&feed->fault, FAULT_FATAL, EX_OSERR, "memory", "out of memory");
    feed->row = row;
    feed->row_capacity = wanted;
    return true;
}

static void on_cell(void *bytes, size_t length, void *context)
{
    struct csv_feed *feed = context;
    feed->is_after_cr = false;
    if (feed->fault.kind != FAULT_NONE) return;
    if (feed->count == CSV_COLUMNS_MAX) {
        (void)refuse(feed, "csv-limit", "it has more than 64 columns; delete those that are not needed");
        return;
    }
    if (length > CSV_FIELD_BYTES_MAX) {
        (void)refuse(feed, "csv-limit", "a cell is longer than 64 KiB; is a quote missing?");
        return;
    }
    if (!has_room(feed, length + 1)) return;
    memcpy(feed->row + feed->row_bytes, bytes, length);
    feed->row[feed->row_bytes + length] = '\0';
    feed->starts[feed->count] = feed->row_bytes;
    feed->lengths[feed->count++] = length;
    feed->row_bytes += length + 1;
}

static bool is_blank_row(const struct csv_feed *feed)
{
    for (size_t i = 0; i < feed->count; i++) {
        const char *cell = feed->row + feed->starts[i];
        for (size_t at = 0; at < feed->lengths[i];)
            if (!text_is_blank(text_next(cell, feed->lengths[i], &at))) return false;
    }
    return true;
}

static void give_row(struct csv_feed *feed)
{
    const char *values[CSV_COLUMNS_MAX];
    if (is_blank_row(feed)) return;
    for (size_t i = 0; i < feed->count; i++) values[i] = feed->row + feed->starts[i];
    struct csv_row row = {feed->rows_done + 1, feed->count, values, feed->lengths};
    if (!feed->each(feed->context, &row, &feed->fault))
        (void)fault_set(&feed->fault, FAULT_FATAL, EX_SOFTWARE, "bug", "the reader of row %" PRId64 " stopped without a reason",
                        row.number);
}

/* `terminator` is CR, LF or, at the end of the file, -1. Blank lines are rows too: they have a number in a spreadsheet. */
static void on_row(int terminator, void *context)
{
    struct csv_feed *feed = context;
    bool is_second_half = feed->is_after_cr && terminator == CSV_LF;
    feed->is_after_cr = terminator == CSV_CR;
    if (is_second_half || feed->fault.kind != FAULT_NONE) return;
    give_row(feed);
    feed->count = 0;
    feed->row_bytes = 0;
    if (feed->fault.kind == FAULT_NONE && ++feed->rows_done > CSV_ROWS_MAX)
        (void)refuse(feed, "csv-limit", "the file has more than 20 million rows; split it");
}

/* libcsv would strip blanks around cells, and with them tell nobody that they were there. */
static int is_no_space(unsigned char byte)
{
    (void)byte;
    return 0;
}

/* ---- pieces ---- */

struct csv_feed *csv_feed_new(csv_row_fn each, void *context)
{
    struct csv_feed *feed = calloc(1, sizeof *feed);
    if (feed == NULL) return NULL;
    feed->each = each;
    feed->context = context;
    if (csv_init(&feed->parser, CSV_STRICT | CSV_STRICT_FINI | CSV_REPALL_NL) != 0) {
        free(feed);
        return NULL;
    }
    csv_set_space_func(&feed->parser, is_no_space);
    return feed;
}

void csv_feed_free(struct csv_feed *feed)
{
    if (feed == NULL) return;
    csv_free(&feed->parser);
    free(feed->row);
    free(feed);
}

static bool parser_fault(struct csv_feed *feed, const char *quoting)
{
    if (csv_error(&feed->parser) == CSV_EPARSE) return refuse(feed, "csv-quoting", quoting);
    return fault_set(&feed->fault, FAULT_FATAL, EX_OSERR, "memory", "out of memory");
}

static bool parse(struct csv_feed *feed, const char *bytes, size_t count)
{
    size_t parsed = csv_parse(&feed->parser, bytes, count, on_cell, on_row, feed);
    if (feed->fault.kind != FAULT_NONE) return false;
    if (parsed < count)
        return parser_fault(feed, "a quote stands within a cell; put the whole cell in quotes and write each quote inside it twice");
    /* An unfinished cell grows inside libcsv, which has no limit of its own. */
    if (feed->parser.entry_pos > CSV_FIELD_BYTES_MAX) return refuse(feed, "csv-limit", "a cell is longer than 64 KiB; is a quote missing?");
    return true;
}

/* Bytes up to the first that is no text; `*is_cut` when only the rest of a character may be missing. */
static size_t text_prefix(const char *bytes, size_t count, bool *is_cut)
{
    size_t at = 0;
    *is_cut = false;
    while (at < count) {
        size_t start = at;
        uint32_t code_point = text_next(bytes, count, &at);
        if (code_point != TEXT_BAD && code_point != 0) continue;
        *is_cut = code_point == TEXT_BAD && count - start < CHARACTER_BYTES_MAX;
        return start;
    }
    return count;
}

static bool add_text(struct csv_feed *feed, const char *bytes, size_t count, bool is_last)
{
    static const char mark[] = "\xEF\xBB\xBF";
    bool is_cut;
    size_t good = text_prefix(bytes, count, &is_cut);
    size_t skipped = !feed->has_begun && good >= 3 && memcmp(bytes, mark, 3) == 0 ? 3 : 0;
    feed->has_begun = feed->has_begun || good > 0;

    if (!parse(feed, bytes + skipped, good - skipped)) return false;
    feed->carry_bytes = count - good;
    if (good == count) return true;
    if (!is_cut || is_last) return refuse(feed, "not-utf8", "the text is not UTF-8; save the file as \"CSV UTF-8 (comma delimited)\"");
    memcpy(feed->carry, bytes + good, feed->carry_bytes);
    return true;
}

static bool hand_over(struct csv_feed *feed, bool is_good, struct fault *fault)
{
    if (is_good) return true;
    if (fault->kind == FAULT_NONE) *fault = feed->fault;
    return false;
}

bool csv_feed_add(struct csv_feed *feed, const char *bytes, size_t count, struct fault *fault)
{
    char joined[CHARACTER_BYTES_MAX + CSV_FEED_BYTES_MAX];
    size_t carried = feed->carry_bytes;
    if (carried == 0) return hand_over(feed, add_text(feed, bytes, count, false), fault);
    memcpy(joined, feed->carry, carried);
    memcpy(joined + carried, bytes, count);
    return hand_over(feed, add_text(feed, joined, carried + count, false), fault);
}

bool csv_feed_end(struct csv_feed *feed, struct fault *fault)
{
    char carry[CHARACTER_BYTES_MAX];
    memcpy(carry, feed->carry, feed->carry_bytes);
    if (!hand_over(feed, add_text(feed, carry, feed->carry_bytes, true), fault)) return false;
    bool is_good = csv_fini(&feed->parser, on_cell, on_row, feed) == 0 || feed->fault.kind != FAULT_NONE ||
                   parser_fault(feed, "a quoted cell does not end before the file does; write the closing quote");
    return hand_over(feed, is_good && feed->fault.kind == FAULT_NONE, fault);
}

/* ---- files ---- */

bool csv_read(FILE *file, csv_row_fn each, void *context, struct fault *fault)
{
    char piece[CSV_FEED_BYTES_MAX];
    struct csv_feed *feed = csv_feed_new(each, context);
    if (feed == NULL) return fault_set(fault, FAULT_FATAL, EX_OSERR, "memory", "out of memory");

    bool is_good = true;
    for (size_t count; is_good && (count = fread(piece, 1, sizeof piece, file)) > 0;) is_good = csv_feed_add(feed, piece, count, fault);
    if (is_good && ferror(file))
        is_good = fault_set(fault, FAULT_FATAL, EX_IOERR, "read-failed", "the file can't be read further (%s)", strerror(errno));
    is_good = is_good && csv_feed_end(feed, fault);
    csv_feed_free(feed);
    return is_good;
}

/* ---- writing ---- */

static bool is_formula(const char *value)
{
    unsigned char first = (unsigned char)value[0];
    return first != '\0' && (strchr("=+-@", first) != NULL || first < 0x20 || first == 0x7F);
}

static bool wants_quotes(const char *value)
{
    size_t length = strlen(value);
    return length > 0 && (strpbrk(value, ",\"\r\n") != NULL || value[0] == ' ' || value[length - 1] == ' ');
}

static bool write_cell(FILE *file, const char *value)
{
    bool is_quoted = wants_quotes(value);
    if (is_quoted && fputc('"', file) == EOF) return false;
    if (is_formula(value) && fputc('\'', file) == EOF) return false;
    for (; *value != '\0'; value++)
        if ((*value == '"' && fputc('"', file) == EOF) || fputc(*value, file) == EOF) return false;
    return !is_quoted || fputc('"', file) != EOF;
}

bool csv_write_row(FILE *file, const char *const *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if ((i > 0 && fputc(',', file) == EOF) || !write_cell(file, values[i])) return false;
    return fputs("\r\n", file) != EOF;
}
