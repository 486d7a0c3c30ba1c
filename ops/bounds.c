#include "ops/bounds.h"

#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

#include "core/language.h"

enum { BOUNDS_TIMEOUT_MS = 3000 };

static bool partition_of(const struct database_result *rows, size_t row, struct kafka_bounds *of)
{
    of->partition = (int32_t)result_int8(rows, row, 1);
    return topic_kind_of_name(result_text(rows, row, 0), &of->topic);
}

static void report_silence(const struct session *session, const struct fault *fault)
{
    fprintf(stderr,
            language_pick("两端以工作进程最近看到的为准，因为 %s 处的 Kafka 没有回答：%s\n",
                          "the ends are those the worker saw last, since Kafka at %s does not tell: %s\n"),
            config_text(session->config, "kafka_bootstrap"), fault->text);
}

static void report_unknown(const struct bounds *bounds)
{
    size_t unknown = 0;
    const struct kafka_bounds *first = NULL;
    for (size_t i = bounds->count; i-- > 0;) {
        if (bounds->list[i].fault.kind == FAULT_NONE) continue;
        first = &bounds->list[i];
        unknown++;
    }
    if (first == NULL) return;
    fprintf(stderr,
            language_pick("Kafka 没有给出 %zu 个分区的两端，这些以工作进程最近看到的为准；其中第一个是主题 %s 分区 %d：%s\n",
                          "Kafka does not tell all ends: %zu are as the worker saw them last, of these the first %s partition %d: %s\n"),
            unknown, topic_kind_name(first->topic), (int)first->partition, first->fault.text);
}

static bool bounds_ask_by(struct bounds *bounds, struct session *session, const struct database_result *rows,
                          struct kafka_reader *(*reader_new)(const struct config *config, struct fault *fault))
{
    struct fault fault = {0};
    bounds->list = calloc(result_rows(rows) + 1, sizeof *bounds->list);
    if (bounds->list == NULL)
        return fault_set(&session->fault, FAULT_RETRY, EX_OSERR, "memory-out", language_pick("内存不足", "out of memory for a table"));
    for (size_t row = 0; row < result_rows(rows); row++)
        if (partition_of(rows, row, &bounds->list[bounds->count])) bounds->count++;
    if (bounds->count == 0) return true;
    struct kafka_reader *reader = reader_new(session->config, &session->fault);
    if (reader == NULL) return false;
    if (kafka_reader_bounds_all(reader, bounds->list, bounds->count, BOUNDS_TIMEOUT_MS, &fault)) {
        report_unknown(bounds);
    } else {
        report_silence(session, &fault);
        bounds->count = 0;
    }
    kafka_reader_free(reader);
    return true;
}

bool bounds_ask(struct bounds *bounds, struct session *session, const struct database_result *rows)
{
    return bounds_ask_by(bounds, session, rows, kafka_reader_new);
}

bool bounds_ask_uncommitted(struct bounds *bounds, struct session *session, const struct database_result *rows)
{
    return bounds_ask_by(bounds, session, rows, kafka_reader_new_uncommitted);
}

const struct kafka_bounds *bounds_of(const struct bounds *bounds, const struct database_result *rows, size_t row)
{
    struct kafka_bounds of;
    if (!partition_of(rows, row, &of)) return NULL;
    for (size_t i = 0; i < bounds->count; i++)
        if (bounds->list[i].topic == of.topic && bounds->list[i].partition == of.partition)
            return bounds->list[i].fault.kind == FAULT_NONE ? &bounds->list[i] : NULL;
    return NULL;
}

void bounds_free(struct bounds *bounds)
{
    free(bounds->list);
    *bounds = (struct bounds){0};
}
