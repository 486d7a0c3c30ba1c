/* Producing: idempotent, done means a delivery report. */
#include "core/kafka_internal.h"
#include "core/language.h"

#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

struct kafka_producer {
    struct kafka_notes notes; /* first: the callbacks' opaque begins with it */
    rd_kafka_t *client;
    rd_kafka_queue_t *queue;
    int wake_fd;
    struct kafka_names names;
    rd_kafka_topic_t *topics[TOPIC_KINDS];
    kafka_delivered_fn delivered;
    void *context;
    bool is_broken;
};

/*
 * No message ever times out: an outage ends with a delivery. The largest message is what the dead-letter topic takes, above the input's
 * limit and its added headers. The queue's bound is memory, not a rate.
 */
static const struct kafka_property producer_properties[] = {
    {"enable.idempotence", "true", true},
    {"acks", "all", true},
    {"message.timeout.ms", "0", true},
    {"partitioner", "murmur2_random", true},
    {"message.max.bytes", "2097152", false},
    {"queue.buffering.max.kbytes", "16384", false},
    {"queue.buffering.max.messages", "100000", false},
    {"linger.ms", "0", false},
    {NULL, NULL, false},
};

/* After a fatal error nothing is reported: whoever sent the record sends it again by another producer. */
static bool delivery_is_lost(const struct kafka_producer *producer, rd_kafka_resp_err_t error)
{
    return producer->is_broken || error == RD_KAFKA_RESP_ERR__PURGE_QUEUE || error == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT ||
           error == RD_KAFKA_RESP_ERR__DESTROY;
}

static void report(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
    struct kafka_producer *producer = opaque;
    uint64_t tag = (uint64_t)(uintptr_t)message->_private;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        producer->delivered(producer->context, tag, KAFKA_DELIVERED, message->partition, message->offset, NULL);
        return;
    }
    if (rd_kafka_fatal_error(client, NULL, 0) != RD_KAFKA_RESP_ERR_NO_ERROR) producer->is_broken = true;
    if (delivery_is_lost(producer, message->err)) return;
    struct fault fault = {0};
    fault_set(&fault, FAULT_REJECT, EX_UNAVAILABLE, "delivery-refused", language_pick("%s 拒绝该记录：%s", "%s refuses the record: %s"),
              rd_kafka_topic_name(message->rkt), rd_kafka_err2str(message->err));
    producer->delivered(producer->context, tag, KAFKA_REFUSED, message->partition, -1, &fault);
}

static void add_callbacks(rd_kafka_conf_t *conf)
{
    rd_kafka_conf_set_dr_msg_cb(conf, report);
}

/*
 * Nothing is packed. The inputs are stored uncompressed, and the outcomes are to be read by every client: kafkajs, for one, knows no codec
 * but gzip by itself, which costs the worker as much as deciding.
 */
static bool topics_open(struct kafka_producer *producer, struct fault *fault)
{
    for (int kind = 0; kind < TOPIC_KINDS; kind++) {
        producer->topics[kind] = rd_kafka_topic_new(producer->client, producer->names.full[kind], NULL);
        if (producer->topics[kind] == NULL) return kafka_fault(fault, rd_kafka_last_error(), producer->names.full[kind]);
    }
    return true;
}

struct kafka_producer *kafka_producer_new(const struct config *config, kafka_delivered_fn delivered, void *context, struct fault *fault)
{
    struct kafka_producer *producer = calloc(1, sizeof *producer);
    if (producer == NULL) {
        fault_set(fault, FAULT_FATAL, EX_OSERR, "memory", language_pick("内存不足", "no memory left for the producer"));
        return NULL;
    }
    producer->wake_fd = -1;
    producer->delivered = delivered;
    producer->context = context;
    if (!kafka_names_fill(&producer->names, config, fault)) goto failed;
    struct kafka_setup setup = {RD_KAFKA_PRODUCER, producer_properties, add_callbacks, producer};
    producer->client = kafka_client_new(config, &setup, fault);
    if (producer->client == NULL) goto failed;
    producer->queue = rd_kafka_queue_get_main(producer->client);
    producer->wake_fd = kafka_wake_new(producer->queue, fault);
    if (producer->wake_fd < 0 || !topics_open(producer, fault)) goto failed;
    return producer;
failed:
    kafka_producer_free(producer);
    return NULL;
}

void kafka_producer_free(struct kafka_producer *producer)
{
    if (producer == NULL) return;
    for (int kind = 0; kind < TOPIC_KINDS; kind++)
        if (producer->topics[kind] != NULL) rd_kafka_topic_destroy(producer->topics[kind]);
    if (producer->queue != NULL) {
        rd_kafka_queue_io_event_enable(producer->queue, -1, NULL, 0);
        rd_kafka_queue_destroy(producer->queue);
    }
    if (producer->client != NULL) rd_kafka_destroy(producer->client);
    if (producer->wake_fd >= 0) close(producer->wake_fd);
    free(producer);
}

static rd_kafka_headers_t *headers_copy(const struct kafka_header *headers, size_t count)
{
    rd_kafka_headers_t *copy = rd_kafka_headers_new(count);
    for (size_t i = 0; i < count; i++)
        rd_kafka_header_add(copy, headers[i].name, -1, headers[i].value, headers[i].value == NULL ? -1 : (ssize_t)headers[i].value_bytes);
    return copy;
}

/* Librdkafka copies the bytes, but its union has no pointer to const. */
static void *as_mutable(const void *bytes)
{
    union {
        const void *in;
        void *out;
    } pointer = {bytes};
    return pointer.out;
}

static bool send_fault(struct fault *fault, rd_kafka_resp_err_t error, const char *topic)
{
    switch (error) {
    case RD_KAFKA_RESP_ERR__QUEUE_FULL:
        return fault_set(fault, FAULT_RETRY, EX_TEMPFAIL, "producer-queue-full", "the producer's queue is full");
    case RD_KAFKA_RESP_ERR__FATAL:
        return fault_set(fault, FAULT_RETRY, EX_SOFTWARE, "producer-broken", "the producer must be made anew");
    default:
        return kafka_fault(fault, error, topic);
    }
}

bool kafka_producer_send(struct kafka_producer *producer, enum topic_kind topic, int32_t partition, const void *key, size_t key_bytes,
                         const void *value, size_t value_bytes, const struct kafka_header *headers, size_t header_count, uint64_t tag,
                         struct fault *fault)
{
    rd_kafka_headers_t *copy = headers_copy(headers, header_count);
    rd_kafka_vu_t record[] = {
        {.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = producer->topics[topic]},
        {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = partition},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {as_mutable(key), key_bytes}},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {as_mutable(value), value_bytes}},
        {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = copy},
        {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = (void *)(uintptr_t)tag},
    };
    rd_kafka_error_t *error = rd_kafka_produceva(producer->client, record, sizeof record / sizeof record[0]);
    if (error == NULL) return true;
    rd_kafka_resp_err_t code = rd_kafka_error_code(error);
    rd_kafka_error_destroy(error);
    rd_kafka_headers_destroy(copy); /* the client takes them only with the record */
    if (code == RD_KAFKA_RESP_ERR__FATAL) producer->is_broken = true;
    return send_fault(fault, code, producer->names.full[topic]);
}

size_t kafka_producer_poll(struct kafka_producer *producer, int timeout_ms)
{
    kafka_wake_clear(producer->wake_fd);
    rd_kafka_poll(producer->client, timeout_ms);
    if (rd_kafka_fatal_error(producer->client, NULL, 0) != RD_KAFKA_RESP_ERR_NO_ERROR) producer->is_broken = true;
    return (size_t)rd_kafka_outq_len(producer->client);
}

int kafka_producer_fd(const struct kafka_producer *producer)
{
    return producer->wake_fd;
}

bool kafka_producer_is_broken(const struct kafka_producer *producer)
{
    return producer->is_broken;
}
