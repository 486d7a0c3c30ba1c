/*
 * Writing compact JSON in the form of RFC 8785: no blanks, texts escaped only where they must be. Keys come in the order in which they
 * are written. The buffer lies in the arena and is used again; what is finished is copied out of it. A full arena is noticed at the end.
 */
#ifndef NIANSHEN_RULES_JSON_WRITE_H
#define NIANSHEN_RULES_JSON_WRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"

struct json_out { /* begins as {.arena = …} */
    struct arena *arena;
    char *text;
    size_t used, room;
    bool is_full;
};

void out_raw(struct json_out *out, const char *text);
void out_bytes(struct json_out *out, const void *bytes, size_t count);
void out_inner(struct json_out *out, const char *text, size_t length); /* escaped, without quotes */
void out_text(struct json_out *out, const char *text); /* quoted; NULL: null */
void out_int(struct json_out *out, int64_t value);
/* A comma where one belongs: not behind an opening bracket. */
void out_comma(struct json_out *out);
/* A comma where one belongs, the key, a colon. `name` needs no escape. */
void out_key(struct json_out *out, const char *name);
void out_key_text(struct json_out *out, const char *name, const char *text);
void out_key_int(struct json_out *out, const char *name, int64_t value);

/* A copy with a NUL behind it. NULL: the arena is full, now or before. */
const char *out_copy(struct json_out *out);

#endif
