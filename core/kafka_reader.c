/* Reading one partition from a given offset, outside any group. */
#include "core/kafka_internal.h"
#include "core/language.h"

#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

struct kafka_reader {
    struct kafka_notes notes; /* first: the callbacks' opaque begins with it */
    rd_kafka_t *client;
    rd_kafka_queue_t *queue;
    int wake_fd;
    struct kafka_names names;
    rd_kafka_topic_t *topics[TOPIC_KINDS]; /* made when first used */
    bool is_reading;
    struct kafka_position at; /* what is being read */
};

/* Small: a reader is asked for single records and short ranges. */
static const struct kafka_property reader_properties[] = {
    {"enable.auto.commit", "false", true},
    {"enable.auto.offset.store", "false", true},
    {"enable.partition.eof", "true", true},
    {"auto.offset.reset", "error", true},
    {"isolation.level", "read_committed", true},
    {"check.crcs", "true", true},
    {"queued.max.messages.kbytes", "4096", false},
    {"fetch.max.bytes", "4194304", false},
    {"fetch.wait.max.ms", "20", false}, /* a new start waits for the fetch under way */
    {"receive.message.max.bytes", "16777216", false},
    {NULL, NULL, false},
};

static const struct kafka_property uncommitted_properties[] = {
    {"enable.auto.commit", "false", true},
    {"isolation.level", "read_uncommitted", true},
    {NULL, NULL, false},
};

static struct kafka_reader *reader_new(const struct config *config, const struct kafka_property *properties, struct fault *fault)
{
    struct kafka_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL) {
        fault_set(fault, FAULT_FATAL, EX_OSERR, "memory", language_pick("内存不足", "no memory left for a reader"));
        return NULL;
    }
    reader->wake_fd = -1;
    if (!kafka_names_fill(&reader->names, config, fault)) goto failed;
    struct kafka_setup setup = {RD_KAFKA_CONSUMER, properties, NULL, reader};
    reader->client = kafka_client_new(config, &setup, fault);
    if (reader->client == NULL) goto failed;
    reader->queue = rd_kafka_queue_new(reader->client);
    reader->wake_fd = kafka_wake_new(reader->queue, fault);
    if (reader->wake_fd < 0) goto failed;
    return reader;
failed:
    kafka_reader_free(reader);
    return NULL;
}

struct kafka_reader *kafka_reader_new(const struct config *config, struct fault *fault)
{
    return reader_new(config, reader_properties, fault);
}

struct kafka_reader *kafka_reader_new_uncommitted(const struct config *config, struct fault *fault)
{
    return reader_new(config, uncommitted_properties, fault);
}

void kafka_reader_free(struct kafka_reader *reader)
{
    if (reader == NULL) return;
    kafka_reader_stop(reader);
    for (int kind = 0; kind < TOPIC_KINDS; kind++)
        if (reader->topics[kind] != NULL) rd_kafka_topic_destroy(reader->topics[kind]);
    if (reader->queue != NULL) {
        rd_kafka_queue_io_event_enable(reader->queue, -1, NULL, 0);
        rd_kafka_queue_destroy(reader->queue);
    }
    if (reader->client != NULL) rd_kafka_destroy(reader->client);
    if (reader->wake_fd >= 0) close(reader->wake_fd);
    free(reader);
}

/* How long "the present end" may take to be asked. */
enum { READER_END_TIMEOUT_MS = 5000 };

static bool resolve_end(struct kafka_reader *reader, struct kafka_position *at, struct fault *fault)
{
    int64_t first;
    if (at->offset >= 0) return true;
    return kafka_reader_bounds(reader, at->topic, at->partition, READER_END_TIMEOUT_MS, &first, &at->offset, fault);
}

/* The topic is made known to the client once, and lives as long as the reader. */
static rd_kafka_topic_t *topic_of(struct kafka_reader *reader, enum topic_kind kind)
{
    if (reader->topics[kind] == NULL) reader->topics[kind] = rd_kafka_topic_new(reader->client, reader->names.full[kind], NULL);
    return reader->topics[kind];
}

bool kafka_reader_start(struct kafka_reader *reader, const struct kafka_position *at, struct fault *fault)
{
    struct kafka_position from = *at;
    kafka_reader_stop(reader);
    if (!resolve_end(reader, &from, fault)) return false;
    rd_kafka_topic_t *topic = topic_of(reader, from.topic);
    if (topic == NULL || rd_kafka_consume_start_queue(topic, from.partition, from.offset, reader->queue) != 0)
        return kafka_fault(fault, rd_kafka_last_error(), reader->names.full[from.topic]);
    reader->is_reading = true;
    reader->at = from;
    return true;
}

void kafka_reader_stop(struct kafka_reader *reader)
{
    if (!reader->is_reading) return;
    rd_kafka_consume_stop(reader->topics[reader->at.topic], reader->at.partition);
    reader->is_reading = false;
}

enum kafka_happening_kind kafka_reader_poll(struct kafka_reader *reader, int timeout_ms, struct kafka_happening *out)
{
    *out = (struct kafka_happening){.kind = KAFKA_NOTHING};
    kafka_wake_clear(reader->wake_fd);
    rd_kafka_poll(reader->client, 0);
    rd_kafka_message_t *message = rd_kafka_consume_queue(reader->queue, timeout_ms);
    if (message != NULL) {
        kafka_message_take(&reader->names, message, out);
        if (out->kind == KAFKA_UNAVAILABLE) out->kind = KAFKA_OUTAGE;
    } else if (reader->notes.outage.kind != FAULT_NONE) {
        out->kind = KAFKA_OUTAGE;
        out->fault = reader->notes.outage;
        fault_clear(&reader->notes.outage);
    }
    return out->kind;
}

int kafka_reader_fd(const struct kafka_reader *reader)
{
    return reader->wake_fd;
}

bool kafka_reader_bounds(struct kafka_reader *reader, enum topic_kind topic, int32_t partition, int timeout_ms, int64_t *first_offset,
                         int64_t *next_offset, struct fault *fault)
{
    const char *name = reader->names.full[topic];
    rd_kafka_resp_err_t error = rd_kafka_query_watermark_offsets(reader->client, name, partition, first_offset, next_offset, timeout_ms);
    return error == RD_KAFKA_RESP_ERR_NO_ERROR || kafka_fault(fault, error, name);
}

bool kafka_reader_offset_at(struct kafka_reader *reader, enum topic_kind topic, int32_t partition, int64_t at_ms, int timeout_ms,
                            int64_t *offset, struct fault *fault)
{
    const char *name = reader->names.full[topic];
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t *asked = rd_kafka_topic_partition_list_add(list, name, partition);
    asked->offset = at_ms;
    rd_kafka_resp_err_t error = rd_kafka_offsets_for_times(reader->client, list, timeout_ms);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) error = asked->err;
    *offset = asked->offset;
    rd_kafka_topic_partition_list_destroy(list);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return kafka_fault(fault, error, name);
    int64_t first;
    return *offset >= 0 || kafka_reader_bounds(reader, topic, partition, timeout_ms, &first, offset, fault);
}

/* ---- bounds of many partitions ---- */

enum { LEADER_NONE = -1 };

static void leader_take(const rd_kafka_metadata_topic_t *topic, struct kafka_bounds *bounds, int32_t *leader)
{
    rd_kafka_resp_err_t error = topic->err != RD_KAFKA_RESP_ERR_NO_ERROR ? topic->err : RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
    for (int i = 0; i < topic->partition_cnt; i++) {
        if (topic->partitions[i].id != bounds->partition) continue;
        *leader = topic->partitions[i].leader;
        error = topic->partitions[i].err != RD_KAFKA_RESP_ERR_NO_ERROR ? topic->partitions[i].err : RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
    }
    if (*leader < 0) kafka_fault(&bounds->fault, error, topic->topic);
}

static bool topic_leaders_ask(struct kafka_reader *reader, enum topic_kind kind, struct kafka_bounds *list, size_t count, int32_t *leaders,
                              int timeout_ms, struct fault *fault)
{
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_topic_t *topic = topic_of(reader, kind);
    rd_kafka_resp_err_t error = topic == NULL ? rd_kafka_last_error() : rd_kafka_metadata(reader->client, 0, topic, &metadata, timeout_ms);
    if (metadata == NULL) return kafka_fault(fault, error, reader->names.full[kind]);
    for (size_t i = 0; i < count; i++)
        if (list[i].topic == kind) leader_take(&metadata->topics[0], &list[i], &leaders[i]);
    rd_kafka_metadata_destroy(metadata);
    return true;
}

static bool leaders_ask(struct kafka_reader *reader, struct kafka_bounds *list, size_t count, int32_t *leaders, int timeout_ms,
                        struct fault *fault)
{
    bool is_wanted[TOPIC_KINDS] = {false};
    for (size_t i = 0; i < count; i++) {
        leaders[i] = LEADER_NONE;
        is_wanted[list[i].topic] = true;
    }
    for (int kind = 0; kind < TOPIC_KINDS; kind++)
        if (is_wanted[kind] && !topic_leaders_ask(reader, (enum topic_kind)kind, list, count, leaders, timeout_ms, fault)) return false;
    return true;
}

/*
 * One end of all partitions of this leader. Of a partition that the broker left out the client gives back what it was asked for: a negative
 * number, as no offset is (librdkafka #1190).
 */
static void ends_ask(struct kafka_reader *reader, struct kafka_bounds *list, size_t count, const int32_t *leaders, int32_t leader,
                     int64_t end, int timeout_ms)
{
    rd_kafka_topic_partition_list_t *asked = rd_kafka_topic_partition_list_new((int)count);
    for (size_t i = 0; i < count; i++)
        if (leaders[i] == leader)
            rd_kafka_topic_partition_list_add(asked, reader->names.full[list[i].topic], list[i].partition)->offset = end;
    rd_kafka_resp_err_t of_all = rd_kafka_offsets_for_times(reader->client, asked, timeout_ms);
    for (size_t i = 0; i < count; i++) {
        if (leaders[i] != leader) continue;
        const char *name = reader->names.full[list[i].topic];
        const rd_kafka_topic_partition_t *answer = rd_kafka_topic_partition_list_find(asked, name, list[i].partition);
        rd_kafka_resp_err_t error = of_all != RD_KAFKA_RESP_ERR_NO_ERROR ? of_all : answer->err;
        if (error == RD_KAFKA_RESP_ERR_NO_ERROR && answer->offset < 0) error = RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
        if (error != RD_KAFKA_RESP_ERR_NO_ERROR) kafka_fault(&list[i].fault, error, name);
        *(end == RD_KAFKA_OFFSET_END ? &list[i].next_offset : &list[i].first_offset) = answer->offset;
    }
    rd_kafka_topic_partition_list_destroy(asked);
}

/* Both ends of all that it leads, which is done with then. One that is silent is waited for once. */
static void leader_ask(struct kafka_reader *reader, struct kafka_bounds *list, size_t count, int32_t *leaders, int32_t leader,
                       int timeout_ms)
{
    bool is_answered = false;
    ends_ask(reader, list, count, leaders, leader, RD_KAFKA_OFFSET_BEGINNING, timeout_ms);
    for (size_t i = 0; i < count; i++) is_answered = is_answered || (leaders[i] == leader && list[i].fault.kind == FAULT_NONE);
    if (is_answered) ends_ask(reader, list, count, leaders, leader, RD_KAFKA_OFFSET_END, timeout_ms);
    for (size_t i = 0; i < count; i++)
        if (leaders[i] == leader) leaders[i] = LEADER_NONE;
}

bool kafka_reader_bounds_all(struct kafka_reader *reader, struct kafka_bounds *list, size_t count, int timeout_ms, struct fault *fault)
{
    int32_t *leaders = calloc(count + 1, sizeof *leaders);
    if (leaders == NULL)
        return fault_set(fault, FAULT_FATAL, EX_OSERR, "memory", language_pick("内存不足", "no memory left for %zu partitions"), count);
    bool is_told = leaders_ask(reader, list, count, leaders, timeout_ms, fault);
    for (size_t i = 0; is_told && i < count; i++)
        if (leaders[i] != LEADER_NONE) leader_ask(reader, list, count, leaders, leaders[i], timeout_ms);
    free(leaders);
    return is_told;
}
