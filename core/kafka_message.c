/* A message of librdkafka as a record, or as what else it tells. */
#include "core/kafka_internal.h"
#include "core/language.h"

#include <inttypes.h>
#include <stdlib.h>
#include <sysexits.h>

/* What the record's bytes live in: the message, and the array of headers that points into it. */
struct message_handle {
    rd_kafka_message_t *message;
    size_t header_count;
    bool has_lost_headers;
    struct kafka_header headers[];
};

void kafka_record_release(struct kafka_record *record)
{
    struct message_handle *handle = record->handle;
    if (handle != NULL) rd_kafka_message_destroy(handle->message);
    free(handle);
    *record = (struct kafka_record){0};
}

static struct message_handle *handle_new(rd_kafka_message_t *message)
{
    rd_kafka_headers_t *headers = NULL;
    rd_kafka_resp_err_t error = rd_kafka_message_headers(message, &headers);
    size_t count = error == RD_KAFKA_RESP_ERR_NO_ERROR ? rd_kafka_header_cnt(headers) : 0;
    struct message_handle *handle = malloc(sizeof *handle + count * sizeof handle->headers[0]);
    if (handle == NULL) return NULL;
    handle->message = message;
    handle->header_count = count;
    handle->has_lost_headers = error != RD_KAFKA_RESP_ERR_NO_ERROR && error != RD_KAFKA_RESP_ERR__NOENT;
    for (size_t i = 0; i < count; i++) {
        struct kafka_header *header = &handle->headers[i];
        rd_kafka_header_get_all(headers, i, &header->name, &header->value, &header->value_bytes);
    }
    return handle;
}

static void take_record(enum topic_kind topic, rd_kafka_message_t *message, struct kafka_happening *out)
{
    struct message_handle *handle = handle_new(message);
    if (handle == NULL) {
        rd_kafka_message_destroy(message);
        out->kind = KAFKA_OUTAGE;
        fault_set(&out->fault, FAULT_FATAL, EX_OSERR, "memory", language_pick("内存不足", "no memory left for a record's headers"));
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
        .header_count = handle->header_count,
        .has_lost_headers = handle->has_lost_headers,
        .handle = handle,
    };
}

/* Errors after which records would be missing, however often they are fetched. */
static bool is_final(rd_kafka_resp_err_t error)
{
    switch (error) {
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET: /* with auto.offset.reset=error: the offset is out of range */
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
    case RD_KAFKA_RESP_ERR__BAD_MSG:
    case RD_KAFKA_RESP_ERR__BAD_COMPRESSION:
    case RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED: /* a format or compression that the client does not know */
    case RD_KAFKA_RESP_ERR_INVALID_MSG:
    case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
        return true;
    default:
        return false;
    }
}

/*
 * After an error the client may go on behind what it could not read: whatever the error is, the owner must not take later records of that
 * partition before it has started it again. Unknown topics and the like come and go with brokers.
 */
static void take_error(enum topic_kind topic, bool has_partition, rd_kafka_message_t *message, struct kafka_happening *out)
{
    const char *name = message->rkt != NULL ? rd_kafka_topic_name(message->rkt) : "consuming";
    bool is_end = false;
    out->position = (struct kafka_position){topic, message->partition, message->offset};
    if (!has_partition) {
        out->kind = KAFKA_OUTAGE;
    } else if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        out->kind = KAFKA_END;
        is_end = true;
    } else {
        out->kind = is_final(message->err) ? KAFKA_HALTED : KAFKA_UNAVAILABLE;
    }
    if (!is_end)
        fault_set(&out->fault, out->kind == KAFKA_HALTED ? FAULT_REJECT : FAULT_RETRY, EX_UNAVAILABLE,
                  has_partition ? "partition-unreadable" : "broker-away",
                  language_pick("%s [%" PRId32 "] 偏移量 %" PRId64 "：%s", "%s [%" PRId32 "] at offset %" PRId64 ": %s"), name,
                  message->partition, message->offset, rd_kafka_message_errstr(message));
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
