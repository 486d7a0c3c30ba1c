/* What the files core/event*.c share; nobody else includes this. */
#ifndef NIANSHEN_CORE_EVENT_INTERNAL_H
#define NIANSHEN_CORE_EVENT_INTERNAL_H

#include <string.h>

#include "core/event.h"
#include "core/json.h"
#include "core/json_guard.h"
#include "core/language.h"
#include "core/moment.h"
#include "core/sha256.h"

/* ---- the rules of single fields ---- */

/* The fields of all types in the order of their names' bytes, which is that of the content hash. */
enum event_field {
    EVENT_FIELD_CHUNK,
    EVENT_FIELD_CHUNKS,
    EVENT_FIELD_COMMENT,
    EVENT_FIELD_DIGEST,
    EVENT_FIELD_ENTRIES_TOTAL,
    EVENT_FIELD_FAILED,
    EVENT_FIELD_MODE,
    EVENT_FIELD_PASSED,
    EVENT_FIELD_PROFILE,
    EVENT_FIELD_REVIEWER,
    EVENT_FIELD_SUBMISSION,
    EVENT_FIELD_SUBMITTED_BY,
    EVENT_FIELD_SUPERIOR,
    EVENT_FIELD_UNIT,
    EVENT_FIELD_UNIT_REVIEW,
    EVENT_FIELD_YEAR,
    EVENT_FIELDS,
};

struct event_text { /* not NUL-terminated, unless somebody says so */
    const char *text; /* NULL: there is none */
    size_t length;
};

#define EVENT_TEXT(literal)                                                                                                                \
    {                                                                                                                                      \
        literal, sizeof literal - 1                                                                                                        \
    }

extern const struct event_text event_field_names[EVENT_FIELDS];

enum event_rule_kind {
    EVENT_RULE_END, /* behind a type's last rule */
    EVENT_RULE_NAME,
    EVENT_RULE_COMMENT,
    EVENT_RULE_INTEGER,
    EVENT_RULE_MODE,
    EVENT_RULE_OBJECT,
    EVENT_RULE_ARRAY,
};

struct event_rule {
    enum event_rule_kind kind;
    enum event_field field;
    bool is_optional;
    int64_t min, max; /* an integer's value; a text's bytes */
    size_t offset; /* of a name, a comment or an integer: where struct event holds it */
    struct words wanted; /* "must be …" */
};

/* In the order in which they are checked, and in which records mostly have the fields. */
const struct event_rule *event_rules(enum event_type type);

/* A unit's name as the profile may have it. */
bool event_is_unit_name(const char *text, size_t length);

/* ---- the content hash ---- */

struct event_hash { /* gathers small pieces, so that the hash is called once a block */
    char block[4096];
    size_t used;
    EVP_MD_CTX *context; /* the thread's */
    bool is_good;
};

/* One at a time in a thread. `add` returns nothing: a failure is reported at the end. */
void event_hash_begin(struct event_hash *hash, enum event_type type);
void event_hash_add_block(struct event_hash *hash, const char *bytes, size_t count); /* when a block is full */
bool event_hash_end(struct event_hash *hash, uint8_t out[EVENT_SHA256_BYTES]);

static inline void event_hash_add(struct event_hash *hash, const char *bytes, size_t count)
{
    if (count > sizeof hash->block - hash->used) {
        event_hash_add_block(hash, bytes, count);
        return;
    }
    memcpy(hash->block + hash->used, bytes, count);
    hash->used += count;
}

/* ---- decoding ---- */

/* One of a chunk's lists of entries. */
struct event_list_items {
    const json_t *items; /* NULL: absent, or lifted */
    const struct json_lift *lift; /* NULL: not lifted */
    size_t count;
};

/*
 * Checks every field of `data` by the rules of event->type and fills what event.h promises, all but type, source and id. Changes `data`.
 * `passed`: the list of that name if it was lifted out of a chunk, else without a text. ID numbers are judged on `today`.
 */
bool event_fields_read(struct arena *arena, json_t *data, const struct json_lift *passed, date_ymd today, struct event *event,
                       struct fault *fault);

/* Reads both lists (by enum event_list) of a chunk whose other fields are good. */
bool event_chunk_read(struct arena *arena, const struct event_list_items lists[2], bool is_list_mode, date_ymd today,
                      struct event_chunk *chunk, struct event_rows *rows, struct fault *fault);

/*
 * An ordinary record by one pass over its bytes: binary mode, known fields only, each once, plain texts, and numbers that nothing is to be
 * said about. False: the record needs event_decode; what `event` and the arena then hold counts for nothing.
 */
bool event_scan(struct arena *arena, const struct kafka_record *record, int32_t partitions, struct event *event);

/* "nianshen.review.approved.v1", …; false when it is none of the five. */
bool event_type_of_name(const char *name, enum event_type *type);

#endif
