/* nianshen-ops digest */
#include <stdio.h>

#include "ops/commands.h"
#include "ops/options.h"
#include "ops/session.h"

const struct option digest_options[] = {OPTION_OF_UNIT(false), OPTION_OF_YEAR(false), OPTION_END};

/* Whoever compares it with one that was noted before the purge should know. */
static void tell_purged(struct session *session)
{
    struct database_result *result = NULL;
    session_ask(session, "SELECT year FROM nianshen_next.campaign WHERE year = $1::bigint AND state IN ('purging', 'purged')");
    session_add_number(session, "year");
    if (session_run(session, &result) && result_rows(result) > 0)
        fprintf(stderr, "the campaign of %s is purged: this is the digest of what is kept of it\n", result_text(result, 0, 0));
    result_free(result);
}

/* Just the digest, so that a shell can compare two of them. */
static void print_digest(struct session *session)
{
    struct database_result *result = NULL;
    struct database_query *query = session_ask(session, "SELECT nianshen_next.state_digest($1, $2::bigint::integer)");
    query_text(query, config_text(session->config, "unit"));
    session_add_number(session, "year");
    if (session_run_long(session, &result)) printf("%s\n", result_text(result, 0, 0));
    result_free(result);
}

int digest_run(const struct config *config)
{
    struct session session;
    session_begin(&session, config);
    if (session_check_name(&session, "unit", EVENT_UNIT_BYTES_MAX) && session_open(&session)) {
        print_digest(&session);
        tell_purged(&session);
    }
    return session_close(&session);
}
