/*
 * nianshen-ops campaign purge: what a closed campaign says of persons is deleted after its retention, in the database and the topics.
 *
 * First what must be true is checked, and all that goes is named; without --execute that is all. Then the database is told (from here on
 * the records before the cut are gone, even while they stand), removals by reference are moved to the archive, for what they refer to goes,
 * the rows of the year go in slices, and the topics are cut last. Each step may be repeated: a purge that was cut off goes on when it is
 * run again.
 */
#include <inttypes.h>
#include <stdio.h>
#include <sysexits.h>

#include "core/kafka.h"
#include "core/language.h"
#include "core/moment.h"
#include "ops/commands.h"
#include "ops/cuts.h"
#include "ops/options.h"
#include "ops/session.h"

#include "ops-next/settle.h"

enum {
    SLICE_UNITS = 200, /* a slice takes a fraction of a second: a worker that meets it waits no longer */
    SLICE_ROWS = 10000,
    UNIT_BYTES_MAX = 64,
    NUMBER_BYTES = 24,
    MOMENT_BYTES = 32,
    DELETION_BATCH = 256, /* partitions a request */
};

const struct option campaign_purge_options[] = {OPTION_OF_YEAR(true), OPTION_OF_EXECUTE, OPTION_OF_JSON, OPTION_END};

static const struct table_column columns[] = {
    {{"内容", "WHAT"}, "what", TABLE_TEXT},
    {{"分区", "PARTITION"}, "partition", TABLE_NUMBER},
    {{"此前", "BEFORE"}, "before", TABLE_NUMBER},
    {{"删除", "DELETED"}, "count", TABLE_NUMBER},
    {{NULL, NULL}, NULL, TABLE_TEXT},
};

struct purge {
    struct session *session;
    int64_t until_ms; /* the topics are cut at the first record that was appended then or later */
    bool is_done; /* before this run */
    struct cuts cuts; /* of all topics */
    struct table *table;
};

/* ---- what would go ---- */

static struct database_query *ask_of_year(struct purge *purge, const char *sql)
{
    struct database_query *query = session_ask(purge->session, sql);
    query_int4(query, (int32_t)config_number(purge->session->config, "year"));
    return query;
}

static bool look(struct purge *purge)
{
    struct database_result *result = NULL;
    ask_of_year(purge, "SELECT until_ms, purged_ms FROM nianshen_next.campaign_purge_until($1)");
    if (!session_run(purge->session, &result)) return false;
    purge->until_ms = result_int8(result, 0, 0);
    purge->is_done = !result_is_null(result, 0, 1);
    result_free(result);
    return true;
}

static bool row_add(struct purge *purge, const char *what, const struct cut *cut, int64_t count)
{
    char partition[NUMBER_BYTES], before[NUMBER_BYTES], number[NUMBER_BYTES];
    (void)snprintf(number, sizeof number, "%" PRId64, count);
    if (cut != NULL) {
        (void)snprintf(partition, sizeof partition, "%" PRId32, cut->partition);
        (void)snprintf(before, sizeof before, "%" PRId64, cut->before);
    }
    const char *const cells[] = {what, cut != NULL ? partition : NULL, cut != NULL ? before : NULL, number};
    return table_add(purge->table, cells, &purge->session->fault);
}

static bool records_count(struct purge *purge)
{
    for (size_t i = 0; i < purge->cuts.count; i++) {
        const struct cut *cut = &purge->cuts.list[i];
        int64_t count = cut->before > cut->first ? cut->before - cut->first : 0;
        if (!row_add(purge, topic_kind_name(cut->topic), cut, count)) return false;
    }
    return true;
}

/* The parameters after the year: the moment, and where the input topics are cut. */
static void add_cuts(const struct purge *purge, struct database_query *query)
{
    query_int8(query, purge->until_ms);
    cuts_add(&purge->cuts, query);
}

static bool check(struct purge *purge)
{
    add_cuts(purge, ask_of_year(purge, "SELECT nianshen_next.campaign_purge_check($1, $2, $3, $4, $5)"));
    return session_run_long(purge->session, NULL);
}

static bool rows_count(struct purge *purge)
{
    struct database_result *result = NULL;
    query_int8(ask_of_year(purge, "SELECT what, count FROM nianshen_next.campaign_purge_rows($1, $2)"), purge->until_ms);
    bool is_good = session_run_long(purge->session, &result);
    for (size_t row = 0; is_good && row < result_rows(result); row++)
        is_good = row_add(purge, result_text(result, row, 0), NULL, result_int8(result, row, 1));
    result_free(result);
    return is_good;
}

/* ---- doing it ---- */

static bool begin(struct purge *purge)
{
    add_cuts(purge, ask_of_year(purge, "SELECT nianshen_next.campaign_purge_begin($1, $2, $3, $4, $5)"));
    return session_run_patiently(purge->session, NULL);
}

/* Unit after unit, in the order of their codes. */
static bool units_purge(struct purge *purge)
{
    struct session *session = purge->session;
    char after[UNIT_BYTES_MAX + 1] = "";
    for (bool is_end = false; !is_end;) {
        struct database_result *result = NULL;
        struct database_query *query = session_ask(session, "SELECT nianshen_next.campaign_purge_units($1, $2, $3)");
        query_text(query, after);
        query_int4(query, SLICE_UNITS);
        query_int4(query, SLICE_ROWS);
        if (!session_run_patiently(session, &result)) return false;
        is_end = result_is_null(result, 0, 0);
        if (!is_end) (void)snprintf(after, sizeof after, "%s", result_text(result, 0, 0));
        result_free(result);
    }
    return true;
}

static bool ledger_purge(struct purge *purge)
{
    struct session *session = purge->session;
    for (bool is_end = false; !is_end;) {
        struct database_result *result = NULL;
        query_int4(session_ask(session, "SELECT nianshen_next.campaign_purge_ledger($1)"), SLICE_ROWS);
        if (!session_run_patiently(session, &result)) return false;
        is_end = result_int8(result, 0, 0) == 0;
        result_free(result);
    }
    return true;
}

static bool topics_cut(struct purge *purge)
{
    struct fault *fault = &purge->session->fault;
    struct kafka_position before[DELETION_BATCH];
    struct kafka_admin *admin = kafka_admin_new(purge->session->config, fault);
    bool is_good = admin != NULL;
    for (size_t done = 0; is_good && done < purge->cuts.count;) {
        size_t count = 0;
        for (; count < DELETION_BATCH && done < purge->cuts.count; count++, done++) {
            const struct cut *cut = &purge->cuts.list[done];
            before[count] = (struct kafka_position){cut->topic, cut->partition, cut->before};
        }
        is_good = kafka_admin_delete_before(admin, before, count, SESSION_BROKER_TIMEOUT_MS, fault);
    }
    kafka_admin_free(admin);
    return is_good;
}

static bool end(struct purge *purge)
{
    ask_of_year(purge, "SELECT nianshen_next.campaign_purge_end($1)");
    return session_run_patiently(purge->session, NULL);
}

static bool execute(struct purge *purge)
{
    if (!begin(purge)) return false;
    if (settle_all(purge->session) && units_purge(purge) && ledger_purge(purge) && topics_cut(purge) && end(purge)) return true;
    fputs(language_pick("清除只完成了一部分：再次运行同一命令即可继续\n",
                        "the purge is half-way: run the same again, it goes on from there\n"),
          stderr);
    return false;
}

/* ---- the command ---- */

static void purge_run(struct purge *purge)
{
    char moment[MOMENT_BYTES];
    struct session *session = purge->session;
    bool is_executed = config_switch(session->config, "execute");
    moment_format(purge->until_ms, moment, sizeof moment);
    purge->table = table_new(columns, config_switch(session->config, "json"));
    if (purge->table == NULL) {
        fault_set(&session->fault, FAULT_RETRY, EX_OSERR, "memory-out", language_pick("内存不足", "out of memory for a table"));
        return;
    }
    if (!cuts_find(&purge->cuts, session, TOPIC_KINDS, purge->until_ms) || !check(purge) || !records_count(purge) || !rows_count(purge) ||
        (is_executed && !execute(purge)))
        return;
    table_print(purge->table, stdout);
    if (is_executed)
        fprintf(stderr,
                language_pick("已清除 %s 之前写入的内容；现在请备份基础数据，并删除更早的备份\n",
                              "purged: what was appended before %s; now dump the reference data, and delete older dumps and backups\n"),
                moment);
    else
        fprintf(stderr,
                language_pick(
                    "这是试运行，没有删除任何内容；--execute 会永久删除以上内容，主题中删除 %s 之前写入的记录。人数、摘要和审核结论保留\n",
                    "a dry run, nothing was deleted; --execute deletes this for good, of the topics what was appended before %s. Counts, "
                    "digests and decisions are kept\n"),
                moment);
}

int campaign_purge_run(const struct config *config)
{
    struct session session;
    struct purge purge = {.session = &session};
    session_begin(&session, config);
    if (session_open(&session) && look(&purge)) {
        if (purge.is_done)
            fputs(language_pick("此前已经清除：nianshen-ops campaign list 显示时间\n",
                                "it was purged already: nianshen-ops campaign list says when\n"),
                  stderr);
        else
            purge_run(&purge);
    }
    cuts_free(&purge.cuts);
    table_free(purge.table);
    return session_close(&session);
}
