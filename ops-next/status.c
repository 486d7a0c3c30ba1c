/*
 * nianshen-ops status: where the database stands in each partition, how far the broker's end is ahead, and whether it moves.
 *
 * A partition that has something to read and does not move is an alarm: by the time of its newest range in the ledger, and by a second look
 * a little later, since what was appended just now has a right to wait.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "core/language.h"

#include "ops/bounds.h"
#include "ops/commands.h"
#include "ops/options.h"
#include "ops/session.h"

#include "ops-next/stall.h"

enum {
    STATUS_ALARM = 1, /* exit status: a partition is halted, truncated or stands still, or a unit is held */
    NUMBER_BYTES = 24,
    SECOND_LOOK_MS = 3000,
};

const struct option status_options[] = {OPTION_OF_JSON, OPTION_END};

/* As the columns of `status_sql` stand; END and LAG are what the broker says. STILL is not shown. */
enum { TOPIC_AT, PARTITION_AT, NEXT_AT, END_AT, LAG_AT, OWNER_AT, OUTBOX_AT, MOVED_AT, HALTED_AT, STILL_AT, STATUS_COLUMNS = STILL_AT };

static const struct table_column columns[] = {
    {{"主题", "TOPIC"}, "topic", TABLE_TEXT},       {{"分区", "PARTITION"}, "partition", TABLE_NUMBER},
    {{"下一个", "NEXT"}, "next", TABLE_NUMBER},     {{"末端", "END"}, "end", TABLE_NUMBER},
    {{"积压", "LAG"}, "lag", TABLE_NUMBER},         {{"接管者", "OWNER"}, "owner", TABLE_TEXT},
    {{"待发", "OUTBOX"}, "outbox", TABLE_NUMBER},   {{"最近移动", "MOVED"}, "moved", TABLE_MOMENT},
    {{"停止原因", "HALTED"}, "halted", TABLE_TEXT}, {{NULL, NULL}, NULL, TABLE_TEXT},
};

static const char status_sql[] =
    "SELECT topic, partition, next_offset, end_offset, lag, owner, outbox_waiting, moved_ms, halted, "
    "coalesce(nianshen.now_ms() - greatest(moved_ms, claimed_ms), -1) "
    "FROM nianshen_next.partition_status ORDER BY array_position(ARRAY['unit-review', 'member-review', 'approval'], topic), partition";

/* One look at all partitions. */
struct look {
    struct database_result *rows;
    struct bounds stable, ends; /* without and with what stands behind an open transaction */
};

static bool look_take(struct look *look, struct session *session)
{
    session_ask(session, status_sql);
    return session_run(session, &look->rows) && bounds_ask(&look->stable, session, look->rows) &&
           (look->stable.count == 0 || bounds_ask_uncommitted(&look->ends, session, look->rows));
}

static void look_free(struct look *look)
{
    bounds_free(&look->stable);
    bounds_free(&look->ends);
    result_free(look->rows);
    *look = (struct look){0};
}

static struct stall_look look_of(const struct look *look, size_t row)
{
    const struct kafka_bounds *stable = bounds_of(&look->stable, look->rows, row), *end = bounds_of(&look->ends, look->rows, row);
    return (struct stall_look){
        .next_offset = result_int8(look->rows, row, NEXT_AT),
        .stable_offset = stable != NULL ? stable->next_offset : -1,
        .end_offset = end != NULL ? end->next_offset : -1,
        .still_ms = result_int8(look->rows, row, STILL_AT),
        .is_halted = !result_is_null(look->rows, row, HALTED_AT),
    };
}

/* ---- what is wrong ---- */

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

static void report_transaction(const char *topic, const char *partition, int64_t offset)
{
    fprintf(stderr,
            language_pick("主题 %s 分区 %s 从偏移量 %" PRId64 " 起有上游未结束的事务：在它提交或中止之前，其后的记录都读不到\n",
                          "%s partition %s: a transaction of an upstream is open since offset %" PRId64
                          "; nothing behind it is given out until it ends\n"),
            topic, partition, offset);
}

static void report_still(struct session *session, const char *topic, const char *partition, const struct stall_look *look)
{
    session->exit_status = STATUS_ALARM;
    if (stall_is_of_transaction(look))
        fprintf(stderr,
                language_pick("主题 %s 分区 %s 不动：有 %" PRId64
                              " 条积压，在等上游的事务；可让上游结束它，或用 kafka-transactions.sh abort\n",
                              "%s partition %s stands still: %" PRId64
                              " records wait behind the open transaction; have the upstream end it, or kafka-transactions.sh abort\n"),
                topic, partition, look->end_offset - look->next_offset);
    else
        fprintf(stderr,
                language_pick("主题 %s 分区 %s 不动：有 %" PRId64 " 条积压，%s 没有处理；请看工作进程及其日志\n",
                              "%s partition %s stands still: %" PRId64 " records wait, %s; look for its worker and into the log\n"),
                topic, partition, look->end_offset - look->next_offset,
                look->still_ms < 0 ? language_pick("从未接管", "nobody ever took it")
                                   : language_pick("已有一段时间", "and none was applied for a while"));
}

/* ---- the table ---- */

static bool add_partition(struct session *session, struct table *table, const struct look *look, size_t row)
{
    const char *cells[STATUS_COLUMNS];
    char end_text[NUMBER_BYTES], lag_text[NUMBER_BYTES];
    struct stall_look partition = look_of(look, row);
    const struct kafka_bounds *stable = bounds_of(&look->stable, look->rows, row);
    for (size_t i = 0; i < STATUS_COLUMNS; i++) cells[i] = result_is_null(look->rows, row, i) ? NULL : result_text(look->rows, row, i);
    if (partition.end_offset >= 0) {
        (void)snprintf(end_text, sizeof end_text, "%" PRId64, partition.end_offset);
        (void)snprintf(lag_text, sizeof lag_text, "%" PRId64, partition.end_offset - partition.next_offset);
        cells[END_AT] = end_text;
        cells[LAG_AT] = lag_text;
    }
    if (stable != NULL && (stable->next_offset < partition.next_offset || stable->first_offset > partition.next_offset))
        report_truncated(session, cells[TOPIC_AT], cells[PARTITION_AT], stable->next_offset < partition.next_offset);
    if (partition.is_halted) report_halted(session, cells[TOPIC_AT], cells[PARTITION_AT]);
    if (partition.stable_offset >= 0 && partition.stable_offset < partition.end_offset)
        report_transaction(cells[TOPIC_AT], cells[PARTITION_AT], partition.stable_offset);
    return table_add(table, cells, &session->fault);
}

static bool print_partitions(struct session *session, const struct look *look)
{
    struct table *table = table_new(columns, config_switch(session->config, "json"));
    bool is_good = table != NULL ||
                   fault_set(&session->fault, FAULT_RETRY, EX_OSERR, "memory-out", language_pick("内存不足", "out of memory for a table"));
    for (size_t row = 0; is_good && row < result_rows(look->rows); row++) is_good = add_partition(session, table, look, row);
    if (is_good) table_print(table, stdout);
    if (is_good && table_rows(table) == 0)
        fputs(language_pick("还没有工作进程接管分区：请启动 nianshen-worker\n",
                            "no worker has taken a partition yet: start nianshen-worker\n"),
              stderr);
    table_free(table);
    return is_good;
}

/* ---- does it move? ---- */

static bool is_same_partition(const struct look *a, const struct look *b, size_t row)
{
    return row < result_rows(b->rows) && strcmp(result_text(a->rows, row, TOPIC_AT), result_text(b->rows, row, TOPIC_AT)) == 0 &&
           strcmp(result_text(a->rows, row, PARTITION_AT), result_text(b->rows, row, PARTITION_AT)) == 0;
}

static void compare_looks(struct session *session, const struct look *before, const struct look *after)
{
    for (size_t row = 0; row < result_rows(before->rows); row++) {
        struct stall_look was = look_of(before, row), is = look_of(after, row);
        if (is_same_partition(before, after, row) && stall_is_sure(&was, &is))
            report_still(session, result_text(after->rows, row, TOPIC_AT), result_text(after->rows, row, PARTITION_AT), &is);
    }
}

static bool watch(struct session *session, const struct look *before)
{
    struct look after = {0};
    bool is_suspect = false;
    for (size_t row = 0; row < result_rows(before->rows); row++) {
        struct stall_look partition = look_of(before, row);
        is_suspect = is_suspect || stall_is_suspect(&partition);
    }
    if (!is_suspect) return true;
    (void)nanosleep(&(struct timespec){.tv_sec = SECOND_LOOK_MS / 1000}, NULL);
    bool is_good = look_take(&after, session);
    if (is_good) compare_looks(session, before, &after);
    look_free(&after);
    return is_good;
}

static bool report_held(struct session *session)
{
    struct database_result *result = NULL;
    session_ask(session, "SELECT count(*) FROM nianshen_next.held");
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
    struct look look = {0};
    session_begin(&session, config);
    if (session_open(&session) && look_take(&look, &session) && print_partitions(&session, &look) && report_held(&session))
        watch(&session, &look);
    look_free(&look);
    return session_close(&session);
}
