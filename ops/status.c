/* nianshen-ops status: where the database stands in each partition, and how far the broker's end is ahead. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "core/kafka.h"
#include "core/topics.h"
#include "ops/commands.h"
#include "ops/options.h"
#include "ops/session.h"

enum {
    STATUS_ALARM = 1, /* exit status: a partition is halted or truncated, or a unit is held */
    BOUNDS_TIMEOUT_MS = 3000,
    NUMBER_BYTES = 24,
};

const struct option status_options[] = {OPTION_OF_JSON, OPTION_END};

/* As the columns of `status_sql` stand; END and LAG are replaced by what the broker says. */
enum { TOPIC_AT, PARTITION_AT, NEXT_AT, END_AT, LAG_AT, OWNER_AT, OUTBOX_AT, MOVED_AT, HALTED_AT, STATUS_COLUMNS };

static const struct table_column columns[] = {
    {"TOPIC", "topic", TABLE_TEXT},     {"PARTITION", "partition", TABLE_NUMBER},
    {"NEXT", "next", TABLE_NUMBER},     {"END", "end", TABLE_NUMBER},
    {"LAG", "lag", TABLE_NUMBER},       {"OWNER", "owner", TABLE_TEXT},
    {"OUTBOX", "outbox", TABLE_NUMBER}, {"MOVED", "moved", TABLE_MOMENT},
    {"HALTED", "halted", TABLE_TEXT},   {NULL, NULL, TABLE_TEXT},
};

static const char status_sql[] = "SELECT topic, partition, next_offset, end_offset, lag, owner, outbox_waiting, moved_ms, halted "
                                 "FROM nianshen.partition_status ORDER BY topic, partition";

struct bounds {
    struct kafka_reader *reader; /* NULL: the broker was not reached */
    const char *bootstrap;
};

/* Asks once: behind a broker that does not answer each partition would cost another time-out. */
static bool ask_end(struct bounds *bounds, const char *topic, int32_t partition, int64_t *end)
{
    struct fault fault = {0};
    enum topic_kind kind;
    int64_t first;
    if (bounds->reader == NULL || !topic_kind_of_name(topic, &kind)) return false;
    if (kafka_reader_bounds(bounds->reader, kind, partition, BOUNDS_TIMEOUT_MS, &first, end, &fault)) return true;
    fprintf(stderr, "the ends are those the worker saw last, since Kafka at %s does not tell: %s\n", bounds->bootstrap, fault.text);
    kafka_reader_free(bounds->reader);
    bounds->reader = NULL;
    return false;
}

/* A position behind the end: the records that were applied are not in the topic any more. */
static void report_truncated(struct session *session, const char *topic, const char *partition)
{
    fprintf(stderr, "%s partition %s ends before what was applied of it: it was truncated or created anew, or this is another broker\n",
            topic, partition);
    session->exit_status = STATUS_ALARM;
}

static bool add_partition(struct session *session, struct table *table, struct bounds *bounds, const struct database_result *result,
                          size_t row)
{
    const char *cells[STATUS_COLUMNS];
    char end_text[NUMBER_BYTES], lag_text[NUMBER_BYTES];
    int64_t end, next = result_int8(result, row, NEXT_AT);
    for (size_t i = 0; i < STATUS_COLUMNS; i++) cells[i] = result_is_null(result, row, i) ? NULL : result_text(result, row, i);
    if (ask_end(bounds, cells[TOPIC_AT], (int32_t)result_int8(result, row, PARTITION_AT), &end)) {
        (void)snprintf(end_text, sizeof end_text, "%" PRId64, end);
        (void)snprintf(lag_text, sizeof lag_text, "%" PRId64, end - next);
        cells[END_AT] = end_text;
        cells[LAG_AT] = lag_text;
        if (end < next) report_truncated(session, cells[TOPIC_AT], cells[PARTITION_AT]);
    }
    if (cells[HALTED_AT] != NULL) session->exit_status = STATUS_ALARM;
    return table_add(table, cells, &session->fault);
}

static bool print_partitions(struct session *session, const struct database_result *result)
{
    struct table *table = table_new(columns, config_switch(session->config, "json"));
    struct bounds bounds = {.bootstrap = config_text(session->config, "kafka_bootstrap")};
    bool is_good = table != NULL || fault_set(&session->fault, FAULT_RETRY, EX_OSERR, "memory-out", "out of memory for a table");
    if (result_rows(result) > 0) bounds.reader = kafka_reader_new(session->config, &session->fault);
    is_good = is_good && session->fault.kind == FAULT_NONE;
    for (size_t row = 0; is_good && row < result_rows(result); row++) is_good = add_partition(session, table, &bounds, result, row);
    if (is_good) table_print(table, stdout);
    if (is_good && table_rows(table) == 0) fputs("no worker has taken a partition yet: start nianshen-worker\n", stderr);
    kafka_reader_free(bounds.reader);
    table_free(table);
    return is_good;
}

static bool report_held(struct session *session)
{
    struct database_result *result = NULL;
    session_ask(session, "SELECT count(*) FROM nianshen.held");
    if (!session_run(session, &result)) return false;
    int64_t held = result_int8(result, 0, 0);
    result_free(result);
    if (held == 0) return true;
    fprintf(stderr, "%" PRId64 " unit%s held: a record of theirs could not be applied, a fault of ours; see the worker's log\n", held,
            held == 1 ? " is" : "s are");
    session->exit_status = STATUS_ALARM;
    return true;
}

int status_run(const struct config *config)
{
    struct session session;
    struct database_result *result = NULL;
    session_begin(&session, config);
    if (session_open(&session)) {
        session_ask(&session, status_sql);
        if (session_run(&session, &result) && print_partitions(&session, result)) report_held(&session);
    }
    result_free(result);
    return session_close(&session);
}
