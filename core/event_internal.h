/* What the files core/event*.c share; nobody else includes this. */
#ifndef NIANSHEN_CORE_EVENT_INTERNAL_H
#define NIANSHEN_CORE_EVENT_INTERNAL_H

#include <jansson.h>

#include "core/event.h"
#include "core/json_guard.h"
#include "core/moment.h"

/*
 * Checks every field of `data` by the rules of event->type and fills what event.h promises: unit, year, body, hash, refusal and
 * chunk. Changes `data`. ID numbers are judged on `today`.
 */
bool event_fields_read(struct arena *arena, json_t *data, date_ymd today, struct event *event, struct fault *fault);

/* Reads both lists of a chunk whose other fields are good. */
bool event_chunk_read(struct arena *arena, const json_t *data, bool is_list_mode, date_ymd today, struct event_chunk *chunk,
                      struct fault *fault);

/* "nianshen.review.approved.v1", …; false when it is none of the five. */
bool event_type_of_name(const char *name, enum event_type *type);

#endif
