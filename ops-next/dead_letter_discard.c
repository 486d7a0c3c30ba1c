/* nianshen-ops dead-letter discard: a dead letter that is of no use, off the list of open ones, with the reason on record. */
#include "ops/commands.h"
#include "ops/dead_letter_choice.h"
#include "ops/dead_letter_filter.h"
#include "ops/options.h"
#include "ops/session.h"

enum { REASON_BYTES_MAX = 1000 };

const struct option dead_letter_discard_options[] = {
    OPTION_OF_CODE,
    OPTION_OF_UNIT(false),
    OPTION_OF_TOPIC(false),
    OPTION_OF_PARTITION(false),
    OPTION_OF_OFFSET(false),
    OPTION_OF_CHOICE_LIMIT,
    {.name = "reason",
     .kind = OPTION_TEXT,
     .required = true,
     .argument = "TEXT",
     .help = {"原因，供日后查看记录的人了解。不要写个人信息。", "Why, for those who look into the history. No personal data."}},
    OPTION_OF_DRY_RUN,
    OPTION_OF_EXECUTE,
    OPTION_OF_JSON,
    OPTION_END,
};

static const struct table_column columns[] = {
    {{"主题", "TOPIC"}, "topic", TABLE_TEXT},
    {{"分区", "PARTITION"}, "partition", TABLE_NUMBER},
    {{"偏移量", "OFFSET"}, "offset", TABLE_NUMBER},
    {{"代码", "CODE"}, "code", TABLE_TEXT},
    {{"单位", "UNIT"}, "unit", TABLE_MASKED},
    {{"结果", "RESULT"}, "result", TABLE_TEXT},
    {{NULL, NULL}, NULL, TABLE_TEXT},
};

static const struct choice_verb verb = {
    .done = "discarded",
    .planned = "would-discard",
    .would = {"待放弃", "would be discarded"},
    .remedy = {"；只有未处理（open）的才能放弃", "; only open ones can be discarded"},
    .columns = columns,
};

static bool discard_one(struct choice *choice, size_t index)
{
    struct session *session = choice->session;
    struct kafka_position at;
    struct database_result *result = NULL;
    if (!choice->is_execute) return choice_note(choice, index, CHOICE_PLANNED, NULL, NULL);
    choice_place(choice, index, &at);
    struct database_query *query = session_ask(session, "SELECT nianshen_next.dead_letter_discard($1, $2, $3, $4)");
    query_text(query, topic_kind_name(at.topic));
    query_int4(query, at.partition);
    query_int8(query, at.offset);
    query_text(query, config_text(session->config, "reason"));
    if (!session_run(session, &result)) return false;
    bool is_done = result_bool(result, 0, 0);
    result_free(result);
    return choice_note(choice, index, is_done ? CHOICE_DONE : CHOICE_SKIPPED, NULL, NULL);
}

static void discard_all(struct session *session)
{
    static const char *const states[] = {"open", NULL};
    struct choice choice;
    if (choice_make(&choice, session, &verb, states)) {
        bool is_good = true;
        for (size_t i = 0; is_good && i < choice.count; i++) is_good = discard_one(&choice, i);
        choice_report(&choice);
    }
    choice_free(&choice);
}

int dead_letter_discard_run(const struct config *config)
{
    struct session session;
    session_begin(&session, config);
    if (choice_check(&session) && session_check_name(&session, "reason", REASON_BYTES_MAX) && session_open(&session)) discard_all(&session);
    return session_close(&session);
}
