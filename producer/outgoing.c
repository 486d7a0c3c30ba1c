#include "producer/outgoing.h"

#include <string.h>
#include <sysexits.h>
#include <uuid/uuid.h>

#include "core/arena.h"
#include "core/language.h"
#include "core/moment.h"
#include "producer/message.h"

/* Enough for any event without lists; chunks are measured as they are cut. */
enum { CHECK_ARENA_BYTES_MAX = 8 * 1024 * 1024 };

void outgoing_fill(struct outgoing *outgoing, enum event_type type, const char *unit, const char *source, const char *id, const char *time,
                   const char *text)
{
    *outgoing = (struct outgoing){.type = type, .unit = unit, .value = text, .value_bytes = strlen(text)};
    event_headers_fill(&outgoing->headers, event_type_name(type), source, id, time, NULL);
}

bool outgoing_check(const struct outgoing *outgoing, struct fault *fault)
{
    /* Of one partition, every key's is number 0. */
    struct kafka_record record = {
        .topic = event_type_topic(outgoing->type),
        .key = outgoing->unit,
        .key_bytes = strlen(outgoing->unit),
        .value = outgoing->value,
        .value_bytes = outgoing->value_bytes,
        .headers = outgoing->headers.list,
        .header_count = outgoing->headers.count,
        .append_ms = moment_now_ms(),
    };
    struct arena *arena = arena_new(CHECK_ARENA_BYTES_MAX);
    if (arena == NULL)
        return fault_set(fault, FAULT_FATAL, EX_OSERR, "out-of-memory", language_pick("内存不足", "no memory to check the event"));
    struct event event;
    bool ok = event_decode(arena, &record, 1, &event, fault);
    if (ok && event.refusal != NULL) ok = message_fault(fault, event.refusal, event.refusal_field);
    if (!ok && fault->exit_status == 0) fault->exit_status = EX_DATAERR;
    arena_free(arena);
    return ok;
}

void identity_new(char out[IDENTITY_BYTES])
{
    uuid_t identity;
    uuid_generate_random(identity);
    uuid_unparse_lower(identity, out);
}
