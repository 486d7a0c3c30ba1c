
#include "core/language.h"
/* nianshen-ops unit held | release: units with a record that our own SQL could not digest; unit limit: how much a unit may send in a year
 */
#include <sysexits.h>

#include "ops/commands.h"
#include "ops/options.h"
#include "ops/session.h"

const struct option unit_held_options[] = {OPTION_OF_JSON, OPTION_END};
const struct option unit_release_options[] = {OPTION_OF_UNIT(true), OPTION_OF_JSON, OPTION_END};

static const struct table_column columns[] = {
    {{"单位", "UNIT"}, "unit", TABLE_MASKED},
    {{"起始时间", "SINCE"}, "since", TABLE_MOMENT},
    {{"放行时间", "RELEASED"}, "released", TABLE_MOMENT},
    {{"记录数", "RECORDS"}, "records", TABLE_NUMBER},
    {{NULL, NULL}, NULL, TABLE_TEXT},
};

static bool list_held(struct session *session, const char *when_empty)
{
    session_ask(session, "SELECT unit, since_ms, released_ms, records FROM nianshen_next.held ORDER BY since_ms, unit");
    return session_list(session, columns, 0, when_empty);
}

int unit_held_run(const struct config *config)
{
    struct session session;
    session_begin(&session, config);
    if (session_open(&session)) list_held(&session, language_pick("没有被搁置的单位", "no unit is held"));
    return session_close(&session);
}

int unit_release_run(const struct config *config)
{
    struct session session;
    session_begin(&session, config);
    if (session_check_name(&session, "unit", EVENT_UNIT_BYTES_MAX) && session_open(&session)) {
        struct database_query *query = session_ask(&session, "SELECT nianshen_next.unit_release($1)");
        query_text(query, config_text(config, "unit"));
        if (session_run(&session, NULL))
            list_held(&session, language_pick("已放行；不再有被搁置的单位", "released; no unit is held any more"));
    }
    return session_close(&session);
}

/* ---- limits ---- */

enum { REASON_BYTES_MAX = 1000 };

#define OPTION_OF_MOST(option, help_zh, help_en)                                                                                           \
    {                                                                                                                                      \
        .name = (option), .kind = OPTION_NUMBER, .number_min = 1, .number_max = 1000000, .argument = "N", .help = { help_zh, help_en }     \
    }

const struct option unit_limit_options[] = {
    OPTION_OF_UNIT(true),
    OPTION_OF_MOST("unit_reviews", "一年至多 N 次单位信息年审。", "At most N unit reviews a year."),
    OPTION_OF_MOST("submissions", "一年至多 N 份会员信息年审提交。", "At most N submissions a year."),
    OPTION_OF_MOST("decisions", "一年至多 N 次审核。", "At most N decisions a year."),
    {.name = "reason",
     .kind = OPTION_TEXT,
     .argument = "TEXT",
     .help = {"为什么更改；会被记录。更改时必须给出。", "Why it is changed; it is noted. Needed for a change."}},
    OPTION_OF_JSON,
    OPTION_END,
};

static const struct table_column limit_columns[] = {
    {{"种类", "KIND"}, "kind", TABLE_TEXT},
    {{"上限", "MOST"}, "most", TABLE_NUMBER},
    {{"起始时间", "SINCE"}, "since", TABLE_MOMENT},
    {{NULL, NULL}, NULL, TABLE_TEXT},
};

static const char *const limit_options[] = {"unit_reviews", "submissions", "decisions"};

/* A change needs a reason, and a reason a change. */
static bool limit_check(struct session *session, bool *is_change)
{
    const struct config *config = session->config;
    bool has_reason = config_is_set(config, "reason");
    *is_change = false;
    for (size_t i = 0; i < sizeof limit_options / sizeof limit_options[0]; i++)
        *is_change = *is_change || config_is_set(config, limit_options[i]);
    if (*is_change == has_reason)
        return session_check_name(session, "unit", EVENT_UNIT_BYTES_MAX) && session_check_name(session, "reason", REASON_BYTES_MAX);
    return fault_set(&session->fault, FAULT_REJECT, EX_USAGE, "usage",
                     has_reason ? language_pick("没有要更改的上限；请给 --unit-reviews、--submissions 或 --decisions",
                                                "there is no limit to change; give --unit-reviews, --submissions or --decisions")
                                : language_pick("更改上限须说明原因：--reason TEXT", "say why the limit is changed: --reason TEXT"));
}

static bool limit_set(struct session *session)
{
    struct database_query *query = session_ask(session, "SELECT nianshen_next.unit_limit_set($1, $2, $3, $4, $5)");
    query_text(query, config_text(session->config, "unit"));
    for (size_t i = 0; i < sizeof limit_options / sizeof limit_options[0]; i++) session_add_number(session, limit_options[i]);
    query_text(query, config_text(session->config, "reason"));
    return session_run_patiently(session, NULL);
}

static bool limit_show(struct session *session)
{
    const char *unit = config_text(session->config, "unit");
    query_text(session_ask(session, "SELECT nianshen_next.unit_check($1)"), unit);
    if (!session_run(session, NULL)) return false;
    query_text(session_ask(session, "SELECT kind, most, since_ms FROM nianshen_next.unit_limit WHERE unit = $1 ORDER BY kind"), unit);
    return session_list(session, limit_columns, 0, "");
}

int unit_limit_run(const struct config *config)
{
    struct session session;
    bool is_change;
    session_begin(&session, config);
    if (limit_check(&session, &is_change) && session_open(&session) && (!is_change || limit_set(&session))) limit_show(&session);
    return session_close(&session);
}
