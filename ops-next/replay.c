/*
 * nianshen-ops replay: a range of a topic is judged again by the engine, on the state as it is now: each record must come out as the ledger
 * says. What was applied must be known, as the very record that it was. One snapshot, in which nothing is written or locked, so a live
 * system goes on; memory: one micro-batch, and the ledger's ranges.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "core/language.h"
#include "ops-next/portion.h"
#include "ops-next/shard_ranges.h"
#include "ops/commands.h"
#include "ops/options.h"
#include "ops/session.h"

enum {
    REPLAY_DIFFERS = 1, /* exit status */
    NUMBER_BYTES = 24,
    VERDICT_BYTES = 64,
};

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
    struct shard_ranges shards;
    struct topic_reader reader;
    struct store *store;
    struct kept_world *none; /* holds nothing: all state is the database's */
    struct portion portion;
    struct table *stretches, *differences;
    int64_t differences_total;
};

struct account { /* a range of the ledger */
    int64_t first, next, records;
    int64_t seen; /* of these, in the topic or said to be missing */
    bool is_moved; /* places in the state are lower than these */
};

/* What is replayed of one partition. */
struct stretch {
    struct replay *replay;
    struct topic_range range;
    int64_t covered; /* how far the ledger was compared */
    int64_t different;
    struct account *accounts;
    size_t account_count, account_at; /* `at`: the first that does not lie before what is looked for */
    struct database_result *exceptions; /* of the present micro-batch */
    size_t exception_at;
};

static bool memory_out(struct replay *replay)
{
    return fault_set(&replay->session->fault, FAULT_RETRY, EX_OSERR, "memory-out", language_pick("内存不足", "out of memory for a replay"));
}

/* ---- differences ---- */

static bool difference_note(struct stretch *stretch, int64_t offset, const char *unit, const char *recorded, const char *came)
{
    char partition[NUMBER_BYTES], at[NUMBER_BYTES];
    struct replay *replay = stretch->replay;
    stretch->different++;
    if (replay->differences_total++ >= config_number(replay->session->config, "limit")) return true;
    (void)snprintf(partition, sizeof partition, "%" PRId32, stretch->range.partition);
    (void)snprintf(at, sizeof at, "%" PRId64, offset);
    const char *const cells[] = {topic_kind_name(replay->topic), partition, at, unit, recorded, came};
    return table_add(replay->differences, cells, &replay->session->fault);
}

/* ---- the ledger ---- */

static bool accounts_ask(struct stretch *stretch)
{
    struct session *session = stretch->replay->session;
    struct database_result *result = NULL;
    struct database_query *query =
        session_ask(session, "SELECT first_offset, next_offset, records, is_moved FROM nianshen_next.ledger_account_range "
                             "WHERE topic = $1 AND partition = $2 AND next_offset > $3 AND first_offset < $4 "
                             "ORDER BY first_offset");
    query_text(query, topic_kind_name(stretch->range.topic));
    query_int4(query, stretch->range.partition);
    query_int8(query, stretch->range.from);
    query_int8(query, stretch->range.to);
    if (!session_run_long(session, &result)) return false;
    stretch->accounts = calloc(result_rows(result) + 1, sizeof *stretch->accounts);
    for (size_t row = 0; stretch->accounts != NULL && row < result_rows(result); row++)
        stretch->accounts[stretch->account_count++] = (struct account){.first = result_int8(result, row, 0),
                                                                       .next = result_int8(result, row, 1),
                                                                       .records = result_int8(result, row, 2),
                                                                       .is_moved = result_bool(result, row, 3)};
    result_free(result);
    return stretch->accounts != NULL || memory_out(stretch->replay);
}

/* Offsets ascend. NULL: the ledger does not know of it. */
static struct account *account_of(struct stretch *stretch, int64_t offset)
{
    while (stretch->account_at < stretch->account_count && stretch->accounts[stretch->account_at].next <= offset) stretch->account_at++;
    bool is_there = stretch->account_at < stretch->account_count && stretch->accounts[stretch->account_at].first <= offset;
    return is_there ? &stretch->accounts[stretch->account_at] : NULL;
}

static bool exceptions_ask(struct stretch *stretch, int64_t next)
{
    struct session *session = stretch->replay->session;
    struct database_query *query =
        session_ask(session, "SELECT record_offset, unit, kind, code, is_purged FROM nianshen_next.ledger_account_exception "
                             "WHERE topic = $1 AND partition = $2 AND record_offset >= $3 AND record_offset < $4 ORDER BY record_offset");
    query_text(query, topic_kind_name(stretch->range.topic));
    query_int4(query, stretch->range.partition);
    query_int8(query, stretch->covered);
    query_int8(query, next);
    result_free(stretch->exceptions);
    stretch->exceptions = NULL;
    stretch->exception_at = 0;
    return session_run_long(session, &stretch->exceptions);
}

enum { EXCEPTION_OFFSET, EXCEPTION_UNIT, EXCEPTION_KIND, EXCEPTION_CODE, EXCEPTION_IS_PURGED };

static void exception_text(const struct database_result *result, size_t row, char out[VERDICT_BYTES])
{
    bool has_code = !result_is_null(result, row, EXCEPTION_CODE);
    (void)snprintf(out, VERDICT_BYTES, "%s%s%s", result_text(result, row, EXCEPTION_KIND), has_code ? " " : "",
                   has_code ? result_text(result, row, EXCEPTION_CODE) : "");
}

/* Exceptions before this offset that no record has come for; held ones are left out on purpose. */
static bool exceptions_pass(struct stretch *stretch, int64_t offset)
{
    const struct database_result *result = stretch->exceptions;
    for (; stretch->exception_at < result_rows(result) && result_int8(result, stretch->exception_at, EXCEPTION_OFFSET) < offset;
         stretch->exception_at++) {
        char recorded[VERDICT_BYTES];
        size_t row = stretch->exception_at;
        int64_t at = result_int8(result, row, EXCEPTION_OFFSET);
        struct account *account = account_of(stretch, at);
        exception_text(result, row, recorded);
        if (account != NULL) account->seen++;
        if (strcmp(recorded, "held") == 0) continue;
        const char *unit = result_is_null(result, row, EXCEPTION_UNIT) ? NULL : result_text(result, row, EXCEPTION_UNIT);
        if (!difference_note(stretch, at, unit, recorded, "not in the topic")) return false;
    }
    return true;
}

/* ---- what a record comes out as ---- */

static int64_t place_of_unit_review(const struct review *review, const struct event *event)
{
    for (size_t i = 0; i < review->unit_review_count; i++)
        if (strcmp(review->unit_reviews[i].source, event->source) == 0 && strcmp(review->unit_reviews[i].id, event->id) == 0)
            return review->unit_reviews[i].place.offset;
    return INT64_MIN;
}

static int64_t place_of_decision(const struct review *review, const struct event *event)
{
    for (size_t i = 0; i < review->decision_count; i++)
        if (strcmp(review->decisions[i].source, event->source) == 0 && strcmp(review->decisions[i].id, event->id) == 0)
            return review->decisions[i].place.offset;
    return INT64_MIN;
}

static int64_t place_of_chunk(const struct review *review, const struct event *event)
{
    for (size_t i = 0; i < review->submission_count; i++) {
        const struct submission *submission = &review->submissions[i];
        if (strcmp(submission->source, event->source) != 0) continue;
        bool is_single = submission->chunk_count == 1 && submission->completed_by != NULL;
        if (is_single && strcmp(submission->completed_by, event->id) == 0) return submission->completed.offset;
        for (size_t j = 0; j < submission->chunks_loaded; j++)
            if (strcmp(submission->chunks[j].id, event->id) == 0) return submission->chunks[j].place.offset;
    }
    return INT64_MIN;
}

static int64_t place_of_repeat(const struct review *review, const struct event *event)
{
    for (size_t i = 0; i < review->repeat_count; i++)
        if (strcmp(review->repeats[i].source, event->source) == 0 && strcmp(review->repeats[i].id, event->id) == 0)
            return review->repeats[i].place.offset;
    return INT64_MIN;
}

/* Where the row stands that was made by the event of this identity; INT64_MIN: there is none. */
static int64_t place_of(const struct review_event *in)
{
    if (in->event == NULL || in->review == NULL) return INT64_MIN;
    switch (in->topic) {
    case TOPIC_UNIT_REVIEW:
        return place_of_unit_review(in->review, in->event);
    case TOPIC_MEMBER_REVIEW:
        return place_of_chunk(in->review, in->event);
    default:
        return place_of_decision(in->review, in->event);
    }
}

/* `is_moved`: by its place it can not be told whether it is the record itself or a repeat. */
static void came_out(const struct review_event *in, bool is_moved, bool is_recorded_applied, char out[VERDICT_BYTES])
{
    bool is_own = is_moved ? is_recorded_applied : place_of(in) == in->offset;
    switch (in->fate) {
    case FATE_APPLIED:
        (void)snprintf(out, VERDICT_BYTES, "new");
        break;
    case FATE_DUPLICATE:
        (void)snprintf(out, VERDICT_BYTES, is_own ? "applied" : "duplicate");
        break;
    case FATE_HELD:
        (void)snprintf(out, VERDICT_BYTES, "held");
        break;
    default:
        (void)snprintf(out, VERDICT_BYTES, "dead-letter %s", in->code);
    }
}

static bool is_one_of(const char *text, const char *const *list)
{
    while (*list != NULL && strcmp(*list, text) != 0) list++;
    return *list != NULL;
}

/*
 * Dead letters use up no identity: what was one may have come again, redriven or mended, and been applied behind it. Of a purged year the
 * content is not known any more: what differed from it seems to repeat it.
 */
static bool is_same(const struct review_event *in, const char *recorded, const char *came, bool is_purged)
{
    static const char *const open_to_others[] = {"dead-letter too-many", "dead-letter chunk-contradicts", "dead-letter chunk-differs",
                                                 NULL};
    static const char *const by_content[] = {"dead-letter identity-reused", "dead-letter chunk-differs", NULL};
    if (strcmp(recorded, came) == 0) return true;
    if (is_purged && strcmp(came, "duplicate") == 0 && is_one_of(recorded, by_content)) return true;
    bool is_known_later =
        place_of(in) > in->offset || (in->review != NULL && in->event != NULL && place_of_repeat(in->review, in->event) > in->offset);
    return is_known_later && is_one_of(recorded, open_to_others);
}

static bool record_compare(struct stretch *stretch, const struct review_event *in)
{
    char recorded[VERDICT_BYTES] = "nothing", came[VERDICT_BYTES];
    const struct database_result *result = stretch->exceptions;
    if (!exceptions_pass(stretch, in->offset)) return false;
    struct account *account = account_of(stretch, in->offset);
    size_t row = stretch->exception_at;
    bool is_exception = row < result_rows(result) && result_int8(result, row, EXCEPTION_OFFSET) == in->offset;
    bool is_purged = is_exception && result_bool(result, row, EXCEPTION_IS_PURGED);
    if (is_exception) {
        exception_text(result, row, recorded);
        stretch->exception_at++;
    } else if (account != NULL) {
        (void)snprintf(recorded, sizeof recorded, "applied");
    }
    if (account != NULL) account->seen++;
    came_out(in, account != NULL && account->is_moved, strcmp(recorded, "applied") == 0, came);
    return is_same(in, recorded, came, is_purged) ||
           difference_note(stretch, in->offset, in->review == NULL ? NULL : in->review->unit, recorded, came);
}

/* ---- micro-batches ---- */

/* Judges what was decoded, and compares with the ledger up to before `next`. */
static bool portion_compare(struct stretch *stretch, int64_t next)
{
    struct replay *replay = stretch->replay;
    struct portion *portion = &replay->portion;
    struct fault *fault = &replay->session->fault;
    if (!exceptions_ask(stretch, next)) return false;
    if (portion->count > 0 && (!portion_load_state(portion, replay->none, replay->store, fault) ||
                               !store_read_await(replay->store, fault) || !portion_apply(portion, fault)))
        return false;
    for (size_t i = 0; i < portion->count; i++)
        if (!record_compare(stretch, &portion->events[i])) return false;
    stretch->covered = next;
    portion_reset(portion);
    return exceptions_pass(stretch, next);
}

static bool record_take(void *context, const struct kafka_record *record, struct fault *fault)
{
    struct stretch *stretch = context;
    struct replay *replay = stretch->replay;
    if (portion_is_full(&replay->portion) && !portion_compare(stretch, record->offset)) return false;
    return portion_add(&replay->portion, record, replay->reader.input_partitions, fault);
}

/* Ranges that stand whole in what was replayed must have had as many records as the topic has. */
static bool accounts_compare(struct stretch *stretch)
{
    for (size_t i = 0; i < stretch->account_count; i++) {
        const struct account *account = &stretch->accounts[i];
        char recorded[VERDICT_BYTES], came[VERDICT_BYTES];
        if (account->first < stretch->range.from || account->next > stretch->range.to || account->seen == account->records) continue;
        (void)snprintf(recorded, sizeof recorded, "%" PRId64 " records", account->records);
        (void)snprintf(came, sizeof came, "%" PRId64 " in the topic", account->seen);
        if (!difference_note(stretch, account->first, NULL, recorded, came)) return false;
    }
    return true;
}

/* ---- the range ---- */

static bool offset_of(struct replay *replay, const struct given_moment *moment, const char *option, int32_t partition, int64_t *offset)
{
    const struct config *config = replay->session->config;
    if (config_is_set(config, option)) *offset = config_number(config, option);
    return !moment->is_given || kafka_reader_offset_at(replay->reader.kafka, replay->topic, partition, moment->ms,
                                                       SESSION_BROKER_TIMEOUT_MS, offset, &replay->session->fault);
}

static bool stretch_note(struct replay *replay, const struct stretch *stretch)
{
    char numbers[5][NUMBER_BYTES];
    const struct topic_range *range = &stretch->range;
    const int64_t values[] = {range->partition, range->from, range->to, range->records, stretch->different};
    for (size_t i = 0; i < 5; i++) (void)snprintf(numbers[i], sizeof numbers[i], "%" PRId64, values[i]);
    const char *const cells[] = {topic_kind_name(replay->topic), numbers[0], numbers[1], numbers[2], numbers[3], numbers[4]};
    return table_add(replay->stretches, cells, &replay->session->fault);
}

/* What was purged on purpose is not asked for; of the rest, what the topic does not hold is a difference. */
static bool stretch_limit(struct stretch *stretch, int64_t purged_before, int64_t next)
{
    struct replay *replay = stretch->replay;
    struct topic_range *range = &stretch->range;
    int64_t to = next;
    range->from = 0;
    if (!offset_of(replay, &replay->from_time, "from_offset", range->partition, &range->from) ||
        !offset_of(replay, &replay->to_time, "to_offset", range->partition, &to))
        return false;
    range->to = to < next ? to : next;
    if (range->from < purged_before) {
        fprintf(stderr,
                language_pick("主题 %s 分区 %" PRId32 "：偏移量 %" PRId64 " 之前的内容已被清除\n",
                              "%s partition %" PRId32 ": what stood before offset %" PRId64 " was purged\n"),
                topic_kind_name(replay->topic), range->partition, purged_before);
        range->from = purged_before;
    }
    if (range->from > range->to) range->from = range->to;
    stretch->covered = range->from;
    return true;
}

static bool partition_replay(struct replay *replay, const struct topic_range *of)
{
    struct stretch stretch = {.replay = replay, .range = *of};
    bool is_good = stretch_limit(&stretch, of->from, of->to) && accounts_ask(&stretch) &&
                   topic_range_read(&replay->reader, &stretch.range, record_take, &stretch, &replay->session->fault) &&
                   portion_compare(&stretch, stretch.range.to) && accounts_compare(&stretch) && stretch_note(replay, &stretch);
    free(stretch.accounts);
    result_free(stretch.exceptions);
    return is_good;
}

static bool partitions_replay(struct replay *replay)
{
    struct session *session = replay->session;
    const struct config *config = session->config;
    size_t first = 0, end = replay->shards.count;
    if (config_is_set(config, "partition")) {
        first = (size_t)config_number(config, "partition");
        if (first + 1 < end) end = first + 1;
    }
    if (first >= end)
        return fault_set(&session->fault, FAULT_REJECT, EX_NOINPUT, "nothing-consumed",
                         language_pick("还没有工作进程处理过它；nianshen-ops partition list 可列出各分区",
                                       "no worker has consumed anything of it; nianshen-ops partition list shows the partitions"));
    for (size_t shard = first; shard < end; shard++)
        if (!partition_replay(replay, &replay->shards.list[shard][replay->topic])) return false;
    return true;
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

/* What is known of the state is known of one moment. */
static bool snapshot_begin(struct session *session)
{
    return database_run_script(session->database,
                               "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = 0; "
                               "SET LOCAL idle_in_transaction_session_timeout = 0",
                               &session->fault);
}

static bool replay_open(struct replay *replay)
{
    struct session *session = replay->session;
    bool is_json = config_switch(session->config, "json");
    replay->stretches = table_new(stretch_columns, false);
    replay->differences = table_new(difference_columns, is_json);
    replay->none = kept_world_new();
    if (!portion_init(&replay->portion) || replay->stretches == NULL || replay->differences == NULL || replay->none == NULL)
        return memory_out(replay);
    if (!session_open(session) || !snapshot_begin(session) || !shard_ranges_ask(&replay->shards, session)) return false;
    replay->store = store_reader_new(session->database);
    return replay->store != NULL ? topic_reader_open(&replay->reader, session->config, &session->fault) : memory_out(replay);
}

static void replay_close(struct replay *replay)
{
    topic_reader_close(&replay->reader);
    portion_free(&replay->portion);
    store_reader_free(replay->store);
    kept_world_free(replay->none);
    shard_ranges_free(&replay->shards);
    table_free(replay->stretches);
    table_free(replay->differences);
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
    if (replay_check(&replay) && replay_open(&replay) && partitions_replay(&replay)) replay_print(&replay);
    replay_close(&replay);
    return session_close(&session);
}
