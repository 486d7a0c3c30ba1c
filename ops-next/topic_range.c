#include "ops-next/topic_range.h"

#include <inttypes.h>
#include <sysexits.h>
#include <time.h>

#include "core/language.h"
#include "ops/session.h"

enum { POLL_MS = 200 };

struct reading {
    struct topic_reader *reader;
    struct topic_range *range;
    topic_record_fn take;
    void *context;
    struct fault *fault;
    int64_t reached; /* all before it was read */
    size_t gap; /* the first that does not lie before `reached` */
    int64_t give_up_at; /* on a broker that does not answer, in seconds of the monotonic clock */
};

static int64_t clock_seconds(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

static void patience_renew(struct reading *reading)
{
    reading->give_up_at = clock_seconds() + SESSION_BROKER_TIMEOUT_MS / 1000;
}

static bool is_in_gap(struct reading *reading, int64_t offset)
{
    const struct topic_range *range = reading->range;
    while (reading->gap < range->gap_count && range->gaps[reading->gap].to <= offset) reading->gap++;
    return reading->gap < range->gap_count && range->gaps[reading->gap].from <= offset;
}

static bool record_take(struct reading *reading, const struct kafka_record *record)
{
    if (record->offset >= reading->range->to) {
        reading->reached = reading->range->to;
        return true;
    }
    if (!is_in_gap(reading, record->offset)) {
        reading->range->records++;
        if (!reading->take(reading->context, record, reading->fault)) return false;
    }
    reading->reached = record->offset + 1;
    return true;
}

/*
 * All before `reached` was delivered. Where the broker itself says that the partition ends there, the rest of what was consumed is not in
 * the topic any more; else more is to come.
 */
static bool end_take(struct reading *reading, int64_t reached)
{
    const struct topic_range *at = reading->range;
    int64_t first, end = reached;
    if (reached < reading->range->to &&
        !kafka_reader_bounds(reading->reader->kafka, at->topic, at->partition, SESSION_BROKER_TIMEOUT_MS, &first, &end, reading->fault))
        return false;
    if (end <= reached) reading->reached = reading->range->to;
    return true;
}

static bool silence_take(struct reading *reading, const struct fault *outage)
{
    const struct topic_range *at = reading->range;
    if (clock_seconds() < reading->give_up_at) return true;
    return fault_set(reading->fault, FAULT_RETRY, EX_UNAVAILABLE, "broker-absent",
                     language_pick("无法从 %3$s 处的 Kafka 读取主题 %1$s 分区 %2$" PRId32 "：%4$s",
                                   "%s partition %" PRId32 " can't be read from Kafka at %s: %s"),
                     topic_kind_name(at->topic), at->partition, config_text(reading->reader->config, "kafka_bootstrap"),
                     outage->kind == FAULT_NONE ? language_pick("没有回答", "no answer") : outage->text);
}

static bool happening_take(struct reading *reading, struct kafka_happening *happening)
{
    bool is_good;
    switch (happening->kind) {
    case KAFKA_RECORD:
        is_good = record_take(reading, &happening->record);
        kafka_record_release(&happening->record);
        patience_renew(reading);
        return is_good;
    case KAFKA_END:
        return end_take(reading, happening->position.offset);
    case KAFKA_HALTED:
        return fault_set(reading->fault, FAULT_REJECT, EX_DATAERR, happening->fault.code, "%s", happening->fault.text);
    default:
        return silence_take(reading, &happening->fault);
    }
}

bool topic_range_read(struct topic_reader *reader, struct topic_range *range, topic_record_fn take, void *context, struct fault *fault)
{
    struct reading reading = {.reader = reader, .range = range, .take = take, .context = context, .fault = fault};
    int64_t end;
    range->records = 0;
    if (!kafka_reader_bounds(reader->kafka, range->topic, range->partition, SESSION_BROKER_TIMEOUT_MS, &range->first, &end, fault))
        return false;
    reading.reached = range->from > range->first ? range->from : range->first;
    patience_renew(&reading);
    struct kafka_position start = {range->topic, range->partition, reading.reached};
    if (reading.reached < range->to && !kafka_reader_start(reader->kafka, &start, fault)) return false;
    while (reading.reached < range->to) {
        struct kafka_happening happening;
        kafka_reader_poll(reader->kafka, POLL_MS, &happening);
        if (!happening_take(&reading, &happening)) return false;
    }
    kafka_reader_stop(reader->kafka);
    return true;
}

static bool partitions_ask(struct topic_reader *reader, struct fault *fault)
{
    struct kafka_topic_finding findings[KAFKA_FINDINGS_MAX];
    size_t count;
    struct kafka_admin *admin = kafka_admin_new(reader->config, fault);
    bool is_good = admin != NULL && kafka_admin_check(admin, SESSION_BROKER_TIMEOUT_MS, findings, &count, &reader->input_partitions, fault);
    kafka_admin_free(admin);
    return is_good &&
           (reader->input_partitions > 0 || fault_set(fault, FAULT_FATAL, EX_CONFIG, "topics",
                                                      language_pick("输入主题不符合要求：请运行 nianshen-ops topics check",
                                                                    "the input topics are not as needed: nianshen-ops topics check")));
}

bool topic_reader_open(struct topic_reader *reader, const struct config *config, struct fault *fault)
{
    *reader = (struct topic_reader){.config = config};
    if (!partitions_ask(reader, fault)) return false;
    reader->kafka = kafka_reader_new(config, fault);
    return reader->kafka != NULL;
}

void topic_reader_close(struct topic_reader *reader)
{
    kafka_reader_free(reader->kafka);
    *reader = (struct topic_reader){0};
}
