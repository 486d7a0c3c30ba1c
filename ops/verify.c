/*
 * nianshen-ops verify: the state is rebuilt in a scratch database from the reference data and the topics, up to the positions of one
 * snapshot of the live one, and compared with what that snapshot holds. The live database is only read, and workers go on.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "core/language.h"
#include "ops/commands.h"
#include "ops/options.h"
#include "ops/rebuild.h"
#include "ops/reference_file.h"
#include "ops/scratch.h"
#include "ops/session.h"

enum { VERIFY_DIFFERS = 1 /* exit status */, NUMBER_BYTES = 24 };

const struct option verify_options[] = {
    OPTION_OF_YEAR(true),
    {.name = "reference",
     .kind = OPTION_TEXT,
     .argument = "FILE",
     .help = {"用此备份中的基础数据重建，而不用数据库自己的：这样手工改动过的名册也能查出。",
              "Rebuild from the reference data of this dump instead of the database's own: so a roster that was changed by hand is found, "
              "too."}},
    OPTION_OF_FINDINGS("50", "至多显示 N 处差异；有差异的单位全部计数。", "Show at most N differences; all units that differ are counted."),
    OPTION_OF_JSON,
    OPTION_END,
};

static const struct table_column columns[] = {
    {{"单位", "UNIT"}, "unit", TABLE_MASKED},         {{"类别", "KIND"}, "kind", TABLE_TEXT},
    {{"标识", "KEY"}, "key", TABLE_MASKED},           {{"字段", "FIELD"}, "field", TABLE_TEXT},
    {{"现有", "RECORDED"}, "recorded", TABLE_MASKED}, {{"重建", "REBUILT"}, "rebuilt", TABLE_MASKED},
    {{"性质", "CLASS"}, "class", TABLE_TEXT},         {{NULL, NULL}, NULL, TABLE_TEXT},
};

/* What is copied of the recorded state: the views say what of it. */
static const struct reference_section recorded_units = {"unit", "unit, recorded", "recorded_unit", "verify_unit", false};
static const struct reference_section recorded_lost = {"lost", "unit", "recorded_lost", "verify_lost", false};
static const struct reference_section recorded_rows = {"row", "unit, kind, key, fields, submission, version", "recorded_row", "verify_row",
                                                       false};

struct verify {
    struct session live;
    struct scratch scratch;
    struct table *differences;
    int64_t records, units, damaged, rules_changed, not_in_topic;
};

/* ---- the rebuild ---- */

/* One snapshot, held for as long as the rebuild takes, whatever the server's limits say of idle transactions. */
static bool snapshot_begin(struct session *live)
{
    if (!database_run_script(live->database,
                             "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL ROLE nianshen_owner; "
                             "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0; "
                             "SELECT nianshen.reference_dump_start()",
                             &live->fault))
        return false;
    session_ask(live, "SELECT set_config('nianshen.verify_year', $1::bigint::text, true)");
    session_add_number(live, "year");
    return session_run(live, NULL);
}

static bool reference_of_live(struct verify *verify)
{
    struct fault *fault = &verify->live.fault;
    struct database *from = verify->live.database, *to = verify->scratch.session.database;
    if (!reference_restore_begin(to, fault)) return false;
    for (const struct reference_section *section = reference_sections; section->name != NULL; section++)
        if (!section->is_history && !reference_copy(from, to, section, fault)) return false;
    return reference_restore_end(to, fault) && database_run_script(to, "COMMIT", fault);
}

static bool reference_of_file(struct verify *verify, const char *path)
{
    int64_t rows;
    struct session *scratch = &verify->scratch.session;
    FILE *in = fopen(path, "r");
    if (in == NULL) return fault_set(&verify->live.fault, FAULT_REJECT, EX_NOINPUT, "reference-file", "%s: %s", path, strerror(errno));
    bool is_good =
        reference_restore_file(scratch, in, &rows) || fault_set(&verify->live.fault, scratch->fault.kind, scratch->fault.exit_status,
                                                                scratch->fault.code, "%s: %s", path, scratch->fault.text);
    (void)fclose(in);
    return is_good;
}

static bool rebuild(struct verify *verify)
{
    const char *path = config_text(verify->live.config, "reference");
    return (path == NULL ? reference_of_live(verify) : reference_of_file(verify, path)) &&
           rebuild_run(&verify->live, &verify->scratch.session, &verify->records);
}

/* ---- the comparison ---- */

static void class_count(struct verify *verify, const char *class)
{
    if (strcmp(class, "rules-changed") == 0)
        verify->rules_changed++;
    else if (strcmp(class, "not-in-topic") == 0)
        verify->not_in_topic++;
    else
        verify->damaged++;
}

static bool differences_add(struct verify *verify, const char *unit, const struct database_result *result)
{
    for (size_t row = 0; row < result_rows(result); row++) {
        const char *cells[] = {unit, NULL, NULL, NULL, NULL, NULL, NULL};
        for (size_t i = 0; i < 6; i++) cells[i + 1] = result_is_null(result, row, i) ? NULL : result_text(result, row, i);
        class_count(verify, cells[6]);
        bool has_room = table_rows(verify->differences) < (size_t)config_number(verify->live.config, "limit");
        if (has_room && !table_add(verify->differences, cells, &verify->live.fault)) return false;
    }
    return true;
}

/* The recorded rows of one unit travel to the scratch database, so that one statement there compares. */
static bool unit_compare(struct verify *verify, const char *unit)
{
    struct session *live = &verify->live, *scratch = &verify->scratch.session;
    struct database_result *result = NULL;
    query_text(session_ask(live, "SELECT set_config('nianshen.verify_unit', $1, true)"), unit);
    if (!session_run(live, NULL) || !reference_copy(live->database, scratch->database, &recorded_rows, &live->fault)) return false;
    struct database_query *query =
        session_ask(scratch, "SELECT kind, key, field, recorded, rebuilt, class FROM nianshen.verify_differences($1, $2)");
    query_text(query, unit);
    query_int4(query, (int32_t)config_number(live->config, "year"));
    bool is_good = database_run(scratch->database, query, -1, &result, &live->fault) && differences_add(verify, unit, result) &&
                   database_run_script(scratch->database, "TRUNCATE nianshen.verify_row", &live->fault);
    result_free(result);
    return is_good;
}

/* When no more is shown, units are looked at until one decides the exit status: what other releases judged must not hide damage behind it.
 */
static bool is_answered(const struct verify *verify)
{
    return table_rows(verify->differences) >= (size_t)config_number(verify->live.config, "limit") &&
           verify->damaged + verify->not_in_topic > 0;
}

static bool compare(struct verify *verify)
{
    struct session *live = &verify->live, *scratch = &verify->scratch.session;
    struct database_result *units = NULL;
    /* Digests are worth parallel workers, however few pages their units fill. */
    if (!database_run_script(live->database, "SET LOCAL min_parallel_table_scan_size = 0", &live->fault) ||
        !reference_copy(live->database, scratch->database, &recorded_units, &live->fault) ||
        !reference_copy(live->database, scratch->database, &recorded_lost, &live->fault))
        return false;
    query_int4(session_ask(scratch, "SELECT * FROM nianshen.verify_units($1)"), (int32_t)config_number(live->config, "year"));
    bool is_good = database_run(scratch->database, scratch->query, -1, &units, &live->fault);
    for (size_t row = 0; is_good && row < result_rows(units); row++) {
        verify->units++;
        if (!is_answered(verify)) is_good = unit_compare(verify, result_text(units, row, 0));
    }
    result_free(units);
    return is_good;
}

/* ---- the answer ---- */

static void explain(const struct verify *verify)
{
    if (verify->damaged > 0)
        fputs(language_pick("damage：数据库中的内容不是由事件和基础数据产生的：有人绕过工作进程改动过，或是我们的程序错误。"
                            "不要手工修改数据行：见 docs/operations.md 的 Verify 一节\n",
                            "damage: the database holds what the events and the reference data do not make; somebody changed it beside the "
                            "worker, or it is a bug of ours. Don't mend rows by hand: see docs/operations.md, Verify\n"),
              stderr);
    if (verify->rules_changed > 0)
        fputs(language_pick("rules-changed：另一个版本当时如此判定，本版本判定不同；以已记载的结论为准\n",
                            "rules-changed: another release had judged so, and this one judges otherwise; the recorded verdict stands\n"),
              stderr);
    if (verify->not_in_topic > 0)
        fputs(language_pick(
                  "not-in-topic：这些单位的事件所在的主题被截断或重建过，无法重新应用\n",
                  "not-in-topic: events of these units stood in a topic that was truncated or made anew, and can't be applied again\n"),
              stderr);
}

static void summarize(const struct verify *verify)
{
    bool is_cut = table_rows(verify->differences) == (size_t)config_number(verify->live.config, "limit");
    fprintf(stderr, language_pick("重新应用了 %" PRId64 " 条记录；", "%" PRId64 " records were applied again; "), verify->records);
    if (verify->units == 0)
        fputs(language_pick("状态一致\n", "the state is equal\n"), stderr);
    else
        fprintf(stderr, language_pick("%" PRId64 " 个单位有差异%s\n", "units that differ: %" PRId64 "%s\n"), verify->units,
                is_cut ? language_pick("（用 --limit 可显示更多）", " (--limit shows more)") : "");
}

static bool answer(struct verify *verify)
{
    struct session *scratch = &verify->scratch.session;
    struct database_result *digests = NULL;
    bool is_json = config_switch(verify->live.config, "json");
    session_ask(scratch, "SELECT recorded, rebuilt FROM nianshen.verify_digests()");
    if (!database_run(scratch->database, scratch->query, -1, &digests, &verify->live.fault)) return false;
    if (!is_json)
        printf(language_pick("现有  %s\n重建  %s\n", "recorded  %s\nrebuilt   %s\n"), result_text(digests, 0, 0),
               result_text(digests, 0, 1));
    result_free(digests);
    if (!is_json && table_rows(verify->differences) > 0) putchar('\n');
    table_print(verify->differences, stdout);
    summarize(verify);
    explain(verify);
    if (verify->damaged + verify->not_in_topic > 0) verify->live.exit_status = VERIFY_DIFFERS;
    return true;
}

/* ---- the command ---- */

/* False also for a purged campaign, without a fault: there is nothing to compare. */
static bool campaign_ask(struct session *live)
{
    struct database_result *result = NULL;
    int64_t year = config_number(live->config, "year");
    session_ask(live, "SELECT purged_ms FROM nianshen.campaign WHERE year = $1");
    session_add_number(live, "year");
    if (!session_run(live, &result)) return false;
    bool is_there = result_rows(result) > 0;
    bool is_purged = is_there && !result_is_null(result, 0, 0);
    if (!is_there)
        fault_set(&live->fault, FAULT_REJECT, EX_DATAERR, "no-campaign",
                  language_pick("没有 %" PRId64 " 年度的年审活动；nianshen-ops campaign list 列出已有的",
                                "there is no campaign of %" PRId64 "; nianshen-ops campaign list shows those there are"),
                  year);
    if (is_purged) puts(config_switch(live->config, "json") ? "[]" : "purged");
    if (is_purged)
        fprintf(stderr,
                language_pick("%" PRId64 " 年度只保留人数、结论和摘要，无法重建\n",
                              "of the campaign of %" PRId64 " only counts, verdicts and digests are kept, which can't be rebuilt\n"),
                year);
    result_free(result);
    return is_there && !is_purged;
}

static bool verify_open(struct verify *verify)
{
    struct session *live = &verify->live;
    verify->differences = table_new(columns, config_switch(live->config, "json"));
    if (verify->differences == NULL)
        return fault_set(&live->fault, FAULT_RETRY, EX_OSERR, "memory-out", language_pick("内存不足", "out of memory for a table"));
    return session_open(live) && campaign_ask(live) && scratch_open(&verify->scratch, live->config, &live->fault) && snapshot_begin(live);
}

int verify_run(const struct config *config)
{
    struct verify verify = {.differences = NULL};
    session_begin(&verify.live, config);
    verify.live.role =
        language_pick("nianshen_owner，并有建立数据库的权限（CREATEDB）", "nianshen_owner, with the right to create databases (CREATEDB)");
    if (verify_open(&verify) && rebuild(&verify) && compare(&verify)) answer(&verify);
    scratch_close(&verify.scratch);
    table_free(verify.differences);
    return session_close(&verify.live);
}
