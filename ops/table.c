#include "ops/table.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "core/json.h"
#include "core/language.h"
#include "core/moment.h"
#include "core/text.h"

enum {
    MOMENT_TEXT_BYTES = 32,
    COLUMN_GAP = 2,
    ROWS_FIRST = 16,
};

static const int64_t cst_offset_ms = INT64_C(8) * 60 * 60 * 1000;

struct table {
    const struct table_column *columns;
    size_t column_count;
    bool is_json;
    char **cells; /* row by row; for people as shown, for JSON as given */
    size_t rows;
    size_t capacity; /* in rows */
};

struct table *table_new(const struct table_column *columns, bool is_json)
{
    struct table *table = calloc(1, sizeof *table);
    if (table == NULL) return NULL;
    table->columns = columns;
    table->is_json = is_json;
    while (columns[table->column_count].name != NULL) table->column_count++;
    assert(table->column_count > 0 && table->column_count <= TABLE_COLUMNS_MAX);
    return table;
}

void table_free(struct table *table)
{
    if (table == NULL) return;
    for (size_t i = 0; i < table->rows * table->column_count; i++) free(table->cells[i]);
    free(table->cells);
    free(table);
}

size_t table_rows(const struct table *table)
{
    return table->rows;
}

void table_format_moment(const char *milliseconds, char *out, size_t out_bytes)
{
    char utc[MOMENT_TEXT_BYTES];
    moment_format(strtoll(milliseconds, NULL, 10) + cst_offset_ms, utc, sizeof utc);
    (void)snprintf(out, out_bytes, "%.10s %.8s CST", utc, utc + strlen("YYYY-MM-DDT"));
}

/* ---- cells for people ---- */

/* A copy on one line, in which control characters and bad bytes are '?': texts come from files and records of strangers. */
static char *cell_plain(const char *text, const char *between_lines)
{
    size_t length = strlen(text);
    char *plain = malloc(2 * length + 1);
    if (plain == NULL) return NULL;
    char *out = plain;
    for (size_t at = 0, begin = 0; at < length; begin = at) {
        uint32_t code_point = text_next(text, length, &at);
        if (code_point == '\n') {
            out = stpcpy(out, between_lines);
        } else if (code_point == TEXT_BAD || text_is_control(code_point)) {
            *out++ = '?';
        } else {
            memcpy(out, text + begin, at - begin);
            out += at - begin;
        }
    }
    *out = '\0';
    return plain;
}

static char *cell_for_people(enum table_kind kind, const char *text)
{
    char moment[MOMENT_TEXT_BYTES];
    if (text == NULL) return strdup("");
    if (kind == TABLE_SWITCH) return strdup(text[0] == 't' ? language_pick("是", "yes") : language_pick("否", "no"));
    if (kind != TABLE_MOMENT) return cell_plain(text, kind == TABLE_LIST ? ", " : " ");
    table_format_moment(text, moment, sizeof moment);
    return strdup(moment);
}

/* ---- adding ---- */

static bool table_reserve_row(struct table *table, struct fault *fault)
{
    if (table->rows == TABLE_ROWS_MAX)
        return fault_set(
            fault, FAULT_REJECT, EX_USAGE, "table-too-long",
            language_pick("超过 %d 行；请缩小范围，或直接查询 SQL 视图", "more than %d rows; ask for fewer, or read the SQL views"),
            TABLE_ROWS_MAX);
    if (table->rows < table->capacity) return true;
    assert(table->column_count > 0);
    size_t capacity = table->capacity == 0 ? ROWS_FIRST : 2 * table->capacity;
    char **grown = realloc(table->cells, capacity * table->column_count * sizeof *grown);
    if (grown == NULL) return fault_set(fault, FAULT_RETRY, EX_OSERR, "memory-out", language_pick("内存不足", "out of memory for a table"));
    table->cells = grown;
    table->capacity = capacity;
    return true;
}

static char *cell_masked(const char *text)
{
    size_t length = strlen(text);
    char *masked = malloc(length + 1);
    if (masked != NULL) text_mask_digits(text, length, masked, length + 1);
    return masked;
}

/* NULL when memory is out; in JSON also for an empty cell. */
static char *cell_new(bool is_json, enum table_kind kind, const char *text)
{
    bool is_masked = kind == TABLE_MASKED && text != NULL;
    char *masked = is_masked ? cell_masked(text) : NULL;
    if (is_masked && (masked == NULL || is_json)) return masked;
    if (is_json) return text == NULL ? NULL : strdup(text);
    char *cell = cell_for_people(kind, is_masked ? masked : text);
    free(masked);
    return cell;
}

bool table_add(struct table *table, const char *const *cells, struct fault *fault)
{
    if (!table_reserve_row(table, fault)) return false;
    char **row = table->cells + table->rows * table->column_count;
    bool is_whole = true;
    for (size_t i = 0; i < table->column_count; i++) {
        row[i] = cell_new(table->is_json, table->columns[i].kind, cells[i]);
        is_whole = is_whole && (row[i] != NULL || (table->is_json && cells[i] == NULL));
    }
    table->rows++;
    return is_whole || fault_set(fault, FAULT_RETRY, EX_OSERR, "memory-out", language_pick("内存不足", "out of memory for a table"));
}

bool table_add_result(struct table *table, const struct database_result *result, struct fault *fault)
{
    const char *cells[TABLE_COLUMNS_MAX] = {NULL};
    for (size_t row = 0; row < result_rows(result); row++) {
        for (size_t i = 0; i < table->column_count; i++) cells[i] = result_is_null(result, row, i) ? NULL : result_text(result, row, i);
        if (!table_add(table, cells, fault)) return false;
    }
    return true;
}

/* ---- printing for people ---- */

static const char *column_title(const struct table_column *column)
{
    const char *title = language_words(column->title);
    return title != NULL ? title : column->name;
}

static void print_blanks(size_t count, FILE *out)
{
    for (size_t i = 0; i < count; i++) putc(' ', out);
}

/* The last cell of a line gets no blanks behind it. */
static void print_cell(const char *text, size_t width, bool is_right, bool is_last, FILE *out)
{
    size_t used = text_width(text);
    size_t blanks = width > used ? width - used : 0;
    if (is_right) print_blanks(blanks, out);
    fputs(text, out);
    if (!is_right && !is_last) print_blanks(blanks, out);
    if (!is_last) print_blanks(COLUMN_GAP, out);
}

static void column_widths(const struct table *table, size_t widths[TABLE_COLUMNS_MAX])
{
    for (size_t i = 0; i < table->column_count; i++) {
        widths[i] = text_width(column_title(&table->columns[i]));
        for (size_t row = 0; row < table->rows; row++) {
            size_t width = text_width(table->cells[row * table->column_count + i]);
            if (width > widths[i]) widths[i] = width;
        }
    }
}

static const char *line_cell(const struct table *table, size_t line, size_t column)
{
    return line == 0 ? column_title(&table->columns[column]) : table->cells[(line - 1) * table->column_count + column];
}

/* Empty cells at the end of a line are left out, so that it ends without blanks. */
static size_t line_cells(const struct table *table, size_t line)
{
    size_t count = table->column_count;
    while (count > 0 && line_cell(table, line, count - 1)[0] == '\0') count--;
    return count;
}

/* Line 0 is the titles. */
static void print_rows(const struct table *table, FILE *out)
{
    size_t widths[TABLE_COLUMNS_MAX] = {0};
    if (table->rows == 0) return;
    column_widths(table, widths);
    for (size_t line = 0; line <= table->rows; line++) {
        size_t count = line_cells(table, line);
        for (size_t i = 0; i < count; i++)
            print_cell(line_cell(table, line, i), widths[i], table->columns[i].kind == TABLE_NUMBER, i + 1 == count, out);
        putc('\n', out);
    }
}

/* Empty cells are left out. */
static void print_lines(const struct table *table, size_t row, FILE *out)
{
    size_t width = 0;
    for (size_t i = 0; i < table->column_count; i++) {
        size_t title = text_width(column_title(&table->columns[i]));
        if (title > width) width = title;
    }
    for (size_t i = 0; i < table->column_count; i++) {
        const char *text = line_cell(table, row + 1, i);
        if (text[0] == '\0') continue;
        print_cell(column_title(&table->columns[i]), width, false, false, out);
        fprintf(out, "%s\n", text);
    }
}

/* ---- printing for programs ---- */

static json_t *json_of_list(const char *text)
{
    json_t *list = json_array();
    while (*text != '\0') {
        size_t length = strcspn(text, "\n");
        json_array_append_new(list, json_stringn(text, length));
        text += length + (text[length] == '\n' ? 1 : 0);
    }
    return list;
}

static json_t *json_of_cell(enum table_kind kind, const char *text)
{
    char moment[MOMENT_TEXT_BYTES];
    if (text == NULL) return json_null();
    switch (kind) {
    case TABLE_NUMBER:
        return json_integer(strtoll(text, NULL, 10));
    case TABLE_MOMENT:
        moment_format(strtoll(text, NULL, 10), moment, sizeof moment);
        return json_string(moment);
    case TABLE_LIST:
        return json_of_list(text);
    case TABLE_SWITCH:
        return json_boolean(text[0] == 't');
    default:
        return json_string(text);
    }
}

static void print_object(const struct table *table, size_t row, FILE *out)
{
    json_t *object = json_object();
    for (size_t i = 0; i < table->column_count; i++) {
        const struct table_column *column = &table->columns[i];
        json_object_set_new(object, column->name, json_of_cell(column->kind, table->cells[row * table->column_count + i]));
    }
    (void)json_dumpf(object, out, JSON_COMPACT);
    json_decref(object);
}

/* Row by row, so that no second copy of a long table is built. */
static void print_array(const struct table *table, FILE *out)
{
    putc('[', out);
    for (size_t row = 0; row < table->rows; row++) {
        fputs(row == 0 ? "\n" : ",\n", out);
        print_object(table, row, out);
    }
    fputs(table->rows == 0 ? "]\n" : "\n]\n", out);
}

void table_print(const struct table *table, FILE *out)
{
    if (table->is_json)
        print_array(table, out);
    else
        print_rows(table, out);
}

void table_print_record(const struct table *table, size_t row, FILE *out)
{
    if (table->is_json)
        print_object(table, row, out);
    else
        print_lines(table, row, out);
}
