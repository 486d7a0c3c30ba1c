#include "ops-next/dead_letter_record.h"

#include <inttypes.h>
#include <stdlib.h>
#include <sysexits.h>

#include "core/arena.h"
#include "core/language.h"
#include "core/record_bytes.h"

enum {
    HEADERS_BYTES_MAX = 16 * 1024 * 1024, /* unpacked: a record of 1 MiB may consist of the shortest headers */
    APPEND_MS_AT = 0,
    KEY_AT,
    VALUE_AT,
    HEADERS_AT,
};

struct dead_letter_record {
    struct database_result *result; /* owns the bytes */
    struct arena *arena; /* of the headers */
    struct kafka_record record;
};

static const char record_sql[] = "SELECT append_ms, key, value, headers FROM nianshen_next.dead_letter_record($1, $2, $3)";

static bool record_is_gone(const struct kafka_position *at, struct fault *fault)
{
    return fault_set(fault, FAULT_REJECT, EX_NOINPUT, "record-gone",
                     language_pick("主题 %s 分区 %" PRId32 " 偏移量 %" PRId64 " 处的死信内容已随年审活动清除",
                                   "the bytes of the dead letter at %s partition %" PRId32 " offset %" PRId64
                                   " are purged with their campaign"),
                     topic_kind_name(at->topic), at->partition, at->offset);
}

static bool record_is_damaged(const struct kafka_position *at, struct fault *fault)
{
    return fault_set(fault, FAULT_FATAL, EX_SOFTWARE, "record-damaged",
                     language_pick("主题 %s 分区 %" PRId32 " 偏移量 %" PRId64 " 处死信的头部无法读取，或内存不足",
                                   "the headers of the dead letter at %s partition %" PRId32 " offset %" PRId64
                                   " can not be read, or memory is out"),
                     topic_kind_name(at->topic), at->partition, at->offset);
}

static bool record_ask(struct session *session, const struct kafka_position *at, struct database_result **result, struct fault *fault)
{
    struct database_query *query = session_ask(session, record_sql);
    query_text(query, topic_kind_name(at->topic));
    query_int4(query, at->partition);
    query_int8(query, at->offset);
    return database_run(session->database, query, SESSION_ANSWER_TIMEOUT_MS, result, fault);
}

static bool record_fill(struct dead_letter_record *read, const struct kafka_position *at, struct fault *fault)
{
    struct kafka_record *record = &read->record;
    size_t bytes = 0;
    if (result_rows(read->result) == 0 || result_is_null(read->result, 0, HEADERS_AT)) return record_is_gone(at, fault);
    *record = (struct kafka_record){.topic = at->topic, .partition = at->partition, .offset = at->offset};
    record->append_ms = result_int8(read->result, 0, APPEND_MS_AT);
    record->key = result_bytea(read->result, 0, KEY_AT, &record->key_bytes);
    record->value = result_bytea(read->result, 0, VALUE_AT, &record->value_bytes);
    const void *headers = result_bytea(read->result, 0, HEADERS_AT, &bytes);
    bool is_whole = (record->key != NULL || result_is_null(read->result, 0, KEY_AT)) &&
                    (record->value != NULL || result_is_null(read->result, 0, VALUE_AT)) && headers != NULL &&
                    record_headers_unpack(read->arena, headers, bytes, record);
    return is_whole || record_is_damaged(at, fault);
}

struct dead_letter_record *dead_letter_record_read(struct session *session, const struct kafka_position *at, struct fault *fault)
{
    struct dead_letter_record *read = calloc(1, sizeof *read);
    if (read != NULL) read->arena = arena_new(HEADERS_BYTES_MAX);
    if (read == NULL || read->arena == NULL)
        fault_set(fault, FAULT_RETRY, EX_OSERR, "memory-out", language_pick("内存不足", "out of memory for a record"));
    else if (record_ask(session, at, &read->result, fault) && record_fill(read, at, fault))
        return read;
    dead_letter_record_free(read);
    return NULL;
}

void dead_letter_record_free(struct dead_letter_record *read)
{
    if (read == NULL) return;
    result_free(read->result);
    arena_free(read->arena);
    free(read);
}

const struct kafka_record *dead_letter_record_of(const struct dead_letter_record *read)
{
    return &read->record;
}
