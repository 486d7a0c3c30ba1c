/* nianshen-ops roster export: members as CSV that a spreadsheet opens and `roster load` reads back. Full ID numbers: it is noted who
 * exports. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "core/csv_stream.h"
#include "core/language.h"
#include "core/private_file.h"
#include "ops/commands.h"
#include "ops/options.h"
#include "ops/roster_sheet.h"
#include "ops/session.h"

enum { EXPORT_COLUMNS_MAX = ROSTER_COLUMNS_MAX };

const struct option roster_export_options[] = {
    OPTION_OF_UNIT(false),
    {.name = "for_review",
     .kind = OPTION_SWITCH,
     .help = {"写出 --unit 的列表年审文件，结果留空：会员编号、姓名、身份证号码、年审结果、不通过原因。",
              "Write the file of a list-mode review of --unit: number, name and ID number of each member, results left empty."}},
    {.name = "output",
     .kind = OPTION_TEXT,
     .argument = "FILE",
     .help = {"写到 FILE（只有所有者可读），而不是标准输出。", "Write to FILE, which only its owner may read, not to stdout."}},
    OPTION_END,
};

struct export_kind {
    const char *headers[EXPORT_COLUMNS_MAX];
    size_t columns, columns_of_sql; /* the others stay empty */
    const char *sql; /* declares the cursor `exported`; $1 is the unit or null */
};

static const struct export_kind members_export = {
    {"unit", "member_no", "name", "gender", "id_type", "id_number", "id_valid_until", "mobile"},
    8,
    8,
    "DECLARE exported NO SCROLL CURSOR FOR "
    "SELECT unit, member_no, name, gender, id_type, id_number, id_valid_until, mobile FROM nianshen_next.member "
    "WHERE $1::text IS NULL OR unit = $1 ORDER BY unit, member_no"};

/* Those who joined after the opening are not part of the campaign that is open. */
static const struct export_kind review_export = {
    {"会员编号", "姓名", "身份证号码", "年审结果", "不通过原因"},
    5,
    3,
    "DECLARE exported NO SCROLL CURSOR FOR SELECT member_no, name, id_number FROM nianshen_next.member WHERE unit = $1 "
    "AND NOT EXISTS (SELECT FROM nianshen_next.campaign c WHERE c.state = 'open' AND nianshen_next.member.enrolled_ms >= c.opens_ms) ORDER "
    "BY "
    "member_no"};

struct exporting {
    struct session *session;
    const struct export_kind *kind;
    const char *path; /* NULL: stdout */
    FILE *out;
    size_t rows;
};

static bool output_failed(struct exporting *exporting)
{
    return fault_set(&exporting->session->fault, FAULT_FATAL, EX_IOERR, "output",
                     language_pick("%s：%s；请换一个 --output", "%s: %s; choose another --output"),
                     exporting->path != NULL ? exporting->path : "stdout", strerror(errno));
}

static bool output_open(struct exporting *exporting)
{
    exporting->out = exporting->path == NULL ? stdout : private_file_new(exporting->path, &exporting->session->fault);
    return exporting->out != NULL;
}

/* A half-written roster is not left behind. */
static void output_close(struct exporting *exporting)
{
    if (exporting->path == NULL || exporting->out == NULL) return;
    if (fclose(exporting->out) != 0) output_failed(exporting);
    if (exporting->session->fault.kind != FAULT_NONE) (void)unlink(exporting->path);
}

static bool write_rows(struct exporting *exporting, const struct database_result *result)
{
    const struct export_kind *kind = exporting->kind;
    const char *cells[EXPORT_COLUMNS_MAX];
    for (size_t row = 0; row < result_rows(result); row++) {
        for (size_t i = 0; i < kind->columns; i++) cells[i] = i < kind->columns_of_sql ? result_text(result, row, i) : "";
        if (!csv_write_row(exporting->out, cells, kind->columns)) return output_failed(exporting);
    }
    exporting->rows += result_rows(result);
    return true;
}

/* Spreadsheets take UTF-8 for what it is only behind a byte-order mark. */
static bool write_header(struct exporting *exporting)
{
    return (fputs("\xEF\xBB\xBF", exporting->out) != EOF &&
            csv_write_row(exporting->out, exporting->kind->headers, exporting->kind->columns)) ||
           output_failed(exporting);
}

static bool write_all(struct exporting *exporting)
{
    struct session *session = exporting->session;
    bool is_good = true;
    size_t fetched;
    do {
        struct database_result *result = NULL;
        session_ask(session, "FETCH 10000 FROM exported");
        is_good = session_run_long(session, &result) && write_rows(exporting, result);
        fetched = is_good ? result_rows(result) : 0;
        result_free(result);
    } while (fetched > 0);
    return is_good;
}

/* Before the first row leaves, so that nobody exports unseen. */
static bool note_export(struct session *session)
{
    struct database_query *query = session_ask(session, "SELECT nianshen.audit('roster-export', $1, $2)");
    query_text(query, config_text(session->config, "unit"));
    query_text(query, config_switch(session->config, "for_review") ? "for-review" : "members");
    return session_run(session, NULL);
}

static bool export_members(struct exporting *exporting)
{
    struct session *session = exporting->session;
    const char *unit = config_text(session->config, "unit");
    if (!note_export(session) || !database_run_script(session->database, "BEGIN READ ONLY", &session->fault)) return false;
    query_text(session_ask(session, exporting->kind->sql), unit);
    if (!session_run_long(session, NULL) || !write_header(exporting) || !write_all(exporting)) return false;
    if (exporting->rows == 0)
        fprintf(stderr,
                language_pick("%s%s没有会员；用 `nianshen-ops roster load --members` 添加\n",
                              "%s%s has no members; `nianshen-ops roster load --members` adds them\n"),
                unit != NULL ? language_pick("单位 ", "unit ") : language_pick("名册", "the roster"), unit != NULL ? unit : "");
    return true;
}

static bool options_check(struct session *session)
{
    bool is_unit_missing = config_switch(session->config, "for_review") && !config_is_set(session->config, "unit");
    if (is_unit_missing)
        return fault_set(&session->fault, FAULT_REJECT, EX_USAGE, "usage",
                         language_pick("--for-review 写出一个单位的文件，须给 --unit UNIT",
                                       "--for-review writes the file of one unit; give --unit UNIT"));
    return session_check_name(session, "unit", EVENT_UNIT_BYTES_MAX);
}

int roster_export_run(const struct config *config)
{
    struct session session;
    session_begin(&session, config);
    struct exporting exporting = {.session = &session,
                                  .kind = config_switch(config, "for_review") ? &review_export : &members_export,
                                  .path = config_text(config, "output")};
    if (options_check(&session) && session_open(&session) && output_open(&exporting)) export_members(&exporting);
    output_close(&exporting);
    return session_close(&session);
}
