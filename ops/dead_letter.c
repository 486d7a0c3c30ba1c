/* nianshen-ops dead-letter list | show: the verdict stands in the database, the record itself only in its topic. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "core/code.h"
#include "core/kafka.h"
#include "core/text.h"
#include "ops/commands.h"
#include "ops/options.h"
#include "ops/session.h"

enum {
    SHOWN_BYTES_MAX = 4096,
    MASK_MARGIN_BYTES = 256, /* read behind the end of what is shown, so that a number cut by it is still known for one */
    POLL_MS = 200,
};

const struct option dead_letter_list_options[] = {
    {.name = "code", .kind = OPTION_TEXT, .argument = "CODE", .help = "Only those with this code."},
    OPTION_OF_UNIT(false),
    OPTION_OF_LIMIT("100"),
    OPTION_OF_JSON,
    OPTION_END,
};
const struct option dead_letter_show_options[] = {
    {.name = "topic",
     .kind = OPTION_TEXT,
     .required = true,
     .argument = "KIND",
     .help = "unit-review, member-review or approval: the record's topic without the prefix."},
    {.name = "partition",
     .kind = OPTION_NUMBER,
     .number_max = KAFKA_PARTITIONS_MAX - 1,
     .required = true,
     .argument = "N",
     .help = "The record's partition."},
    {.name = "offset", .kind = OPTION_NUMBER, .number_max = INT64_MAX, .required = true, .argument = "N", .help = "The record's offset."},
    OPTION_OF_JSON,
    OPTION_END,
};

/* ---- list --------------------------------------------------------------------------------------------------------------------------- */

static const struct table_column list_columns[] = {
    {"TOPIC", "topic", TABLE_TEXT},
    {"PARTITION", "partition", TABLE_NUMBER},
    {"OFFSET", "offset", TABLE_NUMBER},
    {"APPENDED", "appended", TABLE_MOMENT},
    {"UNIT", "unit", TABLE_TEXT},
    {"CODE", "code", TABLE_TEXT},
    {"PUBLISHED", "published", TABLE_MOMENT},
    {"TEXT", "text", TABLE_TEXT},
    {NULL, NULL, TABLE_TEXT},
};

static const char list_sql[] =
    "SELECT topic, partition, record_offset, append_ms, unit, code, published_ms, text FROM nianshen.dead_letter "
    "WHERE ($1::text IS NULL OR code = $1) AND ($2::text IS NULL OR unit = $2) "
    "ORDER BY append_ms DESC, topic, partition, record_offset DESC LIMIT $3";

int dead_letter_list_run(const struct config *config)
{
    struct session session;
    session_begin(&session, config);
    if (session_check_name(&session, "code", EVENT_NAME_BYTES_MAX) && session_check_name(&session, "unit", EVENT_UNIT_BYTES_MAX) &&
        session_open(&session)) {
        struct database_query *query = session_ask(&session, list_sql);
        query_text(query, config_text(config, "code"));
        query_text(query, config_text(config, "unit"));
        query_int8(query, config_number(config, "limit"));
        session_list(&session, list_columns, (size_t)config_number(config, "limit"), "there is no such dead letter");
    }
    return session_close(&session);
}

/* ---- show: the verdict -------------------------------------------------------------------------------------------------------------- */

/* In the order of `verdict_sql`, behind it what the table of codes says. */
enum { CODE_AT = 5, VERDICT_SQL_COLUMNS = 8, VERDICT_COLUMNS = VERDICT_SQL_COLUMNS + 4 };

static const struct table_column verdict_columns[] = {
    {"topic", "topic", TABLE_TEXT},
    {"partition", "partition", TABLE_NUMBER},
    {"offset", "offset", TABLE_NUMBER},
    {"appended", "appended", TABLE_MOMENT},
    {"unit 单位", "unit", TABLE_TEXT},
    {"code 代码", "code", TABLE_TEXT},
    {"published", "published", TABLE_MOMENT},
    {"text", "text", TABLE_TEXT},
    {"meaning 说明", "zh", TABLE_TEXT},
    {"", "en", TABLE_TEXT},
    {"remedy 处理办法", "remedy_zh", TABLE_TEXT},
    {"", "remedy_en", TABLE_TEXT},
    {NULL, NULL, TABLE_TEXT},
};

static const char verdict_sql[] =
    "SELECT topic, partition, record_offset, append_ms, unit, code, published_ms, text FROM nianshen.dead_letter "
    "WHERE topic = $1 AND partition = $2 AND record_offset = $3";

static bool add_verdict(struct session *session, struct table *table, const struct database_result *result)
{
    const char *cells[VERDICT_COLUMNS] = {NULL};
    for (size_t i = 0; i < VERDICT_SQL_COLUMNS; i++) cells[i] = result_is_null(result, 0, i) ? NULL : result_text(result, 0, i);
    const struct code *code = cells[CODE_AT] == NULL ? NULL : code_find(cells[CODE_AT]);
    if (code != NULL) {
        cells[VERDICT_SQL_COLUMNS] = code->zh;
        cells[VERDICT_SQL_COLUMNS + 1] = code->en;
        cells[VERDICT_SQL_COLUMNS + 2] = code->remedy_zh;
        cells[VERDICT_SQL_COLUMNS + 3] = code->remedy_en;
    }
    return table_add(table, cells, &session->fault);
}

/* NULL: the fault is set. */
static struct table *read_verdict(struct session *session, const struct kafka_position *at)
{
    struct database_result *result = NULL;
    struct table *table = table_new(verdict_columns, config_switch(session->config, "json"));
    struct database_query *query = session_ask(session, verdict_sql);
    query_text(query, topic_kind_name(at->topic));
    query_int4(query, at->partition);
    query_int8(query, at->offset);
    bool is_good = table != NULL && session_run(session, &result);
    if (is_good && result_rows(result) == 0)
        is_good =
            fault_set(&session->fault, FAULT_REJECT, EX_NOINPUT, "dead-letter-unknown",
                      "there is no dead letter at %s partition %" PRId32 " offset %" PRId64 "; `nianshen-ops dead-letter list` shows which "
                      "there are",
                      topic_kind_name(at->topic), at->partition, at->offset);
    is_good = is_good && add_verdict(session, table, result);
    result_free(result);
    if (is_good) return table;
    table_free(table);
    return NULL;
}

/* ---- show: the record --------------------------------------------------------------------------------------------------------------- */

static bool record_is_gone(const struct kafka_position *at, struct fault *fault)
{
    return fault_set(fault, FAULT_REJECT, EX_NOINPUT, "record-gone",
                     "the record at %s partition %" PRId32 " offset %" PRId64
                     " is not in its topic any more; what was published of it is in the topic dead-letter",
                     topic_kind_name(at->topic), at->partition, at->offset);
}

static int64_t clock_seconds(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

/* Waits for the one record; an outage is waited out until the time is over. */
static bool await_record(struct kafka_reader *reader, const struct kafka_position *at, struct kafka_record *record, struct fault *fault)
{
    struct fault outage = {0};
    int64_t end = clock_seconds() + SESSION_BROKER_TIMEOUT_MS / 1000;
    while (clock_seconds() < end) {
        struct kafka_happening happening;
        switch (kafka_reader_poll(reader, POLL_MS, &happening)) {
        case KAFKA_RECORD:
            *record = happening.record;
            if (record->offset == at->offset) return true;
            kafka_record_release(record);
            return record_is_gone(at, fault);
        case KAFKA_END:
        case KAFKA_HALTED:
            return record_is_gone(at, fault);
        case KAFKA_OUTAGE:
            fault_set(&outage, happening.fault.kind, EX_UNAVAILABLE, happening.fault.code, "%s", happening.fault.text);
            break;
        default:
            break;
        }
    }
    return fault_set(fault, FAULT_RETRY, EX_UNAVAILABLE, "broker-absent",
                     "the record could not be read from Kafka: %s; start the broker, or set kafka_bootstrap",
                     outage.kind == FAULT_NONE ? "no answer" : outage.text);
}

/* `out` holds SHOWN_BYTES_MAX + 1. Returns NULL for a null. */
static const char *mask_bytes(const void *bytes, size_t count, char *out)
{
    if (bytes == NULL) return NULL;
    size_t read = count < SHOWN_BYTES_MAX + MASK_MARGIN_BYTES ? count : SHOWN_BYTES_MAX + MASK_MARGIN_BYTES;
    text_mask_digits(bytes, read, out, SHOWN_BYTES_MAX + 1);
    return out;
}

static const struct table_column record_columns[] = {
    {"key", "key", TABLE_TEXT},
    {"value bytes", "value_bytes", TABLE_NUMBER},
    {"value", "value", TABLE_TEXT},
    {NULL, NULL, TABLE_TEXT},
};
static const struct table_column header_columns[] = {
    {"header", "name", TABLE_TEXT},
    {"value", "value", TABLE_TEXT},
    {NULL, NULL, TABLE_TEXT},
};

struct shown_record {
    struct table *record, *headers;
};

static bool describe_record(struct session *session, const struct kafka_record *record, struct shown_record *shown)
{
    char first[SHOWN_BYTES_MAX + 1], second[SHOWN_BYTES_MAX + 1], bytes[24];
    bool is_json = config_switch(session->config, "json");
    shown->record = table_new(record_columns, is_json);
    shown->headers = table_new(header_columns, is_json);
    if (shown->record == NULL || shown->headers == NULL)
        return fault_set(&session->fault, FAULT_RETRY, EX_OSERR, "memory-out", "out of memory for a table");
    (void)snprintf(bytes, sizeof bytes, "%zu", record->value_bytes);
    const char *const cells[] = {mask_bytes(record->key, record->key_bytes, first), bytes,
                                 mask_bytes(record->value, record->value_bytes, second)};
    bool is_good = table_add(shown->record, cells, &session->fault);
    for (size_t i = 0; is_good && i < record->header_count; i++) {
        const struct kafka_header *header = &record->headers[i];
        const char *const row[] = {mask_bytes(header->name, strlen(header->name), first),
                                   mask_bytes(header->value, header->value_bytes, second)};
        is_good = table_add(shown->headers, row, &session->fault);
    }
    return is_good;
}

/* The record is released before its reader is freed, which would wait for it. */
static bool read_record(struct session *session, const struct kafka_position *at, struct shown_record *shown)
{
    struct kafka_record record = {0};
    struct kafka_reader *reader = kafka_reader_new(session->config, &session->fault);
    bool is_there = reader != NULL && kafka_reader_start(reader, at, &session->fault) && await_record(reader, at, &record, &session->fault);
    bool is_good = is_there && describe_record(session, &record, shown);
    if (is_there) kafka_record_release(&record);
    kafka_reader_free(reader);
    return is_good;
}

static void print_for_people(const struct table *verdict, const struct shown_record *shown)
{
    table_print_record(verdict, 0, stdout);
    if (shown->record == NULL || table_rows(shown->record) == 0) return;
    putchar('\n');
    table_print_record(shown->record, 0, stdout);
    if (table_rows(shown->headers) > 0) putchar('\n');
    table_print(shown->headers, stdout);
}

static void print_for_programs(const struct table *verdict, const struct shown_record *shown)
{
    fputs("{\"dead_letter\":", stdout);
    table_print_record(verdict, 0, stdout);
    if (shown->record != NULL && table_rows(shown->record) > 0) {
        fputs(",\"record\":", stdout);
        table_print_record(shown->record, 0, stdout);
        fputs(",\"headers\":", stdout);
        table_print(shown->headers, stdout);
    }
    fputs("}\n", stdout);
}

static bool read_place(struct session *session, struct kafka_position *at)
{
    const char *topic = config_text(session->config, "topic");
    at->partition = (int32_t)config_number(session->config, "partition");
    at->offset = config_number(session->config, "offset");
    return (topic_kind_of_name(topic, &at->topic) && (int)at->topic < TOPIC_INPUTS) ||
           fault_set(&session->fault, FAULT_REJECT, EX_USAGE, "usage", "--topic: '%s' is none of unit-review, member-review and approval",
                     topic);
}

/* The verdict is worth printing even when the broker is away: the exit status says that the record is missing. */
static void show_dead_letter(struct session *session, const struct kafka_position *at)
{
    struct shown_record shown = {NULL, NULL};
    struct table *verdict = read_verdict(session, at);
    if (verdict == NULL) return;
    (void)read_record(session, at, &shown);
    if (config_switch(session->config, "json"))
        print_for_programs(verdict, &shown);
    else
        print_for_people(verdict, &shown);
    table_free(verdict);
    table_free(shown.record);
    table_free(shown.headers);
}

int dead_letter_show_run(const struct config *config)
{
    struct session session;
    struct kafka_position at;
    session_begin(&session, config);
    if (read_place(&session, &at) && session_open(&session)) show_dead_letter(&session, &at);
    return session_close(&session);
}
