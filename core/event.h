/*
 * Events: CloudEvents 1.0 in the Kafka binding, binary and structured mode, to a checked structure and back. Pure: a record and
 * an arena in, an event or a fault out.
 *
 * Limits are checked before the JSON parser runs: bytes, depth, elements. Duplicate keys and real numbers are refused.
 * Decoding checks everything that makes a record attributable (the contract's dead letters); what the rules refuse
 * (unknown unit, wrong reviewer, a bad row) is left to the database and the row errors below.
 *
 * Source: CloudEvents 1.0.2, Kafka Protocol Binding 1.0.2; schemas/ holds the same rules as JSON Schema.
 */
#ifndef NIANSHEN_CORE_EVENT_H
#define NIANSHEN_CORE_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/fault.h"
#include "core/id_key.h"
#include "core/kafka.h"

enum {
    EVENT_UNIT_BYTES_MAX = 64,
    EVENT_NAME_BYTES_MAX = 255,
    EVENT_COMMENT_BYTES_MAX = 4096,
    EVENT_ENTRIES_MAX = 5000, /* failed and passed together, a chunk */
    EVENT_CHUNK_BYTES_MAX = 512 * 1024,
    EVENT_SMALL_BYTES_MAX = 64 * 1024, /* a unit review or a decision */
    EVENT_CHUNKS_MAX = 10000,
    EVENT_DEPTH_MAX = 8,
    EVENT_ELEMENTS_MAX = 8 * EVENT_ENTRIES_MAX + 1000, /* members and items in all objects and arrays: a bound on the parser's memory */
    EVENT_ENTRIES_TOTAL_MAX = 50000000,
    EVENT_HEADERS_MAX = 64,
    EVENT_NOTES_MAX = 16, /* of one unit review; further ones are left out */
    EVENT_NOTE_FIELD_BYTES_MAX = 64,
    EVENT_YEAR_MIN = 2000,
    EVENT_YEAR_MAX = 2999,
    EVENT_SHA256_BYTES = 32,
};

enum event_type {
    EVENT_UNIT_REVIEW_CONFIRMED,
    EVENT_MEMBER_REVIEW_SUBMITTED,
    EVENT_REVIEW_APPROVED,
    EVENT_REVIEW_RETURNED,
    EVENT_REVIEW_WITHDRAWN,
};

/* "nianshen.unit-review.confirmed.v1", … */
const char *event_type_name(enum event_type type);
enum topic_kind event_type_topic(enum event_type type);

struct event_failed { /* one entry of "failed" */
    const char *key; /* id_number_key of id_number */
    int place; /* of its key in the chunk's `listed`, from 1; 0: it is not there */
    const char *reason; /* as sent, "" when missing or not a text the contract allows */
    const char *warnings; /* codes that only warn, joined by ',', the most important first; NULL when there are none */
};

enum event_list { EVENT_LIST_FAILED, EVENT_LIST_PASSED };

struct event_row_error { /* what is wrong with one entry by itself */
    enum event_list list;
    int index; /* 0-based, in its list as sent */
    const char *code; /* static: a code of the ID check, listed-twice, missing-reason; unknown-reason for a text that is no name */
    const char *key;
    const char *masked; /* the ID number as sent, masked */
    int position; /* of the ID check; 0 when none */
    char expected; /* of the ID check; 0 when none */
};

struct event_chunk {
    const struct event_failed *failed; /* in the order sent; the position is the index */
    size_t failed_count;
    size_t passed_count;
    bool is_sorted; /* both lists ascend by key (equal neighbours allowed: they are listed-twice) */
    int unsorted_list, unsorted_index; /* the first entry that is below its predecessor */
    const char *first_key, *last_key; /* over both lists; NULL when there are no entries */
    /*
     * List mode and sorted: all keys of both lists merged ascending (failed first among equals), joined by '\n', which no key holds.
     * Entries without an ID number have no key and are left out. Else NULL.
     */
    const char *listed;
    const struct event_row_error *errors;
    size_t error_count;
};

/* ---- typed fields: what the rules read ---- */

enum event_mode { EVENT_MODE_IMPORT, EVENT_MODE_LIST };

struct event_profile { /* of a unit review: the known fields that change, normalised; NULL: unchanged */
    const char *name, *credit_code, *address, *contact_name, *contact_mobile;
};

struct event_note { /* a doubt about a field, or the refusal of one */
    const char *code; /* static */
    const char *field; /* "profile.contact_mobile", …; the sender's own names are made printable and cut at EVENT_NOTE_FIELD_BYTES_MAX */
    int position; /* of a credit code's check; 0: none */
    char expected; /* 0: none */
};

struct event_failing { /* one entry of "failed", in the order sent: the position is the index */
    struct id_key key; /* of an entry without a number: the empty text */
    const char *reason; /* as sent; "" when missing or not a text the contract allows */
    const char *name; /* as sent; NULL when not sent */
    const char *warnings; /* codes that only warn, joined by ',', the most important first; NULL: none */
};

/* What is wrong with one entry by itself: an error of the ID check, missing-reason, or unknown-reason for a text that can be no name. */
struct event_bad_number {
    enum event_list list;
    int32_t index; /* 0-based, in its list as sent */
    const char *code; /* static */
    const char *masked; /* the ID number as sent, masked */
    int position; /* of the ID check; 0: none */
    char expected; /* of the ID check; 0: none */
};

struct event_rows { /* the entries of one chunk, as sent */
    const struct event_failing *failing;
    const struct id_key *passed; /* likewise */
    const struct event_bad_number *bad; /* by list and index; no entry is left out of the lists for it */
    uint32_t failing_count, passed_count, bad_count;
};

struct event {
    enum event_type type;
    const char *source, *id; /* ce_source, ce_id */
    const char *unit;
    int32_t year;
    /*
     * Over the type, a line feed, the data as sorted, compact JSON, and the passed numbers, each with a NUL behind it. In a chunk's data
     * "passed" is empty, also where it was not sent. Of what was sent: what is normalised or noted does not count.
     */
    uint8_t content_sha256[EVENT_SHA256_BYTES];
    /*
     * The data without "failed" and "passed", as compact JSON text: what the database reads its fields from. Field types and
     * lengths are already checked; fields that the contract does not know are still in it. Of a unit review, a valid
     * profile.contact_mobile is written as its 11 digits (a landline without blanks), a credit_code in upper case without blanks, and
     * "warnings" holds what is doubtful: objects of code, field, position and expected.
     */
    const char *body;
    const char *refusal; /* unit review only: static code of a bad profile field (the outcome is `rejected`); NULL when fine */
    const char *refusal_field; /* "profile.contact_mobile", … */
    struct event_chunk chunk; /* EVENT_MEMBER_REVIEW_SUBMITTED only */

    /* Typed fields; NULL or 0 where the type does not have them. */
    const char *submitted_by; /* unit review, chunk, withdrawal */
    const char *submission; /* chunk, decision */
    /* EVENT_UNIT_REVIEW_CONFIRMED */
    struct event_profile profile;
    const struct event_note *notes; /* warnings, also one `unknown-field` for each profile field that the contract does not know */
    uint32_t note_count;
    /* EVENT_MEMBER_REVIEW_SUBMITTED */
    const char *unit_review;
    enum event_mode mode;
    int32_t chunk_number, chunks, entries_total;
    struct event_rows rows;
    /* approved, returned; comment also of a withdrawal */
    const char *digest, *superior, *reviewer, *comment;
};

/*
 * Decodes one record of an input topic. `partitions` is the number of partitions of the input topics. `event` points into the
 * arena. False: fault->kind is FAULT_REJECT with the dead letter's code and a text that names place, rule and remedy, or
 * FAULT_RETRY with code memory: the arena is full or memory is out, and the record is not to blame.
 */
bool event_decode(struct arena *arena, const struct kafka_record *record, int32_t partitions, struct event *event, struct fault *fault);

/*
 * The same verdict and the same typed fields and hash, without `body` and `chunk`: ordinary records by one pass over their bytes
 * (core/event_scan.c), every other one by event_decode.
 */
bool event_read(struct arena *arena, const struct kafka_record *record, int32_t partitions, struct event *event, struct fault *fault);

/* ---- encoding ---- */

enum { EVENT_OUT_HEADERS_MAX = 8 };

struct event_headers { /* binary mode; borrowed pointers, ready for kafka_producer_send */
    struct kafka_header list[EVENT_OUT_HEADERS_MAX];
    size_t count;
};

/* ce_specversion, ce_id, ce_source, ce_type, content-type, and where not NULL ce_time and ce_causationid. */
void event_headers_fill(struct event_headers *headers, const char *type, const char *source, const char *id, const char *time,
                        const char *causation_id);

/*
 * One structured-mode event (a line of `publish`) checked as the worker would and taken apart for sending: the topic by its type, the
 * key from data.unit. The value to send is the line itself with content-type application/cloudevents+json. ID numbers are judged
 * on the present date, as the worker will on the record's append time; faults are those of event_decode.
 */
bool event_of_structured(struct arena *arena, const char *json, size_t length, struct event *event, struct fault *fault);

#endif
