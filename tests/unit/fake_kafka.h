/*
 * core/kafka.h without a broker, for the worker's tests: topics are arrays in memory, and a script says what goes wrong when.
 * Included by one test program, whose definitions here take the place of core/kafka_*.c.
 */
#ifndef NIANSHEN_TESTS_UNIT_FAKE_KAFKA_H
#define NIANSHEN_TESTS_UNIT_FAKE_KAFKA_H

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "core/kafka.h"
#include "tests/unit/failing.h"
#include "tests/unit/records.h"

enum { FAKE_PARTITIONS = 2, FAKE_RECORDS_MAX = 512, FAKE_SENT_MAX = 2048 };
#define FAKE_APPEND_MS INT64_C(1780000000000) /* of a record at offset 0; each is a millisecond behind the one before */

struct fake_partition {
    struct test_record records[FAKE_RECORDS_MAX]; /* in the order of their offsets, which may have gaps */
    size_t count;
    int64_t first, end; /* what the broker says */
    bool is_read, is_end_told;
    int absences; /* so many questions of a worker for its bounds have no answer */
    bool is_mute; /* nothing comes of it to the consumer */
    bool is_silent; /* nothing comes of it to a reader */
    bool is_unreadable; /* a reader of it is told of an outage */
    int64_t append_shift_ms; /* made anew so much later */
    int64_t next; /* of the consumer */
};

struct fake_sent {
    enum topic_kind topic;
    int32_t partition;
    char key[32], value[256];
    char id[40]; /* ce_id */
    char code[32]; /* nianshen_dl_code */
    size_t text_bytes; /* of nianshen_dl_text */
    int64_t origin; /* nianshen_dl_offset */
    uint64_t tag;
};

static struct {
    struct fake_partition partitions[TOPIC_INPUTS][FAKE_PARTITIONS];
    struct kafka_position assigned[TOPIC_INPUTS * FAKE_PARTITIONS];
    bool is_told_assigned, is_in_group;
    bool must_revoke; /* at the next poll; assigned again after the stop */
    bool must_assign; /* this one alone, at the next poll, without a revocation before */
    struct kafka_position assigned_alone;
    int starts, stops, commits;
    int64_t committed[TOPIC_INPUTS][FAKE_PARTITIONS];
    struct kafka_position reading; /* of the reader */
    bool is_reading, is_reader_silent;
    struct fake_sent handed[FAKE_SENT_MAX]; /* to the producer, not reported yet */
    size_t handed_count;
    struct fake_sent sent[FAKE_SENT_MAX]; /* delivered */
    size_t sent_count;
    int refusals; /* so many deliveries are refused */
    bool withholds_reports; /* of deliveries */
    kafka_delivered_fn delivered;
    void *delivered_context;
    int handles; /* open ones */
    void (*before_poll)(void); /* the test's chance to change something */
    int unavailable; /* so many times, before a record is told, its partition becomes unreadable and the record is skipped */
    int broker_absences; /* so many topic checks find no broker, */
    int bounds_absences; /* and so many questions for bounds of partitions */
    const char *finding; /* a wrong topic */
    bool is_finding_weak; /* only a warning */
    enum fault_kind refusal; /* of calls that failing.h lets fail */
    struct kafka_happening refused_as; /* the same of polls */
    bool is_group_silent, has_no_partitions, is_broker_silent;
    int producers_max; /* more can not be made; 0: as many as are wanted */
    int producers;
    int32_t partitions_told; /* by the topics' check; 0: the truth */
} fake_kafka;

static inline void fake_kafka_reset(void)
{
    memset(&fake_kafka, 0, sizeof fake_kafka);
}

/* True, with a fault, when failing.h wants this call to fail. */
static inline bool fake_refuses(const char *call, struct fault *fault)
{
    if (!failing_now(call)) return false;
    fault_set(fault, fake_kafka.refusal != FAULT_NONE ? fake_kafka.refusal : FAULT_RETRY, EX_UNAVAILABLE, "refused", "by the script");
    return true;
}

/* Appends a unit review of that unit; returns its offset. */
static inline int64_t fake_append(const char *unit, const char *id)
{
    struct fake_partition *partition = &fake_kafka.partitions[TOPIC_UNIT_REVIEW][kafka_partition_of(unit, strlen(unit), FAKE_PARTITIONS)];
    struct test_record *record = &partition->records[partition->count++];
    test_unit_review(record, unit, 2026, "test", id, FAKE_PARTITIONS);
    record->offset = partition->end++;
    return record->offset;
}

static inline int64_t fake_append_broken(const char *unit)
{
    int64_t offset = fake_append(unit, "broken");
    struct fake_partition *partition = &fake_kafka.partitions[TOPIC_UNIT_REVIEW][kafka_partition_of(unit, strlen(unit), FAKE_PARTITIONS)];
    strcpy(partition->records[partition->count - 1].value, "not json");
    return offset;
}

static bool fake_record_at(const struct fake_partition *partition, int64_t offset, const struct test_record **found)
{
    for (size_t i = 0; i < partition->count; i++) {
        if (partition->records[i].offset < offset) continue;
        *found = &partition->records[i];
        return true;
    }
    return false;
}

void kafka_record_release(struct kafka_record *record)
{
    *record = (struct kafka_record){0};
}

/* ---- the consumer ---- */

struct kafka_consumer {
    int unused;
};
static struct kafka_consumer fake_consumer;

struct kafka_consumer *kafka_consumer_new(const struct config *config, const char *group_id, struct fault *fault)
{
    (void)config, (void)group_id;
    if (fake_refuses("consumer_new", fault)) return NULL;
    fake_kafka.handles++;
    for (int i = 0; i < TOPIC_INPUTS * FAKE_PARTITIONS; i++)
        fake_kafka.assigned[i] = (struct kafka_position){(enum topic_kind)(i / FAKE_PARTITIONS), i % FAKE_PARTITIONS, 0};
    return &fake_consumer;
}

void kafka_consumer_free(struct kafka_consumer *consumer, int timeout_ms)
{
    (void)timeout_ms;
    if (consumer != NULL) fake_kafka.handles--;
}

static void fake_tell_all(enum kafka_happening_kind kind, struct kafka_happening *out)
{
    out->kind = kind;
    out->assigned = fake_kafka.assigned;
    out->assigned_count = fake_kafka.has_no_partitions ? 0 : TOPIC_INPUTS * FAKE_PARTITIONS;
}

static bool fake_tell_partition(enum topic_kind topic, int32_t number, struct kafka_happening *out)
{
    const struct test_record *record;
    struct fake_partition *partition = &fake_kafka.partitions[topic][number];
    if (!partition->is_read || partition->is_mute) return false;
    out->position = (struct kafka_position){topic, number, partition->end};
    if (partition->next > partition->end) {
        partition->is_read = false;
        out->kind = KAFKA_HALTED;
        fault_set(&out->fault, FAULT_REJECT, EX_UNAVAILABLE, "partition-unreadable", "offset out of range");
    } else if (fake_record_at(partition, partition->next, &record) && fake_kafka.unavailable > 0) {
        fake_kafka.unavailable--;
        partition->next = record->offset + 1;
        out->kind = KAFKA_UNAVAILABLE;
        fault_set(&out->fault, FAULT_RETRY, EX_UNAVAILABLE, "partition-unreadable", "by the script");
    } else if (fake_record_at(partition, partition->next, &record)) {
        out->kind = KAFKA_RECORD;
        out->record = test_delivered(record, FAKE_APPEND_MS + partition->append_shift_ms + record->offset);
        partition->next = record->offset + 1;
        partition->is_end_told = false;
    } else if (!partition->is_end_told) {
        partition->is_end_told = true;
        out->kind = KAFKA_END;
    }
    return out->kind != KAFKA_NOTHING;
}

enum kafka_happening_kind kafka_consumer_poll(struct kafka_consumer *consumer, int timeout_ms, struct kafka_happening *out)
{
    (void)consumer, (void)timeout_ms;
    *out = (struct kafka_happening){.kind = KAFKA_NOTHING};
    if (fake_kafka.before_poll != NULL) fake_kafka.before_poll();
    if (fake_kafka.is_group_silent) return out->kind;
    if (fake_kafka.is_in_group && failing_now("consumer_poll")) {
        *out = fake_kafka.refused_as;
        fault_set(&out->fault, fake_kafka.refusal, EX_UNAVAILABLE, "refused", "by the script");
        return out->kind;
    }
    if (fake_kafka.must_assign && fake_kafka.is_in_group) {
        fake_kafka.must_assign = false;
        *out = (struct kafka_happening){.kind = KAFKA_ASSIGNED, .assigned = &fake_kafka.assigned_alone, .assigned_count = 1};
    } else if (fake_kafka.must_revoke && fake_kafka.is_in_group) {
        fake_kafka.must_revoke = fake_kafka.is_in_group = false;
        fake_tell_all(KAFKA_REVOKED, out);
    } else if (!fake_kafka.is_told_assigned) {
        fake_kafka.is_told_assigned = fake_kafka.is_in_group = true;
        fake_tell_all(KAFKA_ASSIGNED, out);
    } else {
        for (int i = 0; i < TOPIC_INPUTS * FAKE_PARTITIONS; i++)
            if (fake_tell_partition((enum topic_kind)(i / FAKE_PARTITIONS), i % FAKE_PARTITIONS, out)) break;
    }
    return out->kind;
}

int kafka_consumer_fd(const struct kafka_consumer *consumer)
{
    (void)consumer;
    return -1;
}

static void fake_read_nothing(void)
{
    for (int topic = 0; topic < TOPIC_INPUTS; topic++)
        for (int number = 0; number < FAKE_PARTITIONS; number++) fake_kafka.partitions[topic][number].is_read = false;
}

bool kafka_consumer_start(struct kafka_consumer *consumer, const struct kafka_position *at, size_t count, struct fault *fault)
{
    (void)consumer;
    if (fake_refuses("consumer_start", fault)) return false;
    fake_kafka.starts++;
    fake_read_nothing();
    for (size_t i = 0; i < count; i++) {
        struct fake_partition *partition = &fake_kafka.partitions[at[i].topic][at[i].partition];
        partition->is_read = true;
        partition->is_end_told = false;
        partition->next = at[i].offset;
    }
    return true;
}

bool kafka_consumer_stop(struct kafka_consumer *consumer, struct fault *fault)
{
    (void)consumer;
    if (fake_refuses("consumer_stop", fault)) return false;
    fake_kafka.stops++;
    fake_kafka.is_told_assigned = false;
    fake_read_nothing();
    return true;
}

int64_t kafka_consumer_end(struct kafka_consumer *consumer, enum topic_kind topic, int32_t partition)
{
    (void)consumer;
    return fake_kafka.partitions[topic][partition].end;
}

bool kafka_consumer_probe(struct kafka_consumer *consumer, int timeout_ms)
{
    (void)consumer, (void)timeout_ms;
    return !fake_kafka.is_broker_silent && !failing_now("consumer_probe");
}

void kafka_consumer_commit(struct kafka_consumer *consumer, const struct kafka_position *at, size_t count)
{
    (void)consumer;
    for (size_t i = 0; i < count; i++) fake_kafka.committed[at[i].topic][at[i].partition] = at[i].offset;
    fake_kafka.commits++;
}

/* ---- the reader ---- */

struct kafka_reader {
    int unused;
};
static struct kafka_reader fake_reader;

struct kafka_reader *kafka_reader_new(const struct config *config, struct fault *fault)
{
    (void)config;
    if (fake_refuses("reader_new", fault)) return NULL;
    fake_kafka.handles++;
    return &fake_reader;
}

void kafka_reader_free(struct kafka_reader *reader)
{
    if (reader != NULL) fake_kafka.handles--;
}

bool kafka_reader_start(struct kafka_reader *reader, const struct kafka_position *at, struct fault *fault)
{
    (void)reader;
    if (fake_refuses("reader_start", fault)) return false;
    fake_kafka.is_reading = true;
    fake_kafka.reading = *at;
    return true;
}

void kafka_reader_stop(struct kafka_reader *reader)
{
    (void)reader;
    fake_kafka.is_reading = false;
}

enum kafka_happening_kind kafka_reader_poll(struct kafka_reader *reader, int timeout_ms, struct kafka_happening *out)
{
    const struct test_record *record;
    struct kafka_position *at = &fake_kafka.reading;
    (void)reader, (void)timeout_ms;
    *out = (struct kafka_happening){.kind = KAFKA_NOTHING};
    if (!fake_kafka.is_reading || fake_kafka.is_reader_silent || fake_kafka.partitions[at->topic][at->partition].is_silent)
        return out->kind;
    if (fake_kafka.partitions[at->topic][at->partition].is_unreadable) {
        fault_set(&out->fault, FAULT_RETRY, EX_UNAVAILABLE, "broker-away", "by the script");
        return out->kind = KAFKA_OUTAGE;
    }
    if (fake_refuses("reader_poll", &out->fault)) {
        out->position = fake_kafka.refused_as.position;
        return out->kind = fake_kafka.refused_as.kind;
    }
    out->kind = KAFKA_END;
    out->position = *at;
    if (!fake_record_at(&fake_kafka.partitions[at->topic][at->partition], at->offset, &record)) return out->kind;
    out->kind = KAFKA_RECORD;
    out->record = test_delivered(record, FAKE_APPEND_MS + fake_kafka.partitions[at->topic][at->partition].append_shift_ms + record->offset);
    out->record.handle = &fake_kafka; /* not null: the original was found */
    at->offset = record->offset + 1;
    return out->kind;
}

int kafka_reader_fd(const struct kafka_reader *reader)
{
    (void)reader;
    return -1;
}

bool kafka_reader_bounds(struct kafka_reader *reader, enum topic_kind topic, int32_t partition, int timeout_ms, int64_t *first_offset,
                         int64_t *next_offset, struct fault *fault)
{
    (void)reader, (void)timeout_ms;
    if (fake_refuses("reader_bounds", fault)) return false;
    *first_offset = fake_kafka.partitions[topic][partition].first;
    *next_offset = fake_kafka.partitions[topic][partition].end;
    return true;
}

static void fake_bounds(struct kafka_bounds *bounds)
{
    const struct fake_partition *partition = &fake_kafka.partitions[bounds->topic][bounds->partition];
    if (fake_refuses("reader_bounds_of_one", &bounds->fault)) return;
    if (partition->absences > 0) {
        fake_kafka.partitions[bounds->topic][bounds->partition].absences--;
        fault_set(&bounds->fault, FAULT_REJECT, EX_CONFIG, "kafka-refused", "unknown by the script");
        return;
    }
    bounds->first_offset = partition->first;
    bounds->next_offset = partition->end;
}

bool kafka_reader_bounds_all(struct kafka_reader *reader, struct kafka_bounds *list, size_t count, int timeout_ms, struct fault *fault)
{
    (void)reader, (void)timeout_ms;
    if (fake_refuses("reader_bounds_all", fault)) return false;
    if (fake_kafka.bounds_absences > 0) {
        fake_kafka.bounds_absences--;
        return fault_set(fault, FAULT_RETRY, EX_UNAVAILABLE, "broker-away", "by the script");
    }
    for (size_t i = 0; i < count; i++) fake_bounds(&list[i]);
    return true;
}

/* ---- the producer ---- */

struct kafka_producer {
    int unused;
};
static struct kafka_producer fake_producer;

struct kafka_producer *kafka_producer_new(const struct config *config, kafka_delivered_fn delivered, void *context, struct fault *fault)
{
    (void)config;
    if (fake_refuses("producer_new", fault)) return NULL;
    if (fake_kafka.producers_max > 0 && fake_kafka.producers == fake_kafka.producers_max) {
        fault_set(fault, FAULT_FATAL, EX_OSERR, "no-descriptor", "by the script");
        return NULL;
    }
    fake_kafka.producers++;
    fake_kafka.handles++;
    fake_kafka.delivered = delivered;
    fake_kafka.delivered_context = context;
    return &fake_producer;
}

void kafka_producer_free(struct kafka_producer *producer)
{
    if (producer != NULL) fake_kafka.handles--;
    fake_kafka.handed_count = 0;
}

bool kafka_producer_send(struct kafka_producer *producer, enum topic_kind topic, int32_t partition, const void *key, size_t key_bytes,
                         const void *value, size_t value_bytes, const struct kafka_header *headers, size_t header_count, uint64_t tag,
                         struct fault *fault)
{
    (void)producer;
    if (fake_refuses("producer_send", fault)) return false;
    struct fake_sent *sent = &fake_kafka.handed[fake_kafka.handed_count++];
    *sent = (struct fake_sent){.topic = topic, .partition = partition, .origin = -1, .tag = tag};
    snprintf(sent->key, sizeof sent->key, "%.*s", (int)key_bytes, (const char *)key);
    snprintf(sent->value, sizeof sent->value, "%.*s", (int)value_bytes, value_bytes > 0 ? (const char *)value : "");
    for (size_t i = 0; i < header_count; i++) {
        if (strcmp(headers[i].name, "ce_id") == 0)
            snprintf(sent->id, sizeof sent->id, "%.*s", (int)headers[i].value_bytes, (const char *)headers[i].value);
        if (strcmp(headers[i].name, "nianshen_dl_code") == 0)
            snprintf(sent->code, sizeof sent->code, "%.*s", (int)headers[i].value_bytes, (const char *)headers[i].value);
        if (strcmp(headers[i].name, "nianshen_dl_text") == 0) sent->text_bytes = headers[i].value_bytes;
        if (strcmp(headers[i].name, "nianshen_dl_offset") == 0) sent->origin = strtoll(headers[i].value, NULL, 10);
    }
    return true;
}

size_t kafka_producer_poll(struct kafka_producer *producer, int timeout_ms)
{
    (void)producer, (void)timeout_ms;
    if (fake_kafka.withholds_reports) return fake_kafka.handed_count;
    for (size_t i = 0; i < fake_kafka.handed_count; i++) {
        const struct fake_sent *handed = &fake_kafka.handed[i];
        struct fault fault = {0};
        if (fake_kafka.refusals > 0) {
            fake_kafka.refusals--;
            fault_set(&fault, FAULT_REJECT, EX_UNAVAILABLE, "delivery-refused", "refused by the script");
            fake_kafka.delivered(fake_kafka.delivered_context, handed->tag, KAFKA_REFUSED, 0, -1, &fault);
        } else {
            fake_kafka.sent[fake_kafka.sent_count++] = *handed;
            fake_kafka.delivered(fake_kafka.delivered_context, handed->tag, KAFKA_DELIVERED, 0, 0, NULL);
        }
    }
    fake_kafka.handed_count = 0;
    return 0;
}

int kafka_producer_fd(const struct kafka_producer *producer)
{
    (void)producer;
    return -1;
}

bool kafka_producer_is_broken(const struct kafka_producer *producer)
{
    (void)producer;
    return failing_now("producer_is_broken");
}

/* ---- the topics ---- */

struct kafka_admin {
    int unused;
};
static struct kafka_admin fake_admin;

struct kafka_admin *kafka_admin_new(const struct config *config, struct fault *fault)
{
    (void)config;
    if (fake_refuses("admin_new", fault)) return NULL;
    fake_kafka.handles++;
    return &fake_admin;
}

void kafka_admin_free(struct kafka_admin *admin)
{
    if (admin != NULL) fake_kafka.handles--;
}

bool kafka_admin_check(struct kafka_admin *admin, int timeout_ms, struct kafka_topic_finding findings[KAFKA_FINDINGS_MAX],
                       size_t *found_count, int32_t *partitions, struct fault *fault)
{
    (void)admin, (void)timeout_ms;
    if (fake_refuses("admin_check", fault)) return false;
    if (fake_kafka.broker_absences > 0) {
        fake_kafka.broker_absences--;
        return fault_set(fault, FAULT_RETRY, EX_UNAVAILABLE, "broker-away", "away by the script");
    }
    *found_count = fake_kafka.finding != NULL ? 2 : 0;
    *partitions = fake_kafka.partitions_told > 0 ? fake_kafka.partitions_told : FAKE_PARTITIONS;
    if (fake_kafka.finding == NULL) return true;
    findings[0] = (struct kafka_topic_finding){.is_error = !fake_kafka.is_finding_weak};
    snprintf(findings[0].code, sizeof findings[0].code, "%s", fake_kafka.finding);
    findings[1] = findings[0];
    return true;
}

#endif
