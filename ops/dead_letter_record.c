#include "ops/dead_letter_record.h"

#include <inttypes.h>
#include <stdlib.h>
#include <sysexits.h>
#include <time.h>

#include "ops/session.h"

enum { POLL_MS = 200 };

struct dead_letter_reader {
    const struct config *config;
    struct kafka_reader *kafka;
    bool is_reading;
    bool is_fresh; /* nothing was delivered since the start at `next` */
    struct kafka_position next;
};

struct dead_letter_reader *dead_letter_reader_new(const struct config *config, struct fault *fault)
{
    struct dead_letter_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL) {
        fault_set(fault, FAULT_RETRY, EX_OSERR, "memory-out", "out of memory for a reader");
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

static bool is_ahead(const struct dead_letter_reader *reader, const struct kafka_position *at)
{
    const struct kafka_position *next = &reader->next;
    return reader->is_reading && next->topic == at->topic && next->partition == at->partition && next->offset <= at->offset &&
           at->offset - next->offset <= DEAD_LETTER_SKIP_MAX;
}

static bool start_at(struct dead_letter_reader *reader, const struct kafka_position *at, struct fault *fault)
{
    reader->is_reading = reader->is_fresh = kafka_reader_start(reader->kafka, at, fault);
    reader->next = *at;
    return reader->is_reading;
}

static bool record_is_gone(const struct kafka_position *at, const char *why, struct fault *fault)
{
    return fault_set(fault, FAULT_REJECT, EX_NOINPUT, "record-gone",
                     "the record at %s partition %" PRId32 " offset %" PRId64
                     " is not in its topic any more (%s); what was published of it is in the topic dead-letter",
                     topic_kind_name(at->topic), at->partition, at->offset, why);
}

static bool broker_is_absent(const struct dead_letter_reader *reader, const struct fault *outage, struct fault *fault)
{
    return fault_set(fault, FAULT_RETRY, EX_UNAVAILABLE, "broker-absent",
                     "the record could not be read from Kafka at %s: %s; start the broker, or set kafka_bootstrap",
                     config_text(reader->config, "kafka_bootstrap"), outage->kind == FAULT_NONE ? "no answer" : outage->text);
}

static int64_t clock_seconds(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

enum look { LOOK_NOTHING, LOOK_FOUND, LOOK_BEFORE, LOOK_PAST, LOOK_SHORT };

/* One poll. LOOK_SHORT: the partition ended, or can't be read, before the record came; `why` says which. */
static enum look look(struct dead_letter_reader *reader, const struct kafka_position *at, struct kafka_record *record, struct fault *why)
{
    struct kafka_happening happening;
    switch (kafka_reader_poll(reader->kafka, POLL_MS, &happening)) {
    case KAFKA_RECORD:
        *record = happening.record;
        reader->is_fresh = false;
        reader->next.offset = record->offset + 1;
        if (record->offset == at->offset) return LOOK_FOUND;
        bool is_before = record->offset < at->offset;
        kafka_record_release(record);
        return is_before ? LOOK_BEFORE : LOOK_PAST;
    case KAFKA_END:
        fault_clear(why);
        fault_set(why, FAULT_REJECT, EX_NOINPUT, "partition-end", "the partition ends before it");
        return LOOK_SHORT;
    case KAFKA_HALTED:
    case KAFKA_OUTAGE:
        fault_clear(why);
        fault_set(why, happening.fault.kind, EX_UNAVAILABLE, happening.fault.code, "%s", happening.fault.text);
        return happening.kind == KAFKA_HALTED ? LOOK_SHORT : LOOK_NOTHING;
    default:
        return LOOK_NOTHING;
    }
}

/* Nothing more would come of this reading: the next record needs a start of its own. */
static bool stopped_short(struct dead_letter_reader *reader, const struct kafka_position *at, const struct fault *why, struct fault *fault)
{
    kafka_reader_stop(reader->kafka);
    reader->is_reading = false;
    return record_is_gone(at, why->text, fault);
}

/*
 * An outage is waited out until the time is over, which counts from the last record that came. An end or an error is final only as the
 * answer to a start at this very record: one that comes from reading on may be older than the record.
 */
bool dead_letter_read(struct dead_letter_reader *reader, const struct kafka_position *at, struct kafka_record *record, struct fault *fault)
{
    struct fault why = {0};
    if (!is_ahead(reader, at) && !start_at(reader, at, fault)) return false;
    int64_t end = clock_seconds() + SESSION_BROKER_TIMEOUT_MS / 1000;
    while (clock_seconds() < end) {
        switch (look(reader, at, record, &why)) {
        case LOOK_FOUND:
            return true;
        case LOOK_BEFORE:
            end = clock_seconds() + SESSION_BROKER_TIMEOUT_MS / 1000;
            break;
        case LOOK_PAST:
            return record_is_gone(at, "the partition goes on behind it", fault);
        case LOOK_SHORT:
            if (reader->is_fresh && reader->next.offset == at->offset) return stopped_short(reader, at, &why, fault);
            if (!start_at(reader, at, fault)) return false;
            break;
        default:
            break;
        }
    }
    return broker_is_absent(reader, &why, fault);
}
