/*
 * nianshen-ops settle: an approval removes its members at once for every reader; their rows are moved to the archive afterwards, by the
 * worker when it is idle, or by this command.
 */
#include "ops-next/settle.h"

#include <inttypes.h>
#include <stdio.h>

#include "core/language.h"
#include "ops/commands.h"
#include "ops/options.h"

enum {
    SETTLE_ROWS = 20000,
    SETTLE_LEFT = 1, /* exit status: something is left that can not be moved */
};

const struct option settle_options[] = {OPTION_OF_JSON, OPTION_END};

static const struct table_column columns[] = {
    {{"审核通过", "APPROVALS"}, "approvals", TABLE_NUMBER},
    {{"会员", "MEMBERS"}, "members", TABLE_NUMBER},
    {{NULL, NULL}, NULL, TABLE_TEXT},
};

bool settle_all(struct session *session)
{
    for (bool is_end = false; !is_end;) {
        struct database_result *result = NULL;
        query_int4(session_ask(session, "SELECT nianshen_next.settle($1)"), SETTLE_ROWS);
        if (!session_run_patiently(session, &result)) return false;
        is_end = result_int8(result, 0, 0) == 0;
        result_free(result);
    }
    return true;
}

/* What a damaged submission removed can not be told. */
static bool report_rest(struct session *session)
{
    struct database_result *result = NULL;
    session_ask(session, "SELECT approvals FROM nianshen_next.settle_due()");
    if (!session_run_long(session, &result)) return false;
    int64_t left = result_int8(result, 0, 0);
    result_free(result);
    if (left == 0) {
        fputs(language_pick("已全部转入存档\n", "moved to the archive; nothing is left\n"), stderr);
        return true;
    }
    fprintf(stderr,
            language_pick("有 %" PRId64 " 次审核通过移出的会员无法转入存档；nianshen-ops check 说明原因\n",
                          "the members that %" PRId64 " approvals removed can not be moved; nianshen-ops check says why\n"),
            left);
    session->exit_status = SETTLE_LEFT;
    return true;
}

int settle_run(const struct config *config)
{
    struct session session;
    struct table *due = NULL;
    session_begin(&session, config);
    if (session_open(&session)) {
        session_ask(&session, "SELECT approvals, members FROM nianshen_next.settle_due()");
        due = session_table(&session, columns);
    }
    if (due != NULL && settle_all(&session)) {
        table_print(due, stdout);
        report_rest(&session);
    }
    table_free(due);
    return session_close(&session);
}
