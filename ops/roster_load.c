/*
 * nianshen-ops roster load. Each file is read twice: first it is only checked, so that all errors are listed before anything is loaded;
 * then it is copied into its staging table and merged, in one transaction a file. Memory does not grow with the files.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "core/csv_stream.h"
#include "core/id_number.h"
#include "core/language.h"
#include "core/moment.h"
#include "ops/commands.h"
#include "ops/options.h"
#include "ops/roster_sheet.h"
#include "ops/session.h"

enum {
    ERRORS_SHOWN_MAX = 100,
    PROGRESS_ROWS = 100000,
    NUMBER_BYTES = 24,
    COPY_COLUMNS_MAX = 16,
};

const struct option roster_load_options[] = {
    {.name = "units",
     .kind = OPTION_TEXT,
     .argument = "UNITS.csv",
     .help = {"单位文件，列为 unit,name,superior,credit_code,address,contact_name,contact_mobile。",
              "Units: unit,name,superior,credit_code,address,contact_name,contact_mobile."}},
    {.name = "members",
     .kind = OPTION_TEXT,
     .argument = "MEMBERS.csv",
     .help = {"会员文件，列为 unit,member_no,name,gender,id_type,id_number,id_valid_until,mobile。gender 为 M 或 F；id_type 为 "
              "resident、hmt-permit、foreigner 或 other；不详则留空。",
              "Members: unit,member_no,name,gender,id_type,id_number,id_valid_until,mobile. gender: M or F; id_type: resident, hmt-permit, "
              "foreigner or other; empty where unknown."}},
    {.name = "correct",
     .kind = OPTION_SWITCH,
     .help = {"证件号码与名册不同的行是同一人：更正名册。",
              "A row with another ID number than the roster's is the same person: correct it."}},
    {.name = "re_enrol",
     .kind = OPTION_SWITCH,
     .help = {"文件中已移出的会员是重新入会：重新登记，而不是跳过。",
              "A removed member in the file has joined again: enrol anew instead of skipping."}},
    OPTION_OF_JSON,
    OPTION_END,
};

/* What differs between the two files. */
struct roster_target {
    const char *option;
    const struct roster_kind *kind;
    const char *copy_sql, *merge_sql;
};

/* The findings are bounded here and not by what comes over the line: a wrong file may have millions. */
#define MERGE_SQL(call)                                                                                                                    \
    "SELECT kind, code, line, unit, member_no, text_zh, text_en, count, total FROM (SELECT f.*, row_number() OVER of_kind AS number, "     \
    "count(*) OVER (PARTITION BY kind) AS total FROM " call " AS f WINDOW of_kind AS (PARTITION BY kind ORDER BY line)) AS finding "       \
    "WHERE number <= 10000 ORDER BY kind = 'summary', line"

static const struct roster_target units_target = {
    "units", &roster_units,
    "COPY nianshen.staging_unit (load_id, line, unit, name, superior, credit_code, address, contact_name, contact_mobile) FROM STDIN",
    MERGE_SQL("nianshen.roster_load_units($1)")};

static const struct roster_target members_target = {"members", &roster_members,
                                                    "COPY nianshen.staging_member (load_id, line, unit, member_no, name, gender, id_type, "
                                                    "id_number, id_valid_until, mobile, id_key, id_code) "
                                                    "FROM STDIN",
                                                    MERGE_SQL("nianshen.roster_load_members($1, $2, $3)")};

struct roster_file {
    const struct roster_target *target;
    const char *path; /* NULL: not given */
    FILE *stream;
    struct session *session;
    struct csv_format format;
    struct roster_sheet sheet;
    bool has_header, is_copying;
    date_ymd today;
    char load_id[NUMBER_BYTES];
    int64_t rows, errors, malformed, first_malformed;
    const char *first_malformed_code;
};

/* ---- reading ---- */

static void report_error(void *context, int64_t row, const char *column, const char *text)
{
    struct roster_file *file = context;
    if (file->errors++ < ERRORS_SHOWN_MAX)
        fprintf(stderr, language_pick("%s 第 %" PRId64 " 行%s%s：%s\n", "%s row %" PRId64 "%s%s: %s\n"), file->path, row,
                column != NULL ? " " : "", column != NULL ? column : "", text);
}

static void show_progress(const struct roster_file *file)
{
    if (file->rows % PROGRESS_ROWS == 0 && isatty(STDERR_FILENO) != 0)
        fprintf(stderr, language_pick("%s：%s %" PRId64 " 行\r", "%s: %s, %" PRId64 " rows\r"), file->path,
                file->is_copying ? language_pick("正在加载", "loading") : language_pick("正在检查", "checking"), file->rows);
}

/* Puts the verdict on the ID number behind a member's cells. `key` holds ID_KEY_BYTES_MAX + 1. */
static size_t add_id_verdict(struct roster_file *file, int64_t row, const char **values, size_t count, char *key)
{
    const char *number = file->sheet.values[MEMBER_ID_NUMBER];
    values[count] = NULL;
    values[count + 1] = NULL;
    if (number == NULL) return count + 2;
    struct id_verdict verdict = id_number_check(number, strlen(number), file->today);
    id_number_key(number, strlen(number), &verdict, key);
    values[count] = key;
    if (verdict.level != ID_ERROR) return count + 2;
    values[count + 1] = verdict.code;
    if (file->malformed++ == 0) {
        file->first_malformed = row;
        file->first_malformed_code = verdict.code;
    }
    return count + 2;
}

static bool copy_row(struct roster_file *file, int64_t row, struct fault *fault)
{
    const char *values[COPY_COLUMNS_MAX];
    char line[NUMBER_BYTES], key[ID_KEY_BYTES_MAX + 1];
    size_t count = 0;
    (void)snprintf(line, sizeof line, "%" PRId64, row);
    values[count++] = file->load_id;
    values[count++] = line;
    for (size_t i = 0; file->target->kind->columns[i].name != NULL; i++) values[count++] = file->sheet.values[i];
    if (file->target == &members_target) count = add_id_verdict(file, row, values, count, key);
    return database_copy_row(file->session->database, values, count, fault);
}

static bool read_row(void *context, const struct csv_row *row, struct fault *fault)
{
    struct roster_file *file = context;
    if (!file->has_header) {
        file->has_header = true;
        if (!file->is_copying)
            fprintf(stderr, language_pick("%s：按 %s、%s分隔读取\n", "%s: read as %s, columns separated by %s\n"), file->path,
                    encoding_name(file->format.encoding), csv_delimiter_name(&file->format));
        return roster_sheet_header(&file->sheet, file->target->kind, row, fault);
    }
    file->rows++;
    show_progress(file);
    size_t errors = roster_sheet_row(&file->sheet, row, report_error, file);
    if (!file->is_copying) return true;
    if (errors > 0)
        return fault_set(fault, FAULT_REJECT, EX_DATAERR, "file-changed",
                         language_pick("加载过程中文件被改动；请重新加载", "the file changed while it was loaded; load it again"));
    return copy_row(file, row->number, fault);
}

/* Reads the file from its beginning; the fault names it. */
static bool read_file(struct roster_file *file, bool is_copying)
{
    struct fault fault = {0};
    file->is_copying = is_copying;
    file->has_header = false;
    file->rows = file->malformed = 0;
    rewind(file->stream);
    bool is_read = csv_read(file->stream, &file->format, read_row, file, &fault);
    if (is_read && !file->has_header)
        is_read = fault_set(&fault, FAULT_REJECT, EX_DATAERR, "empty-file",
                            language_pick("文件是空的；第一行须为 %s", "the file is empty; its first row must be %s"),
                            file->target->kind->header);
    return is_read || fault_set(&file->session->fault, fault.kind, fault.exit_status, fault.code, language_pick("%s：%s", "%s: %s"),
                                file->path, fault.text);
}

/* ---- checking ---- */

static bool open_file(struct roster_file *file)
{
    struct stat status;
    file->stream = fopen(file->path, "re");
    if (file->stream == NULL || fstat(fileno(file->stream), &status) != 0)
        return fault_set(&file->session->fault, FAULT_REJECT, EX_NOINPUT, "no-input",
                         language_pick("%s：%s；请给一个能读取的文件", "%s: %s; name a file that can be read"), file->path,
                         strerror(errno));
    return S_ISREG(status.st_mode) || fault_set(&file->session->fault, FAULT_REJECT, EX_NOINPUT, "no-input",
                                                language_pick("%s 不是普通文件，而它要读两遍；请先保存成文件",
                                                              "%s is no regular file, and it has to be read twice; save it in one"),
                                                file->path);
}

static bool open_files(struct session *session, struct roster_file *units, struct roster_file *members)
{
    if (units->path == NULL && members->path == NULL)
        return fault_set(&session->fault, FAULT_REJECT, EX_USAGE, "usage",
                         language_pick("没有要加载的文件；请给 --units FILE、--members FILE 或两者",
                                       "there is nothing to load; give --units FILE, --members FILE or both"));
    return (units->path == NULL || open_file(units)) && (members->path == NULL || open_file(members));
}

/* All errors of the file are told, not only the first. */
static bool check_file(struct roster_file *file)
{
    if (file->path == NULL) return true;
    if (!read_file(file, false)) return false;
    if (file->errors > ERRORS_SHOWN_MAX)
        fprintf(stderr, language_pick("%s：……另有 %" PRId64 " 处\n", "%s: … and %" PRId64 " more\n"), file->path,
                file->errors - ERRORS_SHOWN_MAX);
    return true;
}

static bool check_files(struct session *session, struct roster_file *units, struct roster_file *members)
{
    if (!check_file(units) || !check_file(members)) return false;
    int64_t errors = units->errors + members->errors;
    return errors == 0 || fault_set(&session->fault, FAULT_REJECT, EX_DATAERR, "row-errors",
                                    language_pick("文件中有 %" PRId64 " 处错误%s；没有加载任何内容；请更正各行后重新加载",
                                                  "%" PRId64 " error%s in the files; nothing was loaded; correct the rows and load again"),
                                    errors, errors == 1 ? "" : language_pick("", "s"));
}

/* ---- loading ---- */

/* As the columns of MERGE_SQL stand. */
enum { KIND_AT, CODE_AT, LINE_AT, UNIT_AT, MEMBER_AT, ZH_AT, EN_AT, COUNT_AT, TOTAL_AT };

static const struct table_column program_columns[] = {
    {{NULL, NULL}, "kind", TABLE_TEXT}, {{NULL, NULL}, "code", TABLE_TEXT},      {{NULL, NULL}, "row", TABLE_NUMBER},
    {{NULL, NULL}, "unit", TABLE_TEXT}, {{NULL, NULL}, "member_no", TABLE_TEXT}, {{NULL, NULL}, "zh", TABLE_TEXT},
    {{NULL, NULL}, "en", TABLE_TEXT},   {{NULL, NULL}, "count", TABLE_NUMBER},   {{NULL, NULL}, NULL, TABLE_TEXT},
};
static const struct table_column finding_columns[] = {
    {{"文件", "FILE"}, "file", TABLE_TEXT},         {{"行", "ROW"}, "row", TABLE_NUMBER},       {{"单位", "UNIT"}, "unit", TABLE_TEXT},
    {{"会员编号", "MEMBER"}, "member", TABLE_TEXT}, {{"结果", "RESULT"}, "result", TABLE_TEXT}, {{"代码", "CODE"}, "code", TABLE_TEXT},
    {{"原因", "WHY"}, "why", TABLE_TEXT},           {{NULL, NULL}, NULL, TABLE_TEXT},
};
static const struct table_column summary_columns[] = {
    {{"汇总", "SUMMARY"}, "summary", TABLE_TEXT},
    {{"数量", "COUNT"}, "count", TABLE_NUMBER},
    {{NULL, NULL}, NULL, TABLE_TEXT},
};

/* What both files' merges found; for programs everything is in `findings`. */
struct load_report {
    struct table *findings, *summary;
};

static bool report_new(struct load_report *report, struct session *session)
{
    bool is_json = config_switch(session->config, "json");
    report->findings = table_new(is_json ? program_columns : finding_columns, is_json);
    report->summary = table_new(summary_columns, false);
    return (report->findings != NULL && report->summary != NULL) ||
           fault_set(&session->fault, FAULT_RETRY, EX_OSERR, "memory-out", language_pick("内存不足", "out of memory for a table"));
}

static void report_print(const struct load_report *report, bool is_json)
{
    table_print(report->findings, stdout);
    if (is_json) return;
    if (table_rows(report->findings) > 0) putchar('\n');
    table_print(report->summary, stdout);
}

static const char *cell(const struct database_result *result, size_t row, size_t column)
{
    return result_is_null(result, row, column) ? NULL : result_text(result, row, column);
}

static bool report_add(struct load_report *report, const struct roster_file *file, const struct database_result *result, size_t row,
                       struct fault *fault)
{
    const char *cells[TOTAL_AT];
    for (size_t i = 0; i < TOTAL_AT; i++) cells[i] = cell(result, row, i);
    if (config_switch(file->session->config, "json")) return table_add(report->findings, cells, fault);
    if (strcmp(cells[KIND_AT], "summary") == 0) return table_add(report->summary, (const char *[]){cells[CODE_AT], cells[COUNT_AT]}, fault);
    const char *const finding[] = {file->path,
                                   cells[LINE_AT],
                                   cells[UNIT_AT],
                                   cells[MEMBER_AT],
                                   cells[KIND_AT],
                                   cells[CODE_AT],
                                   cells[language_is_chinese() ? ZH_AT : EN_AT]};
    return table_add(report->findings, finding, fault);
}

/* Every row of the answer is shown; when there were more than it holds, their number is said. */
static bool note_findings(struct roster_file *file, const struct database_result *result, struct load_report *report)
{
    int64_t shown = 0, total = 0;
    const char *kind = "";
    for (size_t row = 0; row < result_rows(result); row++) {
        bool is_summary = strcmp(result_text(result, row, KIND_AT), "summary") == 0;
        if (strcmp(result_text(result, row, KIND_AT), "refused") == 0) file->session->exit_status = EX_DATAERR;
        if (!is_summary && strcmp(result_text(result, row, KIND_AT), kind) != 0) {
            kind = result_text(result, row, KIND_AT);
            total += result_int8(result, row, TOTAL_AT);
        }
        shown += is_summary ? 0 : 1;
        if (!report_add(report, file, result, row, &file->session->fault)) return false;
    }
    if (shown < total)
        fprintf(stderr, language_pick("%s：另有 %" PRId64 " 行被拒绝或跳过\n", "%s: %" PRId64 " more rows were refused or skipped\n"),
                file->path, total - shown);
    return true;
}

static bool run_script(struct session *session, const char *script)
{
    return database_run_script(session->database, script, &session->fault);
}

/* The merge waits for locks; what was copied is kept meanwhile. */
static bool merge_file(struct roster_file *file, struct load_report *report)
{
    struct session *session = file->session;
    struct database_result *result = NULL;
    struct database_query *query = session_ask(session, file->target->merge_sql);
    query_int8(query, strtoll(file->load_id, NULL, 10));
    if (file->target == &members_target) {
        query_bool(query, config_switch(session->config, "correct"));
        query_bool(query, config_switch(session->config, "re_enrol"));
    }
    session->retry_script = "ROLLBACK TO SAVEPOINT merge";
    bool is_good = session_run_patiently(session, &result) && note_findings(file, result, report);
    session->retry_script = NULL;
    result_free(result);
    return is_good;
}

static bool start_load(struct roster_file *file)
{
    struct database_result *result = NULL;
    session_ask(file->session, "SELECT nianshen.roster_load_start()");
    if (!session_run(file->session, &result)) return false;
    (void)snprintf(file->load_id, sizeof file->load_id, "%s", result_text(result, 0, 0));
    result_free(result);
    return true;
}

static bool load_file(struct roster_file *file, struct load_report *report)
{
    struct session *session = file->session;
    if (file->path == NULL) return true;
    bool is_good = start_load(file) && run_script(session, "BEGIN") &&
                   database_copy_start(session->database, file->target->copy_sql, &session->fault) && read_file(file, true) &&
                   database_copy_end(session->database, &session->fault) && run_script(session, "SAVEPOINT merge") &&
                   merge_file(file, report) && run_script(session, "COMMIT");
    if (is_good && file->malformed > 0)
        fprintf(stderr,
                language_pick("%s：%" PRId64 " 个证件号码%s不规范（第一个在第 %" PRId64 " 行：%s）；这样的会员只能以相同的写法列出\n",
                              "%s: %" PRId64 " ID number%s malformed (the first in row %" PRId64
                              ": %s); such a member can be listed by that same text only\n"),
                file->path, file->malformed, language_pick("", file->malformed == 1 ? " is" : "s are"), file->first_malformed,
                file->first_malformed_code);
    return is_good;
}

static void load_files(struct session *session, struct roster_file *units, struct roster_file *members)
{
    struct load_report report = {NULL, NULL};
    if (report_new(&report, session)) {
        (void)(load_file(units, &report) && load_file(members, &report));
        /* Also after a failure: the first file is loaded then. */
        report_print(&report, config_switch(session->config, "json"));
    }
    table_free(report.findings);
    table_free(report.summary);
}

static void close_file(struct roster_file *file)
{
    if (file->stream != NULL) (void)fclose(file->stream);
}

int roster_load_run(const struct config *config)
{
    struct session session;
    session_begin(&session, config);
    date_ymd today = moment_cst_date(moment_now_ms());
    struct roster_file units = {.target = &units_target, .path = config_text(config, "units"), .session = &session, .today = today};
    struct roster_file members = {.target = &members_target, .path = config_text(config, "members"), .session = &session, .today = today};
    /* The database is asked for before the files are read: reading may take long, and would have been for nothing. */
    if (open_files(&session, &units, &members) && session_open(&session) && check_files(&session, &units, &members))
        load_files(&session, &units, &members);
    close_file(&units);
    close_file(&members);
    return session_close(&session);
}
