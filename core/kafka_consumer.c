/* Consuming as a member of the worker's group. The callbacks only note what happened; the owner acts on it. */
#include "core/kafka_internal.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "core/log.h"
#include "core/moment.h"

enum { POLLED_BYTES_A_WAKE = 2 * 1024 * 1024 }; /* half of the queue: one that was full is filled again before it is empty */

struct kafka_consumer {
    struct kafka_notes notes; /* first: the callbacks' opaque begins with it */
    rd_kafka_t *client;
    rd_kafka_queue_t *queue;
    int wake_fd;
    struct kafka_names names;
    enum kafka_happening_kind rebalance; /* noted and not yet reported; KAFKA_NOTHING: none */
    struct kafka_position *assigned; /* of the last rebalance */
    size_t assigned_count;
    size_t polled_bytes; /* since the fetching was last woken */
};

/*
 * The queue of fetched records is bounded by bytes. A full one stops the fetching until fetching_wake, or about a second. Pausing is no
 * alternative, it throws away what was prefetched. The poll interval is long because a slow database must not cost
 * the membership: the worker watches its own progress. An answer to a fetch stays in memory as long as any record of it does: small ones
 * are gone sooner.
 */
static const struct kafka_property consumer_properties[] = {
    {"enable.auto.commit", "false", true},
    {"enable.auto.offset.store", "false", true},
    {"enable.partition.eof", "true", true},
    {"auto.offset.reset", "error", true},
    {"isolation.level", "read_committed", true},
    {"partition.assignment.strategy", "range", true}, /* the same worker gets the same partition of all topics */
    {"check.crcs", "true", true},
    {"session.timeout.ms", "10000", false},
    {"heartbeat.interval.ms", "500", false}, /* with the next one a worker learns that another has come, and both wait for it */
    {"max.poll.interval.ms", "900000", false},
    {"queued.max.messages.kbytes", "4096", false},
    {"fetch.max.bytes", "2097152", false},
    {"fetch.message.max.bytes", "131072", false}, /* of a partition at a time: all come forward alike */
    {"receive.message.max.bytes", "16777216", false},
    {"fetch.wait.max.ms", "20", false}, /* a new start waits for the fetch under way, and so does the word that an end is reached */
    {NULL, NULL, false},
};

/* ---- callbacks ---- */

static bool assigned_copy(struct kafka_consumer *consumer, const rd_kafka_topic_partition_list_t *list)
{
    size_t count = (size_t)list->cnt;
    struct kafka_position *copy = realloc(consumer->assigned, (count + 1) * sizeof *copy);
    if (copy == NULL) return false;
    consumer->assigned = copy;
    consumer->assigned_count = 0;
    for (size_t i = 0; i < count; i++) {
        struct kafka_position position = {.partition = list->elems[i].partition};
        if (kafka_names_find(&consumer->names, list->elems[i].topic, &position.topic)) copy[consumer->assigned_count++] = position;
    }
    return true;
}

/* The yield ends the poll, so that no record is delivered between the rebalance and the owner's answer to it. */
static void rebalance_note(rd_kafka_t *client, rd_kafka_resp_err_t kind, rd_kafka_topic_partition_list_t *partitions, void *opaque)
{
    struct kafka_consumer *consumer = opaque;
    bool is_assign = kind == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
    consumer->rebalance = is_assign ? KAFKA_ASSIGNED : KAFKA_REVOKED;
    if (!assigned_copy(consumer, partitions))
        fault_set(&consumer->notes.outage, FAULT_FATAL, EX_OSERR, "memory", "no memory left for the assignment");
    rd_kafka_yield(client);
}

static void commit_note(rd_kafka_t *client, rd_kafka_resp_err_t error, rd_kafka_topic_partition_list_t *offsets, void *opaque)
{
    (void)client, (void)offsets, (void)opaque;
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) log_debug("kafka-commit-failed", log_text("error", rd_kafka_err2name(error)));
}

static void add_callbacks(rd_kafka_conf_t *conf)
{
    rd_kafka_conf_set_rebalance_cb(conf, rebalance_note);
    rd_kafka_conf_set_offset_commit_cb(conf, commit_note);
}

/* ---- joining and leaving ---- */

static bool subscribe(struct kafka_consumer *consumer, struct fault *fault)
{
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(TOPIC_INPUTS);
    for (int kind = 0; kind < TOPIC_INPUTS; kind++)
        rd_kafka_topic_partition_list_add(topics, consumer->names.full[kind], RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t error = rd_kafka_subscribe(consumer->client, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    return error == RD_KAFKA_RESP_ERR_NO_ERROR || kafka_fault(fault, error, "subscribing");
}

static rd_kafka_t *consumer_client(const struct config *config, const char *group_id, struct kafka_consumer *consumer, struct fault *fault)
{
    struct kafka_property properties[sizeof consumer_properties / sizeof consumer_properties[0] + 1];
    properties[0] = (struct kafka_property){"group.id", group_id, true};
    memcpy(properties + 1, consumer_properties, sizeof consumer_properties);
    struct kafka_setup setup = {RD_KAFKA_CONSUMER, properties, add_callbacks, consumer};
    return kafka_client_new(config, &setup, fault);
}

struct kafka_consumer *kafka_consumer_new(const struct config *config, const char *group_id, struct fault *fault)
{
    struct kafka_consumer *consumer = calloc(1, sizeof *consumer);
    if (consumer == NULL) {
        fault_set(fault, FAULT_FATAL, EX_OSERR, "memory", "no memory left for the consumer");
        return NULL;
    }
    consumer->wake_fd = -1;
    if (!kafka_names_fill(&consumer->names, config, fault)) goto failed;
    consumer->client = consumer_client(config, group_id, consumer, fault);
    if (consumer->client == NULL) goto failed;
    rd_kafka_poll_set_consumer(consumer->client);
    consumer->queue = rd_kafka_queue_get_consumer(consumer->client);
    consumer->wake_fd = kafka_wake_new(consumer->queue, fault);
    if (consumer->wake_fd < 0 || !subscribe(consumer, fault)) goto failed;
    return consumer;
failed:
    kafka_consumer_free(consumer, 1000);
    return NULL;
}

/* True when the group was left in time. The last revocation arrives here as an event and is agreed to. */
static bool group_leave(struct kafka_consumer *consumer, int timeout_ms)
{
    int64_t end_ms = moment_monotonic_ms() + timeout_ms;
    rd_kafka_queue_t *queue = rd_kafka_queue_new(consumer->client);
    rd_kafka_error_t *error = rd_kafka_consumer_close_queue(consumer->client, queue);
    bool is_refused = error != NULL;
    if (is_refused) rd_kafka_error_destroy(error);
    while (!is_refused && !rd_kafka_consumer_closed(consumer->client) && moment_monotonic_ms() < end_ms) {
        rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 50);
        if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_REBALANCE) rd_kafka_assign(consumer->client, NULL);
        if (event != NULL) rd_kafka_event_destroy(event);
    }
    rd_kafka_queue_destroy(queue);
    return rd_kafka_consumer_closed(consumer->client) != 0;
}

/* A client that can't be closed can't be destroyed either without waiting: it is left to the end of the process. */
void kafka_consumer_free(struct kafka_consumer *consumer, int timeout_ms)
{
    if (consumer == NULL) return;
    bool is_left = consumer->client == NULL || group_leave(consumer, timeout_ms);
    if (consumer->queue != NULL) {
        rd_kafka_queue_io_event_enable(consumer->queue, -1, NULL, 0);
        rd_kafka_queue_destroy(consumer->queue);
    }
    if (consumer->client != NULL && is_left) rd_kafka_destroy(consumer->client);
    if (consumer->wake_fd >= 0) close(consumer->wake_fd);
    free(consumer->assigned);
    free(consumer);
}

/* ---- reading ---- */

/*
 * Librdkafka 2.0.2 looks whether there is room in its queue again only when its broker's thread wakes, at the latest after a second: that
 * would bound the rate to one queue a second. Any request wakes it; nobody waits for the answer to this one. (From 2.2 on the wait is
 * fetch.queue.backoff.ms.)
 */
static void fetching_wake(struct kafka_consumer *consumer, const rd_kafka_message_t *message)
{
    consumer->polled_bytes += message->len;
    if (consumer->polled_bytes < POLLED_BYTES_A_WAKE || message->rkt == NULL) return;
    consumer->polled_bytes = 0;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, rd_kafka_topic_name(message->rkt), message->partition)->offset = message->offset;
    (void)rd_kafka_offsets_for_times(consumer->client, list, 0);
    rd_kafka_topic_partition_list_destroy(list);
}

/* True when a callback had noted something. */
static bool notes_report(struct kafka_consumer *consumer, struct kafka_happening *out)
{
    if (consumer->notes.outage.kind != FAULT_NONE) {
        out->kind = KAFKA_OUTAGE;
        out->fault = consumer->notes.outage;
        fault_clear(&consumer->notes.outage);
    } else if (consumer->rebalance != KAFKA_NOTHING) {
        out->kind = consumer->rebalance;
        out->assigned = consumer->assigned;
        out->assigned_count = consumer->assigned_count;
        consumer->rebalance = KAFKA_NOTHING;
    }
    return out->kind != KAFKA_NOTHING;
}

enum kafka_happening_kind kafka_consumer_poll(struct kafka_consumer *consumer, int timeout_ms, struct kafka_happening *out)
{
    *out = (struct kafka_happening){.kind = KAFKA_NOTHING};
    if (notes_report(consumer, out)) return out->kind;
    kafka_wake_clear(consumer->wake_fd);
    rd_kafka_message_t *message = rd_kafka_consumer_poll(consumer->client, timeout_ms);
    /* A message first: the notes keep, and are reported by the next call. */
    if (message == NULL) {
        notes_report(consumer, out);
        return out->kind;
    }
    fetching_wake(consumer, message);
    kafka_message_take(&consumer->names, message, out);
    return out->kind;
}

int kafka_consumer_fd(const struct kafka_consumer *consumer)
{
    return consumer->wake_fd;
}

static rd_kafka_topic_partition_list_t *partition_list(const struct kafka_names *names, const struct kafka_position *at, size_t count)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    for (size_t i = 0; i < count; i++)
        rd_kafka_topic_partition_list_add(list, names->full[at[i].topic], at[i].partition)->offset = at[i].offset;
    return list;
}

/*
 * Librdkafka drops what was fetched for an earlier assignment once its main thread has stopped the fetchers. That thread takes its orders
 * in their sequence: when the second assignment is answered, the stops that the empty one ordered have been carried out.
 */
bool kafka_consumer_start(struct kafka_consumer *consumer, const struct kafka_position *at, size_t count, struct fault *fault)
{
    rd_kafka_topic_partition_list_t *none = rd_kafka_topic_partition_list_new(0);
    rd_kafka_topic_partition_list_t *list = partition_list(&consumer->names, at, count);
    rd_kafka_resp_err_t error = rd_kafka_assign(consumer->client, none);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) error = rd_kafka_assign(consumer->client, list);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_topic_partition_list_destroy(none);
    return error == RD_KAFKA_RESP_ERR_NO_ERROR || kafka_fault(fault, error, "starting to read");
}

bool kafka_consumer_stop(struct kafka_consumer *consumer, struct fault *fault)
{
    rd_kafka_resp_err_t error = rd_kafka_assign(consumer->client, NULL);
    return error == RD_KAFKA_RESP_ERR_NO_ERROR || kafka_fault(fault, error, "giving partitions back");
}

int64_t kafka_consumer_end(struct kafka_consumer *consumer, enum topic_kind topic, int32_t partition)
{
    int64_t first, end;
    rd_kafka_resp_err_t error = rd_kafka_get_watermark_offsets(consumer->client, consumer->names.full[topic], partition, &first, &end);
    return error == RD_KAFKA_RESP_ERR_NO_ERROR && end >= 0 ? end : -1;
}

bool kafka_consumer_probe(struct kafka_consumer *consumer, int timeout_ms)
{
    const struct rd_kafka_metadata *metadata;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(consumer->client, consumer->names.full[0], NULL);
    bool answers = topic != NULL && rd_kafka_metadata(consumer->client, 0, topic, &metadata, timeout_ms) == RD_KAFKA_RESP_ERR_NO_ERROR;
    if (answers) rd_kafka_metadata_destroy(metadata);
    if (topic != NULL) rd_kafka_topic_destroy(topic);
    return answers;
}

void kafka_consumer_commit(struct kafka_consumer *consumer, const struct kafka_position *at, size_t count)
{
    if (count == 0) return;
    rd_kafka_topic_partition_list_t *list = partition_list(&consumer->names, at, count);
    rd_kafka_commit(consumer->client, list, 1 /* do not wait */);
    rd_kafka_topic_partition_list_destroy(list);
}
