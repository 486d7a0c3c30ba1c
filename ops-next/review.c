/* nianshen-ops review list | show: what a superior union decides on. */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "core/language.h"

#include "ops/commands.h"
#include "ops/options.h"
#include "ops/session.h"

const struct option review_list_options[] = {
    OPTION_OF_SUPERIOR(false),
    {.name = "state",
     .kind = OPTION_TEXT,
     .argument = "STATE",
     .help = {"receiving（接收中）、waiting（等待）、pending（待审核）、rejected（未被接受）、returned（已退回）、withdrawn（已撤回）或 "
              "approved（已通过）。",
              "receiving, waiting, pending, rejected, returned, withdrawn or approved."}},
    OPTION_OF_YEAR(false),
    {.name = "waiting_decisions",
     .kind = OPTION_SWITCH,
     .help = {"列出等待其提交的审核，这些提交无人知晓：可能来得早，也可能写错了提交号。",
              "List decisions that wait for a submission of which nothing has arrived: early ones, or slips of the pen."}},
    OPTION_OF_LIMIT("1000"),
    OPTION_OF_JSON,
    OPTION_END,
};
const struct option review_show_options[] = {
    OPTION_OF_UNIT(true),
    OPTION_OF_YEAR(true),
    {.name = "submission",
     .kind = OPTION_TEXT,
     .argument = "ID",
     .help = {"年审提交号；省略时为待审核的提交，没有则为最近的提交。",
              "The submission; the pending one, else the latest, when left out."}},
    OPTION_OF_LIMIT("10000"),
    OPTION_OF_JSON,
    OPTION_END,
};

/* ---- list ---- */

static const char *const states[] = {"receiving", "waiting", "pending", "rejected", "returned", "withdrawn", "approved", NULL};

static const struct table_column list_columns[] = {
    {{"上级工会", "SUPERIOR"}, "superior", TABLE_TEXT},
    {{"单位", "UNIT"}, "unit", TABLE_TEXT},
    {{"名称", "NAME"}, "unit_name", TABLE_TEXT},
    {{"年度", "YEAR"}, "year", TABLE_NUMBER},
    {{"状态", "STATE"}, "state", TABLE_TEXT},
    {{"代码", "CODE"}, "code", TABLE_TEXT},
    {{"参审", "LISTED"}, "listed", TABLE_NUMBER},
    {{"通过", "PASSED"}, "passed", TABLE_NUMBER},
    {{"不通过", "FAILED"}, "failed", TABLE_NUMBER},
    {{"提交时间", "COMPLETED"}, "completed", TABLE_MOMENT},
    {{"提交号", "SUBMISSION"}, "submission", TABLE_TEXT},
    {{NULL, NULL}, NULL, TABLE_TEXT},
};

static const char list_sql[] =
    "SELECT superior, unit, unit_name, year, state, code, listed, passed, failed, completed_ms, submission FROM "
    "nianshen_next.review_status "
    "WHERE ($1::text IS NULL OR superior = $1) AND ($2::text IS NULL OR state = $2) AND ($3::bigint IS NULL OR year = $3) "
    "ORDER BY superior, unit, year, completed_ms NULLS LAST, submission LIMIT $4";

static const struct table_column waiting_columns[] = {
    {{"上级工会", "SUPERIOR"}, "superior", TABLE_TEXT},   {{"单位", "UNIT"}, "unit", TABLE_TEXT},
    {{"名称", "NAME"}, "unit_name", TABLE_TEXT},          {{"年度", "YEAR"}, "year", TABLE_NUMBER},
    {{"审核", "DECISION"}, "kind", TABLE_TEXT},           {{"审核人或撤回人", "BY"}, "by", TABLE_TEXT},
    {{"写入时间", "APPENDED"}, "appended", TABLE_MOMENT}, {{"提交号", "SUBMISSION"}, "submission", TABLE_TEXT},
    {{"事件号", "EVENT"}, "event_id", TABLE_TEXT},        {{NULL, NULL}, NULL, TABLE_TEXT},
};

static const char waiting_sql[] =
    "SELECT unit_superior, unit, unit_name, year, kind, coalesce(reviewer, submitted_by), append_ms, submission, event_id "
    "FROM nianshen_next.waiting_decision WHERE ($1::text IS NULL OR unit_superior = $1) AND ($2::bigint IS NULL OR year = $2) "
    "ORDER BY unit_superior, unit, year, append_ms, event_id LIMIT $3";

static bool check_state(struct session *session)
{
    const char *state = config_text(session->config, "state");
    if (state != NULL && config_switch(session->config, "waiting_decisions"))
        return fault_set(
            &session->fault, FAULT_REJECT, EX_USAGE, "usage",
            language_pick("--state 与 --waiting-decisions 不能同时使用", "--state and --waiting-decisions exclude each other"));
    for (size_t i = 0; state != NULL && states[i] != NULL; i++)
        if (strcmp(state, states[i]) == 0) return true;
    return state == NULL ||
           fault_set(
               &session->fault, FAULT_REJECT, EX_USAGE, "usage",
               language_pick("--state：没有“%s”这种状态；可用 receiving、waiting、pending、rejected、returned、withdrawn、approved",
                             "--state: '%s' is no state; give receiving, waiting, pending, rejected, returned, withdrawn or approved"),
               state);
}

static void list_submissions(struct session *session)
{
    const struct config *config = session->config;
    struct database_query *query = session_ask(session, list_sql);
    query_text(query, config_text(config, "superior"));
    query_text(query, config_text(config, "state"));
    session_add_number(session, "year");
    query_int8(query, config_number(config, "limit"));
    session_list(session, list_columns, (size_t)config_number(config, "limit"),
                 language_pick("没有这样的提交", "no submission is like that"));
}

static void list_waiting_decisions(struct session *session)
{
    const struct config *config = session->config;
    struct database_query *query = session_ask(session, waiting_sql);
    query_text(query, config_text(config, "superior"));
    session_add_number(session, "year");
    query_int8(query, config_number(config, "limit"));
    session_list(session, waiting_columns, (size_t)config_number(config, "limit"),
                 language_pick("没有等待未知提交的审核", "no decision waits for an unknown submission"));
}

int review_list_run(const struct config *config)
{
    struct session session;
    session_begin(&session, config);
    if (check_state(&session) && session_check_name(&session, "superior", EVENT_NAME_BYTES_MAX) && session_open(&session)) {
        if (config_switch(config, "waiting_decisions"))
            list_waiting_decisions(&session);
        else
            list_submissions(&session);
    }
    return session_close(&session);
}

/* ---- show ---- */

/* What is shown, in the order it is printed. */
struct review {
    struct table *heading, *decisions, *changes, *findings, *reasons, *details;
};

static const struct table_column heading_columns[] = {
    {{"单位", "unit"}, "unit", TABLE_TEXT},
    {{"名称", "name"}, "unit_name", TABLE_TEXT},
    {{"上级工会", "superior"}, "superior", TABLE_TEXT},
    {{"年审年度", "year"}, "year", TABLE_NUMBER},
    {{"年审提交", "submission"}, "submission", TABLE_TEXT},
    {{"状态", "state"}, "state", TABLE_TEXT},
    {{"代码", "code"}, "code", TABLE_TEXT},
    {{"年审方式", "mode"}, "mode", TABLE_TEXT},
    {{"提交人", "submitted by"}, "submitted_by", TABLE_TEXT},
    {{"提交时间", "completed"}, "completed", TABLE_MOMENT},
    {{"审核时间", "decided"}, "decided", TABLE_MOMENT},
    {{"参审人数", "listed"}, "listed", TABLE_NUMBER},
    {{"通过人数", "passed"}, "passed", TABLE_NUMBER},
    {{"不通过人数", "failed"}, "failed", TABLE_NUMBER},
    {{"错误数", "errors"}, "errors", TABLE_NUMBER},
    {{"提示数", "warnings"}, "warnings", TABLE_NUMBER},
    {{"摘要", "digest"}, "digest", TABLE_TEXT},
    {{"审核人", "reviewer"}, "reviewer", TABLE_TEXT},
    {{"意见", "comment"}, "comment", TABLE_TEXT},
    {{"来源", "source"}, "source", TABLE_TEXT},
    {{"单位信息年审", "unit review"}, "unit_review", TABLE_TEXT},
    {{"收到分片", "chunks received"}, "received", TABLE_NUMBER},
    {{"分片数", "chunks"}, "chunks", TABLE_NUMBER},
    {{"名单清除", "purged"}, "purged", TABLE_MOMENT},
    {{NULL, NULL}, NULL, TABLE_TEXT},
};
enum { SUBMISSION_AT = 4 };

static const char heading_sql[] =
    "SELECT unit, unit_name, superior, year, submission, state, code, mode, submitted_by, completed_ms, decided_ms, listed, passed, "
    "failed, "
    "errors_total, warnings_total, digest, reviewer, comment, source, unit_review, received, chunks, purged_ms FROM "
    "nianshen_next.review_status "
    "WHERE unit = $1 AND year = $2 AND ($3::text IS NULL OR submission = $3) "
    "ORDER BY state = 'pending' DESC, completed_ms DESC NULLS LAST, submission LIMIT 1";

/* Every decision that names it, as the topic holds them: also refused ones, and those that wait. */
static const struct table_column decision_columns[] = {
    {{"审核", "decision"}, "kind", TABLE_TEXT},
    {{"结果", "verdict"}, "verdict", TABLE_TEXT},
    {{"代码", "code"}, "code", TABLE_TEXT},
    {{"审核人或撤回人", "by"}, "by", TABLE_TEXT},
    {{"上级工会", "superior"}, "superior", TABLE_TEXT},
    {{"写入时间", "appended"}, "appended", TABLE_MOMENT},
    {{"意见", "comment"}, "comment", TABLE_TEXT},
    {{NULL, NULL}, NULL, TABLE_TEXT},
};

static const char decision_sql[] =
    "SELECT kind, verdict, code, coalesce(reviewer, submitted_by), superior, append_ms, comment FROM nianshen_next.review_decision "
    "WHERE unit = $1 AND year = $2 AND submission = $3 ORDER BY append_ms, event_id";

/* What is wrong with the rows, else what is worth a look. */
static const struct table_column finding_columns[] = {
    {{"分片", "chunk"}, "chunk", TABLE_NUMBER},
    {{"名单", "list"}, "list", TABLE_TEXT},
    {{"位置", "index"}, "index", TABLE_NUMBER},
    {{"代码", "code"}, "code", TABLE_TEXT},
    {{"证件号码", "ID number"}, "id_number_masked", TABLE_TEXT},
    {{"会员编号", "member no."}, "member_no", TABLE_TEXT},
    {{"说明", "meaning"}, "text", TABLE_TEXT},
    {{NULL, NULL}, NULL, TABLE_TEXT},
};
static const struct table_column finding_columns_for_programs[] = {
    {{NULL, NULL}, "chunk", TABLE_NUMBER},
    {{NULL, NULL}, "list", TABLE_TEXT},
    {{NULL, NULL}, "index", TABLE_NUMBER},
    {{NULL, NULL}, "code", TABLE_TEXT},
    {{NULL, NULL}, "id_number_masked", TABLE_TEXT},
    {{NULL, NULL}, "member_no", TABLE_TEXT},
    {{NULL, NULL}, "is_error", TABLE_SWITCH},
    {{NULL, NULL}, "position", TABLE_NUMBER},
    {{NULL, NULL}, "expected", TABLE_TEXT},
    {{NULL, NULL}, "zh", TABLE_TEXT},
    {{NULL, NULL}, "en", TABLE_TEXT},
    {{NULL, NULL}, NULL, TABLE_TEXT},
};

#define FINDING_SQL(texts)                                                                                                                 \
    "SELECT chunk, list, index, code, id_number_masked, member_no, " texts " FROM nianshen_next.review_finding "                           \
    "WHERE unit = $1 AND year = $2 AND submission = $3 ORDER BY place LIMIT $4"
static const char finding_for_programs_sql[] = FINDING_SQL("is_error, position, expected, zh, en");
static const char finding_zh_sql[] = FINDING_SQL("zh");
static const char finding_en_sql[] = FINDING_SQL("en");

static const struct table_column change_columns[] = {
    {{"单位信息变更", "field"}, "field", TABLE_TEXT},
    {{"原", "old"}, "old", TABLE_TEXT},
    {{"新", "new"}, "new", TABLE_TEXT},
    {{NULL, NULL}, NULL, TABLE_TEXT},
};

static const char change_sql[] = "SELECT field, old_value, new_value FROM nianshen_next.review_profile "
                                 "WHERE unit = $1 AND year = $2 AND submission = $3 ORDER BY field";

/* For people the reason stands in their language. */
static const struct table_column reason_columns[] = {
    {{"不通过原因", "reason"}, "reason", TABLE_TEXT}, {{"人数", "members"}, "members", TABLE_NUMBER}, {{NULL, NULL}, NULL, TABLE_TEXT}};
static const struct table_column reason_columns_for_programs[] = {{{NULL, NULL}, "reason", TABLE_TEXT},
                                                                  {{NULL, NULL}, "reason_zh", TABLE_TEXT},
                                                                  {{NULL, NULL}, "members", TABLE_NUMBER},
                                                                  {{NULL, NULL}, NULL, TABLE_TEXT}};

#define REASON_SQL(reason)                                                                                                                 \
    "SELECT " reason ", count(*) FROM nianshen_next.review_detail WHERE unit = $1 AND year = $2 AND submission = $3 GROUP BY reason, "     \
    "reason_zh ORDER BY count(*) DESC, reason"
static const char reason_for_programs_sql[] = REASON_SQL("reason, reason_zh");
static const char reason_zh_sql[] = REASON_SQL("coalesce(reason_zh, reason)");
static const char reason_en_sql[] = REASON_SQL("reason");

static const struct table_column detail_columns[] = {
    {{"会员编号", "member no."}, "member_no", TABLE_TEXT},
    {{"姓名", "name"}, "name", TABLE_TEXT},
    {{"性别", "gender"}, "gender", TABLE_TEXT},
    {{"年龄", "age"}, "age", TABLE_NUMBER},
    {{"证件类型", "ID type"}, "id_type", TABLE_TEXT},
    {{"证件号码", "ID number"}, "id_number_masked", TABLE_TEXT},
    {{"有效期至", "valid until"}, "id_valid_until", TABLE_TEXT},
    {{"手机", "mobile"}, "mobile_masked", TABLE_TEXT},
    {{"不通过原因", "reason"}, "reason", TABLE_TEXT},
    {{"提示", "warnings"}, "warnings", TABLE_LIST},
    {{NULL, NULL}, NULL, TABLE_TEXT},
};

static const char detail_for_programs_sql[] =
    "SELECT member_no, name, gender, age, id_type, id_number_masked, id_valid_until, mobile_masked, reason, array_to_string(warnings, "
    "E'\\n') "
    "FROM nianshen_next.review_detail WHERE unit = $1 AND year = $2 AND submission = $3 ORDER BY member_no LIMIT $4";

/* The same in words. */
#define DETAIL_FOR_PEOPLE_SQL(gender, id_type, reason, warning)                                                                            \
    "SELECT d.member_no, d.name, CASE d.gender " gender " END, d.age, CASE d.id_type " id_type                                             \
    " END, d.id_number_masked, d.id_valid_until, d.mobile_masked, " reason ", (SELECT string_agg(coalesce(" warning                        \
    ", w.code), E'\\n' ORDER BY w.code) FROM unnest(d.warnings) AS w (code) LEFT JOIN nianshen.code c ON c.code = w.code) "                \
    "FROM nianshen_next.review_detail d WHERE d.unit = $1 AND d.year = $2 AND d.submission = $3 ORDER BY d.member_no LIMIT $4"
static const char detail_zh_sql[] =
    DETAIL_FOR_PEOPLE_SQL("WHEN 'M' THEN '男' WHEN 'F' THEN '女'",
                          "WHEN 'resident' THEN '身份证' WHEN 'hmt-permit' THEN '港澳台居民居住证' WHEN 'foreigner' THEN "
                          "'外国人永久居留身份证' WHEN 'other' THEN '其他'",
                          "coalesce(d.reason_zh, d.reason)", "c.zh");
static const char detail_en_sql[] =
    DETAIL_FOR_PEOPLE_SQL("WHEN 'M' THEN 'male' WHEN 'F' THEN 'female'",
                          "WHEN 'resident' THEN 'resident card' WHEN 'hmt-permit' THEN 'HK/Macau/Taiwan permit' WHEN 'foreigner' THEN "
                          "'foreigner''s card' WHEN 'other' THEN 'other'",
                          "d.reason", "c.en");

static struct database_query *ask_of_submission(struct session *session, const char *sql, const char *submission)
{
    struct database_query *query = session_ask(session, sql);
    query_text(query, config_text(session->config, "unit"));
    query_int4(query, (int32_t)config_number(session->config, "year"));
    query_text(query, submission);
    return query;
}

/* The heading, and into `submission` whose it is. */
static bool read_heading(struct session *session, struct review *review, char *submission, size_t submission_bytes)
{
    struct database_result *result = NULL;
    const char *unit = config_text(session->config, "unit"), *wanted = config_text(session->config, "submission");
    ask_of_submission(session, heading_sql, wanted);
    if (!session_run(session, &result)) return false;
    bool is_there = result_rows(result) > 0;
    if (is_there) (void)snprintf(submission, submission_bytes, "%s", result_text(result, 0, SUBMISSION_AT));
    result_free(result);
    if (!is_there)
        return fault_set(&session->fault, FAULT_REJECT, EX_NOINPUT, "submission-unknown",
                         language_pick("单位 %1$s 在 %4$d 年度没有提交%2$s%3$s；`nianshen-ops review list --year %5$d` 可列出已有的提交",
                                       "unit %s has no submission%s%s of %d; `nianshen-ops review list --year %d` shows which there are"),
                         unit, wanted != NULL ? " " : "", wanted != NULL ? wanted : "", (int)config_number(session->config, "year"),
                         (int)config_number(session->config, "year"));
    ask_of_submission(session, heading_sql, submission);
    review->heading = session_table(session, heading_columns);
    return review->heading != NULL;
}

/* Before anything is shown, so that nobody looks unseen. */
static bool note_reader(struct session *session, const char *submission)
{
    struct database_query *query = session_ask(session, "SELECT nianshen.audit('review-show', $1, $2 || '/' || $3)");
    char year[16];
    (void)snprintf(year, sizeof year, "%d", (int)config_number(session->config, "year"));
    query_text(query, config_text(session->config, "unit"));
    query_text(query, year);
    query_text(query, submission);
    return session_run(session, NULL);
}

static bool read_review(struct session *session, struct review *review)
{
    bool is_json = config_switch(session->config, "json");
    char submission[EVENT_NAME_BYTES_MAX + 1];
    if (!read_heading(session, review, submission, sizeof submission) || !note_reader(session, submission)) return false;
    ask_of_submission(session, decision_sql, submission);
    review->decisions = session_table(session, decision_columns);
    if (review->decisions == NULL) return false;
    ask_of_submission(session, change_sql, submission);
    review->changes = session_table(session, change_columns);
    if (review->changes == NULL) return false;
    query_int8(ask_of_submission(session, is_json ? finding_for_programs_sql : language_pick(finding_zh_sql, finding_en_sql), submission),
               config_number(session->config, "limit"));
    review->findings = session_table(session, is_json ? finding_columns_for_programs : finding_columns);
    if (review->findings == NULL) return false;
    ask_of_submission(session, is_json ? reason_for_programs_sql : language_pick(reason_zh_sql, reason_en_sql), submission);
    review->reasons = session_table(session, is_json ? reason_columns_for_programs : reason_columns);
    if (review->reasons == NULL) return false;
    query_int8(ask_of_submission(session, is_json ? detail_for_programs_sql : language_pick(detail_zh_sql, detail_en_sql), submission),
               config_number(session->config, "limit"));
    review->details = session_table(session, detail_columns);
    return review->details != NULL;
}

static void print_section(const struct table *table)
{
    if (table_rows(table) == 0) return;
    putchar('\n');
    table_print(table, stdout);
}

static void print_for_people(const struct review *review)
{
    table_print_record(review->heading, 0, stdout);
    print_section(review->decisions);
    print_section(review->changes);
    print_section(review->findings);
    print_section(review->reasons);
    print_section(review->details);
}

static void print_for_programs(const struct review *review)
{
    fputs("{\"review\":", stdout);
    table_print_record(review->heading, 0, stdout);
    fputs(",\"decisions\":", stdout);
    table_print(review->decisions, stdout);
    fputs(",\"findings\":", stdout);
    table_print(review->findings, stdout);
    fputs(",\"profile_changes\":", stdout);
    table_print(review->changes, stdout);
    fputs(",\"reasons\":", stdout);
    table_print(review->reasons, stdout);
    fputs(",\"details\":", stdout);
    table_print(review->details, stdout);
    fputs("}\n", stdout);
}

int review_show_run(const struct config *config)
{
    struct session session;
    struct review review = {0};
    session_begin(&session, config);
    if (session_check_name(&session, "unit", EVENT_UNIT_BYTES_MAX) && session_check_name(&session, "submission", EVENT_NAME_BYTES_MAX) &&
        session_open(&session) && read_review(&session, &review)) {
        if (config_switch(config, "json"))
            print_for_programs(&review);
        else
            print_for_people(&review);
        if (table_rows(review.details) == (size_t)config_number(config, "limit"))
            fprintf(stderr,
                    language_pick("只显示前 %zu 名会员；--limit 可显示更多\n", "the first %zu members are shown; --limit shows more\n"),
                    table_rows(review.details));
    }
    table_free(review.heading);
    table_free(review.decisions);
    table_free(review.changes);
    table_free(review.findings);
    table_free(review.reasons);
    table_free(review.details);
    return session_close(&session);
}
