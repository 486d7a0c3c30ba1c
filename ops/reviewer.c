/* nianshen-ops reviewer add | remove | list */
#include <string.h>

#include "core/language.h"
#include "ops/commands.h"
#include "ops/options.h"
#include "ops/session.h"

#define OPTION_OF_REVIEWER                                                                                                                 \
    {                                                                                                                                      \
        .name = "reviewer", .kind = OPTION_TEXT, .required = true, .argument = "REVIEWER", .help = {                                       \
            "审核人，写法与审核事件中的相同。",                                                                                            \
            "The reviewer, as decisions name them."                                                                                        \
        }                                                                                                                                  \
    }

const struct option reviewer_add_options[] = {
    OPTION_OF_REVIEWER,
    OPTION_OF_SUPERIOR(true),
    {.name = "name", .kind = OPTION_TEXT, .argument = "NAME", .help = {"姓名，供人阅读。", "The person's name, for people."}},
    OPTION_OF_JSON,
    OPTION_END,
};
const struct option reviewer_remove_options[] = {OPTION_OF_REVIEWER, OPTION_OF_SUPERIOR(true), OPTION_OF_JSON, OPTION_END};
const struct option reviewer_list_options[] = {OPTION_OF_SUPERIOR(false), OPTION_OF_JSON, OPTION_END};

static const struct table_column columns[] = {
    {{"上级工会", "SUPERIOR"}, "superior", TABLE_TEXT},
    {{"审核人", "REVIEWER"}, "reviewer", TABLE_TEXT},
    {{"名称", "NAME"}, "name", TABLE_TEXT},
    {{"起始时间", "SINCE"}, "since", TABLE_MOMENT},
    {{NULL, NULL}, NULL, TABLE_TEXT},
};

static bool list_reviewers(struct session *session)
{
    struct database_query *query = session_ask(session, "SELECT superior, reviewer, name, since_ms FROM nianshen.reviewer "
                                                        "WHERE $1::text IS NULL OR superior = $1 ORDER BY superior, reviewer");
    query_text(query, config_text(session->config, "superior"));
    return session_list(session, columns, 0,
                        language_pick("还没有登记审核人：nianshen-ops reviewer add --reviewer REVIEWER --superior SUPERIOR",
                                      "no reviewer is registered: nianshen-ops reviewer add --reviewer REVIEWER --superior SUPERIOR"));
}

static bool check_names(struct session *session)
{
    return session_check_name(session, "reviewer", EVENT_NAME_BYTES_MAX) && session_check_name(session, "superior", EVENT_NAME_BYTES_MAX);
}

int reviewer_add_run(const struct config *config)
{
    struct session session;
    session_begin(&session, config);
    if (check_names(&session) && session_check_name(&session, "name", EVENT_NAME_BYTES_MAX) && session_open(&session)) {
        struct database_query *query = session_ask(&session, "SELECT nianshen.reviewer_add($1, $2, $3)");
        query_text(query, config_text(config, "reviewer"));
        query_text(query, config_text(config, "superior"));
        query_text(query, config_text(config, "name"));
        if (session_run_patiently(&session, NULL)) list_reviewers(&session);
    }
    return session_close(&session);
}

int reviewer_remove_run(const struct config *config)
{
    struct session session;
    session_begin(&session, config);
    if (check_names(&session) && session_open(&session)) {
        struct database_query *query = session_ask(&session, "SELECT nianshen.reviewer_remove($1, $2)");
        query_text(query, config_text(config, "reviewer"));
        query_text(query, config_text(config, "superior"));
        if (session_run_patiently(&session, NULL)) list_reviewers(&session);
    }
    return session_close(&session);
}

int reviewer_list_run(const struct config *config)
{
    struct session session;
    session_begin(&session, config);
    if (session_check_name(&session, "superior", EVENT_NAME_BYTES_MAX) && session_open(&session)) list_reviewers(&session);
    return session_close(&session);
}
