/* nianshen-ops dead-letter list */
#include <string.h>
#include <sysexits.h>

#include "core/language.h"

#include "ops/commands.h"
#include "ops/dead_letter_filter.h"
#include "ops/options.h"
#include "ops/session.h"

const struct option dead_letter_list_options[] = {
    OPTION_OF_CODE,
    OPTION_OF_UNIT(false),
    OPTION_OF_TOPIC(false),
    OPTION_OF_PARTITION(false),
    OPTION_OF_OFFSET(false),
    {.name = "state",
     .kind = OPTION_TEXT,
     .argument = "STATE",
     .help = {"open（未处理）、redriving（重新发布中）、redriven（已重新发布）或 discarded（已放弃）。",
              "open, redriving, redriven or discarded."}},
    OPTION_OF_LIMIT("100"),
    OPTION_OF_JSON,
    OPTION_END,
};

static const struct table_column columns[] = {
    {{"主题", "TOPIC"}, "topic", TABLE_TEXT},       {{"分区", "PARTITION"}, "partition", TABLE_NUMBER},
    {{"偏移量", "OFFSET"}, "offset", TABLE_NUMBER}, {{"写入时间", "APPENDED"}, "appended", TABLE_MOMENT},
    {{"单位", "UNIT"}, "unit", TABLE_MASKED},       {{"代码", "CODE"}, "code", TABLE_TEXT},
    {{"状态", "STATE"}, "state", TABLE_TEXT},       {{"已发布", "PUBLISHED"}, "published", TABLE_SWITCH},
    {{"说明", "TEXT"}, "text", TABLE_MASKED},       {{NULL, NULL}, NULL, TABLE_TEXT},
};

static const char list_sql[] = "SELECT topic, partition, record_offset, append_ms, unit, code, state, is_published, text "
                               "FROM nianshen_next.dead_letter WHERE " DEAD_LETTER_FILTER_SQL
                               " ORDER BY append_ms DESC, topic, partition, record_offset DESC LIMIT $7";

static bool check_state(struct session *session)
{
    static const char *const states[] = {"open", "redriving", "redriven", "discarded", NULL};
    const char *state = config_text(session->config, "state");
    for (size_t i = 0; state != NULL && states[i] != NULL; i++)
        if (strcmp(state, states[i]) == 0) return true;
    return state == NULL || fault_set(&session->fault, FAULT_REJECT, EX_USAGE, "usage",
                                      language_pick("--state：没有“%s”这种状态；可用 open、redriving、redriven、discarded",
                                                    "--state: '%s' is no state; give open, redriving, redriven or discarded"),
                                      state);
}

int dead_letter_list_run(const struct config *config)
{
    struct session session;
    session_begin(&session, config);
    if (check_state(&session) && dead_letter_filter_check(&session) && session_open(&session)) {
        const char *const states[] = {config_text(config, "state"), NULL};
        struct database_query *query = session_ask(&session, list_sql);
        dead_letter_filter_add(&session, states[0] == NULL ? NULL : states);
        query_int8(query, config_number(config, "limit"));
        session_list(&session, columns, (size_t)config_number(config, "limit"),
                     language_pick("没有这样的死信", "there is no such dead letter"));
    }
    return session_close(&session);
}
