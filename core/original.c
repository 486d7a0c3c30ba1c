#include "core/original.h"

#include <sysexits.h>

enum { RECORDS_A_STEP = 100 };

static bool is_ahead(const struct original_source *source, const struct kafka_position *wanted)
{
    return source->is_reading && source->next.topic == wanted->topic && source->next.partition == wanted->partition &&
           source->next.offset <= wanted->offset && wanted->offset - source->next.offset <= ORIGINAL_SKIP_MAX;
}

static bool source_start(struct original_source *source, struct kafka_reader *reader, const struct kafka_position *wanted,
                         struct fault *fault)
{
    source->is_reading = source->is_fresh = kafka_reader_start(reader, wanted, fault);
    source->next = *wanted;
    return source->is_reading;
}

/* The broker's word, so that no original is given up because of what a client remembers or an outage left half-known. */
static enum original_found gone_or_not(struct kafka_reader *reader, const struct kafka_position *wanted, int64_t end_offset,
                                       struct fault *fault)
{
    int64_t first, next;
    if (!kafka_reader_bounds(reader, wanted->topic, wanted->partition, ORIGINAL_BOUNDS_MS, &first, &next, fault)) return ORIGINAL_FAULT;
    if (wanted->offset >= next) {
        fault_set(fault, FAULT_RETRY, EX_UNAVAILABLE, "original-cut", "the topic ends at offset %lld, before the record", (long long)next);
        return ORIGINAL_CUT;
    }
    if (wanted->offset < first || wanted->offset < end_offset) return ORIGINAL_GONE;
    fault_set(fault, FAULT_RETRY, EX_UNAVAILABLE, "original-unreadable", "the record can't be read yet");
    return ORIGINAL_FAULT;
}

/*
 * The partition's end (`end_offset`, all before it was delivered; -1: an error instead): an answer only when it follows a start at this
 * very record. One that comes from reading on may be older than the record.
 */
static enum original_found stopped_short(struct original_source *source, struct kafka_reader *reader, const struct kafka_position *wanted,
                                         int64_t end_offset, struct fault *fault)
{
    if (!source->is_fresh || source->next.offset != wanted->offset)
        return source_start(source, reader, wanted, fault) ? ORIGINAL_WAIT : ORIGINAL_FAULT;
    original_rest(source, reader);
    return gone_or_not(reader, wanted, end_offset, fault);
}

static enum original_found record_look(struct original_source *source, const struct kafka_position *wanted, int64_t append_ms,
                                       struct kafka_record *record)
{
    int64_t offset = record->offset;
    bool is_of_that_time = append_ms == ORIGINAL_ANY_MS || record->append_ms == append_ms;
    source->is_fresh = false;
    source->next.offset = offset + 1;
    if (offset == wanted->offset && is_of_that_time) return ORIGINAL_FOUND;
    kafka_record_release(record);
    return offset < wanted->offset ? ORIGINAL_WAIT : ORIGINAL_GONE;
}

enum original_found original_find(struct original_source *source, struct kafka_reader *reader, const struct kafka_position *wanted,
                                  int64_t append_ms, int timeout_ms, struct kafka_record *record, struct fault *fault)
{
    if (!is_ahead(source, wanted) && !source_start(source, reader, wanted, fault)) return ORIGINAL_FAULT;
    for (int i = 0; i < RECORDS_A_STEP; i++) {
        struct kafka_happening happening;
        enum original_found found;
        switch (kafka_reader_poll(reader, i == 0 ? timeout_ms : 0, &happening)) {
        case KAFKA_RECORD:
            *record = happening.record;
            found = record_look(source, wanted, append_ms, record);
            if (found != ORIGINAL_WAIT) return found;
            break;
        case KAFKA_END:
            return stopped_short(source, reader, wanted, happening.position.offset, fault);
        case KAFKA_HALTED:
            return stopped_short(source, reader, wanted, -1, fault);
        case KAFKA_OUTAGE: /* the client may not go on by itself */
            original_rest(source, reader);
            *fault = happening.fault;
            return ORIGINAL_FAULT;
        default:
            return ORIGINAL_WAIT;
        }
    }
    return ORIGINAL_WAIT;
}

void original_rest(struct original_source *source, struct kafka_reader *reader)
{
    if (source->is_reading) kafka_reader_stop(reader);
    source->is_reading = false;
}
