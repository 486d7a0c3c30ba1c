/*
 * The event decoder on any bytes: structured mode when the first one is even, else binary mode with one of the types. It ends, stays in its
 * bounds, names a code that the table knows, and judges the same record the same way twice.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/code.h"
#include "core/event.h"

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

static void check(const struct kafka_record *record)
{
    uint8_t first[EVENT_SHA256_BYTES] = {0};
    struct arena *arena = arena_new(ARENA_BYTES_MAX);
    require(arena != NULL);
    for (int turn = 0; turn < 2; turn++) {
        struct event event = {0};
        struct fault fault = {.kind = FAULT_NONE};
        arena_reset(arena);
        if (!event_decode(arena, record, PARTITIONS, &event, &fault)) {
            require(fault.kind == FAULT_REJECT && code_find(fault.code) != NULL);
            break;
        }
        if (event.type == EVENT_MEMBER_REVIEW_SUBMITTED) check_chunk(&event);
        require(turn == 0 || memcmp(first, event.content_sha256, sizeof first) == 0);
        memcpy(first, event.content_sha256, sizeof first);
    }
    arena_free(arena);
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
        .key = "U0001",
        .key_bytes = 5,
        .partition = kafka_partition_of("U0001", 5, PARTITIONS),
        .append_ms = 1772323200000, /* 2026-03-01 */
        .headers = is_binary ? binary : structured,
        .header_count = is_binary ? sizeof binary / sizeof *binary : 1,
        .value = (const char *)data + 1,
        .value_bytes = size - 1,
    };
    check(&record);
    return 0;
}
