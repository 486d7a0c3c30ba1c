/* nianshen-ops check: the invariants of sql/functions/92_check.sql, in one snapshot of a database that workers go on with. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "core/language.h"

#include "ops/commands.h"
#include "ops/options.h"
#include "ops/roster_check.h"
#include "ops/session.h"

enum { CHECK_VIOLATED = 1 /* exit status */ };

const struct option check_options[] = {
    OPTION_OF_FINDINGS("20", "每条不变式至多列出 N 处违反；全部计数。", "Show at most N violations of each invariant; all are counted."),
    {.name = "rosters",
     .kind = OPTION_SWITCH,
     .help = {"同时核对各年审活动开放时整理的名册与会员的历次版本，要读全部会员。",
              "Also compare the rosters packed at each opening with the versions of all memberships; reads every member."}},
    OPTION_OF_JSON,
    OPTION_END,
};

#define CHECK_SQL(sentence, means)                                                                                                         \
    "SELECT invariant, " sentence ", " means ", total, unit, finding FROM nianshen.check_run($1) WITH ORDINALITY ORDER BY ordinality"
static const char check_sql[] = CHECK_SQL("sentence", "means"), check_zh_sql[] = CHECK_SQL("sentence_zh", "means_zh");

/* As both answer. */
enum { INVARIANT_AT, SENTENCE_AT, MEANS_AT, TOTAL_AT, UNIT_AT, FINDING_AT, CHECK_COLUMNS };

static const struct table_column program_columns[] = {
    {{"不变式", "INVARIANT"}, "invariant", TABLE_TEXT},
    {{"内容", "SENTENCE"}, "sentence", TABLE_TEXT},
    {{"意味着", "MEANS"}, "means", TABLE_TEXT},
    {{"违反数", "VIOLATIONS"}, "violations", TABLE_NUMBER},
    {{"单位", "UNIT"}, "unit", TABLE_MASKED},
    {{"发现", "FINDING"}, "finding", TABLE_MASKED},
    {{NULL, NULL}, NULL, TABLE_TEXT},
};
static const struct table_column invariant_columns[] = {
    {{"不变式", "INVARIANT"}, "invariant", TABLE_TEXT},
    {{"违反数", "VIOLATIONS"}, "violations", TABLE_NUMBER},
    {{"必须成立的内容", "WHAT MUST BE TRUE"}, "sentence", TABLE_TEXT},
    {{NULL, NULL}, NULL, TABLE_TEXT},
};
static const struct table_column finding_columns[] = {
    {{"不变式", "INVARIANT"}, "invariant", TABLE_TEXT},
    {{"单位", "UNIT"}, "unit", TABLE_MASKED},
    {{"发现", "FINDING"}, "finding", TABLE_MASKED},
    {{NULL, NULL}, NULL, TABLE_TEXT},
};

struct check_report {
    struct table *invariants, *findings; /* for programs everything is in `findings` */
    bool is_json;
};

static bool report_new(struct check_report *report, struct session *session)
{
    report->is_json = config_switch(session->config, "json");
    report->invariants = table_new(invariant_columns, false);
    report->findings = table_new(report->is_json ? program_columns : finding_columns, report->is_json);
    return (report->invariants != NULL && report->findings != NULL) ||
           fault_set(&session->fault, FAULT_RETRY, EX_OSERR, "memory-out", language_pick("内存不足", "out of memory for a table"));
}

static void report_free(struct check_report *report)
{
    table_free(report->invariants);
    table_free(report->findings);
}

/* The rows of an invariant stand together: the first of them is its line. */
static bool report_add(struct check_report *report, const struct database_result *result, size_t row, struct fault *fault)
{
    const char *cells[CHECK_COLUMNS];
    for (size_t i = 0; i < CHECK_COLUMNS; i++) cells[i] = result_is_null(result, row, i) ? NULL : result_text(result, row, i);
    bool is_first = row == 0 || strcmp(result_text(result, row - 1, INVARIANT_AT), cells[INVARIANT_AT]) != 0;
    const char *const invariant[] = {cells[INVARIANT_AT], cells[TOTAL_AT], cells[SENTENCE_AT]};
    const char *const finding[] = {cells[INVARIANT_AT], cells[UNIT_AT], cells[FINDING_AT]};
    if (is_first && !table_add(report->invariants, invariant, fault)) return false;
    return cells[FINDING_AT] == NULL || table_add(report->findings, report->is_json ? cells : finding, fault);
}

/* What each violated invariant means, on stderr: it is the operator's next step and no data. */
static void explain(const struct database_result *result, int64_t limit)
{
    const char *invariant = "";
    for (size_t row = 0; row < result_rows(result); row++) {
        int64_t total = result_int8(result, row, TOTAL_AT);
        if (total == 0 || strcmp(invariant, result_text(result, row, INVARIANT_AT)) == 0) continue;
        invariant = result_text(result, row, INVARIANT_AT);
        fprintf(stderr, language_pick("违反 %s：%s", "%s is violated: %s"), invariant, result_text(result, row, MEANS_AT));
        if (total > limit)
            fprintf(stderr,
                    language_pick("（共 %2$" PRId64 " 处，只列出前 %1$" PRId64 " 处；--limit 可列出更多）",
                                  " (the first %" PRId64 " of %" PRId64 " are shown; --limit shows more)"),
                    limit, total);
        putc('\n', stderr);
    }
}

static void report_print(const struct check_report *report)
{
    if (!report->is_json) table_print(report->invariants, stdout);
    if (!report->is_json && table_rows(report->findings) > 0) putchar('\n');
    if (report->is_json || table_rows(report->findings) > 0) table_print(report->findings, stdout);
}

/* ---- the rosters, which are compared in C ---- */

struct roster_words {
    const char *sentence, *means;
};

static struct roster_words roster_words(bool is_chinese)
{
    return is_chinese ? (struct roster_words){"每次年审的名册就是开放时的会员，其更正就是此后的各个版本",
                                              "名册或会员被绕过程序改动过：在判定任何提交之前，请先查明是哪一个"}
                      : (struct roster_words){
                            "the roster of each campaign is its members at the opening, its changes are the versions since",
                            "a roster or a membership was changed beside the programs: find out which before anything is judged"};
}

struct roster_rows {
    struct check_report *report;
    struct session *session;
};

static bool roster_row(void *context, const char *unit, const char *finding)
{
    struct roster_rows *rows = context;
    struct roster_words words = roster_words(false);
    const char *const cells[] = {"rosters", words.sentence, words.means, "1", unit, finding};
    const char *const shown[] = {"rosters", unit, finding};
    return table_add(rows->report->findings, rows->report->is_json ? cells : shown, &rows->session->fault);
}

static bool check_rosters(struct session *session, struct check_report *report)
{
    char count[24];
    int64_t total, limit = config_number(session->config, "limit");
    struct roster_words words = roster_words(language_is_chinese());
    if (!config_switch(session->config, "rosters")) return true;
    if (!roster_check(session, limit, roster_row, &(struct roster_rows){report, session}, &total)) return false;
    (void)snprintf(count, sizeof count, "%" PRId64, total);
    if (total > 0)
        fprintf(stderr, language_pick("违反 rosters（共 %" PRId64 " 处）：%s\n", "rosters is violated (%" PRId64 " times): %s\n"), total,
                words.means);
    return table_add(report->invariants, (const char *[]){"rosters", count, words.sentence}, &session->fault);
}

static void check(struct session *session)
{
    struct check_report report = {0};
    struct database_result *result = NULL;
    int64_t limit = config_number(session->config, "limit");
    query_int4(session_ask(session, language_is_chinese() && !config_switch(session->config, "json") ? check_zh_sql : check_sql),
               (int32_t)limit);
    bool is_good = session_run_long(session, &result) && report_new(&report, session);
    for (size_t row = 0; is_good && row < result_rows(result); row++) is_good = report_add(&report, result, row, &session->fault);
    if (is_good && check_rosters(session, &report)) {
        report_print(&report);
        explain(result, limit);
        if (table_rows(report.findings) > 0)
            session->exit_status = CHECK_VIOLATED;
        else
            fputs(language_pick("以上各条全部成立；其余的要靠用主题重建来证明\n",
                                "all of these hold; rebuilding from the topics shows the rest\n"),
                  stderr);
    }
    report_free(&report);
    result_free(result);
}

int check_run(const struct config *config)
{
    struct session session;
    session_begin(&session, config);
    if (session_open(&session)) check(&session);
    return session_close(&session);
}
