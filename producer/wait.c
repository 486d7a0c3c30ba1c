#include "producer/wait.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "core/code.h"
#include "core/kafka.h"
#include "core/language.h"
#include "core/text.h"
#include "producer/clock.h"
#include "producer/report.h"

enum {
    WAIT_POLL_MS = 100, /* for each of the two topics in turn */
    WAIT_IN_PROGRESS = -1, /* no exit status yet */
};

struct wait {
    const struct judged *judged;
    struct kafka_reader *outcomes, *dead_letters;
    bool outage_told;
};

static struct kafka_reader *reader_at_end(const struct config *config, enum topic_kind topic, int32_t partition, struct fault *fault)
{
    struct kafka_reader *reader = kafka_reader_new(config, fault);
    struct kafka_position end = {.topic = topic, .partition = partition, .offset = -1};
    if (reader == NULL || kafka_reader_start(reader, &end, fault)) return reader;
    kafka_reader_free(reader);
    return NULL;
}

struct wait *wait_new(const struct config *config, const struct judged *judged, int32_t partitions, struct fault *fault)
{
    struct wait *wait = calloc(1, sizeof *wait);
    if (wait == NULL) {
        fault_set(fault, FAULT_FATAL, EX_OSERR, "out-of-memory", language_pick("内存不足", "no memory to wait for the outcome"));
        return NULL;
    }
    int32_t partition = kafka_partition_of(judged->unit, strlen(judged->unit), partitions);
    wait->judged = judged;
    wait->outcomes = reader_at_end(config, TOPIC_OUTCOME, partition, fault);
    if (wait->outcomes != NULL) wait->dead_letters = reader_at_end(config, TOPIC_DEAD_LETTER, partition, fault);
    if (wait->dead_letters != NULL) return wait;
    wait_free(wait);
    return NULL;
}

void wait_free(struct wait *wait)
{
    if (wait == NULL) return;
    kafka_reader_free(wait->outcomes);
    kafka_reader_free(wait->dead_letters);
    free(wait);
}

struct slice {
    const char *text;
    size_t bytes;
};

static struct slice record_header(const struct kafka_record *record, const char *name)
{
    for (size_t i = 0; i < record->header_count; i++)
        if (strcmp(record->headers[i].name, name) == 0 && record->headers[i].value != NULL)
            return (struct slice){record->headers[i].value, record->headers[i].value_bytes};
    return (struct slice){"", 0};
}

static bool slice_is(struct slice slice, const char *text)
{
    return slice.bytes == strlen(text) && memcmp(slice.text, text, slice.bytes) == 0;
}

/* Any chunk can be the one that completed the submission, or the one that was refused. */
static bool is_judged_id(const struct judged *judged, struct slice id)
{
    if (!judged->is_submission) return slice_is(id, judged->id);
    size_t bytes = strlen(judged->id);
    return id.bytes > bytes && memcmp(id.text, judged->id, bytes) == 0 && id.text[bytes] == '/';
}

static bool record_is_of_unit(const struct kafka_record *record, const char *unit)
{
    return record->key != NULL && slice_is((struct slice){record->key, record->key_bytes}, unit);
}

static int wait_take_outcome(struct wait *wait, const struct kafka_record *record)
{
    const struct judged *judged = wait->judged;
    if (!record_is_of_unit(record, judged->unit) || !is_judged_id(judged, record_header(record, "ce_causationid"))) return WAIT_IN_PROGRESS;
    struct slice type = record_header(record, "ce_type");
    struct outcome *outcome = outcome_new(type.text, type.bytes, record->value, record->value_bytes);
    int status = WAIT_IN_PROGRESS;
    if (outcome != NULL && outcome_year(outcome) == judged->year) {
        outcome_print(outcome, judged->rows, stderr);
        if (outcome_is_final(outcome)) status = outcome_exit_status(outcome);
    }
    outcome_free(outcome);
    return status;
}

static int wait_take_dead_letter(struct wait *wait, const struct kafka_record *record)
{
    const struct judged *judged = wait->judged;
    if (!record_is_of_unit(record, judged->unit) || !is_judged_id(judged, record_header(record, "ce_id")) ||
        !slice_is(record_header(record, "ce_source"), judged->source))
        return WAIT_IN_PROGRESS;
    char code[FAULT_CODE_BYTES_MAX], text[FAULT_TEXT_BYTES_MAX];
    struct slice code_header = record_header(record, "nianshen_dl_code"), text_header = record_header(record, "nianshen_dl_text");
    text_mask_digits(code_header.text, code_header.bytes, code, sizeof code);
    text_mask_digits(text_header.text, text_header.bytes, text, sizeof text);
    const struct code *known = code_find(code);
    fputs(language_pick("事件未被系统接受，已转入死信\n", "the event was not accepted and became a dead letter\n"), stderr);
    if (known != NULL && language_is_chinese())
        fprintf(stderr, "  %s。%s [%s]\n", known->zh, known->remedy_zh, code);
    else
        fprintf(stderr, "  %s [%s]\n", text, code);
    return EX_DATAERR;
}

/* One look at one of the topics. */
static int wait_poll(struct wait *wait, struct kafka_reader *reader, int (*take)(struct wait *, const struct kafka_record *))
{
    struct kafka_happening happening;
    int status = WAIT_IN_PROGRESS;
    switch (kafka_reader_poll(reader, WAIT_POLL_MS, &happening)) {
    case KAFKA_RECORD:
        status = take(wait, &happening.record);
        kafka_record_release(&happening.record);
        break;
    case KAFKA_HALTED:
        status = report_fault(&happening.fault);
        break;
    case KAFKA_OUTAGE:
        if (!wait->outage_told) fputs(language_pick("Kafka 没有应答，继续等待\n", "the broker does not answer; still waiting\n"), stderr);
        wait->outage_told = true;
        break;
    default:
        break;
    }
    return status;
}

int wait_for_outcome(struct wait *wait, int64_t seconds)
{
    int64_t until_ms = clock_monotonic_ms() + seconds * 1000;
    fprintf(stderr,
            language_pick("已发送，等待处理结果（最长 %" PRId64 " 秒）……\n", "sent; waiting up to %" PRId64 " s for the outcome …\n"),
            seconds);
    while (clock_monotonic_ms() < until_ms) {
        int status = wait_poll(wait, wait->outcomes, wait_take_outcome);
        if (status == WAIT_IN_PROGRESS) status = wait_poll(wait, wait->dead_letters, wait_take_dead_letter);
        if (status != WAIT_IN_PROGRESS) return status;
    }
    fprintf(stderr,
            language_pick(
                "%" PRId64 " 秒内没有处理结果。事件已经发送，不要重复提交；请运维人员用 nianshen-ops status 查看处理进度\n",
                "no outcome within %" PRId64
                " s. The event is sent and will be judged: do not send it again; nianshen-ops status shows whether a worker is running\n"),
            seconds);
    return EX_TEMPFAIL;
}
