/* nianshen-ops check: the invariants of sql/functions/92_check.sql, in one snapshot of a database that workers go on with. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "core/language.h"

#include "ops/commands.h"
#include "ops/options.h"
#include "ops/session.h"

enum { CHECK_VIOLATED = 1 /* exit status */ };

const struct option check_options[] = {
    OPTION_OF_FINDINGS("20", "每条不变式至多列出 N 处违反；全部计数。", "Show at most N violations of each invariant; all are counted."),
    OPTION_OF_JSON,
    OPTION_END,
};

#define CHECK_SQL(sentence, means)                                                                                                         \
    "SELECT invariant, " sentence ", " means ", total, unit, finding FROM nianshen_next.check_run($1) WITH ORDINALITY ORDER BY ordinality"
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

static void check(struct session *session)
{
    struct check_report report = {0};
    struct database_result *result = NULL;
    int64_t limit = config_number(session->config, "limit");
    query_int4(session_ask(session, language_is_chinese() && !config_switch(session->config, "json") ? check_zh_sql : check_sql),
               (int32_t)limit);
    bool is_good = session_run_long(session, &result) && report_new(&report, session);
    for (size_t row = 0; is_good && row < result_rows(result); row++) is_good = report_add(&report, result, row, &session->fault);
    if (is_good) {
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
