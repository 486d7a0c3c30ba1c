/* Records for tests: unit reviews and broken ones. Included by one test program each. */
#ifndef NIANSHEN_TESTS_UNIT_RECORDS_H
#define NIANSHEN_TESTS_UNIT_RECORDS_H

#include <stdio.h>
#include <string.h>

#include "core/kafka.h"

struct test_record {
    char key[32], id[64], value[256];
    struct kafka_header headers[5];
    enum topic_kind topic;
    int32_t partition;
    int64_t offset;
    const char *long_value; /* NULL: `value` */
};

static struct kafka_header test_header(const char *name, const char *value)
{
    return (struct kafka_header){name, value, strlen(value)};
}

/* A unit review, in the partition of its unit. */
static inline void test_unit_review(struct test_record *record, const char *unit, int year, const char *source, const char *id,
                                    int32_t partitions)
{
    memset(record, 0, sizeof *record);
    snprintf(record->key, sizeof record->key, "%s", unit);
    snprintf(record->id, sizeof record->id, "%s", id);
    snprintf(record->value, sizeof record->value, "{\"unit\":\"%s\",\"year\":%d,\"submitted_by\":\"clerk\",\"profile\":{}}", unit, year);
    record->headers[0] = test_header("ce_specversion", "1.0");
    record->headers[1] = test_header("ce_id", record->id);
    record->headers[2] = test_header("ce_source", source);
    record->headers[3] = test_header("ce_type", "nianshen.unit-review.confirmed.v1");
    record->headers[4] = test_header("content-type", "application/json");
    record->topic = TOPIC_UNIT_REVIEW;
    record->partition = kafka_partition_of(unit, strlen(unit), partitions);
}

/* The same, in the form in which Kafka delivers it; borrows from `record`. */
static inline struct kafka_record test_delivered(const struct test_record *record, int64_t append_ms)
{
    const char *value = record->long_value != NULL ? record->long_value : record->value;
    return (struct kafka_record){
        .topic = record->topic,
        .partition = record->partition,
        .offset = record->offset,
        .append_ms = append_ms,
        .key = record->key,
        .key_bytes = strlen(record->key),
        .value = value,
        .value_bytes = strlen(value),
        .headers = record->headers,
        .header_count = 5,
    };
}

#endif
