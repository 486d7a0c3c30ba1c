/*
 * nianshen-ops verify: the state is rebuilt in memory by the engine, shard by shard, from the topics and the reference data, up to the
 * positions of one snapshot of the database, and compared with what that snapshot holds. Nothing is written, and workers go on.
 *
 * Memory: what the rebuild of one shard takes (ops-next/rebuild.h), and of each unit its name and 16 bytes (ops-next/state_sums.h), however
 * long the topics are; then the rows of the units that differ, as many as are shown.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "core/language.h"
#include "ops-next/rebuild.h"
#include "ops-next/shard_ranges.h"
#include "ops-next/state_differences.h"
#include "ops-next/state_lines.h"
#include "ops/commands.h"
#include "ops/copy_text.h"
#include "ops/options.h"
#include "ops/roster_check.h"
#include "ops/session.h"

enum { VERIFY_DIFFERS = 1 /* exit status */, NUMBER_BYTES = 24, QUERY_BYTES = 2048, COPY_SQL_BYTES = 4096 };

const struct option verify_options[] = {
    OPTION_OF_YEAR(true),
    {.name = "rosters",
     .kind = OPTION_SWITCH,
     .help = {"同时核对各年审活动开放时整理的名册与会员的历次版本，要读全部会员：这样手工改动过的名册也能查出。",
              "Also compare the rosters packed at each opening with the versions of all memberships, reading every member: so a roster "
              "that was "
              "changed by hand is found, too."}},
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

struct verify {
    struct session live;
    struct shard_ranges shards;
    struct rebuild *rebuild;
    struct state_sums *sums;
    const char **differing; /* units, as COPY writes them, ascending */
    size_t differing_count;
    char **shown; /* the first of them, as they are */
    size_t shown_count;
    struct state_differences lines;
    struct table *differences;
    struct database_result *lost; /* units of which the topics have lost records */
    int64_t records, damaged, not_in_topic, roster_violations;
};

static bool memory_out(struct verify *verify)
{
    return fault_set(&verify->live.fault, FAULT_RETRY, EX_OSERR, "memory-out",
                     language_pick("内存不足", "out of memory for the comparison"));
}

/* ---- the first pass: a sum for each unit ---- */

/* One snapshot, held for as long as the rebuild takes, whatever the server's limits say of idle transactions. */
static bool snapshot_begin(struct session *live)
{
    return database_run_script(live->database,
                               "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL ROLE nianshen_owner; "
                               "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0",
                               &live->fault);
}

static bool sum_line(void *context, const char *line, size_t bytes)
{
    struct verify *verify = context;
    return state_sums_add(verify->sums, STATE_REBUILT, line, bytes) || memory_out(verify);
}

static bool sum_review(void *context, const struct review *review)
{
    struct verify *verify = context;
    return state_lines_of(review, sum_line, verify) || memory_out(verify);
}

static void truncation_tell(const struct topic_range *range)
{
    if (range->first <= range->from) return;
    fprintf(stderr,
            language_pick("主题 %s 分区 %" PRId32 "：偏移量 %" PRId64 " 之前的内容已不在主题中\n",
                          "%s partition %" PRId32 ": what stood before offset %" PRId64 " is not in the topic any more\n"),
            topic_kind_name(range->topic), range->partition, range->first);
}

static bool rebuild_all(struct verify *verify)
{
    for (size_t shard = 0; shard < verify->shards.count; shard++) {
        struct topic_range *ranges = verify->shards.list[shard];
        if (!rebuild_shard(verify->rebuild, ranges, NULL, sum_review, verify, &verify->live.fault)) return false;
        for (int topic = 0; topic < TOPIC_INPUTS; topic++) {
            verify->records += ranges[topic].records;
            truncation_tell(&ranges[topic]);
        }
    }
    return true;
}

/* Reads what the database holds of the year, line by line; of some units only when `filter` stands behind the query. */
static bool recorded_read(struct verify *verify, const char *filter, bool (*take)(struct verify *verify, const char *line, size_t bytes))
{
    char query[QUERY_BYTES], sql[COPY_SQL_BYTES];
    struct session *live = &verify->live;
    for (const char *const *of = state_line_queries; *of != NULL; of++) {
        const char *line;
        size_t bytes;
        const char *place = strstr(*of, "%d");
        (void)snprintf(query, sizeof query, "%.*s%" PRId64 "%s", (int)(place - *of), *of, config_number(live->config, "year"), place + 2);
        (void)snprintf(sql, sizeof sql, "COPY (SELECT * FROM (%s) s%s) TO STDOUT", query, filter);
        if (!database_copy_start(live->database, sql, &live->fault)) return false;
        do {
            if (!database_copy_read(live->database, &line, &bytes, &live->fault)) return false;
            if (bytes > 0 && !take(verify, line, bytes - 1)) return memory_out(verify);
        } while (bytes > 0);
    }
    return true;
}

static bool recorded_sum(struct verify *verify, const char *line, size_t bytes)
{
    return state_sums_add(verify->sums, STATE_RECORDED, line, bytes);
}

static bool sums_compare(struct verify *verify)
{
    if (!recorded_read(verify, "", recorded_sum)) return false;
    verify->differing = state_sums_differing(verify->sums, &verify->differing_count);
    return verify->differing != NULL || memory_out(verify);
}

/* ---- the second pass: the rows of the units that are shown ---- */

static bool choose_shown(struct verify *verify)
{
    size_t limit = (size_t)config_number(verify->live.config, "limit");
    size_t count = verify->differing_count < limit ? verify->differing_count : limit;
    verify->shown = calloc(count + 1, sizeof *verify->shown);
    for (verify->shown_count = 0; verify->shown != NULL && verify->shown_count < count; verify->shown_count++) {
        const char *plain;
        char *unit = verify->shown[verify->shown_count] = strdup(verify->differing[verify->shown_count]);
        if (unit == NULL) return memory_out(verify);
        copy_text_split(unit, &plain, 1); /* in place */
    }
    return verify->shown != NULL || memory_out(verify);
}

static bool rebuilt_line(void *context, const char *line, size_t bytes)
{
    struct verify *verify = context;
    return state_differences_add(&verify->lines, STATE_REBUILT, line, bytes) || memory_out(verify);
}

static bool rebuilt_review(void *context, const struct review *review)
{
    struct verify *verify = context;
    return state_lines_of(review, rebuilt_line, verify) || memory_out(verify);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The units of one shard that are shown. */
static size_t units_of_shard(const struct verify *verify, size_t shard, const char **out)
{
    size_t count = 0;
    for (size_t i = 0; i < verify->shown_count; i++) {
        const char *unit = verify->shown[i];
        if (kafka_partition_of(unit, strlen(unit), rebuild_partitions(verify->rebuild)) == (int32_t)shard) out[count++] = unit;
    }
    qsort(out, count, sizeof *out, compare_names);
    return count;
}

static bool rebuild_shown(struct verify *verify)
{
    const char **units = calloc(verify->shown_count + 1, sizeof *units);
    bool is_good = true;
    if (units == NULL) return memory_out(verify);
    for (size_t shard = 0; is_good && shard < verify->shards.count; shard++) {
        struct rebuild_units only = {units, units_of_shard(verify, shard, units)};
        if (only.count > 0)
            is_good = rebuild_shard(verify->rebuild, verify->shards.list[shard], &only, rebuilt_review, verify, &verify->live.fault);
    }
    free(units);
    return is_good;
}

static bool recorded_line(struct verify *verify, const char *line, size_t bytes)
{
    return state_differences_add(&verify->lines, STATE_RECORDED, line, bytes);
}

/* A setting of the transaction says which units: a COPY takes no parameters. */
static bool recorded_shown(struct verify *verify)
{
    struct copy_text names = {0};
    for (size_t i = 0; i < verify->shown_count; i++) {
        copy_text_plain(&names, verify->shown[i]);
        copy_text_plain(&names, "\n");
    }
    const char *list = copy_text_end(&names);
    bool is_good = list != NULL || memory_out(verify);
    if (is_good) {
        query_text(session_ask(&verify->live, "SELECT set_config('nianshen.verify_units', $1, true)"), list);
        is_good =
            session_run(&verify->live, NULL) &&
            recorded_read(verify, " WHERE unit = ANY (string_to_array(current_setting('nianshen.verify_units'), E'\\n'))", recorded_line);
    }
    copy_text_free(&names);
    return is_good;
}

/* ---- units of which the topics have lost records ---- */

static bool lost_ask(struct verify *verify)
{
    struct session *live = &verify->live;
    struct database_query *query = session_ask(live, "SELECT nianshen_next.units_not_in_topic($1, $2, $3, $4, $5)");
    query_text_array(query);
    for (size_t i = 0; i < verify->shown_count; i++) query_add_text(query, verify->shown[i], strlen(verify->shown[i]));
    query_int4(query, (int32_t)config_number(live->config, "year"));
    for (int column = 0; column < 3; column++) {
        column == 0 ? query_text_array(query) : column == 1 ? query_int4_array(query) : query_int8_array(query);
        for (size_t i = 0; i < verify->shards.count * TOPIC_INPUTS; i++) {
            const struct topic_range *range = &verify->shards.list[i / TOPIC_INPUTS][i % TOPIC_INPUTS];
            const char *topic = topic_kind_name(range->topic);
            if (range->first <= range->from) continue;
            column == 0   ? query_add_text(query, topic, strlen(topic))
            : column == 1 ? query_add_int4(query, range->partition)
                          : query_add_int8(query, range->first);
        }
    }
    return session_run_long(live, &verify->lost);
}

static bool is_lost(const struct verify *verify, const char *unit)
{
    for (size_t row = 0; row < result_rows(verify->lost); row++)
        if (strcmp(result_text(verify->lost, row, 0), unit) == 0) return true;
    return false;
}

/* ---- the differences ---- */

static bool difference_take(void *context, const struct state_difference *difference)
{
    struct verify *verify = context;
    bool is_damage = !is_lost(verify, difference->unit);
    verify->damaged += is_damage;
    verify->not_in_topic += !is_damage;
    const char *const cells[] = {difference->unit,
                                 difference->kind,
                                 difference->key,
                                 difference->field,
                                 difference->recorded,
                                 difference->rebuilt,
                                 is_damage ? "damage" : "not-in-topic"};
    return table_rows(verify->differences) >= (size_t)config_number(verify->live.config, "limit") ||
           table_add(verify->differences, cells, &verify->live.fault);
}

static bool rows_compare(struct verify *verify)
{
    if (verify->differing_count == 0) return true;
    return choose_shown(verify) && rebuild_shown(verify) && recorded_shown(verify) && lost_ask(verify) &&
           (state_differences_tell(&verify->lines, difference_take, verify) || memory_out(verify));
}

/* ---- the rosters ---- */

static bool roster_take(void *context, const char *unit, const char *finding)
{
    struct verify *verify = context;
    const char *const cells[] = {unit, "roster", "", NULL, finding, NULL, "damage"};
    return table_rows(verify->differences) >= (size_t)config_number(verify->live.config, "limit") ||
           table_add(verify->differences, cells, &verify->live.fault);
}

/* In a snapshot of its own, behind the other. */
static bool rosters_compare(struct verify *verify)
{
    struct session *live = &verify->live;
    if (!config_switch(live->config, "rosters")) return true;
    return database_run_script(live->database, "COMMIT; SET ROLE nianshen_owner", &live->fault) &&
           roster_check(live, config_number(live->config, "limit"), roster_take, verify, &verify->roster_violations);
}

/* ---- the answer ---- */

static void explain(const struct verify *verify)
{
    if (verify->damaged + verify->roster_violations > 0)
        fputs(language_pick("damage：数据库中的内容不是由事件和基础数据产生的：有人绕过工作进程改动过，或是我们的程序错误。"
                            "不要手工修改数据行：见 docs/operations.md 的 Verify 一节\n",
                            "damage: the database holds what the events and the reference data do not make; somebody changed it beside the "
                            "worker, or it is a bug of ours. Don't mend rows by hand: see docs/operations.md, Verify\n"),
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
    if (verify->differing_count == 0)
        fputs(language_pick("状态一致\n", "the state is equal\n"), stderr);
    else
        fprintf(stderr, language_pick("%zu 个单位有差异%s\n", "units that differ: %zu%s\n"), verify->differing_count,
                is_cut ? language_pick("（用 --limit 可显示更多）", " (--limit shows more)") : "");
    if (verify->roster_violations > 0)
        fprintf(stderr,
                language_pick("名册与会员不符：%" PRId64 " 处\n", "rosters that differ from the memberships: %" PRId64 " findings\n"),
                verify->roster_violations);
}

static void answer(struct verify *verify)
{
    char recorded[STATE_SUM_DIGITS + 1], rebuilt[STATE_SUM_DIGITS + 1];
    bool is_json = config_switch(verify->live.config, "json");
    state_sums_digest(verify->sums, STATE_RECORDED, recorded);
    state_sums_digest(verify->sums, STATE_REBUILT, rebuilt);
    if (!is_json) printf(language_pick("现有  %s\n重建  %s\n", "recorded  %s\nrebuilt   %s\n"), recorded, rebuilt);
    if (!is_json && table_rows(verify->differences) > 0) putchar('\n');
    table_print(verify->differences, stdout);
    summarize(verify);
    explain(verify);
    if (verify->differing_count > 0 || verify->roster_violations > 0) verify->live.exit_status = VERIFY_DIFFERS;
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
    verify->sums = state_sums_new();
    if (verify->differences == NULL || verify->sums == NULL) return memory_out(verify);
    if (!session_open(live) || !campaign_ask(live) || !snapshot_begin(live) || !shard_ranges_ask(&verify->shards, live)) return false;
    verify->rebuild = rebuild_new(live->config, live->database, (int32_t)config_number(live->config, "year"), &live->fault);
    return verify->rebuild != NULL;
}

static void verify_close(struct verify *verify)
{
    rebuild_free(verify->rebuild);
    state_sums_free(verify->sums);
    state_differences_free(&verify->lines);
    shard_ranges_free(&verify->shards);
    result_free(verify->lost);
    table_free(verify->differences);
    free(verify->differing);
    for (size_t i = 0; i < verify->shown_count; i++) free(verify->shown[i]);
    free(verify->shown);
}

int verify_run(const struct config *config)
{
    struct verify verify = {.records = 0};
    session_begin(&verify.live, config);
    verify.live.role = "nianshen_owner";
    if (verify_open(&verify) && rebuild_all(&verify) && sums_compare(&verify) && rows_compare(&verify) && rosters_compare(&verify))
        answer(&verify);
    verify_close(&verify);
    return session_close(&verify.live);
}
