#include "producer/marks.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "core/csv_stream.h"
#include "core/language.h"
#include "producer/columns.h"
#include "producer/message.h"
#include "producer/sorter.h"

enum {
    KEY_BYTES = 16, /* the row and the mark's number, so that marks of one row keep their order */
    CELL_BYTES_MAX = 8 * 1024, /* of all marks of a row */
    PLAIN_BYTES_MAX = 64, /* a number that is unwrapped */
};

/* A mark as the sorter keeps it; code and column follow, each with its NUL. */
struct mark {
    int64_t other_row;
    int position;
    char expected;
};

struct marks {
    struct sorter *sorter;
    int64_t count;
};

struct marks *marks_new(void)
{
    struct marks *marks = calloc(1, sizeof *marks);
    struct sorter *sorter = sorter_new();
    if (marks == NULL || sorter == NULL) {
        sorter_free(sorter);
        free(marks);
        return NULL;
    }
    marks->sorter = sorter;
    return marks;
}

void marks_free(struct marks *marks)
{
    if (marks == NULL) return;
    sorter_free(marks->sorter);
    free(marks);
}

int64_t marks_count(const struct marks *marks)
{
    return marks->count;
}

static void number_write(unsigned char *out, int64_t number)
{
    for (int i = 0; i < 8; i++) out[i] = (unsigned char)(number >> 8 * (7 - i) & 0xFF);
}

static int64_t number_read(const unsigned char *bytes)
{
    int64_t number = 0;
    for (int i = 0; i < 8; i++) number = number << 8 | bytes[i];
    return number;
}

bool marks_add(struct marks *marks, const struct problem *problem, struct fault *fault)
{
    unsigned char key[KEY_BYTES], value[sizeof(struct mark) + sizeof problem->code + sizeof problem->column];
    struct mark mark = {.other_row = problem->other_row, .position = problem->position, .expected = problem->expected};
    size_t code_bytes = strlen(problem->code) + 1, column_bytes = strlen(problem->column) + 1;
    if (problem->row <= 0) return true;
    number_write(key, problem->row);
    number_write(key + 8, marks->count++);
    memcpy(value, &mark, sizeof mark);
    memcpy(value + sizeof mark, problem->code, code_bytes);
    memcpy(value + sizeof mark + code_bytes, problem->column, column_bytes);
    struct sorter_record record = {
        .key = key, .value = value, .key_bytes = sizeof key, .value_bytes = sizeof mark + code_bytes + column_bytes};
    return sorter_add(marks->sorter, &record, fault);
}

/* ---- the copy ---- */

struct copy {
    struct marks *marks;
    FILE *out;
    struct sorter_record next; /* the mark that comes next */
    bool has_next;
    int64_t rows_done;
    size_t width; /* of the header, without the column of an earlier copy */
    int old_column; /* where that one is; -1: nowhere */
};

static bool write_failed(struct fault *fault)
{
    return fault_set(fault, FAULT_FATAL, EX_IOERR, "output-failed",
                     language_pick("检查报告无法写入：%s", "the report can not be written: %s"), strerror(errno));
}

/* "A 身份证号码：…。… [id-check]", "A id_number: …; … [id-check]" */
static void mark_append(const struct sorter_record *record, char *cell)
{
    struct mark mark;
    memcpy(&mark, record->value, sizeof mark);
    const char *code = (const char *)record->value + sizeof mark, *column = code + strlen(code) + 1;
    struct message message;
    struct message_values values = {.position = mark.position, .expected = mark.expected, .field = column};
    message_of_code(&message, code, &values);
    size_t used = strlen(cell);
    char other[96] = "";
    if (mark.other_row > 0)
        snprintf(other, sizeof other, language_pick("（与第 %" PRId64 " 行相同）", " (the same as row %" PRId64 ")"), mark.other_row);
    int bytes = snprintf(cell + used, CELL_BYTES_MAX - used, "%s%s%s%s%s [%s]", used > 0 ? language_pick("；", "; ") : "", column,
                         *column != '\0' ? language_pick("：", ": ") : "", message.text, other, code);
    if (bytes < 0 || (size_t)bytes >= CELL_BYTES_MAX - used) cell[used] = '\0';
}

static bool copy_next(struct copy *copy, struct fault *fault)
{
    copy->has_next = sorter_next(copy->marks->sorter, &copy->next, fault);
    return fault->kind == FAULT_NONE;
}

static bool copy_marks(struct copy *copy, int64_t row, char *cell, struct fault *fault)
{
    cell[0] = '\0';
    while (copy->has_next && number_read(copy->next.key) <= row) {
        mark_append(&copy->next, cell);
        if (!copy_next(copy, fault)) return false;
    }
    return true;
}

/* Takes the apostrophe off that csv_write_row would put on again, and ="…" around a number, which a spreadsheet would calculate. */
static const char *cell_plain(const char *value, size_t length, char *out)
{
    bool is_guarded = length > 1 && value[0] == '\'' && strchr("=+-@", value[1]) != NULL;
    const char *text = value;
    if (!csv_cell_unwrap(&text, &length) || length >= PLAIN_BYTES_MAX) return is_guarded ? value + 1 : value;
    memcpy(out, text, length);
    out[length] = '\0';
    return out;
}

static bool copy_header(struct copy *copy, const struct csv_row *row)
{
    struct columns columns;
    struct fault ignored = {.kind = FAULT_NONE}; /* the header was found to be good when the file was read */
    (void)columns_read(&columns, row, &ignored);
    copy->old_column = columns.at[COLUMN_CHECK];
    copy->width = row->count - (copy->old_column >= 0 ? 1 : 0);
    return fputs("\xEF\xBB\xBF", copy->out) != EOF;
}

static bool copy_row(void *context, const struct csv_row *row, struct fault *fault)
{
    struct copy *copy = context;
    const char *cells[CSV_COLUMNS_MAX + 2];
    char cell[CELL_BYTES_MAX], plain[CSV_COLUMNS_MAX][PLAIN_BYTES_MAX];
    size_t count = 0;
    bool is_header = copy->width == 0;
    if (is_header && !copy_header(copy, row)) return write_failed(fault);
    if (!copy_marks(copy, row->number, cell, fault)) return false;
    for (size_t i = 0; i < row->count; i++) {
        if (count == copy->width) cells[count++] = is_header ? column_name(COLUMN_CHECK) : cell;
        if ((int)i != copy->old_column) cells[count++] = cell_plain(row->values[i], row->lengths[i], plain[i]);
    }
    while (count < copy->width) cells[count++] = "";
    if (count == copy->width) cells[count++] = is_header ? column_name(COLUMN_CHECK) : cell;
    /* Blank rows are left blank, so that every row keeps its number. */
    while (++copy->rows_done < row->number)
        if (fputs("\r\n", copy->out) == EOF) return write_failed(fault);
    return csv_write_row(copy->out, cells, count) || write_failed(fault);
}

bool marks_write(struct marks *marks, FILE *in, FILE *out, struct fault *fault)
{
    struct csv_format format;
    struct copy copy = {.marks = marks, .out = out, .old_column = -1};
    return sorter_sort(marks->sorter, fault) && copy_next(&copy, fault) && csv_read(in, &format, copy_row, &copy, fault) &&
           (fflush(out) == 0 || write_failed(fault));
}
