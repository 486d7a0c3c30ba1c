
#include "core/language.h"
/* nianshen-ops unit held | release: units with a record that our own SQL could not digest */
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
    session_ask(session, "SELECT unit, since_ms, released_ms, records FROM nianshen.held ORDER BY since_ms, unit");
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
        struct database_query *query = session_ask(&session, "SELECT nianshen.unit_release($1)");
        query_text(query, config_text(config, "unit"));
        if (session_run(&session, NULL))
            list_held(&session, language_pick("已放行；不再有被搁置的单位", "released; no unit is held any more"));
    }
    return session_close(&session);
}
