/*
 * The event decoder on any bytes: structured mode when the first one is even, else binary mode with one of the types. It ends, stays in its
 * bounds, names a code that the table knows, and judges the same record the same way three times: the second time with the name "passed"
 * written with an escape, so that no list of that name is lifted out of the text before it is parsed; the third time by event_read, which
 * must not differ in any typed field.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/code.h"
#include "core/event.h"
#include "tests/unit/same_event.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PARTITIONS = 4, ARENA_BYTES_MAX = 64 * 1024 * 1024 };

static void require(int holds)
{
    if (!holds) abort();
}

static struct kafka_header header(const char *name, const char *value)
{
    return (struct kafka_header){name, value, strlen(value)};
}

static void check_chunk(const struct event *event)
{
    const struct event_chunk *chunk = &event->chunk;
    require(chunk->failed_count + chunk->passed_count <= EVENT_ENTRIES_MAX);
    for (size_t i = 0; i < chunk->error_count; i++) {
        require(code_find(chunk->errors[i].code) != NULL);
        require(chunk->errors[i].index >= 0 && chunk->errors[i].index < EVENT_ENTRIES_MAX);
    }
}

/* Every "passed" becomes "\u0070assed", which says the same; the caller frees it. */
static char *escape_names(const char *text, size_t length, size_t *out_length)
{
    static const char name[] = "\"passed\"", escaped[] = "\"\\u0070assed\"";
    char *out = malloc(2 * length + 1), *at = out;
    require(out != NULL);
    for (size_t i = 0; i < length;) {
        if (length - i >= sizeof name - 1 && memcmp(text + i, name, sizeof name - 1) == 0) {
            memcpy(at, escaped, sizeof escaped - 1);
            at += sizeof escaped - 1;
            i += sizeof name - 1;
        } else {
            *at++ = text[i++];
        }
    }
    *out_length = (size_t)(at - out);
    return out;
}

/* As text: what must not differ. */
static void tell(const struct event *event, char out[4096])
{
    const struct event_chunk *chunk = &event->chunk;
    int used = snprintf(out, 4096, "%zu %zu %zu %d %d %d %s %s ", chunk->failed_count, chunk->passed_count, chunk->error_count,
                        chunk->is_sorted, chunk->unsorted_list, chunk->unsorted_index, chunk->first_key != NULL ? chunk->first_key : "-",
                        chunk->last_key != NULL ? chunk->last_key : "-");
    (void)snprintf(out + used, (size_t)(4096 - used), "%s", chunk->listed != NULL ? chunk->listed : "-");
}

/* `decoded` by event_decode; `code`: the dead letter's, or NULL. */
static void check_reading(const struct kafka_record *record, const struct event *decoded, const char *code)
{
    struct event read;
    struct fault fault = {.kind = FAULT_NONE};
    struct arena *arena = arena_new(ARENA_BYTES_MAX);
    require(arena != NULL);
    bool is_good = event_read(arena, record, PARTITIONS, &read, &fault);
    require(is_good == (code == NULL));
    require(is_good ? event_difference(decoded, &read) == NULL : strcmp(fault.code, code) == 0);
    arena_free(arena);
}

static void check(const struct kafka_record *record)
{
    char told[2][4096] = {"", ""};
    struct event events[2] = {0};
    struct arena *arena = arena_new(ARENA_BYTES_MAX);
    require(arena != NULL);
    size_t length;
    char *escaped = escape_names(record->value, record->value_bytes, &length);
    for (int turn = 0; turn < 2; turn++) {
        struct kafka_record now = *record;
        struct fault fault = {.kind = FAULT_NONE};
        if (turn == 1) {
            now.value = escaped;
            now.value_bytes = length;
        }
        arena_reset(arena);
        bool is_good = event_decode(arena, &now, PARTITIONS, &events[turn], &fault);
        require(is_good || (fault.kind == FAULT_REJECT && code_find(fault.code) != NULL));
        check_reading(&now, &events[turn], is_good ? NULL : fault.code);
        if (!is_good)
            (void)snprintf(told[turn], sizeof told[turn], "%s", strcmp(fault.code, "too-large") == 0 ? "" : fault.code);
        else if (events[turn].type == EVENT_MEMBER_REVIEW_SUBMITTED)
            check_chunk(&events[turn]);
        if (is_good) tell(&events[turn], told[turn]);
    }
    require(strcmp(told[0], told[1]) == 0 || length > EVENT_SMALL_BYTES_MAX);
    require(memcmp(events[0].content_sha256, events[1].content_sha256, EVENT_SHA256_BYTES) == 0 || length > EVENT_SMALL_BYTES_MAX);
    free(escaped);
    arena_free(arena);
}

/* The first unit that the value names, so that most records are at home under their key; else some unit. */
static void set_key(struct kafka_record *record)
{
    static const char name[] = "\"unit\":\"", other[] = "U0001";
    const char *end = (const char *)record->value + record->value_bytes;
    const char *found = memmem(record->value, record->value_bytes, name, sizeof name - 1);
    const char *unit = found != NULL ? found + sizeof name - 1 : other,
               *quote = found != NULL ? memchr(unit, '"', (size_t)(end - unit)) : NULL;
    bool is_found = quote != NULL && quote > unit;
    record->key = is_found ? unit : other;
    record->key_bytes = is_found ? (size_t)(quote - unit) : sizeof other - 1;
    record->partition = kafka_partition_of(record->key, record->key_bytes, PARTITIONS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    enum event_type type = (enum event_type)(data[0] / 2 % (EVENT_REVIEW_WITHDRAWN + 1));
    struct kafka_header binary[] = {header("ce_specversion", "1.0"), header("ce_id", "fuzz"), header("ce_source", "urn:fuzz"),
                                    header("ce_type", event_type_name(type)), header("content-type", "application/json")};
    struct kafka_header structured[] = {header("content-type", "application/cloudevents+json")};
    bool is_binary = data[0] % 2 == 1;
    struct kafka_record record = {
        .topic = event_type_topic(type),
        .append_ms = 1772323200000, /* 2026-03-01 */
        .headers = is_binary ? binary : structured,
        .header_count = is_binary ? sizeof binary / sizeof *binary : 1,
        .value = (const char *)data + 1,
        .value_bytes = size - 1,
    };
    set_key(&record);
    check(&record);
    return 0;
}
