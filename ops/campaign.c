/* nianshen-ops campaign open | close | extend | list; ops/campaign_purge.c has purge. */
#include <stdint.h>
#include <stdio.h>
#include <sysexits.h>
#include <time.h>

#include "core/language.h"
#include "core/moment.h"
#include "ops/commands.h"
#include "ops/cuts.h"
#include "ops/options.h"
#include "ops/session.h"

enum { OPENING_WAIT_MAX_MS = 60 * 1000 };

#define OPTION_OF_UNTIL(is_required)                                                                                                       \
    {                                                                                                                                      \
        .name = "until", .kind = OPTION_TEXT, .required = (is_required), .argument = "TIME", .help = {                                     \
            "关闭时间，写法同 --from（如 2026-03-31 18:00）。",                                                                            \
            "When it closes, written as --from is (2026-03-31 18:00)."                                                                     \
        }                                                                                                                                  \
    }

const struct option campaign_open_options[] = {
    OPTION_OF_YEAR(true),
    {.name = "from",
     .kind = OPTION_TEXT,
     .argument = "TIME",
     .help = {"开放时间：2026-03-01 或 2026-03-01 08:00（北京时间），或 RFC 3339 格式；省略时立即开放。",
              "When it opens: 2026-03-01 or 2026-03-01 08:00 (China Standard Time), or RFC 3339. Now when left out."}},
    OPTION_OF_UNTIL(false),
    OPTION_OF_JSON,
    OPTION_END,
};
const struct option campaign_close_options[] = {OPTION_OF_YEAR(true), OPTION_OF_JSON, OPTION_END};
const struct option campaign_extend_options[] = {OPTION_OF_YEAR(true), OPTION_OF_UNTIL(true), OPTION_OF_JSON, OPTION_END};
const struct option campaign_list_options[] = {OPTION_OF_JSON, OPTION_END};

static const struct table_column columns[] = {
    {{"年度", "YEAR"}, "year", TABLE_NUMBER},         {{"状态", "STATE"}, "state", TABLE_TEXT},
    {{"开放时间", "OPENS"}, "opens", TABLE_MOMENT},   {{"关闭时间", "CLOSES"}, "closes", TABLE_MOMENT},
    {{"清除时间", "PURGED"}, "purged", TABLE_MOMENT}, {{NULL, NULL}, NULL, TABLE_TEXT},
};

static const struct words none_yet = {"还没有年审活动：nianshen-ops campaign open --year YEAR",
                                      "there is no campaign yet: nianshen-ops campaign open --year YEAR"};

static void add_moment(struct database_query *query, const struct given_moment *moment)
{
    if (moment->is_given)
        query_int8(query, moment->ms);
    else
        query_null(query);
}

static struct database_query *ask_of_year(struct session *session, const char *sql)
{
    struct database_query *query = session_ask(session, sql);
    query_int4(query, (int32_t)config_number(session->config, "year"));
    return query;
}

static bool print_campaign(struct session *session)
{
    ask_of_year(session, "SELECT year, state, opens_ms, closes_ms, purged_ms FROM nianshen.campaign WHERE year = $1");
    return session_list(session, columns, 0, language_words(none_yet));
}

/*
 * An event that is published right after `campaign open` must find the campaign open. The opening was dated by the database's clock, so its
 * clock is asked how long that is.
 */
static bool wait_for_opening(struct session *session, int64_t opens_ms)
{
    struct database_result *result = NULL;
    query_int8(session_ask(session, "SELECT $1 - nianshen.now_ms()"), opens_ms);
    if (!session_run(session, &result)) return false;
    int64_t left_ms = result_int8(result, 0, 0) + 1;
    result_free(result);
    if (left_ms <= 0) return true;
    if (left_ms > OPENING_WAIT_MAX_MS)
        return fault_set(
            &session->fault, FAULT_RETRY, EX_TEMPFAIL, "clock-ahead",
            language_pick(
                "年审活动已创建，%lld 秒后开放，晚于各主题最新的记录：Kafka 的时钟比数据库的快；请校准时钟",
                "the campaign was created and opens in %lld s, behind the latest record of the topics: the broker's clock is ahead of "
                "the database's; set the clocks"),
            (long long)(left_ms / 1000));
    (void)nanosleep(&(struct timespec){.tv_sec = left_ms / 1000, .tv_nsec = left_ms % 1000 * 1000000L}, NULL);
    return true;
}

static bool open_campaign(struct session *session, const struct given_moment *from, const struct given_moment *until)
{
    struct database_result *result = NULL;
    struct database_query *query = ask_of_year(session, "SELECT nianshen.campaign_open($1, $2, $3)");
    add_moment(query, from);
    add_moment(query, until);
    if (!session_run_patiently(session, &result)) return false;
    int64_t opens_ms = result_int8(result, 0, 0);
    result_free(result);
    return from->is_given || wait_for_opening(session, opens_ms);
}

/*
 * The last campaign is judged to its end: the broker is asked how many records came until it closed, since a worker that stands still has
 * not seen them. Nothing can be added to these later.
 */
static bool check_last(struct session *session)
{
    struct database_result *result = NULL;
    struct cuts cuts = {0};
    session_ask(session, "SELECT max(closes_ms) FROM nianshen.campaign WHERE state = 'closed'");
    if (!session_run(session, &result)) return false;
    bool is_first = result_is_null(result, 0, 0), is_good = is_first;
    if (!is_first && cuts_find(&cuts, session, TOPIC_INPUTS, result_int8(result, 0, 0))) {
        cuts_add(&cuts, session_ask(session, "SELECT nianshen.positions_check($1, $2, $3)"));
        is_good = session_run(session, NULL);
    }
    result_free(result);
    cuts_free(&cuts);
    return is_good;
}

int campaign_open_run(const struct config *config)
{
    struct session session;
    struct given_moment from, until;
    session_begin(&session, config);
    if (session_moment(&session, "from", &from) && session_moment(&session, "until", &until) && session_open(&session) &&
        check_last(&session) && open_campaign(&session, &from, &until))
        print_campaign(&session);
    return session_close(&session);
}

int campaign_close_run(const struct config *config)
{
    struct session session;
    session_begin(&session, config);
    if (session_open(&session)) {
        ask_of_year(&session, "SELECT nianshen.campaign_close($1)");
        if (session_run_patiently(&session, NULL)) print_campaign(&session);
    }
    return session_close(&session);
}

int campaign_extend_run(const struct config *config)
{
    struct session session;
    struct given_moment until;
    session_begin(&session, config);
    if (session_moment(&session, "until", &until) && session_open(&session)) {
        add_moment(ask_of_year(&session, "SELECT nianshen.campaign_extend($1, $2)"), &until);
        if (session_run_patiently(&session, NULL)) print_campaign(&session);
    }
    return session_close(&session);
}

int campaign_list_run(const struct config *config)
{
    struct session session;
    session_begin(&session, config);
    if (session_open(&session)) {
        session_ask(&session, "SELECT year, state, opens_ms, closes_ms, purged_ms FROM nianshen.campaign ORDER BY year");
        session_list(&session, columns, 0, language_words(none_yet));
    }
    return session_close(&session);
}
