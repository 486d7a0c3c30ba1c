#include "ops/dead_letter_record.h"

#include <inttypes.h>
#include <stdlib.h>
#include <sysexits.h>
#include <time.h>

#include "core/language.h"
#include "core/original.h"
#include "ops/session.h"

enum { POLL_MS = 200 };

struct dead_letter_reader {
    const struct config *config;
    struct kafka_reader *kafka;
    struct original_source source;
};

struct dead_letter_reader *dead_letter_reader_new(const struct config *config, struct fault *fault)
{
    struct dead_letter_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL) {
        fault_set(fault, FAULT_RETRY, EX_OSERR, "memory-out", language_pick("内存不足", "out of memory for a reader"));
        return NULL;
    }
    reader->config = config;
    reader->kafka = kafka_reader_new(config, fault);
    if (reader->kafka != NULL) return reader;
    free(reader);
    return NULL;
}

void dead_letter_reader_free(struct dead_letter_reader *reader)
{
    if (reader == NULL) return;
    kafka_reader_free(reader->kafka);
    free(reader);
}

static bool record_is_gone(const struct kafka_position *at, struct fault *fault)
{
    return fault_set(
        fault, FAULT_REJECT, EX_NOINPUT, "record-gone",
        language_pick(
            "主题 %s 分区 %" PRId32 " 偏移量 %" PRId64 " 处的记录已不在主题中，该处可能已是另一条记录；已发布的副本在 dead-letter 主题中",
            "the record at %s partition %" PRId32 " offset %" PRId64
            " is not in its topic any more, where another one may have its place; what was published of it is in the topic dead-letter"),
        topic_kind_name(at->topic), at->partition, at->offset);
}

static bool broker_is_absent(const struct dead_letter_reader *reader, const struct fault *outage, struct fault *fault)
{
    return fault_set(fault, FAULT_RETRY, EX_UNAVAILABLE, "broker-absent",
                     language_pick("无法从 %s 处的 Kafka 读取该记录：%s；请启动 Kafka，或设置 kafka_bootstrap",
                                   "the record could not be read from Kafka at %s: %s; start the broker, or set kafka_bootstrap"),
                     config_text(reader->config, "kafka_bootstrap"),
                     outage->kind == FAULT_NONE ? language_pick("没有回答", "no answer") : outage->text);
}

static int64_t clock_seconds(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

/* An outage is waited out until the time is over, which counts from the last record that came. */
bool dead_letter_read(struct dead_letter_reader *reader, const struct kafka_position *at, int64_t append_ms, struct kafka_record *record,
                      struct fault *fault)
{
    struct fault why = {0};
    int64_t end = clock_seconds() + SESSION_BROKER_TIMEOUT_MS / 1000;
    while (clock_seconds() < end) {
        int64_t next = reader->source.next.offset;
        struct fault now = {0};
        switch (original_find(&reader->source, reader->kafka, at, append_ms, POLL_MS, record, &now)) {
        case ORIGINAL_FOUND:
            return true;
        case ORIGINAL_GONE:
        case ORIGINAL_CUT:
            return record_is_gone(at, fault);
        case ORIGINAL_FAULT:
            why = now;
            break;
        case ORIGINAL_WAIT:
            if (reader->source.next.offset != next) end = clock_seconds() + SESSION_BROKER_TIMEOUT_MS / 1000;
            break;
        }
    }
    return broker_is_absent(reader, &why, fault);
}
