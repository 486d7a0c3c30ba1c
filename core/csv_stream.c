#include "core/csv_stream.h"

#include <csv.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>

#include "core/csv_stream_internal.h"
#include "core/language.h"
#include "core/text.h"

enum {
    ROW_BYTES_FIRST = 4096,
    DELIMITERS = 3,
};

/* In the order of preference where a header has as many of one as of another. */
static const char delimiters[DELIMITERS] = {',', '\t', ';'};

/* The file's beginning, held back until the header's end shows what separates the columns. */
struct head {
    char *bytes;
    size_t used, capacity;
    bool is_done, is_quoted, has_content;
    char declared; /* the delimiter that a line "sep=;" named; NUL: none */
    size_t seen[DELIMITERS]; /* of each, outside of quotes, in the present line */
};

/* Where the parser stands, as far as ="…" goes. */
enum place { AT_CELL, AT_EQUALS, IN_FORMULA, IN_CELL, IN_QUOTES };

struct csv_feed {
    struct csv_format *format;
    csv_row_fn each;
    void *context;
    struct csv_parser parser;
    struct decoder *decoder;
    struct fault fault; /* set within libcsv's callbacks, which can't stop the parser */

    bool has_begun; /* the place of byte-order marks is behind us */
    struct head head;
    enum place place;

    int64_t rows_done; /* as a spreadsheet counts them */
    bool is_after_cr; /* nothing has come since a CR: an LF now belongs to it */
    char *row; /* the cells of the row, each NUL-terminated */
    size_t row_bytes, row_capacity;
    size_t count;
    size_t starts[CSV_COLUMNS_MAX], lengths[CSV_COLUMNS_MAX];
};

static bool refuse(struct csv_feed *feed, const char *code, const char *what)
{
    return fault_set(&feed->fault, FAULT_REJECT, EX_DATAERR, code, language_pick("第 %" PRId64 " 行：%s", "row %" PRId64 ": %s"),
                     feed->rows_done + 1, what);
}

/* ---- libcsv's callbacks ---- */

/* Makes the buffer hold `needed` bytes, doubling it. */
static bool reserve(struct csv_feed *feed, char **bytes, size_t *capacity, size_t needed)
{
    size_t wanted = *capacity;
    while (wanted < needed) wanted = wanted == 0 ? ROW_BYTES_FIRST : wanted * 2;
    if (wanted == *capacity) return true;
    char *grown = realloc(*bytes, wanted);
    if (grown == NULL) return fault_set(&feed->fault, FAULT_FATAL, EX_OSERR, "memory", language_pick("内存不足", "out of memory"));
    *bytes = grown;
    *capacity = wanted;
    return true;
}

static bool has_room(struct csv_feed *feed, size_t bytes)
{
    if (bytes > CSV_ROW_BYTES_MAX - feed->row_bytes)
        return refuse(
            feed, "csv-limit",
            language_pick("各单元格合计超过 1 MiB；是否缺了引号？", "its cells together are longer than 1 MiB; is a quote missing?"));
    return reserve(feed, &feed->row, &feed->row_capacity, feed->row_bytes + bytes);
}

static void on_cell(void *bytes, size_t length, void *context)
{
    struct csv_feed *feed = context;
    feed->is_after_cr = false;
    if (feed->fault.kind != FAULT_NONE) return;
    if (feed->count == CSV_COLUMNS_MAX) {
        (void)refuse(feed, "csv-limit",
                     language_pick("超过 64 列；请删除不需要的列", "it has more than 64 columns; delete those that are not needed"));
        return;
    }
    if (length > CSV_FIELD_BYTES_MAX) {
        (void)refuse(feed, "csv-limit",
                     language_pick("有单元格超过 64 KiB；是否缺了引号？", "a cell is longer than 64 KiB; is a quote missing?"));
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
    for (size_t i = 0; i < feed->count; i++)
        if (!text_is_all_blank(feed->row + feed->starts[i], feed->lengths[i])) return false;
    return true;
}

static void give_row(struct csv_feed *feed)
{
    const char *values[CSV_COLUMNS_MAX];
    if (is_blank_row(feed)) return;
    for (size_t i = 0; i < feed->count; i++) values[i] = feed->row + feed->starts[i];
    struct csv_row row = {feed->rows_done + 1, feed->count, values, feed->lengths};
    if (!feed->each(feed->context, &row, &feed->fault))
        (void)fault_set(&feed->fault, FAULT_FATAL, EX_SOFTWARE, "bug",
                        language_pick("读到第 %" PRId64 " 行时无故停止", "the reader of row %" PRId64 " stopped without a reason"),
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
        (void)refuse(feed, "csv-limit",
                     language_pick("文件超过 2000 万行；请拆成几个文件", "the file has more than 20 million rows; split it"));
}

/* libcsv would strip blanks around cells, and with them tell nobody that they were there. */
static int is_no_space(unsigned char byte)
{
    (void)byte;
    return 0;
}

static bool parser_fault(struct csv_feed *feed, const char *quoting)
{
    if (csv_error(&feed->parser) == CSV_EPARSE) return refuse(feed, "csv-quoting", quoting);
    return fault_set(&feed->fault, FAULT_FATAL, EX_OSERR, "memory", language_pick("内存不足", "out of memory"));
}

static bool parse_plain(struct csv_feed *feed, const char *bytes, size_t count)
{
    size_t parsed = csv_parse(&feed->parser, bytes, count, on_cell, on_row, feed);
    if (feed->fault.kind != FAULT_NONE) return false;
    if (parsed < count)
        return parser_fault(
            feed, language_pick("单元格中间有引号；请把整个单元格用双引号括起，其中的双引号写两次",
                                "a quote stands within a cell; put the whole cell in quotes and write each quote inside it twice"));
    /* An unfinished cell grows inside libcsv, which has no limit of its own. */
    if (feed->parser.entry_pos > CSV_FIELD_BYTES_MAX)
        return refuse(feed, "csv-limit",
                      language_pick("有单元格超过 64 KiB；是否缺了引号？", "a cell is longer than 64 KiB; is a quote missing?"));
    return true;
}

static enum place place_behind(enum place place, char byte, char delimiter)
{
    if (place == IN_QUOTES || place == IN_FORMULA) return byte == '"' ? IN_CELL : place;
    if (byte == delimiter || byte == '\r' || byte == '\n') return AT_CELL;
    if (byte == '"') return place == AT_EQUALS ? IN_FORMULA : IN_QUOTES;
    return place == AT_CELL && byte == '=' ? AT_EQUALS : IN_CELL;
}

/*
 * ="1" keeps a number's digits in a spreadsheet; who writes it into CSV often forgets that the cell needs quotes then. So it is given to
 * the parser as "=""1""": each '=' that begins a cell is held back until it is known what follows.
 */
static bool parse(struct csv_feed *feed, const char *bytes, size_t count)
{
    size_t from = 0;
    bool ok = true;
    for (size_t at = 0; ok && at < count; at++) {
        enum place before = feed->place;
        feed->place = place_behind(before, bytes[at], feed->format->delimiter);
        if (feed->place == AT_EQUALS) {
            ok = parse_plain(feed, bytes + from, at - from);
            from = at + 1;
        } else if (feed->place == IN_FORMULA && before == AT_EQUALS) {
            ok = parse_plain(feed, "\"=\"\"", 4);
            from = at + 1;
        } else if (before == AT_EQUALS) {
            ok = parse_plain(feed, "=", 1);
        } else if (before == IN_FORMULA && feed->place == IN_CELL) {
            ok = parse_plain(feed, bytes + from, at - from) && parse_plain(feed, "\"\"\"", 3);
            from = at + 1;
        }
    }
    return ok && parse_plain(feed, bytes + from, count - from);
}

/* ---- the header's delimiter ---- */

/* Takes one byte into account; true when it ends the first line that holds anything. */
static bool head_ends(struct head *head, char byte)
{
    const char *delimiter = memchr(delimiters, byte, DELIMITERS);
    if (byte == '"') head->is_quoted = !head->is_quoted;
    if (!head->is_quoted && (byte == '\r' || byte == '\n')) {
        if (head->has_content) return true;
        memset(head->seen, 0, sizeof head->seen);
    } else if (!head->is_quoted && delimiter != NULL) {
        head->seen[delimiter - delimiters]++;
    } else if (head->is_quoted || byte != ' ') {
        head->has_content = true;
    }
    return false;
}

/*
 * A first line "sep=;" tells a spreadsheet what separates the columns, and is not shown by it: so it is no row. True: that is what the
 * head is, and the header is still to come.
 */
static bool head_is_declaration(struct csv_feed *feed)
{
    static const char words[] = "sep=";
    struct head *head = &feed->head;
    char line[sizeof words + 1];
    size_t used = 0;
    for (size_t i = 0; i < head->used; i++) {
        if (strchr("\"\r\n", head->bytes[i]) != NULL) continue;
        if (used == sizeof line) return false;
        line[used++] = head->bytes[i];
    }
    if (head->declared != '\0' || used != strlen(words) + 1 || strncasecmp(line, words, used - 1) != 0) return false;
    if (memchr(delimiters, line[used - 1], DELIMITERS) == NULL || strchr("\r\n", head->bytes[0]) != NULL) return false;
    feed->is_after_cr = head->bytes[head->used - 1] == '\r';
    *head = (struct head){.bytes = head->bytes, .capacity = head->capacity, .declared = line[used - 1]};
    return true;
}

/* Now it is known, or never will be. */
static bool head_decide(struct csv_feed *feed)
{
    struct head *head = &feed->head;
    size_t best = 0;
    for (size_t i = 1; i < DELIMITERS; i++)
        if (head->seen[i] > head->seen[best]) best = i;
    head->is_done = true;
    feed->format->delimiter = head->declared != '\0' ? head->declared : delimiters[best];
    csv_set_delim(&feed->parser, (unsigned char)feed->format->delimiter);
    return head->used == 0 || parse(feed, head->bytes, head->used);
}

/* Holds text back up to the end of a line that holds anything. True: that is reached, or as much is held as there may be. */
static bool head_add(struct csv_feed *feed, const char *text, size_t count, size_t *at)
{
    struct head *head = &feed->head;
    size_t first = *at;
    bool is_end = false;
    while (*at < count && !is_end && head->used + *at - first < CSV_ROW_BYTES_MAX) is_end = head_ends(head, text[(*at)++]);
    if (!reserve(feed, &head->bytes, &head->capacity, head->used + *at - first)) return false;
    if (*at > first) memcpy(head->bytes + head->used, text + first, *at - first);
    head->used += *at - first;
    return is_end || head->used == CSV_ROW_BYTES_MAX;
}

/* The decoder's sink: text up to the header's end is held back, all the rest goes to the parser. */
static bool add_text(void *context, const char *text, size_t count)
{
    static const char mark[] = "\xEF\xBB\xBF";
    struct csv_feed *feed = context;
    size_t at = 0;
    while (!feed->has_begun && count - at >= 3 && memcmp(text + at, mark, 3) == 0) at += 3;
    feed->has_begun = feed->has_begun || at < count;
    while (!feed->head.is_done) {
        if (!head_add(feed, text, count, &at)) return feed->fault.kind == FAULT_NONE;
        if (!head_is_declaration(feed) && !head_decide(feed)) return false;
    }
    return parse(feed, text + at, count - at);
}

/* ---- pieces ---- */

struct csv_feed *csv_feed_new(struct csv_format *format, csv_row_fn each, void *context, struct fault *fault)
{
    struct csv_feed *feed = calloc(1, sizeof *feed);
    if (feed == NULL || csv_init(&feed->parser, CSV_STRICT | CSV_STRICT_FINI | CSV_REPALL_NL) != 0) {
        (void)fault_set(fault, FAULT_FATAL, EX_OSERR, "memory", language_pick("内存不足", "out of memory"));
        free(feed);
        return NULL;
    }
    csv_set_space_func(&feed->parser, is_no_space);
    feed->format = format;
    feed->each = each;
    feed->context = context;
    feed->decoder = decoder_new(format->encoding, fault);
    if (feed->decoder != NULL) return feed;
    csv_feed_free(feed);
    return NULL;
}

void csv_feed_free(struct csv_feed *feed)
{
    if (feed == NULL) return;
    csv_free(&feed->parser);
    decoder_free(feed->decoder);
    free(feed->head.bytes);
    free(feed->row);
    free(feed);
}

static bool refuse_bytes(struct csv_feed *feed)
{
    /* What is held back stands before the place, and decides which row it is in. */
    if (!feed->head.is_done && !head_decide(feed)) return false;
    return fault_set(&feed->fault, FAULT_REJECT, EX_DATAERR, "not-text",
                     language_pick("第 %" PRId64 " 行：有不是 %s 文本的字节；请另存为“CSV UTF-8（逗号分隔）”",
                                   "row %" PRId64
                                   ": there is a byte that is no text in %s; save the file as \"CSV UTF-8 (comma delimited)\""),
                     feed->rows_done + 1, encoding_name(feed->format->encoding));
}

static bool hand_over(struct csv_feed *feed, bool is_good, struct fault *fault)
{
    if (is_good) return true;
    if (fault->kind == FAULT_NONE) *fault = feed->fault;
    return false;
}

bool csv_feed_add(struct csv_feed *feed, const char *bytes, size_t count, struct fault *fault)
{
    enum decoded decoded = decoder_add(feed->decoder, bytes, count, add_text, feed);
    return hand_over(feed, decoded == DECODED || (decoded == DECODED_BAD && refuse_bytes(feed)), fault);
}

bool csv_feed_end(struct csv_feed *feed, struct fault *fault)
{
    if (!decoder_is_complete(feed->decoder)) return hand_over(feed, refuse_bytes(feed), fault);
    if (!feed->head.is_done && !head_decide(feed)) return hand_over(feed, false, fault);
    if (feed->place == AT_EQUALS && !parse_plain(feed, "=", 1)) return hand_over(feed, false, fault);
    bool is_good = csv_fini(&feed->parser, on_cell, on_row, feed) == 0 ||
                   parser_fault(feed, language_pick("到文件末尾单元格的引号仍未结束；请补上后引号",
                                                    "a quoted cell does not end before the file does; write the closing quote"));
    return hand_over(feed, is_good && feed->fault.kind == FAULT_NONE, fault);
}

/* ---- files ---- */

/* Other formats by their first bytes; NULL when it may well be text. Of zip files the name of the first entry tells. */
static const char *other_format(const char *start, size_t count)
{
    enum { ZIP_NAME_AT = 30 };
    static const struct {
        const char *bytes, *format;
        size_t at;
    } formats[] = {
        {"mimetypeapplication/vnd.oasis.opendocument", "LibreOffice (.ods)", ZIP_NAME_AT},
        {"Index/", "Numbers (.numbers)", ZIP_NAME_AT},
        {"PK\x03\x04", "Excel / WPS (.xlsx)", 0},
        {"\xD0\xCF\x11\xE0", "Excel / WPS (.xls, .et)", 0},
        {"%PDF", "PDF", 0},
        {"{\\rtf", "RTF", 0},
        {"<", "HTML / XML", 0},
        {"\xEF\xBB\xBF<", "HTML / XML", 0},
        {"\x1F\x8B", "gzip", 0},
        {"Rar!", "RAR", 0},
    };
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        size_t bytes = strlen(formats[i].bytes), at = formats[i].at;
        if (at > 0 && memcmp(start, "PK\x03\x04", 4) != 0) continue;
        if (count >= at + bytes && memcmp(start + at, formats[i].bytes, bytes) == 0) return formats[i].format;
    }
    return NULL;
}

static bool check_start(FILE *file, struct fault *fault)
{
    char start[128] = {0};
    rewind(file);
    size_t count = fread(start, 1, sizeof start, file);
    if (ferror(file))
        return fault_set(fault, FAULT_FATAL, EX_IOERR, "read-failed", language_pick("无法读取文件（%s）", "the file can't be read (%s)"),
                         strerror(errno));
    const char *format = other_format(start, count);
    if (format != NULL)
        return fault_set(
            fault, FAULT_REJECT, EX_DATAERR, "not-csv",
            language_pick("这不是 CSV 文件，看起来是 %s；请在电子表格中“另存为”，类型选“CSV UTF-8（逗号分隔）”",
                          "this is no CSV file but looks like %s; in the spreadsheet choose Save As, type \"CSV UTF-8 (comma delimited)\""),
            format);
    if (fseeko(file, 0, SEEK_END) != 0 || ftello(file) <= CSV_FILE_BYTES_MAX) return true;
    return fault_set(fault, FAULT_REJECT, EX_DATAERR, "csv-file-limit",
                     language_pick("文件超过 %" PRId64 " 字节；请拆成几个文件", "the file is larger than %" PRId64 " bytes; split it"),
                     CSV_FILE_BYTES_MAX);
}

static bool read_pieces(FILE *file, struct csv_feed *feed, struct fault *fault)
{
    char piece[CSV_FEED_BYTES_MAX];
    for (size_t count; (count = fread(piece, 1, sizeof piece, file)) > 0;)
        if (!csv_feed_add(feed, piece, count, fault)) return false;
    if (ferror(file))
        return fault_set(fault, FAULT_FATAL, EX_IOERR, "read-failed",
                         language_pick("文件无法继续读取（%s）", "the file can't be read further (%s)"), strerror(errno));
    return csv_feed_end(feed, fault);
}

bool csv_read(FILE *file, struct csv_format *format, csv_row_fn each, void *context, struct fault *fault)
{
    *format = (struct csv_format){.delimiter = delimiters[0]};
    if (!check_start(file, fault) || !encoding_of_file(file, &format->encoding, fault)) return false;
    struct csv_feed *feed = csv_feed_new(format, each, context, fault);
    bool is_good = feed != NULL && read_pieces(file, feed, fault);
    csv_feed_free(feed);
    return is_good;
}

const char *csv_delimiter_name(const struct csv_format *format)
{
    switch (format->delimiter) {
    case '\t':
        return language_pick("制表符", "tabs");
    case ';':
        return language_pick("分号", "semicolons");
    default:
        return language_pick("逗号", "commas");
    }
}

bool csv_cell_unwrap(const char **text, size_t *length)
{
    if (*length < 3 || memcmp(*text, "=\"", 2) != 0 || (*text)[*length - 1] != '"') return false;
    *text += 2;
    *length -= 3;
    return true;
}

/* ---- writing ---- */

static bool is_formula(const char *value)
{
    unsigned char first = (unsigned char)value[0];
    return first != '\0' && (strchr("=+-@", first) != NULL || first < 0x20 || first == 0x7F);
}

/* A number that a spreadsheet can't keep: it drops leading zeros, shows long ones in scientific notation and keeps fifteen digits. */
static bool is_fragile(const char *value, size_t length)
{
    enum { SPREADSHEET_DIGITS_MAX = 11 };
    return length > 0 && strspn(value, "0123456789") == length && (length > SPREADSHEET_DIGITS_MAX || (value[0] == '0' && length > 1));
}

static bool wants_quotes(const char *value, size_t length)
{
    return length > 0 && (strpbrk(value, ",\"\r\n") != NULL || value[0] == ' ' || value[length - 1] == ' ');
}

static bool write_cell(FILE *file, const char *value)
{
    size_t length = strlen(value);
    bool is_quoted = wants_quotes(value, length);
    if (is_quoted && fputc('"', file) == EOF) return false;
    if (is_formula(value) && fputc('\'', file) == EOF) return false;
    for (size_t i = 0; i < length; i++)
        if ((value[i] == '"' && fputc('"', file) == EOF) || fputc(value[i], file) == EOF) return false;
    if (is_fragile(value, length) && fputc('\t', file) == EOF) return false;
    return !is_quoted || fputc('"', file) != EOF;
}

bool csv_write_row(FILE *file, const char *const *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if ((i > 0 && fputc(',', file) == EOF) || !write_cell(file, values[i])) return false;
    return fputs("\r\n", file) != EOF;
}
