/*
 * JSON from outside: what would be costly or ambiguous to parse is refused before the parser sees it. Jansson's own depth limit
 * is 2048, its memory up to 79 times the text, and it rounds long decimals and keeps the last of two equal keys silently.
 */
#ifndef NIANSHEN_CORE_JSON_GUARD_H
#define NIANSHEN_CORE_JSON_GUARD_H

#include <stdbool.h>
#include <stddef.h>

#include "core/fault.h"
#include "core/json.h"

struct json_limits {
    size_t bytes_max;
    int depth_max;
    size_t elements_max; /* members and items, counted by their commas and brackets */
};

/*
 * A list that may be left out of parsing because there is nothing to parse in it: strings of printable ASCII without escapes, as nearly all
 * lists of numbers are. The scan before parsing has seen them all.
 */
struct json_lift {
    const char *parent, *member; /* the list's name, and that of the object it is in; parent NULL: the outermost one */
    const char *text; /* what stands between its brackets, borrowed; NULL: the list, if there is one, is in the value as ever */
    size_t bytes;
    size_t count; /* of strings, at least 1 */
};

/* The string that begins at or behind `*at`, and moves `*at` behind it; to be called `count` times from 0. */
const char *json_lift_next(const struct json_lift *lift, size_t *at, size_t *length);

/*
 * Parses one JSON value of any type; the caller owns it. With `lift` (else NULL) the list it names is taken out, if it is such a one, and
 * is empty in the value. NULL: FAULT_REJECT, EX_DATAERR with code too-large, too-deep, too-many-elements, real-number, duplicate-key,
 * schema (an integer beyond 64 bits, U+0000) or not-json; FAULT_RETRY with code memory. The text names the byte, never what stands there.
 */
json_t *json_guard_load(const char *text, size_t length, const struct json_limits *limits, struct json_lift *lift, struct fault *fault);

/* Sets a fault of this kind with the remedy of the table of codes behind the text. Always false. */
bool json_guard_refuse(struct fault *fault, const char *code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* FAULT_RETRY, code memory. Always false. */
bool json_guard_no_memory(struct fault *fault);

#endif
