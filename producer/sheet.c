#include "producer/sheet.h"

#include <string.h>
#include <strings.h>
#include <sysexits.h>

#include "core/csv_stream.h"
#include "core/id_number.h"
#include "core/language.h"
#include "core/text.h"
#include "producer/columns.h"
#include "producer/input.h"
#include "producer/message.h"
#include "producer/progress.h"

enum { SHEET_ROWS_A_PROGRESS = 1024 };

struct sheet {
    FILE *file;
    const struct sheet_rules *rules;
    struct entries *entries;
    struct report *report;
    struct progress progress;
    struct csv_format format;
    struct columns columns;
    bool has_header;
    char name[EVENT_NAME_BYTES_MAX]; /* of the row that is being read */
    int64_t rows; /* below the header, blank ones aside */
};

bool sheet_mode_of_name(const char *name, enum sheet_mode *mode)
{
    *mode = strcmp(name, "list") == 0 ? SHEET_LIST : SHEET_IMPORT;
    return strcmp(name, "list") == 0 || strcmp(name, "import") == 0;
}

/* ---- one row ---- */

static void problem_place(const struct sheet *sheet, struct problem *problem, const char *code, enum column column, int64_t row)
{
    *problem = (struct problem){.row = row};
    snprintf(problem->code, sizeof problem->code, "%s", code);
    const char *title = sheet->columns.title[column];
    snprintf(problem->column, sizeof problem->column, "%s", *title != '\0' ? title : column_name(column));
}

/* A cell that holds words, not an ID number; one may have slipped into it, so runs of digits are masked all the same. */
static void sheet_refuse_cell(struct sheet *sheet, const char *code, enum column column, int64_t row, const char *text, size_t length)
{
    struct problem problem;
    problem_place(sheet, &problem, code, column, row);
    text_mask_digits(text, length, problem.value, sizeof problem.value);
    for (char *at = problem.value; (at = strpbrk(at, "\t\n")) != NULL;) *at = ' '; /* a problem is told on one line */
    report_error(sheet->report, &problem);
}

static bool result_read(const char *text, size_t length, enum event_list *list)
{
    char word[COLUMN_WORD_BYTES_MAX + 1];
    columns_word(text, length, word);
    static const struct {
        const char *name;
        enum event_list list;
    } results[] = {{"通过", EVENT_LIST_PASSED},   {"passed", EVENT_LIST_PASSED}, {"pass", EVENT_LIST_PASSED}, {"不通过", EVENT_LIST_FAILED},
                   {"未通过", EVENT_LIST_FAILED}, {"failed", EVENT_LIST_FAILED}, {"fail", EVENT_LIST_FAILED}};
    for (size_t i = 0; i < sizeof results / sizeof *results; i++)
        if (strcasecmp(results[i].name, word) == 0) {
            *list = results[i].list;
            return true;
        }
    return false;
}

/* In import mode whoever is in the file fails. False: there is no telling, and so no reason to ask for. */
static bool sheet_read_result(struct sheet *sheet, const struct csv_row *row, struct entry *entry)
{
    const char *text = "";
    size_t length = 0;
    entry->list = EVENT_LIST_FAILED;
    if (sheet->rules->mode == SHEET_IMPORT) return true;
    columns_cell(&sheet->columns, COLUMN_RESULT, row, &text, &length);
    if (result_read(text, length, &entry->list)) return true;
    sheet_refuse_cell(sheet, length > 0 ? "result-not-known" : "result-missing", COLUMN_RESULT, row->number, text, length);
    return false;
}

/* As the setting has it, or with blanks in it (退　休, for the looks of a column) and the like. */
static int reason_read(const struct reasons *reasons, const char *text, size_t length)
{
    char word[COLUMN_WORD_BYTES_MAX + 1];
    int reason = reasons_find(reasons, text, length);
    if (reason != REASON_NONE) return reason;
    columns_word(text, length, word);
    return reasons_find(reasons, word, strlen(word));
}

static void sheet_read_reason(struct sheet *sheet, const struct csv_row *row, struct entry *entry)
{
    const char *text = "";
    size_t length = 0;
    columns_cell(&sheet->columns, COLUMN_REASON, row, &text, &length);
    if (entry->list == EVENT_LIST_PASSED) {
        if (length > 0) sheet_refuse_cell(sheet, "result-contradicts", COLUMN_REASON, row->number, text, length);
        return;
    }
    int reason = length > 0 ? reason_read(sheet->rules->reasons, text, length) : sheet->rules->reason_fallback;
    if (reason == REASON_NONE)
        sheet_refuse_cell(sheet, length > 0 ? "unknown-reason" : "missing-reason", COLUMN_REASON, row->number, text, length);
    entry->reason = reason != REASON_NONE ? reason : 0;
}

/* Line breaks and tabs, which spreadsheets keep in a cell, are blanks. Returns false when the text does not fit. */
static bool name_copy(const char *text, size_t length, char out[EVENT_NAME_BYTES_MAX])
{
    if (length > EVENT_NAME_BYTES_MAX) return false;
    for (size_t i = 0; i < length; i++) out[i] = text[i] == '\n' || text[i] == '\r' || text[i] == '\t' ? ' ' : text[i];
    return true;
}

/* Sent with a failing entry, so that the worker can compare it with the roster's. */
static void sheet_read_name(struct sheet *sheet, const struct csv_row *row, struct entry *entry)
{
    const char *text = "";
    size_t length = 0;
    entry->name = "";
    if (entry->list == EVENT_LIST_PASSED || !columns_cell(&sheet->columns, COLUMN_NAME, row, &text, &length)) return;
    (void)csv_cell_unwrap(&text, &length);
    text_trim(&text, &length);
    if (length == 0) return;
    if (!name_copy(text, length, sheet->name) || !text_is_name(sheet->name, length, EVENT_NAME_BYTES_MAX)) {
        sheet_refuse_cell(sheet, "name-text", COLUMN_NAME, row->number, text, length);
        return;
    }
    entry->name = sheet->name;
    entry->name_bytes = length;
}

/* Reports what the check says; false when the row's number can not be used. */
static bool sheet_judge(struct sheet *sheet, int64_t row, const char *text, size_t length, const struct id_verdict *verdict)
{
    if (verdict->level == ID_OK) return true;
    struct problem problem;
    problem_place(sheet, &problem, verdict->code, COLUMN_ID_NUMBER, row);
    problem.position = verdict->position;
    problem.expected = verdict->expected;
    text_mask_id(text, length, problem.value, sizeof problem.value);
    bool is_usable = length > 0 && length <= ID_NUMBER_TEXT_BYTES_MAX;
    if (verdict->level == ID_ERROR && !(sheet->rules->allows_malformed && is_usable)) {
        report_error(sheet->report, &problem);
        return false;
    }
    if (verdict->level == ID_ERROR) snprintf(problem.code, sizeof problem.code, "malformed-allowed");
    report_warning(sheet->report, &problem);
    return true;
}

static bool sheet_read_entry(struct sheet *sheet, const struct csv_row *row, struct fault *fault)
{
    char key[ID_KEY_BYTES_MAX + 1];
    struct entry entry = {.text = "", .row = row->number, .key = key};
    columns_cell(&sheet->columns, COLUMN_ID_NUMBER, row, &entry.text, &entry.text_bytes);
    struct id_verdict verdict = id_number_check(entry.text, entry.text_bytes, sheet->rules->today);
    bool is_usable = sheet_judge(sheet, row->number, entry.text, entry.text_bytes, &verdict);
    if (sheet_read_result(sheet, row, &entry)) {
        sheet_read_reason(sheet, row, &entry);
        sheet_read_name(sheet, row, &entry);
    }
    if (!is_usable) return true;
    /* Even with another cell wrong the number is kept, so that a repeat of it is found in the same pass. */
    entry.key_bytes = id_number_key(entry.text, entry.text_bytes, &verdict, key);
    return entries_add(sheet->entries, &entry, fault);
}

/* ---- the file ---- */

/* A file for the other mode would make every member fail, or none; so the mode must fit the header. */
static bool sheet_check_mode(const struct sheet *sheet, struct fault *fault)
{
    bool has_result = sheet->columns.at[COLUMN_RESULT] >= 0;
    if (sheet->rules->mode == SHEET_IMPORT && has_result) return message_fault(fault, "mode-mismatch", column_name(COLUMN_RESULT));
    if (sheet->rules->mode == SHEET_LIST && !has_result) return message_fault(fault, "header-missing", column_name(COLUMN_RESULT));
    return true;
}

/* Said always: a clerk who sees names garbled further on knows where to look. */
static void sheet_tell_format(const struct sheet *sheet)
{
    fprintf(stderr, language_pick("按 %s、%s分隔读取\n", "read as %s, columns separated by %s\n"), encoding_name(sheet->format.encoding),
            csv_delimiter_name(&sheet->format));
}

static bool sheet_row(void *context, const struct csv_row *row, struct fault *fault)
{
    struct sheet *sheet = context;
    if (!sheet->has_header) {
        sheet->has_header = true;
        sheet_tell_format(sheet);
        return columns_read(&sheet->columns, row, fault) && sheet_check_mode(sheet, fault);
    }
    if (++sheet->rows % SHEET_ROWS_A_PROGRESS == 0) progress_show(&sheet->progress, (uint64_t)ftello(sheet->file));
    return sheet_read_entry(sheet, row, fault);
}

static void sheet_refuse_twice(void *context, const struct entry *entry, int64_t first_row)
{
    struct sheet *sheet = context;
    struct problem problem;
    problem_place(sheet, &problem, "listed-twice", COLUMN_ID_NUMBER, entry->row);
    problem.other_row = first_row;
    text_mask_id(entry->text, entry->text_bytes, problem.value, sizeof problem.value);
    report_error(sheet->report, &problem);
}

bool sheet_read(FILE *file, const struct sheet_rules *rules, struct entries *entries, struct report *report, struct fault *fault)
{
    struct sheet sheet = {.file = file, .rules = rules, .entries = entries, .report = report};
    progress_start(&sheet.progress, language_pick("读取", "reading"), input_bytes(file));
    bool ok = csv_read(file, &sheet.format, sheet_row, &sheet, fault);
    progress_end(&sheet.progress);
    if (!ok) return false;
    if (!sheet.has_header) return message_fault(fault, "empty-file", NULL);
    if (sheet.rows == 0 && rules->mode == SHEET_LIST) return message_fault(fault, "no-rows", NULL);
    return entries_sort(entries, fault) && entries_each_twice(entries, sheet_refuse_twice, &sheet, fault);
}
