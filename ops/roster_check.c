#include "ops/roster_check.h"

#include <inttypes.h>
#include <stdio.h>

#include "core/language.h"
#include "ops/roster_blocks.h"

enum { FINDING_BYTES_MAX = 256 };

struct roster_checking {
    struct session *session;
    int64_t limit, total;
    roster_violation_fn tell;
    void *context;
    int32_t year;
};

static bool note(struct roster_checking *checking, const char *unit, const char *finding)
{
    return ++checking->total > checking->limit || checking->tell(checking->context, unit, finding);
}

static bool note_block(void *context, enum roster_finding finding, const char *unit, int64_t block)
{
    struct roster_checking *checking = context;
    char text[FINDING_BYTES_MAX];
    const char *what = finding == ROSTER_BLOCK_MISSING
                           ? language_pick("缺失，而开放时有这些会员", "is missing, and there were members at the opening")
                       : finding == ROSTER_BLOCK_SURPLUS
                           ? language_pick("多余，开放时没有这些会员", "is too many: there were no such members at the opening")
                           : language_pick("与开放时的会员不同", "differs from the members at the opening");
    (void)snprintf(text, sizeof text,
                   language_pick("%" PRId32 " 年度名册第 %" PRId64 " 块%s", "campaign of %" PRId32 ", block %" PRId64 " of the roster %s"),
                   checking->year, block, what);
    return note(checking, unit, text);
}

static bool check_blocks(struct roster_checking *checking)
{
    struct session *session = checking->session;
    struct database_result *result = NULL;
    session_ask(session, "SELECT year, opens_ms FROM nianshen.campaign WHERE state IN ('open', 'closed') ORDER BY year");
    bool is_good = session_run(session, &result);
    for (size_t row = 0; is_good && row < result_rows(result); row++) {
        struct roster_blocks done;
        checking->year = (int32_t)result_int8(result, row, 0);
        is_good = roster_blocks_compare(session->database, checking->year, result_int8(result, row, 1), note_block, checking, &done,
                                        &session->fault);
    }
    result_free(result);
    return is_good;
}

/* What SQL sees: changes that are not those of the versions, blocks of no campaign. */
static bool check_views(struct roster_checking *checking)
{
    struct session *session = checking->session;
    struct database_result *result = NULL;
    query_int8(session_ask(session, "SELECT unit, finding, count(*) OVER () FROM (SELECT * FROM nianshen_next.violation_of_roster_changes "
                                    "UNION ALL SELECT * FROM nianshen_next.violation_of_roster_blocks) v ORDER BY unit, finding LIMIT $1"),
               checking->limit);
    bool is_good = session_run_long(session, &result);
    size_t rows = is_good ? result_rows(result) : 0;
    for (size_t row = 0; is_good && row < rows; row++) is_good = note(checking, result_text(result, row, 0), result_text(result, row, 1));
    if (rows > 0) checking->total += result_int8(result, 0, 2) - (int64_t)rows;
    result_free(result);
    return is_good;
}

bool roster_check(struct session *session, int64_t limit, roster_violation_fn tell, void *context, int64_t *total)
{
    struct roster_checking checking = {.session = session, .limit = limit, .tell = tell, .context = context};
    bool is_good = database_run_script(session->database,
                                       "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = 0; "
                                       "SET LOCAL idle_in_transaction_session_timeout = 0",
                                       &session->fault) &&
                   check_views(&checking) && check_blocks(&checking) && database_run_script(session->database, "COMMIT", &session->fault);
    *total = checking.total;
    return is_good;
}
