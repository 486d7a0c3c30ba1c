#include "worker/dead_letter.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

enum { REASON_HEADERS = 5, RECORDS_A_STEP = 100 };

/* ---- finding ---- */

static bool is_ahead(const struct dead_letter_source *source, const struct kafka_position *wanted)
{
    return source->is_reading && source->next.topic == wanted->topic && source->next.partition == wanted->partition &&
           source->next.offset <= wanted->offset && wanted->offset - source->next.offset <= DEAD_LETTER_SKIP_MAX;
}

static bool source_start(struct dead_letter_source *source, struct kafka_reader *reader, const struct kafka_position *wanted,
                         struct fault *fault)
{
    source->is_reading = source->is_fresh = kafka_reader_start(reader, wanted, fault);
    source->next = *wanted;
    return source->is_reading;
}

/* The broker's word, so that no original is given up because of what a client remembers or an outage left half-known. */
static enum dead_letter_found gone_or_not(struct kafka_reader *reader, const struct kafka_position *wanted, int64_t end_offset,
                                          struct fault *fault)
{
    int64_t first, next;
    if (!kafka_reader_bounds(reader, wanted->topic, wanted->partition, DEAD_LETTER_BOUNDS_MS, &first, &next, fault))
        return DEAD_LETTER_FAULT;
    if (wanted->offset < first || wanted->offset >= next || wanted->offset < end_offset) return DEAD_LETTER_GONE;
    fault_set(fault, FAULT_RETRY, EX_UNAVAILABLE, "original-unreadable", "the original of a dead letter can't be read yet");
    return DEAD_LETTER_FAULT;
}

/*
 * The partition's end (`end_offset`, all before it was delivered; -1: an error instead): an answer only when it follows a start at this
 * very record. One that comes from reading on may be older than the record.
 */
static enum dead_letter_found stopped_short(struct dead_letter_source *source, struct kafka_reader *reader,
                                            const struct kafka_position *wanted, int64_t end_offset, struct fault *fault)
{
    if (!source->is_fresh || source->next.offset != wanted->offset)
        return source_start(source, reader, wanted, fault) ? DEAD_LETTER_WAIT : DEAD_LETTER_FAULT;
    dead_letter_rest(source, reader);
    return gone_or_not(reader, wanted, end_offset, fault);
}

static enum dead_letter_found record_look(struct dead_letter_source *source, const struct kafka_position *wanted,
                                          struct kafka_record *record)
{
    int64_t offset = record->offset;
    source->is_fresh = false;
    source->next.offset = offset + 1;
    if (offset == wanted->offset) return DEAD_LETTER_FOUND;
    kafka_record_release(record);
    return offset < wanted->offset ? DEAD_LETTER_WAIT : DEAD_LETTER_GONE;
}

enum dead_letter_found dead_letter_find(struct dead_letter_source *source, struct kafka_reader *reader, const struct kafka_position *wanted,
                                        struct kafka_record *record, struct fault *fault)
{
    if (!is_ahead(source, wanted) && !source_start(source, reader, wanted, fault)) return DEAD_LETTER_FAULT;
    for (int i = 0; i < RECORDS_A_STEP; i++) {
        struct kafka_happening happening;
        enum dead_letter_found found;
        switch (kafka_reader_poll(reader, 0, &happening)) {
        case KAFKA_RECORD:
            *record = happening.record;
            found = record_look(source, wanted, record);
            if (found != DEAD_LETTER_WAIT) return found;
            break;
        case KAFKA_END:
            return stopped_short(source, reader, wanted, happening.position.offset, fault);
        case KAFKA_HALTED:
            return stopped_short(source, reader, wanted, -1, fault);
        case KAFKA_OUTAGE: /* the client may not go on by itself */
            dead_letter_rest(source, reader);
            *fault = happening.fault;
            return DEAD_LETTER_FAULT;
        default:
            return DEAD_LETTER_WAIT;
        }
    }
    return DEAD_LETTER_WAIT;
}

void dead_letter_rest(struct dead_letter_source *source, struct kafka_reader *reader)
{
    if (source->is_reading) kafka_reader_stop(reader);
    source->is_reading = false;
}

/* ---- sending ---- */

/* At most `bytes_max`, never in the middle of a UTF-8 character. */
static size_t text_cut(const char *text, size_t bytes_max)
{
    size_t length = strlen(text);
    if (length <= bytes_max) return length;
    for (length = bytes_max; length > 0 && ((uint8_t)text[length] & 0xc0) == 0x80; length--) continue;
    return length;
}

struct reason_texts { /* what the headers point to */
    char topic[TOPIC_NAME_BYTES_MAX], partition[16], offset[24];
};

static struct kafka_header header_of(const char *name, const char *value)
{
    return (struct kafka_header){name, value, strlen(value)};
}

static void reason_fill(const struct dead_letter_reason *reason, struct reason_texts *texts, struct kafka_header headers[REASON_HEADERS])
{
    const char *text = reason->text != NULL ? reason->text : "";
    snprintf(texts->topic, sizeof texts->topic, "%s%s", reason->topic_prefix, topic_kind_name(reason->origin.topic));
    snprintf(texts->partition, sizeof texts->partition, "%" PRId32, reason->origin.partition);
    snprintf(texts->offset, sizeof texts->offset, "%" PRId64, reason->origin.offset);
    headers[0] = header_of("nianshen_dl_topic", texts->topic);
    headers[1] = header_of("nianshen_dl_partition", texts->partition);
    headers[2] = header_of("nianshen_dl_offset", texts->offset);
    headers[3] = header_of("nianshen_dl_code", reason->code);
    headers[4] = (struct kafka_header){"nianshen_dl_text", text, text_cut(text, DEAD_LETTER_TEXT_BYTES_MAX)};
}

bool dead_letter_send(struct kafka_producer *producer, const struct kafka_record *record, const struct dead_letter_reason *reason,
                      uint64_t tag, struct fault *fault)
{
    struct reason_texts texts;
    struct kafka_header *headers = malloc((record->header_count + REASON_HEADERS) * sizeof *headers);
    if (headers == NULL) return fault_set(fault, FAULT_RETRY, EX_OSERR, "memory", "no memory left for a dead letter's headers");
    if (record->header_count > 0) memcpy(headers, record->headers, record->header_count * sizeof *headers);
    reason_fill(reason, &texts, headers + record->header_count);
    bool is_sent = kafka_producer_send(producer, TOPIC_DEAD_LETTER, reason->origin.partition, record->key, record->key_bytes, record->value,
                                       record->value_bytes, headers, record->header_count + REASON_HEADERS, tag, fault);
    free(headers);
    return is_sent;
}
