/* nianshen-ops partition list | resume: where each partition stands, and the ways out of a halt. */
#include <inttypes.h>
#include <stdio.h>
#include <sysexits.h>

#include "ops/bounds.h"
#include "ops/commands.h"
#include "ops/options.h"
#include "ops/session.h"

enum { NUMBER_BYTES = 24, REASON_BYTES_MAX = 500 };

const struct option partition_list_options[] = {OPTION_OF_JSON, OPTION_END};
const struct option partition_resume_options[] = {
    OPTION_OF_TOPIC(true),
    OPTION_OF_PARTITION(true),
    {.name = "from_offset",
     .kind = OPTION_NUMBER,
     .number_max = INT64_MAX,
     .argument = "N",
     .help = "Accept this as the next offset, and give up what stood or stands before it. Without it the partition goes on where it stood, "
             "after its topic was repaired."},
    {.name = "reason", .kind = OPTION_TEXT, .argument = "TEXT", .help = "Why; kept with who and when. Needed with --from-offset."},
    OPTION_OF_EXECUTE,
    OPTION_OF_JSON,
    OPTION_END,
};

/* ---- list ---- */

/* As the columns of `list_sql` stand; FIRST and END are replaced by what the broker says. */
enum { TOPIC_AT, PARTITION_AT, NEXT_AT, FIRST_AT, END_AT, PURGED_AT, EPOCH_AT, OWNER_AT, SINCE_AT, HALTED_AT, LIST_COLUMNS };

static const char list_sql[] =
    "SELECT topic, partition, next_offset, NULL, end_offset, nullif(purged_before, 0), epoch, owner, halted_ms, halted "
    "FROM nianshen.partition_status ORDER BY topic, partition";

static const struct table_column list_columns[] = {
    {"TOPIC", "topic", TABLE_TEXT},
    {"PARTITION", "partition", TABLE_NUMBER},
    {"NEXT", "next", TABLE_NUMBER},
    {"FIRST", "first", TABLE_NUMBER},
    {"END", "end", TABLE_NUMBER},
    {"PURGED BEFORE", "purged_before", TABLE_NUMBER},
    {"EPOCH", "epoch", TABLE_NUMBER},
    {"OWNER", "owner", TABLE_TEXT},
    {"HALTED SINCE", "halted_since", TABLE_MOMENT},
    {"HALTED", "halted", TABLE_TEXT},
    {NULL, NULL, TABLE_TEXT},
};

static bool list_add(struct session *session, struct table *table, struct bounds *bounds, const struct database_result *result, size_t row)
{
    const char *cells[LIST_COLUMNS];
    char first_text[NUMBER_BYTES], end_text[NUMBER_BYTES];
    int64_t first, end;
    for (size_t i = 0; i < LIST_COLUMNS; i++) cells[i] = result_is_null(result, row, i) ? NULL : result_text(result, row, i);
    if (bounds_ask(bounds, cells[TOPIC_AT], (int32_t)result_int8(result, row, PARTITION_AT), &first, &end)) {
        (void)snprintf(first_text, sizeof first_text, "%" PRId64, first);
        (void)snprintf(end_text, sizeof end_text, "%" PRId64, end);
        cells[FIRST_AT] = first_text;
        cells[END_AT] = end_text;
    }
    return table_add(table, cells, &session->fault);
}

static void list_print(struct session *session)
{
    struct bounds bounds = {0};
    struct database_result *result = NULL;
    struct table *table = table_new(list_columns, config_switch(session->config, "json"));
    session_ask(session, list_sql);
    bool is_good = (table != NULL || fault_set(&session->fault, FAULT_RETRY, EX_OSERR, "memory-out", "out of memory for a table")) &&
                   session_run(session, &result) && (result_rows(result) == 0 || bounds_open(&bounds, session));
    for (size_t row = 0; is_good && row < result_rows(result); row++) is_good = list_add(session, table, &bounds, result, row);
    if (is_good) table_print(table, stdout);
    if (is_good && table_rows(table) == 0) fputs("no worker has taken a partition yet: start nianshen-worker\n", stderr);
    bounds_close(&bounds);
    result_free(result);
    table_free(table);
}

int partition_list_run(const struct config *config)
{
    struct session session;
    session_begin(&session, config);
    if (session_open(&session)) list_print(&session);
    return session_close(&session);
}

/* ---- resume ---- */

/* What is known about the partition that is to go on. */
struct resumption {
    struct session *session;
    struct kafka_position at; /* offset: --from-offset, or the one where it stands */
    bool is_moved; /* --from-offset is given */
    int64_t next, consumed; /* where it stands; how many records were consumed from the accepted offset on */
};

static bool resume_check(struct resumption *resumption)
{
    struct session *session = resumption->session;
    const struct config *config = session->config;
    resumption->is_moved = config_is_set(config, "from_offset");
    if (!session_input_topic(session, &resumption->at.topic) || !session_check_name(session, "reason", REASON_BYTES_MAX)) return false;
    resumption->at.partition = (int32_t)config_number(config, "partition");
    if (resumption->is_moved && config_switch(config, "execute") && config_text(config, "reason") == NULL)
        return fault_set(&session->fault, FAULT_REJECT, EX_USAGE, "usage", "--from-offset with --execute needs --reason: it is kept");
    return true;
}

static bool resume_look(struct resumption *resumption)
{
    struct session *session = resumption->session;
    struct database_result *result = NULL;
    struct database_query *query =
        session_ask(session, "SELECT next_offset, nianshen.partition_consumed_from($1, $2, $3::bigint) FROM nianshen.partition_status "
                             "WHERE topic = $1 AND partition = $2 AND halted IS NOT NULL");
    query_text(query, topic_kind_name(resumption->at.topic));
    query_int4(query, resumption->at.partition);
    session_add_number(session, "from_offset");
    if (!session_run(session, &result)) return false;
    bool is_halted = result_rows(result) > 0;
    if (is_halted) {
        resumption->next = result_int8(result, 0, 0);
        resumption->consumed = result_int8(result, 0, 1);
        resumption->at.offset = resumption->is_moved ? config_number(session->config, "from_offset") : resumption->next;
    }
    result_free(result);
    return is_halted || fault_set(&session->fault, FAULT_REJECT, EX_DATAERR, "not-halted",
                                  "%s partition %" PRId32 " is not halted; nianshen-ops partition list shows those that are",
                                  topic_kind_name(resumption->at.topic), resumption->at.partition);
}

/* An offset that the topic does not have would only halt the partition again. */
static bool resume_compare(struct resumption *resumption)
{
    struct session *session = resumption->session;
    const struct kafka_position *at = &resumption->at;
    struct bounds bounds = {0};
    int64_t first, end;
    if (!resumption->is_moved) return true;
    if (!bounds_open(&bounds, session)) return false;
    bool is_told = bounds_ask(&bounds, topic_kind_name(at->topic), at->partition, &first, &end);
    bounds_close(&bounds);
    if (!is_told)
        return fault_set(&session->fault, FAULT_RETRY, EX_UNAVAILABLE, "broker-away",
                         "the topic is not known without Kafka at %s; try again later", config_text(session->config, "kafka_bootstrap"));
    return (first <= at->offset && at->offset <= end) ||
           fault_set(&session->fault, FAULT_REJECT, EX_DATAERR, "offset-outside",
                     "--from-offset %" PRId64 ": %s partition %" PRId32 " holds offsets %" PRId64 " to %" PRId64
                     "; give one of these (%" PRId64 " is its end)",
                     at->offset, topic_kind_name(at->topic), at->partition, first, end, end);
}

/* Never silently: what the accepted offset gives up. */
static void resume_explain(const struct resumption *resumption, const char *would)
{
    const struct kafka_position *at = &resumption->at;
    const char *topic = topic_kind_name(at->topic);
    fprintf(stderr, "%s partition %" PRId32 " %s on from offset %" PRId64 " (it stood at %" PRId64 ")\n", topic, at->partition, would,
            at->offset, resumption->next);
    if (at->offset > resumption->next)
        fprintf(stderr, "given up: offsets %" PRId64 " to %" PRId64 " were never read; what stood there has no effect, and no outcome\n",
                resumption->next, at->offset - 1);
    else if (at->offset < resumption->next)
        fprintf(stderr,
                "given up: %" PRId64 " records that had been consumed from offset %" PRId64
                " on are no longer in the topic; their effects stay, and the "
                "records that stand there now are applied\n",
                resumption->consumed, at->offset);
    else if (resumption->is_moved)
        fputs("given up: the last record applied is no longer compared with the topic\n", stderr);
}

static bool resume_execute(struct resumption *resumption)
{
    struct session *session = resumption->session;
    struct database_query *query = session_ask(session, "SELECT nianshen.partition_resume($1, $2, $3::bigint, $4)");
    query_text(query, topic_kind_name(resumption->at.topic));
    query_int4(query, resumption->at.partition);
    session_add_number(session, "from_offset");
    query_text(query, config_text(session->config, "reason"));
    return session_run_patiently(session, NULL);
}

static void resume(struct resumption *resumption)
{
    struct session *session = resumption->session;
    if (!resume_look(resumption) || !resume_compare(resumption)) return;
    bool is_executed = !resumption->is_moved || config_switch(session->config, "execute");
    if (is_executed && !resume_execute(resumption)) return;
    resume_explain(resumption, is_executed ? "goes" : "would go");
    fputs(is_executed ? "its owner compares it with the topic within seconds, and reads on or halts it again\n"
                      : "nothing was changed: --execute and --reason do it\n",
          stderr);
    list_print(session);
}

int partition_resume_run(const struct config *config)
{
    struct session session;
    struct resumption resumption = {.session = &session};
    session_begin(&session, config);
    if (resume_check(&resumption) && session_open(&session)) resume(&resumption);
    return session_close(&session);
}
