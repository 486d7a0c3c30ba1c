/* Until the one-pass reader is there: every record goes the long way. */
#include "core/event.h"

bool event_read(struct arena *arena, const struct kafka_record *record, int32_t partitions, struct event *event, struct fault *fault)
{
    return event_decode(arena, record, partitions, event, fault);
}
