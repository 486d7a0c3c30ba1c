/* nianshen-ops status: where the database stands in each partition, and how far the broker's end is ahead. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "core/language.h"

#include "ops/bounds.h"
#include "ops/commands.h"
#include "ops/options.h"
#include "ops/session.h"

enum {
    STATUS_ALARM = 1, /* exit status: a partition is halted or truncated, or a unit is held */
    NUMBER_BYTES = 24,
};

const struct option status_options[] = {OPTION_OF_JSON, OPTION_END};

/* As the columns of `status_sql` stand; END and LAG are replaced by what the broker says. */
enum { TOPIC_AT, PARTITION_AT, NEXT_AT, END_AT, LAG_AT, OWNER_AT, OUTBOX_AT, MOVED_AT, HALTED_AT, STATUS_COLUMNS };

static const struct table_column columns[] = {
    {{"主题", "TOPIC"}, "topic", TABLE_TEXT},       {{"分区", "PARTITION"}, "partition", TABLE_NUMBER},
    {{"下一个", "NEXT"}, "next", TABLE_NUMBER},     {{"末端", "END"}, "end", TABLE_NUMBER},
    {{"积压", "LAG"}, "lag", TABLE_NUMBER},         {{"接管者", "OWNER"}, "owner", TABLE_TEXT},
    {{"待发", "OUTBOX"}, "outbox", TABLE_NUMBER},   {{"最近移动", "MOVED"}, "moved", TABLE_MOMENT},
    {{"停止原因", "HALTED"}, "halted", TABLE_TEXT}, {{NULL, NULL}, NULL, TABLE_TEXT},
};

static const char status_sql[] = "SELECT topic, partition, next_offset, end_offset, lag, owner, outbox_waiting, moved_ms, halted "
                                 "FROM nianshen.partition_status ORDER BY topic, partition";

/* A position that the topic does not hold: what was applied of it is gone, or what comes next is. */
static void report_truncated(struct session *session, const char *topic, const char *partition, bool is_behind_end)
{
    fprintf(stderr,
            language_pick("主题 %s 分区 %s %s：主题被截断或重建过，或者这不是原来的 Kafka\n",
                          "%s partition %s %s: it was truncated or created anew, or this is another broker\n"),
            topic, partition,
            is_behind_end ? language_pick("的末端在已处理的位置之前", "ends before what was applied of it")
                          : language_pick("的开头在已处理的位置之后，有记录从未读取就已丢失",
                                          "begins behind what was applied of it, records that were never read are gone"));
    session->exit_status = STATUS_ALARM;
}

static void report_halted(struct session *session, const char *topic, const char *partition)
{
    fprintf(
        stderr,
        language_pick(
            "主题 %s 分区 %s 已停止，不再读取：原因见“停止原因”列与 docs/operations.md；nianshen-ops partition resume 让它继续\n",
            "%s partition %s is halted, nothing of it is read: see HALTED and docs/operations.md; nianshen-ops partition resume ends it\n"),
        topic, partition);
    session->exit_status = STATUS_ALARM;
}

static bool add_partition(struct session *session, struct table *table, const struct bounds *bounds, const struct database_result *result,
                          size_t row)
{
    const char *cells[STATUS_COLUMNS];
    char end_text[NUMBER_BYTES], lag_text[NUMBER_BYTES];
    int64_t next = result_int8(result, row, NEXT_AT);
    const struct kafka_bounds *told = bounds_of(bounds, result, row);
    for (size_t i = 0; i < STATUS_COLUMNS; i++) cells[i] = result_is_null(result, row, i) ? NULL : result_text(result, row, i);
    if (told != NULL) {
        (void)snprintf(end_text, sizeof end_text, "%" PRId64, told->next_offset);
        (void)snprintf(lag_text, sizeof lag_text, "%" PRId64, told->next_offset - next);
        cells[END_AT] = end_text;
        cells[LAG_AT] = lag_text;
        bool is_behind_end = told->next_offset < next;
        if (is_behind_end || told->first_offset > next) report_truncated(session, cells[TOPIC_AT], cells[PARTITION_AT], is_behind_end);
    }
    if (cells[HALTED_AT] != NULL) report_halted(session, cells[TOPIC_AT], cells[PARTITION_AT]);
    return table_add(table, cells, &session->fault);
}

static bool print_partitions(struct session *session, const struct database_result *result)
{
    struct table *table = table_new(columns, config_switch(session->config, "json"));
    struct bounds bounds = {0};
    bool is_good = table != NULL ||
                   fault_set(&session->fault, FAULT_RETRY, EX_OSERR, "memory-out", language_pick("内存不足", "out of memory for a table"));
    is_good = is_good && bounds_ask(&bounds, session, result);
    for (size_t row = 0; is_good && row < result_rows(result); row++) is_good = add_partition(session, table, &bounds, result, row);
    if (is_good) table_print(table, stdout);
    if (is_good && table_rows(table) == 0)
        fputs(language_pick("还没有工作进程接管分区：请启动 nianshen-worker\n",
                            "no worker has taken a partition yet: start nianshen-worker\n"),
              stderr);
    bounds_free(&bounds);
    table_free(table);
    return is_good;
}

static bool report_held(struct session *session)
{
    struct database_result *result = NULL;
    session_ask(session, "SELECT count(*) FROM nianshen.held");
    if (!session_run(session, &result)) return false;
    int64_t held = result_int8(result, 0, 0);
    result_free(result);
    if (held == 0) return true;
    fprintf(stderr,
            language_pick("%" PRId64 " 个单位%s被搁置：其中有记录因程序的缺陷无法处理；请看工作进程的日志\n",
                          "%" PRId64 " unit%s held: a record of theirs could not be applied, a fault of ours; see the worker's log\n"),
            held, language_pick("", held == 1 ? " is" : "s are"));
    session->exit_status = STATUS_ALARM;
    return true;
}

int status_run(const struct config *config)
{
    struct session session;
    struct database_result *result = NULL;
    session_begin(&session, config);
    if (session_open(&session)) {
        session_ask(&session, status_sql);
        if (session_run(&session, &result) && print_partitions(&session, result)) report_held(&session);
    }
    result_free(result);
    return session_close(&session);
}
