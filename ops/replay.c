/*
 * nianshen-ops replay: a range of a topic is decoded again as the worker does, and the database says what becomes of each record now: it
 * must be what the ledger says became of it. Nothing is written, so a live system goes on.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "core/apply_query.h"
#include "core/language.h"
#include "ops/commands.h"
#include "ops/options.h"
#include "ops/range_reader.h"
#include "ops/session.h"

enum {
    REPLAY_DIFFERS = 1, /* exit status */
    NUMBER_BYTES = 24,
};

static const struct batch_limits batch_limits = {.records = 1000, .bytes = 4 * 1024 * 1024};

#define OPTION_OF_RANGE(range_name, range_argument, range_kind, range_zh, range_en)                                                        \
    {                                                                                                                                      \
        .name = range_name, .kind = (range_kind), .number_max = INT64_MAX, .argument = range_argument, .help = { range_zh, range_en }      \
    }

const struct option replay_options[] = {
    OPTION_OF_TOPIC(true),
    OPTION_OF_PARTITION(false),
    OPTION_OF_RANGE("from_offset", "N", OPTION_NUMBER, "起始偏移量；省略 --partition 时用于每个分区。",
                    "The first offset, of each partition when --partition is left out."),
    OPTION_OF_RANGE("from_time", "TIME", OPTION_TEXT, "或者：从此时间或以后写入的第一条记录开始。",
                    "Instead: from the first record that was appended then or later."),
    OPTION_OF_RANGE("to_offset", "N", OPTION_NUMBER, "到此偏移量之前为止；省略时到已处理的末端。",
                    "Up to before this offset; to all that was consumed when left out."),
    OPTION_OF_RANGE("to_time", "TIME", OPTION_TEXT, "或者：到此时间或以后写入的第一条记录之前为止。",
                    "Instead: up to before the first record that was appended then or later."),
    OPTION_OF_FINDINGS("20", "至多列出 N 条不一致的记录；全部计数。", "Show at most N records that differ; all are counted."),
    OPTION_OF_JSON,
    OPTION_END,
};

static const struct table_column stretch_columns[] = {
    {{"主题", "TOPIC"}, "topic", TABLE_TEXT},
    {{"分区", "PARTITION"}, "partition", TABLE_NUMBER},
    {{"起", "FROM"}, "from", TABLE_NUMBER},
    {{"止", "TO"}, "to", TABLE_NUMBER},
    {{"记录数", "RECORDS"}, "records", TABLE_NUMBER},
    {{"不一致", "DIFFERENT"}, "different", TABLE_NUMBER},
    {{NULL, NULL}, NULL, TABLE_TEXT},
};
static const struct table_column difference_columns[] = {
    {{"主题", "TOPIC"}, "topic", TABLE_TEXT},
    {{"分区", "PARTITION"}, "partition", TABLE_NUMBER},
    {{"偏移量", "OFFSET"}, "offset", TABLE_NUMBER},
    {{"单位", "UNIT"}, "unit", TABLE_MASKED},
    {{"原记载", "RECORDED"}, "recorded", TABLE_TEXT},
    {{"重新判定", "CAME OUT"}, "came", TABLE_TEXT},
    {{NULL, NULL}, NULL, TABLE_TEXT},
};

struct replay {
    struct session *session;
    enum topic_kind topic;
    struct given_moment from_time, to_time;
    struct range_reader reader;
    struct table *stretches, *differences;
    int64_t differences_total;
};

/* What is replayed of one partition. */
struct stretch {
    struct replay *replay;
    int64_t covered; /* how far the database was asked */
    int64_t different;
};

/* ---- the database's answer ---- */

static bool difference_note(struct stretch *stretch, int32_t number, const struct database_result *result, size_t row)
{
    char partition[NUMBER_BYTES];
    struct replay *replay = stretch->replay;
    stretch->different++;
    if (replay->differences_total++ >= config_number(replay->session->config, "limit")) return true;
    (void)snprintf(partition, sizeof partition, "%" PRId32, number);
    const char *const cells[] = {
        topic_kind_name(replay->topic), partition,
        result_text(result, row, 0),    result_is_null(result, row, 1) ? NULL : result_text(result, row, 1),
        result_text(result, row, 2),    result_text(result, row, 3),
    };
    return table_add(replay->differences, cells, &replay->session->fault);
}

/* Asks about what was taken since the last time; ledger rows up to `next` that have no record are differences, too. */
static bool stretch_ask(void *context, struct range *range, struct batch **batch, int64_t next, struct fault *fault)
{
    struct stretch *stretch = context;
    struct session *session = stretch->replay->session;
    struct database_result *result = NULL;
    struct database_query *query = session_ask(
        session, "SELECT record_offset, unit, recorded, came, is_same FROM nianshen.replay($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, "
                 "$11, $12, $13, $14, $15, $16, $17)");
    query_text(query, topic_kind_name(range->at.topic));
    query_int4(query, range->at.number);
    query_int8(query, stretch->covered);
    query_int8(query, next);
    apply_query_add_records(query, (*batch)->records, (*batch)->record_count);
    bool is_good = database_run(session->database, query, SESSION_ANSWER_TIMEOUT_MS, &result, fault);
    for (size_t row = 0; is_good && row < result_rows(result); row++)
        if (!result_bool(result, row, 4)) is_good = difference_note(stretch, range->at.number, result, row);
    result_free(result);
    stretch->covered = next;
    batch_reset(*batch);
    return is_good;
}

/* ---- the range ---- */

static bool offset_of(struct replay *replay, const struct given_moment *moment, const char *option, int32_t partition, int64_t *offset)
{
    const struct config *config = replay->session->config;
    if (config_is_set(config, option)) *offset = config_number(config, option);
    return !moment->is_given || kafka_reader_offset_at(replay->reader.kafka, replay->topic, partition, moment->ms,
                                                       SESSION_BROKER_TIMEOUT_MS, offset, &replay->session->fault);
}

static bool stretch_note(struct replay *replay, const struct range *range, const struct stretch *stretch)
{
    char numbers[5][NUMBER_BYTES];
    const int64_t values[] = {range->at.number, range->from, range->to, range->records, stretch->different};
    for (size_t i = 0; i < 5; i++) (void)snprintf(numbers[i], sizeof numbers[i], "%" PRId64, values[i]);
    const char *const cells[] = {topic_kind_name(replay->topic), numbers[0], numbers[1], numbers[2], numbers[3], numbers[4]};
    return table_add(replay->stretches, cells, &replay->session->fault);
}

/* What was purged on purpose is not asked for; of the rest, what the topic does not hold is a difference. */
static bool partition_replay(struct replay *replay, int32_t partition, int64_t next, int64_t purged_before)
{
    struct range range = {.at = {.topic = replay->topic, .number = partition}, .to = next};
    int64_t to = next;
    if (!offset_of(replay, &replay->from_time, "from_offset", partition, &range.from) ||
        !offset_of(replay, &replay->to_time, "to_offset", partition, &to))
        return false;
    if (to < range.to) range.to = to;
    if (range.from < purged_before) {
        fprintf(stderr,
                language_pick("主题 %s 分区 %" PRId32 "：偏移量 %" PRId64 " 之前的内容已被清除\n",
                              "%s partition %" PRId32 ": what stood before offset %" PRId64 " was purged\n"),
                topic_kind_name(replay->topic), partition, purged_before);
        range.from = purged_before;
    }
    if (range.from > range.to) range.from = range.to;
    struct stretch stretch = {.replay = replay, .covered = range.from};
    return range_reader_run(&replay->reader, &range, stretch_ask, &stretch, &replay->session->fault) &&
           stretch_note(replay, &range, &stretch);
}

static bool partitions_replay(struct replay *replay)
{
    struct session *session = replay->session;
    struct database_result *result = NULL;
    struct database_query *query = session_ask(session, "SELECT partition, next_offset, purged_before FROM nianshen.partition_status "
                                                        "WHERE topic = $1 AND ($2::bigint IS NULL OR partition = $2) ORDER BY partition");
    query_text(query, topic_kind_name(replay->topic));
    session_add_number(session, "partition");
    bool is_good = session_run(session, &result);
    if (is_good && result_rows(result) == 0)
        is_good = fault_set(&session->fault, FAULT_REJECT, EX_NOINPUT, "nothing-consumed",
                            language_pick("还没有工作进程处理过它；nianshen-ops partition list 可列出各分区",
                                          "no worker has consumed anything of it; nianshen-ops "
                                          "partition list shows the partitions"));
    for (size_t row = 0; is_good && row < result_rows(result); row++)
        is_good = partition_replay(replay, (int32_t)result_int8(result, row, 0), result_int8(result, row, 1), result_int8(result, row, 2));
    result_free(result);
    return is_good;
}

/* ---- the command ---- */

static bool replay_check(struct replay *replay)
{
    struct session *session = replay->session;
    const struct config *config = session->config;
    if (!session_input_topic(session, &replay->topic) || !session_moment(session, "from_time", &replay->from_time) ||
        !session_moment(session, "to_time", &replay->to_time))
        return false;
    if (config_is_set(config, "from_offset") == replay->from_time.is_given)
        return fault_set(&session->fault, FAULT_REJECT, EX_USAGE, "usage",
                         language_pick("--from-offset 与 --from-time 须给且只给一个", "give either --from-offset or --from-time"));
    return !(config_is_set(config, "to_offset") && replay->to_time.is_given) ||
           fault_set(&session->fault, FAULT_REJECT, EX_USAGE, "usage",
                     language_pick("--to-offset 与 --to-time 只能给一个", "give either --to-offset or --to-time"));
}

static bool replay_open(struct replay *replay)
{
    struct session *session = replay->session;
    bool is_json = config_switch(session->config, "json");
    replay->stretches = table_new(stretch_columns, false);
    replay->differences = table_new(difference_columns, is_json);
    if (replay->stretches == NULL || replay->differences == NULL)
        return fault_set(&session->fault, FAULT_RETRY, EX_OSERR, "memory-out", language_pick("内存不足", "out of memory for a table"));
    return range_reader_open(&replay->reader, session->config, batch_limits, &session->fault);
}

static void replay_print(struct replay *replay)
{
    bool is_json = config_switch(replay->session->config, "json");
    if (!is_json) table_print(replay->stretches, stdout);
    if (!is_json && replay->differences_total > 0) putchar('\n');
    table_print(replay->differences, stdout);
    if (replay->differences_total == 0) {
        fputs(language_pick("每条记录的重新判定都与记载一致\n", "each record comes out as it is recorded\n"), stderr);
        return;
    }
    replay->session->exit_status = REPLAY_DIFFERS;
    fprintf(
        stderr,
        language_pick(
            "%" PRId64
            " 条记录的重新判定与记载不一致%s：账簿或状态被绕过工作进程改动过，或主题不是原来的，或本版本的判定与当时处理它们的版本不同\n",
            "%" PRId64
            " records come out otherwise than they are recorded%s: the ledger or the state was changed beside the worker, the topic is "
            "another one, or this release judges otherwise than the one that consumed them\n"),
        replay->differences_total,
        replay->differences_total > config_number(replay->session->config, "limit")
            ? language_pick("（--limit 可列出更多）", " (--limit shows more)")
            : "");
}

int replay_run(const struct config *config)
{
    struct session session;
    struct replay replay = {.session = &session};
    session_begin(&session, config);
    if (replay_check(&replay) && session_open(&session) && replay_open(&replay) && partitions_replay(&replay)) replay_print(&replay);
    range_reader_close(&replay.reader);
    table_free(replay.stretches);
    table_free(replay.differences);
    return session_close(&session);
}
