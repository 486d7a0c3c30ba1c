/* A message of librdkafka as a record, or as what else it tells. */
#include "core/kafka_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

/* What the record's bytes live in: the message, and the array of headers that points into it. */
struct message_handle {
    rd_kafka_message_t *message;
    struct kafka_header headers[];
};

void kafka_record_release(struct kafka_record *record)
{
    struct message_handle *handle = record->handle;
    if (handle != NULL) rd_kafka_message_destroy(handle->message);
    free(handle);
    *record = (struct kafka_record){0};
}

/* Headers that can't be parsed count as none: the record then becomes a dead letter by its missing attributes. */
static struct message_handle *handle_new(rd_kafka_message_t *message, size_t *header_count)
{
    rd_kafka_headers_t *headers = NULL;
    size_t count = rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR ? rd_kafka_header_cnt(headers) : 0;
    struct message_handle *handle = malloc(sizeof *handle + count * sizeof handle->headers[0]);
    if (handle == NULL) return NULL;
    handle->message = message;
    for (size_t i = 0; i < count; i++) {
        struct kafka_header *header = &handle->headers[i];
        rd_kafka_header_get_all(headers, i, &header->name, &header->value, &header->value_bytes);
    }
    *header_count = count;
    return handle;
}

static void take_record(enum topic_kind topic, rd_kafka_message_t *message, struct kafka_happening *out)
{
    size_t header_count;
    struct message_handle *handle = handle_new(message, &header_count);
    if (handle == NULL) {
        rd_kafka_message_destroy(message);
        out->kind = KAFKA_OUTAGE;
        fault_set(&out->fault, FAULT_FATAL, EX_OSERR, "memory", "no memory left for a record's headers");
        return;
    }
    rd_kafka_timestamp_type_t time_type;
    out->kind = KAFKA_RECORD;
    out->record = (struct kafka_record){
        .topic = topic,
        .partition = message->partition,
        .offset = message->offset,
        .append_ms = rd_kafka_message_timestamp(message, &time_type),
        .key = message->key,
        .key_bytes = message->key_len,
        .value = message->payload,
        .value_bytes = message->len,
        .headers = handle->headers,
        .header_count = header_count,
        .handle = handle,
    };
}

/* Any error but the end of a partition means that its records can't be had in order any more. */
static void take_error(enum topic_kind topic, bool has_partition, rd_kafka_message_t *message, struct kafka_happening *out)
{
    char what[TOPIC_NAME_BYTES_MAX + 64];
    const char *name = message->rkt != NULL ? rd_kafka_topic_name(message->rkt) : "consuming";
    snprintf(what, sizeof what, "%s [%" PRId32 "] at offset %" PRId64, name, message->partition, message->offset);
    out->position = (struct kafka_position){topic, message->partition, message->offset};
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        out->kind = KAFKA_END;
    } else {
        out->kind = has_partition ? KAFKA_HALTED : KAFKA_OUTAGE;
        fault_set(&out->fault, has_partition ? FAULT_REJECT : FAULT_RETRY, EX_UNAVAILABLE,
                  has_partition ? "partition-unreadable" : "broker-away", "%s: %s", what, rd_kafka_message_errstr(message));
    }
    rd_kafka_message_destroy(message);
}

void kafka_message_take(const struct kafka_names *names, rd_kafka_message_t *message, struct kafka_happening *out)
{
    enum topic_kind topic = TOPIC_UNIT_REVIEW;
    bool is_known = message->rkt != NULL && kafka_names_find(names, rd_kafka_topic_name(message->rkt), &topic);
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR && is_known)
        take_record(topic, message, out);
    else
        take_error(topic, is_known && message->partition >= 0, message, out);
}
