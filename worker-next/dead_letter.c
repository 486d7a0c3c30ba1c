#include "worker-next/dead_letter.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

enum { REASON_HEADERS = 5 };

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
