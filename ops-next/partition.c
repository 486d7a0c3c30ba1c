/* nianshen-ops partition list | resume: where each partition stands, and the ways out of a halt. */
#include <inttypes.h>
#include <stdio.h>
#include <sysexits.h>

#include "core/language.h"

#include "ops/bounds.h"
#include "ops/commands.h"
#include "ops/options.h"
#include "ops/session.h"

enum { NUMBER_BYTES = 24, REASON_BYTES_MAX = 500 };

const struct option partition_list_options[] = {OPTION_OF_JSON, OPTION_END};
const struct option partition_resume_options[] = {
    OPTION_OF_TOPIC(true),
    OPTION_OF_PARTITION(true),
    {.name = "from_offset",
     .kind = OPTION_NUMBER,
     .number_max = INT64_MAX,
     .argument = "N",
     .help =
         {"以此为下一个偏移量，放弃它之前的内容；省略时从原处继续，用于主题已修复的情况。",
          "Accept this as the next offset, and give up what stood or stands before it. Without it the partition goes on where it stood, "
          "after its topic was repaired."}},
    {.name = "reason",
     .kind = OPTION_TEXT,
     .argument = "TEXT",
     .help = {"原因；与操作人、时间一起保存。使用 --from-offset 时必须给出。", "Why; kept with who and when. Needed with --from-offset."}},
    OPTION_OF_EXECUTE,
    OPTION_OF_JSON,
    OPTION_END,
};

/* ---- list ---- */

/* As the columns of `list_sql` stand; FIRST and END are replaced by what the broker says. */
enum { TOPIC_AT, PARTITION_AT, NEXT_AT, FIRST_AT, END_AT, PURGED_AT, EPOCH_AT, OWNER_AT, SINCE_AT, HALTED_AT, LIST_COLUMNS };

static const char list_sql[] =
    "SELECT topic, partition, next_offset, NULL, end_offset, nullif(purged_before, 0), epoch, owner, halted_ms, halted "
    "FROM nianshen_next.partition_status ORDER BY topic, partition";

static const struct table_column list_columns[] = {
    {{"主题", "TOPIC"}, "topic", TABLE_TEXT},
    {{"分区", "PARTITION"}, "partition", TABLE_NUMBER},
    {{"下一个", "NEXT"}, "next", TABLE_NUMBER},
    {{"起点", "FIRST"}, "first", TABLE_NUMBER},
    {{"末端", "END"}, "end", TABLE_NUMBER},
    {{"此前已清除", "PURGED BEFORE"}, "purged_before", TABLE_NUMBER},
    {{"轮次", "EPOCH"}, "epoch", TABLE_NUMBER},
    {{"接管者", "OWNER"}, "owner", TABLE_TEXT},
    {{"停止时间", "HALTED SINCE"}, "halted_since", TABLE_MOMENT},
    {{"停止原因", "HALTED"}, "halted", TABLE_TEXT},
    {{NULL, NULL}, NULL, TABLE_TEXT},
};

static bool list_add(struct session *session, struct table *table, const struct bounds *bounds, const struct database_result *result,
                     size_t row)
{
    const char *cells[LIST_COLUMNS];
    char first_text[NUMBER_BYTES], end_text[NUMBER_BYTES];
    const struct kafka_bounds *told = bounds_of(bounds, result, row);
    for (size_t i = 0; i < LIST_COLUMNS; i++) cells[i] = result_is_null(result, row, i) ? NULL : result_text(result, row, i);
    if (told != NULL) {
        (void)snprintf(first_text, sizeof first_text, "%" PRId64, told->first_offset);
        (void)snprintf(end_text, sizeof end_text, "%" PRId64, told->next_offset);
        cells[FIRST_AT] = first_text;
        cells[END_AT] = end_text;
    }
    return table_add(table, cells, &session->fault);
}

static void list_print(struct session *session)
{
    struct bounds bounds = {0};
    struct database_result *result = NULL;
    struct table *table = table_new(list_columns, config_switch(session->config, "json"));
    session_ask(session, list_sql);
    bool is_good = (table != NULL || fault_set(&session->fault, FAULT_RETRY, EX_OSERR, "memory-out",
                                               language_pick("内存不足", "out of memory for a table"))) &&
                   session_run(session, &result) && bounds_ask(&bounds, session, result);
    for (size_t row = 0; is_good && row < result_rows(result); row++) is_good = list_add(session, table, &bounds, result, row);
    if (is_good) table_print(table, stdout);
    if (is_good && table_rows(table) == 0)
        fputs(language_pick("还没有工作进程接管分区：请启动 nianshen-worker\n",
                            "no worker has taken a partition yet: start nianshen-worker\n"),
              stderr);
    bounds_free(&bounds);
    result_free(result);
    table_free(table);
}

int partition_list_run(const struct config *config)
{
    struct session session;
    session_begin(&session, config);
    if (session_open(&session)) list_print(&session);
    return session_close(&session);
}

/* ---- resume ---- */

/* What is known about the partition that is to go on. */
struct resumption {
    struct session *session;
    struct kafka_position at; /* offset: --from-offset, or the one where it stands */
    bool is_moved; /* --from-offset is given */
    int64_t next, consumed; /* where it stands; how many records were consumed from the accepted offset on */
};

static bool resume_check(struct resumption *resumption)
{
    struct session *session = resumption->session;
    const struct config *config = session->config;
    resumption->is_moved = config_is_set(config, "from_offset");
    if (!session_input_topic(session, &resumption->at.topic) || !session_check_name(session, "reason", REASON_BYTES_MAX)) return false;
    resumption->at.partition = (int32_t)config_number(config, "partition");
    if (resumption->is_moved && config_switch(config, "execute") && config_text(config, "reason") == NULL)
        return fault_set(&session->fault, FAULT_REJECT, EX_USAGE, "usage",
                         language_pick("--from-offset 与 --execute 一起使用时须给 --reason，它会被保存",
                                       "--from-offset with --execute needs --reason: it is kept"));
    return true;
}

static bool resume_look(struct resumption *resumption)
{
    struct session *session = resumption->session;
    struct database_result *result = NULL;
    struct database_query *query = session_ask(
        session, "SELECT next_offset, nianshen_next.partition_consumed_from($1, $2, $3::bigint) FROM nianshen_next.partition_status "
                 "WHERE topic = $1 AND partition = $2 AND halted IS NOT NULL");
    query_text(query, topic_kind_name(resumption->at.topic));
    query_int4(query, resumption->at.partition);
    session_add_number(session, "from_offset");
    if (!session_run(session, &result)) return false;
    bool is_halted = result_rows(result) > 0;
    if (is_halted) {
        resumption->next = result_int8(result, 0, 0);
        resumption->consumed = result_int8(result, 0, 1);
        resumption->at.offset = resumption->is_moved ? config_number(session->config, "from_offset") : resumption->next;
    }
    result_free(result);
    return is_halted || fault_set(&session->fault, FAULT_REJECT, EX_DATAERR, "not-halted",
                                  language_pick("主题 %s 分区 %" PRId32 " 没有停止；nianshen-ops partition list 可列出停止的分区",
                                                "%s partition %" PRId32 " is not halted; nianshen-ops partition list shows those that are"),
                                  topic_kind_name(resumption->at.topic), resumption->at.partition);
}

/* An offset that the topic does not have would only halt the partition again. */
static bool resume_compare(struct resumption *resumption)
{
    struct session *session = resumption->session;
    const struct kafka_position *at = &resumption->at;
    int64_t first, end;
    if (!resumption->is_moved) return true;
    struct kafka_reader *reader = kafka_reader_new(session->config, &session->fault);
    if (reader == NULL) return false;
    bool is_told = kafka_reader_bounds(reader, at->topic, at->partition, SESSION_BROKER_TIMEOUT_MS, &first, &end, &session->fault);
    kafka_reader_free(reader);
    if (!is_told) return false;
    return (first <= at->offset && at->offset <= end) ||
           fault_set(&session->fault, FAULT_REJECT, EX_DATAERR, "offset-outside",
                     language_pick("--from-offset %" PRId64 "：主题 %s 分区 %" PRId32 " 只有偏移量 %" PRId64 " 至 %" PRId64
                                   "；请给其中之一（%" PRId64 " 为末端）",
                                   "--from-offset %" PRId64 ": %s partition %" PRId32 " holds offsets %" PRId64 " to %" PRId64
                                   "; give one of these (%" PRId64 " is its end)"),
                     at->offset, topic_kind_name(at->topic), at->partition, first, end, end);
}

/* Never silently: what the accepted offset gives up. */
static void resume_explain(const struct resumption *resumption, const char *would)
{
    const struct kafka_position *at = &resumption->at;
    const char *topic = topic_kind_name(at->topic);
    fprintf(stderr,
            language_pick("主题 %s 分区 %" PRId32 " %s从偏移量 %" PRId64 " 继续（原来停在 %" PRId64 "）\n",
                          "%s partition %" PRId32 " %s on from offset %" PRId64 " (it stood at %" PRId64 ")\n"),
            topic, at->partition, would, at->offset, resumption->next);
    if (at->offset > resumption->next)
        fprintf(stderr,
                language_pick("放弃：偏移量 %" PRId64 " 至 %" PRId64 " 从未读取；那里的内容不会生效，也没有处理结果\n",
                              "given up: offsets %" PRId64 " to %" PRId64
                              " were never read; what stood there has no effect, and no outcome\n"),
                resumption->next, at->offset - 1);
    else if (at->offset < resumption->next)
        fprintf(stderr,
                language_pick("放弃：从偏移量 %2$" PRId64 " 起处理过的 %1$" PRId64
                              " 条记录已不在主题中；它们的结果保留，主题中现有的记录会被处理\n",
                              "given up: %" PRId64 " records that had been consumed from offset %" PRId64
                              " on are no longer in the topic; their effects stay, and the "
                              "records that stand there now are applied\n"),
                resumption->consumed, at->offset);
    else if (resumption->is_moved)
        fputs(language_pick("放弃：不再把最后处理的记录与主题核对\n",
                            "given up: the last record applied is no longer compared with the topic\n"),
              stderr);
}

static bool resume_execute(struct resumption *resumption)
{
    struct session *session = resumption->session;
    struct database_query *query = session_ask(session, "SELECT nianshen_next.partition_resume($1, $2, $3::bigint, $4)");
    query_text(query, topic_kind_name(resumption->at.topic));
    query_int4(query, resumption->at.partition);
    session_add_number(session, "from_offset");
    query_text(query, config_text(session->config, "reason"));
    return session_run_patiently(session, NULL);
}

static void resume(struct resumption *resumption)
{
    struct session *session = resumption->session;
    if (!resume_look(resumption) || !resume_compare(resumption)) return;
    bool is_executed = !resumption->is_moved || config_switch(session->config, "execute");
    if (is_executed && !resume_execute(resumption)) return;
    resume_explain(resumption, is_executed ? language_pick("", "goes") : language_pick("将", "would go"));
    fputs(is_executed ? language_pick("接管它的工作进程会在几秒内与主题核对，然后继续读取，或再次停止\n",
                                      "its owner compares it with the topic within seconds, and reads on or halts it again\n")
                      : language_pick("没有改动任何内容：加 --execute 与 --reason 才会执行\n",
                                      "nothing was changed: --execute and --reason do it\n"),
          stderr);
    list_print(session);
}

int partition_resume_run(const struct config *config)
{
    struct session session;
    struct resumption resumption = {.session = &session};
    session_begin(&session, config);
    if (resume_check(&resumption) && session_open(&session)) resume(&resumption);
    return session_close(&session);
}
