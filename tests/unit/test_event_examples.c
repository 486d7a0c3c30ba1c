/*
 * Every example of schemas/examples/ through event_decode: what the schemas promise is what the decoder does. The system tests send the
 * same files over a broker; here they need none, and run under the sanitizers. Each of them, and thousands of spoiled copies, also goes
 * through event_read, which must not differ in anything. Run from the root of the tree.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <glob.h>
#include <jansson.h>

#include "core/event.h"
#include "tests/unit/draw.h"
#include "tests/unit/same_event.h"

enum {
    PARTITIONS = 4,
    ARENA_BYTES_MAX = 16 * 1024 * 1024,
    VALUE_BYTES_MAX = 1024 * 1024,
    SPOILED_BYTES_MAX = 16 * 1024,
    SPOILED_COPIES = 400, /* of each example */
};

static const int64_t append_ms = 1772323200000; /* 2026-03-01, 08:00 in China */

struct example {
    json_t *file;
    struct kafka_header headers[EVENT_HEADERS_MAX];
    struct kafka_record record;
    char *value;
};

/* ---- reading a file: schemas/README.md describes the format ---- */

static size_t value_of_parts(const json_t *parts, char *value)
{
    size_t used = 0, index;
    const json_t *part;
    json_array_foreach(parts, index, part)
    {
        const json_t *text = json_is_string(part) ? part : json_object_get(part, "text");
        json_int_t times = json_is_string(part) ? 1 : json_integer_value(json_object_get(part, "times"));
        for (json_int_t i = 0; i < times; i++) {
            assert_true(used + json_string_length(text) <= VALUE_BYTES_MAX);
            memcpy(value + used, json_string_value(text), json_string_length(text));
            used += json_string_length(text);
        }
    }
    return used;
}

static size_t value_of_hex(const char *hex, char *value)
{
    size_t count = strlen(hex) / 2;
    for (size_t i = 0; i < count; i++) {
        char pair[3] = {hex[2 * i], hex[2 * i + 1], '\0'};
        value[i] = (char)strtoul(pair, NULL, 16);
    }
    return count;
}

/* The value in whichever form the file has it; a record without one keeps its NULL. */
static void read_value(struct example *example)
{
    const json_t *json = json_object_get(example->file, "value"), *text = json_object_get(example->file, "value_text");
    const json_t *parts = json_object_get(example->file, "value_parts"), *hex = json_object_get(example->file, "value_hex");
    struct kafka_record *record = &example->record;

    if (json_object_get(example->file, "value_null") != NULL) return;
    example->value = malloc(VALUE_BYTES_MAX);
    assert_non_null(example->value);
    record->value = example->value;
    if (json != NULL) {
        record->value_bytes = json_dumpb(json, example->value, VALUE_BYTES_MAX, 0);
    } else if (text != NULL) {
        record->value_bytes = json_string_length(text);
        memcpy(example->value, json_string_value(text), record->value_bytes);
    } else {
        record->value_bytes = parts != NULL ? value_of_parts(parts, example->value) : value_of_hex(json_string_value(hex), example->value);
    }
    /* To the byte, so that the sanitizer sees a read behind the end. */
    example->value = realloc(example->value, record->value_bytes > 0 ? record->value_bytes : 1);
    record->value = example->value;
}

static void example_open(struct example *example, const char *path)
{
    *example = (struct example){.file = json_load_file(path, 0, NULL)};
    assert_non_null(example->file);
    struct kafka_record *record = &example->record;
    const json_t *key = json_object_get(example->file, "key");
    const char *name;
    json_t *value;

    record->append_ms = append_ms;
    record->headers = example->headers;
    json_object_foreach(json_object_get(example->file, "headers"), name, value) example->headers[record->header_count++] =
        (struct kafka_header){name, json_string_value(value), json_string_length(value)};
    if (json_is_string(key)) {
        record->key = json_string_value(key);
        record->key_bytes = json_string_length(key);
        json_int_t shift = json_integer_value(json_object_get(example->file, "partition_shift"));
        record->partition = (kafka_partition_of(record->key, record->key_bytes, PARTITIONS) + (int32_t)shift) % PARTITIONS;
    }
    read_value(example);
}

static void example_close(struct example *example)
{
    free(example->value);
    json_decref(example->file);
}

/* ---- both ways of reading ---- */

struct both {
    struct arena *arenas[2];
    uint64_t chance;
    size_t scanned, good, refused;
};

static void compare(struct both *both, const struct kafka_record *record, const char *path)
{
    struct event decoded, read;
    struct fault faults[2] = {{0}};
    arena_reset(both->arenas[0]);
    arena_reset(both->arenas[1]);
    bool is_good = event_decode(both->arenas[0], record, PARTITIONS, &decoded, &faults[0]);
    bool is_read = event_read(both->arenas[1], record, PARTITIONS, &read, &faults[1]);
    const char *difference = is_good && is_read ? event_difference(&decoded, &read) : NULL;
    if (is_good != is_read || strcmp(faults[0].code, faults[1].code) != 0 || difference != NULL)
        fail_msg("%s: %s differs, %s or %s: %.*s", path, difference != NULL ? difference : "the verdict", faults[0].code, faults[1].code,
                 (int)record->value_bytes, (const char *)record->value);
    both->refused += is_good ? 0 : 1;
    both->good += is_good ? 1 : 0;
    both->scanned += is_read && read.body == NULL ? 1 : 0;
}

static size_t strip_blanks(char *value, size_t length)
{
    size_t used = 0;
    for (size_t i = 0; i < length; i++)
        if (value[i] != ' ') value[used++] = value[i];
    return used;
}

static size_t put(char *value, size_t length, size_t at, const char *piece, size_t bytes)
{
    memmove(value + at + bytes, value + at, length - at);
    memcpy(value + at, piece, bytes);
    return length + bytes;
}

/* One change: a byte more, less or another, a token put in, a piece taken out or doubled. */
static size_t spoil(uint64_t *chance, char *value, size_t length)
{
    static const char right_to_left[] = {'\xE2', '\x80', '\xAE', '\0'}, isolate[] = {'\xE2', '\x81', '\xA6', '\0'};
    static const char *const tokens[] = {"\"",
                                         ",",
                                         ":",
                                         "{",
                                         "}",
                                         "[",
                                         "]",
                                         " ",
                                         "\n",
                                         "\t",
                                         "\\u0041",
                                         "\\",
                                         "0",
                                         "1",
                                         "-",
                                         ".5",
                                         "e3",
                                         "X",
                                         "x",
                                         "\"name\":\"\xE7\x8E\x8B\",",
                                         "\"name\":\"\",",
                                         "\"reason\":\"left\",",
                                         "\"passed\":[],",
                                         "\"year\":2026,",
                                         "\"more\":1,",
                                         right_to_left,
                                         isolate,
                                         "\xC2\x85",
                                         "\x7F",
                                         "\xFF",
                                         "\xE7\x8E\x8B",
                                         "null",
                                         "true",
                                         "\"110101199003070011\",",
                                         "\"KAZ110090123105\",",
                                         "retired",
                                         "list",
                                         "import"};
    size_t at = draw(chance, length), bytes = 1 + draw(chance, 20);
    const char *token = tokens[draw(chance, sizeof tokens / sizeof tokens[0])];
    if (bytes > length - at) bytes = length - at;
    switch (draw(chance, 6)) {
    case 0:
        value[at] = (char)('0' + draw(chance, 10));
        return length;
    case 1:
        value[at] = (char)draw(chance, 256);
        return length;
    case 2:
        memmove(value + at, value + at + bytes, length - at - bytes);
        return length - bytes;
    case 3: {
        char piece[20];
        memcpy(piece, value + at, bytes);
        return put(value, length, draw(chance, length), piece, bytes);
    }
    default:
        return put(value, length, at, token, strlen(token));
    }
}

static void spoil_copies(struct both *both, const struct kafka_record *record, const char *path)
{
    for (int copy = 0; copy < SPOILED_COPIES; copy++) {
        struct kafka_record spoiled = *record;
        char *value = malloc(record->value_bytes + 4 * 64);
        assert_non_null(value);
        memcpy(value, record->value, record->value_bytes);
        size_t length = copy % 2 == 0 ? record->value_bytes : strip_blanks(value, record->value_bytes);
        for (int i = copy % 4; i > 0 && length > 0; i--) length = spoil(&both->chance, value, length);
        value = realloc(value, length > 0 ? length : 1); /* to the byte, as in read_value */
        spoiled.value = value;
        spoiled.value_bytes = length;
        compare(both, &spoiled, path);
        free(value);
    }
}

static void compare_example(struct both *both, const char *path)
{
    struct example example;
    example_open(&example, path);
    if (topic_kind_of_name(json_string_value(json_object_get(example.file, "topic")), &example.record.topic) &&
        (int)example.record.topic < TOPIC_INPUTS) {
        compare(both, &example.record, path);
        if (example.value != NULL && example.record.value_bytes > 0 && example.record.value_bytes < SPOILED_BYTES_MAX)
            spoil_copies(both, &example.record, path);
    }
    example_close(&example);
}

static struct both compare_all(const char *pattern)
{
    struct both both = {.arenas = {arena_new(ARENA_BYTES_MAX), arena_new(ARENA_BYTES_MAX)}};
    glob_t files;
    assert_true(both.arenas[0] != NULL && both.arenas[1] != NULL);
    assert_int_equal(glob(pattern, 0, NULL, &files), 0);
    for (size_t i = 0; i < files.gl_pathc; i++) compare_example(&both, files.gl_pathv[i]);
    globfree(&files);
    arena_free(both.arenas[0]);
    arena_free(both.arenas[1]);
    return both;
}

/* ---- the tests ---- */

/* These need what was sent before, or the units that are loaded: the database finds them. */
static bool is_found_later(const char *code)
{
    static const char *const codes[] = {"unknown-unit", "identity-reused", "chunk-contradicts", "chunk-differs"};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (strcmp(code, codes[i]) == 0) return true;
    return false;
}

/* One file; false when it is a record of an output topic, which nobody decodes. */
static bool decode_example(struct arena *arena, const char *path)
{
    struct example example;
    struct event event;
    struct fault fault = {0};
    example_open(&example, path);
    const char *expect = json_string_value(json_object_get(example.file, "expect"));
    bool is_input = topic_kind_of_name(json_string_value(json_object_get(example.file, "topic")), &example.record.topic) &&
                    (int)example.record.topic < TOPIC_INPUTS;
    if (is_input) {
        bool is_good = event_decode(arena, &example.record, PARTITIONS, &event, &fault);
        const char *found = is_good ? "ok" : fault.code;
        if (strcmp(found, is_found_later(expect) ? "ok" : expect) != 0)
            fail_msg("%s: expected %s, found %s: %s", path, expect, found, fault.text);
    }
    example_close(&example);
    arena_reset(arena);
    return is_input;
}

static void decode_all(const char *pattern, int decoded_min)
{
    struct arena *arena = arena_new(ARENA_BYTES_MAX);
    glob_t files;
    int decoded = 0;
    assert_non_null(arena);
    assert_int_equal(glob(pattern, 0, NULL, &files), 0);
    for (size_t i = 0; i < files.gl_pathc; i++)
        if (decode_example(arena, files.gl_pathv[i])) decoded++;
    assert_true(decoded >= decoded_min);
    globfree(&files);
    arena_free(arena);
}

static void test_valid_examples_are_decoded(void **state)
{
    (void)state;
    decode_all("schemas/examples/valid/*.json", 15);
}

static void test_invalid_examples_are_refused_with_their_code(void **state)
{
    (void)state;
    decode_all("schemas/examples/invalid/*.json", 80);
}

/* And it is no comparison of one way with itself: many are scanned, many are not. */
static void test_reading_and_decoding_are_the_same(void **state)
{
    (void)state;
    struct both valid = compare_all("schemas/examples/valid/*.json"), invalid = compare_all("schemas/examples/invalid/*.json");
    assert_true(valid.scanned > 1000);
    assert_true(valid.good - valid.scanned > 1000);
    assert_true(invalid.refused > 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_valid_examples_are_decoded),
        cmocka_unit_test(test_invalid_examples_are_refused_with_their_code),
        cmocka_unit_test(test_reading_and_decoding_are_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
