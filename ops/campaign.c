/* nianshen-ops campaign open | close | extend | list; ops/campaign_purge.c has purge. */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <sysexits.h>
#include <time.h>

#include "core/language.h"
#include "core/moment.h"
#include "ops/commands.h"
#include "ops/cuts.h"
#include "ops/options.h"
#include "ops/roster_blocks.h"
#include "ops/session.h"

enum {
    OPENING_WAIT_MAX_MS = 60 * 1000,
    LOOK_PAUSE_MS = 30 * 1000, /* how long the clock is left alone while an opening is waited for */
};

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
     .help =
         {"开放时间：2026-03-01 或 2026-03-01 08:00（北京时间），或 RFC 3339 格式；省略时立即开放。命令会等到那时再开放。",
          "When it opens: 2026-03-01 or 2026-03-01 08:00 (China Standard Time), or RFC 3339. Now when left out. The command waits until "
          "then and opens it."}},
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

static void pause_ms(int64_t ms)
{
    (void)nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L}, NULL);
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
    pause_ms(left_ms);
    return true;
}

/* Asks whether the campaign can be opened; with `is_holding` the roster is held as it is, too. `left_ms` (out): until `from`. */
static bool start_opening(struct session *session, const struct given_moment *from, const struct given_moment *until, bool is_holding,
                          int64_t *left_ms)
{
    struct database_result *result = NULL;
    struct database_query *query = ask_of_year(session, "SELECT nianshen.campaign_open_start($1, $2, $3, $4)");
    add_moment(query, from);
    add_moment(query, until);
    query_bool(query, is_holding);
    if (!session_run_patiently(session, &result)) return false;
    *left_ms = result_int8(result, 0, 0);
    result_free(result);
    return true;
}

/* By the clock that will date the opening. Nothing is locked or written meanwhile: whoever interrupts it leaves nothing behind. */
static bool wait_for_from(struct session *session, const struct given_moment *from, const struct given_moment *until)
{
    int64_t left_ms;
    if (!start_opening(session, from, until, false, &left_ms)) return false;
    if (left_ms > 0)
        fprintf(stderr,
                language_pick("等到 --from 的时间再开放，还有 %" PRId64 " 秒；按 Ctrl-C 放弃，不会留下任何内容\n",
                              "the campaign opens at the time of --from, in %" PRId64 " s; Ctrl-C gives up, and leaves nothing behind\n"),
                left_ms / 1000);
    while (left_ms > 0) {
        struct database_result *result = NULL;
        pause_ms(left_ms < LOOK_PAUSE_MS ? left_ms : LOOK_PAUSE_MS);
        query_int8(session_ask(session, "SELECT $1 - nianshen.now_ms()"), from->ms);
        if (!session_run(session, &result)) return false;
        left_ms = result_int8(result, 0, 0);
        result_free(result);
    }
    return true;
}

static void report_blocks(const struct roster_blocks *blocks)
{
    fprintf(stderr,
            language_pick("本次年审的名册：%2$" PRId64 " 个单位，%1$" PRId64 " 名会员\n",
                          "the campaign's roster: %" PRId64 " members of %" PRId64 " units\n"),
            blocks->members, blocks->units);
}

static bool insert_campaign(struct session *session, const struct given_moment *until, int64_t after_ms, int64_t *opens_ms)
{
    struct database_result *result = NULL;
    struct database_query *query = ask_of_year(session, "SELECT nianshen.campaign_open($1, NULL, $2, $3)");
    add_moment(query, until);
    query_int8(query, after_ms);
    session->retry_script = "ROLLBACK TO SAVEPOINT packed";
    bool is_good = session_run_patiently(session, &result);
    session->retry_script = NULL;
    if (is_good) *opens_ms = result_int8(result, 0, 0);
    result_free(result);
    return is_good;
}

/* The roster's blocks and the opening are one transaction, under the roster's lock: nobody is enrolled in between. */
static bool open_campaign(struct session *session, const struct given_moment *from, const struct given_moment *until)
{
    static const char begin[] =
        "BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0; SAVEPOINT packed";
    struct roster_blocks blocks;
    int64_t left_ms, opens_ms = 0;
    int32_t year = (int32_t)config_number(session->config, "year");
    if (!database_run_script(session->database, begin, &session->fault)) return false;
    session->retry_script = "ROLLBACK TO SAVEPOINT packed";
    bool is_held = start_opening(session, from, until, true, &left_ms);
    session->retry_script = NULL;
    if (!is_held || !roster_blocks_make(session->database, year, ROSTER_PRESENT, &blocks, &session->fault) ||
        !database_run_script(session->database, "SAVEPOINT packed", &session->fault) ||
        !insert_campaign(session, until, blocks.latest_ms, &opens_ms) || !database_run_script(session->database, "COMMIT", &session->fault))
        return false;
    report_blocks(&blocks);
    return wait_for_opening(session, opens_ms);
}

/*
 * The last campaign is judged to its end: the broker is asked how many records came until it closed, also in transactions that are still
 * open, since a worker that stands still has not seen them. Nothing can be added to these later.
 */
static bool check_last(struct session *session)
{
    struct database_result *result = NULL;
    struct cuts cuts = {0};
    session_ask(session, "SELECT max(closes_ms) FROM nianshen.campaign WHERE state = 'closed'");
    if (!session_run(session, &result)) return false;
    bool is_first = result_is_null(result, 0, 0), is_good = is_first;
    if (!is_first && cuts_find_uncommitted(&cuts, session, result_int8(result, 0, 0))) {
        struct database_query *query = session_ask(session, "SELECT nianshen.positions_check($1, $2, $3, $4)");
        cuts_add(&cuts, query);
        cuts_add_stable(&cuts, query);
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
        wait_for_from(&session, &from, &until) && check_last(&session) && open_campaign(&session, &from, &until))
        print_campaign(&session);
    return session_close(&session);
}

/* What no event decides any more, for the operator to know. */
static bool report_undecided(struct session *session)
{
    enum { DECISIONS_AT, RECEIVING_AT, WAITING_AT, PENDING_AT };
    struct database_result *result = NULL;
    ask_of_year(session, "SELECT decisions, receiving, waiting, pending FROM nianshen_next.campaign_undecided($1)");
    if (!session_run_long(session, &result)) return false;
    int64_t pending = result_int8(result, 0, PENDING_AT), waiting = result_int8(result, 0, WAITING_AT),
            receiving = result_int8(result, 0, RECEIVING_AT), decisions = result_int8(result, 0, DECISIONS_AT);
    if (pending + waiting + receiving > 0)
        fprintf(stderr,
                language_pick("未审结的提交保持原状：%" PRId64 " 份待审核，%" PRId64 " 份等待中，%" PRId64
                              " 份未收齐；nianshen-ops review list 可列出\n",
                              "submissions that stay as they are: %" PRId64 " pending, %" PRId64 " waiting, %" PRId64
                              " not complete; nianshen-ops review list lists them\n"),
                pending, waiting, receiving);
    if (decisions > 0)
        fprintf(stderr,
                language_pick("%" PRId64 " 个审核意见还在等待其提交（可能写错了提交编号），不会再生效\n",
                              "%" PRId64
                              " decisions still wait for their submission, perhaps for one that was misspelt, and have no effect "
                              "any more\n"),
                decisions);
    result_free(result);
    return true;
}

int campaign_close_run(const struct config *config)
{
    struct session session;
    session_begin(&session, config);
    if (session_open(&session)) {
        ask_of_year(&session, "SELECT nianshen.campaign_close($1)");
        if (session_run_patiently(&session, NULL) && print_campaign(&session)) report_undecided(&session);
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
