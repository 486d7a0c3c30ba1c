/* nianshen-ops dead-letter show: the record as it came, the verdict, and what operators did about it. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "core/code.h"
#include "core/kafka.h"
#include "core/language.h"
#include "core/text.h"
#include "ops/commands.h"
#include "ops/dead_letter_filter.h"
#include "ops/options.h"
#include "ops/session.h"

#include "ops-next/dead_letter_record.h"

enum {
    SHOWN_BYTES_MAX = 4096,
    MASK_MARGIN_BYTES = 256, /* read behind the end of what is shown, so that a number cut by it is still known for one */
};

const struct option dead_letter_show_options[] = {
    OPTION_OF_TOPIC(true), OPTION_OF_PARTITION(true), OPTION_OF_OFFSET(true), OPTION_OF_JSON, OPTION_END,
};

/* What is printed; the record's tables stay NULL when it can't be read. */
struct shown {
    struct table *verdict, *history, *record, *headers;
};

/* ---- the verdict ---- */

/* In the order of `verdict_sql`, behind it what the table of codes says: to people in their language, to programs in both. */
enum { CODE_AT = 5, VERDICT_SQL_COLUMNS = 9, VERDICT_COLUMNS = VERDICT_SQL_COLUMNS + 4 };

static const struct table_column verdict_columns[] = {
    {{"主题", "topic"}, "topic", TABLE_TEXT},          {{"分区", "partition"}, "partition", TABLE_NUMBER},
    {{"偏移量", "offset"}, "offset", TABLE_NUMBER},    {{"写入时间", "appended"}, "appended", TABLE_MOMENT},
    {{"单位", "unit"}, "unit", TABLE_MASKED},          {{"代码", "code"}, "code", TABLE_TEXT},
    {{"状态", "state"}, "state", TABLE_TEXT},          {{"已发布", "published"}, "published", TABLE_SWITCH},
    {{"说明", "text"}, "text", TABLE_MASKED},          {{"说明", "meaning"}, "zh", TABLE_TEXT},
    {{"说明", "meaning"}, "en", TABLE_TEXT},           {{"处理办法", "remedy"}, "remedy_zh", TABLE_TEXT},
    {{"处理办法", "remedy"}, "remedy_en", TABLE_TEXT}, {{NULL, NULL}, NULL, TABLE_TEXT},
};

static const char verdict_sql[] =
    "SELECT topic, partition, record_offset, append_ms, unit, code, state, is_published, text FROM nianshen_next.dead_letter "
    "WHERE topic = $1 AND partition = $2 AND record_offset = $3";

static bool add_verdict(struct session *session, struct table *table, const struct database_result *result)
{
    const char *cells[VERDICT_COLUMNS] = {NULL};
    for (size_t i = 0; i < VERDICT_SQL_COLUMNS; i++) cells[i] = result_is_null(result, 0, i) ? NULL : result_text(result, 0, i);
    const struct code *code = cells[CODE_AT] == NULL ? NULL : code_find(cells[CODE_AT]);
    bool is_json = config_switch(session->config, "json");
    if (code != NULL && (is_json || language_is_chinese())) {
        cells[VERDICT_SQL_COLUMNS] = code->zh;
        cells[VERDICT_SQL_COLUMNS + 2] = code->remedy_zh;
    }
    if (code != NULL && (is_json || !language_is_chinese())) {
        cells[VERDICT_SQL_COLUMNS + 1] = code->en;
        cells[VERDICT_SQL_COLUMNS + 3] = code->remedy_en;
    }
    return table_add(table, cells, &session->fault);
}

/* Begins a statement whose parameters are the place. */
static void ask_about(struct session *session, const char *sql, const struct kafka_position *at)
{
    struct database_query *query = session_ask(session, sql);
    query_text(query, topic_kind_name(at->topic));
    query_int4(query, at->partition);
    query_int8(query, at->offset);
}

/* NULL: the fault is set. */
static struct table *read_verdict(struct session *session, const struct kafka_position *at)
{
    struct database_result *result = NULL;
    struct table *table = table_new(verdict_columns, config_switch(session->config, "json"));
    if (table == NULL)
        fault_set(&session->fault, FAULT_RETRY, EX_OSERR, "memory-out", language_pick("内存不足", "out of memory for a table"));
    ask_about(session, verdict_sql, at);
    bool is_good = table != NULL && session_run(session, &result);
    if (is_good && result_rows(result) == 0)
        is_good = fault_set(&session->fault, FAULT_REJECT, EX_NOINPUT, "dead-letter-unknown",
                            language_pick("主题 %s 分区 %" PRId32 " 偏移量 %" PRId64
                                          " 处没有死信；`nianshen-ops dead-letter list` 可列出全部死信",
                                          "there is no dead letter at %s partition %" PRId32 " offset %" PRId64
                                          "; `nianshen-ops dead-letter list` shows which "
                                          "there are"),
                            topic_kind_name(at->topic), at->partition, at->offset);
    is_good = is_good && add_verdict(session, table, result);
    result_free(result);
    if (is_good) return table;
    table_free(table);
    return NULL;
}

/* ---- what operators did about it ---- */

static const struct table_column history_columns[] = {
    {{"时间", "AT"}, "at", TABLE_MOMENT},
    {{"状态", "STATE"}, "state", TABLE_TEXT},
    {{"操作人", "WHO"}, "who", TABLE_TEXT},
    {{"新分区", "NEW PARTITION"}, "new_partition", TABLE_NUMBER},
    {{"新偏移量", "NEW OFFSET"}, "new_offset", TABLE_NUMBER},
    {{"原因", "REASON"}, "reason", TABLE_MASKED},
    {{NULL, NULL}, NULL, TABLE_TEXT},
};

static const char history_sql[] = "SELECT at_ms, state, who, new_partition, new_offset, reason FROM nianshen_next.dead_letter_history "
                                  "WHERE topic = $1 AND partition = $2 AND record_offset = $3 ORDER BY action_id";

/* The first action first; NULL: the fault is set. */
static struct table *read_history(struct session *session, const struct kafka_position *at)
{
    ask_about(session, history_sql, at);
    return session_table(session, history_columns);
}

/* ---- the record ---- */

/* `out` holds SHOWN_BYTES_MAX + 1. Returns NULL for a null. */
static const char *mask_bytes(const void *bytes, size_t count, char *out)
{
    if (bytes == NULL) return NULL;
    size_t read = count < SHOWN_BYTES_MAX + MASK_MARGIN_BYTES ? count : SHOWN_BYTES_MAX + MASK_MARGIN_BYTES;
    text_mask_digits(bytes, read, out, SHOWN_BYTES_MAX + 1);
    return out;
}

static const struct table_column record_columns[] = {
    {{"键", "key"}, "key", TABLE_TEXT},
    {{"内容字节数", "value bytes"}, "value_bytes", TABLE_NUMBER},
    {{"内容", "value"}, "value", TABLE_TEXT},
    {{NULL, NULL}, NULL, TABLE_TEXT},
};
static const struct table_column header_columns[] = {
    {{"头部", "header"}, "name", TABLE_TEXT},
    {{"内容", "value"}, "value", TABLE_TEXT},
    {{NULL, NULL}, NULL, TABLE_TEXT},
};

static bool describe_record(struct session *session, const struct kafka_record *record, struct shown *shown)
{
    char first[SHOWN_BYTES_MAX + 1], second[SHOWN_BYTES_MAX + 1], bytes[24];
    bool is_json = config_switch(session->config, "json");
    shown->record = table_new(record_columns, is_json);
    shown->headers = table_new(header_columns, is_json);
    if (shown->record == NULL || shown->headers == NULL)
        return fault_set(&session->fault, FAULT_RETRY, EX_OSERR, "memory-out", language_pick("内存不足", "out of memory for a table"));
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

static bool read_record(struct session *session, const struct kafka_position *at, struct shown *shown)
{
    struct dead_letter_record *read = dead_letter_record_read(session, at, &session->fault);
    bool is_good = read != NULL && describe_record(session, dead_letter_record_of(read), shown);
    dead_letter_record_free(read);
    return is_good;
}

static void print_for_people(const struct shown *shown)
{
    table_print_record(shown->verdict, 0, stdout);
    if (table_rows(shown->history) > 0) putchar('\n');
    table_print(shown->history, stdout);
    if (shown->record == NULL || table_rows(shown->record) == 0) return;
    putchar('\n');
    table_print_record(shown->record, 0, stdout);
    if (table_rows(shown->headers) > 0) putchar('\n');
    table_print(shown->headers, stdout);
}

static void print_for_programs(const struct shown *shown)
{
    fputs("{\"dead_letter\":", stdout);
    table_print_record(shown->verdict, 0, stdout);
    fputs(",\"history\":", stdout);
    table_print(shown->history, stdout);
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
    at->partition = (int32_t)config_number(session->config, "partition");
    at->offset = config_number(session->config, "offset");
    return session_input_topic(session, &at->topic);
}

/* The verdict is worth printing even when the record was purged: the exit status says that it is missing. */
static void show_dead_letter(struct session *session, const struct kafka_position *at)
{
    struct shown shown = {.verdict = read_verdict(session, at)};
    if (shown.verdict != NULL) shown.history = read_history(session, at);
    if (shown.history != NULL) {
        (void)read_record(session, at, &shown);
        if (config_switch(session->config, "json"))
            print_for_programs(&shown);
        else
            print_for_people(&shown);
    }
    table_free(shown.verdict);
    table_free(shown.history);
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
