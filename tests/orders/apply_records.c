/*
 * Applies records that nobody published: decodes each with the core, as if Kafka had delivered it, and applies the micro-batches by
 * nianshen.apply, as the worker does. For tests of many orders and splits: who calls it says where each micro-batch ends, and a million
 * small histories need no broker. What it leaves out is the worker: polling, claims that are lost, what is tried again, the outbox.
 *
 * `apply_records PARTITION PARTITIONS`; on stdin, one line a record: {"topic", "key", "append_ms", "headers": {name: text}, "value": text
 * or null}. All are of that one partition of their topic, with offsets in the order of the lines. An empty line ends the micro-batch. The
 * database is that of libpq's own PG* variables.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "core/apply_query.h"

enum { HEADERS_MAX = 16, DATABASE_WAIT_MS = 10000 };

struct feeder {
    struct database *database;
    struct database_query *query;
    struct batch *batch;
    struct batch_partition topics[TOPIC_INPUTS];
    int32_t partition, partitions;
};

static _Noreturn void give_up(const struct fault *fault)
{
    (void)fprintf(stderr, "apply_records: [%s] %s\n", fault->code, fault->text);
    exit(EX_SOFTWARE);
}

static _Noreturn void give_up_for(const char *what)
{
    struct fault fault = {0};
    fault_set(&fault, FAULT_FATAL, EX_SOFTWARE, "input", "%s", what);
    give_up(&fault);
}

/* ---- the database ---- */

static void claim(struct feeder *feeder)
{
    struct fault fault = {0};
    struct database_result *result = NULL;
    query_reset(feeder->query, "SELECT topic, epoch, next_offset FROM nianshen.claim($1, $2, 'apply_records')");
    query_text_array(feeder->query);
    for (int topic = 0; topic < TOPIC_INPUTS; topic++) {
        const char *name = topic_kind_name((enum topic_kind)topic);
        query_add_text(feeder->query, name, strlen(name));
    }
    query_int4_array(feeder->query);
    for (int topic = 0; topic < TOPIC_INPUTS; topic++) query_add_int4(feeder->query, feeder->partition);
    if (!database_run(feeder->database, feeder->query, -1, &result, &fault)) give_up(&fault);
    for (size_t row = 0; row < result_rows(result); row++) {
        enum topic_kind topic;
        if (!topic_kind_of_name(result_text(result, row, 0), &topic)) give_up_for("the database names an unknown topic");
        feeder->topics[topic] = (struct batch_partition){
            .topic = topic,
            .number = feeder->partition,
            .epoch = result_int8(result, row, 1),
            .taken_offset = result_int8(result, row, 2),
        };
    }
    result_free(result);
}

static void batch_apply(struct feeder *feeder)
{
    struct fault fault = {0};
    struct apply_move moves[TOPIC_INPUTS];
    struct apply_range range = {.batch = feeder->batch, .count = feeder->batch->record_count, .moves = moves};
    if (batch_is_empty(feeder->batch)) return;
    apply_range_fill(&range);
    apply_query_build(feeder->query, APPLY_SQL, &range, NULL);
    apply_query_nothing_published(feeder->query);
    if (!database_run(feeder->database, feeder->query, -1, NULL, &fault)) give_up(&fault);
    batch_reset(feeder->batch);
}

/* ---- records ---- */

static const char *member_text(const json_t *record, const char *name)
{
    const char *text = json_string_value(json_object_get(record, name));
    if (text == NULL) give_up_for("a record without topic or key");
    return text;
}

static size_t headers_fill(const json_t *record, struct kafka_header headers[HEADERS_MAX])
{
    size_t count = 0;
    const char *name;
    json_t *text;
    json_object_foreach(json_object_get(record, "headers"), name, text)
    {
        if (count == HEADERS_MAX) give_up_for("a record with too many headers");
        headers[count++] = (struct kafka_header){name, json_string_value(text), json_string_length(text)};
    }
    return count;
}

static void record_add(struct feeder *feeder, const json_t *line)
{
    enum topic_kind topic;
    struct kafka_header headers[HEADERS_MAX];
    const char *key = member_text(line, "key");
    const json_t *value = json_object_get(line, "value");
    if (!topic_kind_of_name(member_text(line, "topic"), &topic) || (int)topic >= TOPIC_INPUTS) give_up_for("a record of an unknown topic");
    struct kafka_record record = {
        .topic = topic,
        .partition = feeder->partition,
        .offset = feeder->topics[topic].taken_offset,
        .append_ms = json_integer_value(json_object_get(line, "append_ms")),
        .key = key,
        .key_bytes = strlen(key),
        .value = json_string_value(value),
        .value_bytes = json_string_length(value),
        .headers = headers,
        .header_count = headers_fill(line, headers),
    };
    /* Whoever calls must have ended the micro-batch where the worker would have: the splits are the test. */
    if (batch_add(feeder->batch, &feeder->topics[topic], &record, feeder->partitions) != BATCH_ADDED)
        give_up_for("a micro-batch that is full, or holds the same event twice");
}

static void lines_read(struct feeder *feeder)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t length;
    while ((length = getline(&line, &room, stdin)) > 0) {
        if (length == 1) {
            batch_apply(feeder);
            continue;
        }
        json_t *record = json_loadb(line, (size_t)length, 0, NULL);
        if (record == NULL) give_up_for("a line that is no JSON");
        record_add(feeder, record);
        json_decref(record);
    }
    free(line);
    batch_apply(feeder);
}

int main(int argc, char **argv)
{
    struct fault fault = {0};
    struct batch_limits limits = {.records = BATCH_RECORDS_MAX, .bytes = (size_t)BATCH_RECORDS_MAX * EVENT_SMALL_BYTES_MAX};
    struct feeder feeder = {.query = query_new(), .batch = batch_new(limits, 1)};
    if (argc != 3) give_up_for("call it with the partition's number and how many there are");
    feeder.partition = (int32_t)strtol(argv[1], NULL, 10);
    feeder.partitions = (int32_t)strtol(argv[2], NULL, 10);
    if (feeder.query == NULL || feeder.batch == NULL) give_up_for("no memory left");
    feeder.database = database_open("apply_records", DATABASE_WAIT_MS, &fault);
    if (feeder.database == NULL) give_up(&fault);
    claim(&feeder);
    lines_read(&feeder);
    database_close(feeder.database);
    batch_free(feeder.batch);
    query_free(feeder.query);
    return EX_OK;
}
