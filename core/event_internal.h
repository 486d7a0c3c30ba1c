/* What the files core/event*.c share; nobody else includes this. */
#ifndef NIANSHEN_CORE_EVENT_INTERNAL_H
#define NIANSHEN_CORE_EVENT_INTERNAL_H

#include "core/event.h"
#include "core/json.h"
#include "core/json_guard.h"
#include "core/moment.h"

/* One of a chunk's lists of entries. */
struct event_list_items {
    const json_t *items; /* NULL: absent, or lifted */
    const struct json_lift *lift; /* NULL: not lifted */
    size_t count;
};

/*
 * Checks every field of `data` by the rules of event->type and fills what event.h promises: unit, year, body, hash, refusal and
 * chunk. Changes `data`. `passed`: the list of that name if it was lifted out of a chunk, else without a text. ID numbers are judged on
 * `today`.
 */
bool event_fields_read(struct arena *arena, json_t *data, const struct json_lift *passed, date_ymd today, struct event *event,
                       struct fault *fault);

/* Reads both lists (by enum event_list) of a chunk whose other fields are good. */
bool event_chunk_read(struct arena *arena, const struct event_list_items lists[2], bool is_list_mode, date_ymd today,
                      struct event_chunk *chunk, struct fault *fault);

/* "nianshen.review.approved.v1", …; false when it is none of the five. */
bool event_type_of_name(const char *name, enum event_type *type);

#endif
