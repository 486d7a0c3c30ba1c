/* Entries sorted and cut into chunks, the chunks' text, and the way back from an outcome's place to the file's row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "producer/chunks.h"

static const struct submission submission = {
    .unit = "U\"1", .year = 2026, .id = "s-1", .unit_review = "r-1", .mode = "list", .submitted_by = "clerk"};
static struct reasons reasons;

static int reasons_prepare(void **state)
{
    struct fault fault = {.kind = FAULT_NONE};
    (void)state;
    return reasons_read(&reasons, REASONS_DEFAULT, &fault) ? 0 : -1;
}

static void add(struct entries *entries, const char *key, const char *text, enum event_list list, int64_t row)
{
    struct fault fault = {.kind = FAULT_NONE};
    struct entry entry = {
        .key = key, .key_bytes = strlen(key), .text = text, .text_bytes = strlen(text), .list = list, .reason = 2, .row = row};
    assert_true(entries_add(entries, &entry, &fault));
}

static void sort(struct entries *entries)
{
    struct fault fault = {.kind = FAULT_NONE};
    assert_true(entries_sort(entries, &fault));
}

/* The entry at `index` in order. */
static struct entry entry_at(struct entries *entries, size_t index)
{
    struct entry entry;
    struct fault fault = {.kind = FAULT_NONE};
    entries_seek(entries, 0);
    for (size_t i = 0; i <= index; i++) assert_true(entries_next(entries, &entry, &fault));
    return entry;
}

/* Numbers in an order that is far from sorted; every third one fails. */
static struct entries *many(size_t count)
{
    struct entries *entries = entries_new();
    for (size_t i = 0; i < count; i++) {
        char key[32];
        snprintf(key, sizeof key, "%018zu", i * 7919 % count);
        add(entries, key, key, i % 3 == 0 ? EVENT_LIST_FAILED : EVENT_LIST_PASSED, (int64_t)i + 2);
    }
    sort(entries);
    return entries;
}

static struct chunks *cut(struct entries *entries, size_t entries_max)
{
    struct fault fault = {.kind = FAULT_NONE};
    struct chunks *chunks = chunks_new(&submission, entries, &reasons, entries_max, &fault);
    assert_non_null(chunks);
    return chunks;
}

static json_t *parsed(struct chunks *chunks, size_t index)
{
    struct fault fault = {.kind = FAULT_NONE};
    size_t bytes;
    const char *text = chunks_text(chunks, index, &bytes, &fault);
    assert_non_null(text);
    assert_true(bytes <= EVENT_CHUNK_BYTES_MAX);
    json_t *data = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(data);
    return data;
}

static void entries_sort_by_bytes_then_by_row(void **state)
{
    struct entries *entries = entries_new();
    (void)state;
    add(entries, "2", "2", EVENT_LIST_FAILED, 9);
    add(entries, "10", "10", EVENT_LIST_FAILED, 8);
    add(entries, "W\xE5", "W\xE5", EVENT_LIST_FAILED, 7);
    add(entries, "2", "２", EVENT_LIST_PASSED, 6);
    add(entries, "1", "1", EVENT_LIST_FAILED, 5);
    sort(entries);
    static const int64_t rows[] = {5, 8, 6, 9, 7};
    for (size_t i = 0; i < 5; i++) assert_int_equal(entry_at(entries, i).row, rows[i]);
    struct entry written = entry_at(entries, 2);
    assert_int_equal(written.text_bytes, strlen("２"));
    assert_memory_equal(written.text, "２", written.text_bytes);
    entries_free(entries);
}

struct twice_seen {
    size_t count;
    int64_t row[4], first[4];
};

static void note_twice(void *context, const struct entry *entry, int64_t first_row)
{
    struct twice_seen *seen = context;
    assert_true(seen->count < 4);
    seen->row[seen->count] = entry->row;
    seen->first[seen->count++] = first_row;
}

static void every_repeat_names_the_first_row(void **state)
{
    struct entries *entries = entries_new();
    struct twice_seen seen = {.count = 0};
    (void)state;
    add(entries, "b", "b", EVENT_LIST_FAILED, 12);
    add(entries, "a", "a", EVENT_LIST_FAILED, 2);
    add(entries, "b", "b", EVENT_LIST_PASSED, 3);
    add(entries, "b", "b", EVENT_LIST_FAILED, 7);
    sort(entries);
    struct fault fault = {.kind = FAULT_NONE};
    assert_true(entries_each_twice(entries, note_twice, &seen, &fault));
    assert_int_equal(seen.count, 2);
    assert_int_equal(seen.row[0], 7);
    assert_int_equal(seen.row[1], 12);
    assert_int_equal(seen.first[0], 3);
    assert_int_equal(seen.first[1], 3);
    entries_free(entries);
}

/* Checks one list of one chunk: ascending, above `last`, every entry at its row; returns its length. */
static size_t check_list(struct chunks *chunks, json_t *data, size_t chunk, enum event_list list, const char *name, const char *below,
                         size_t count)
{
    json_t *values = json_object_get(data, name);
    char last[32] = "";
    for (size_t i = 0; i < json_array_size(values); i++) {
        json_t *value = json_array_get(values, i);
        const char *number = json_string_value(list == EVENT_LIST_FAILED ? json_object_get(value, "id_number") : value);
        assert_non_null(number);
        assert_true(strcmp(number, last) > 0 && strcmp(number, below) > 0);
        snprintf(last, sizeof last, "%s", number);
        int64_t row = chunks_row(chunks, (int64_t)chunk + 1, list, (int64_t)i);
        assert_int_equal((size_t)(row - 2) * 7919 % count, strtoul(number, NULL, 10));
    }
    return json_array_size(values);
}

static void highest(json_t *data, char out[32])
{
    json_t *failed = json_object_get(data, "failed"), *passed = json_object_get(data, "passed");
    const char *a = json_string_value(json_object_get(json_array_get(failed, json_array_size(failed) - 1), "id_number"));
    const char *b = json_string_value(json_array_get(passed, json_array_size(passed) - 1));
    const char *top = a == NULL || (b != NULL && strcmp(b, a) > 0) ? b : a;
    snprintf(out, 32, "%s", top);
}

static void chunks_ascend_over_the_whole_submission(void **state)
{
    static const size_t sizes[][2] = {{1, 5000}, {7, 1}, {10, 3}, {5000, 5000}, {5001, 5000}, {12500, 5000}};
    (void)state;
    for (size_t n = 0; n < sizeof sizes / sizeof *sizes; n++) {
        size_t count = sizes[n][0], entries_max = sizes[n][1], total = 0;
        struct entries *entries = many(count);
        struct chunks *chunks = cut(entries, entries_max);
        char below[32] = "";
        assert_int_equal(chunks_count(chunks), (count + entries_max - 1) / entries_max);
        for (size_t i = 0; i < chunks_count(chunks); i++) {
            json_t *data = parsed(chunks, i);
            size_t here = check_list(chunks, data, i, EVENT_LIST_FAILED, "failed", below, count) +
                          check_list(chunks, data, i, EVENT_LIST_PASSED, "passed", below, count);
            assert_true(here <= entries_max);
            assert_int_equal(json_integer_value(json_object_get(data, "chunk")), i + 1);
            assert_int_equal(json_integer_value(json_object_get(data, "chunks")), chunks_count(chunks));
            assert_int_equal(json_integer_value(json_object_get(data, "entries_total")), count);
            highest(data, below);
            total += here;
            json_decref(data);
        }
        assert_int_equal(total, count);
        chunks_free(chunks);
        entries_free(entries);
    }
}

static void long_texts_are_cut_by_bytes_and_escaped(void **state)
{
    enum { COUNT = 4000 };
    struct entries *entries = entries_new();
    char text[ID_NUMBER_TEXT_BYTES_MAX + 1];
    (void)state;
    /* Half of the bytes need an escape of six: the worst that a text can be. */
    for (size_t i = 0; i < COUNT; i++) {
        memset(text, '\x01', sizeof text);
        snprintf(text + 100, sizeof text - 100, "\"\\%04zu", i);
        add(entries, text + 100, text, i % 2 == 0 ? EVENT_LIST_FAILED : EVENT_LIST_PASSED, (int64_t)i + 2);
    }
    sort(entries);
    struct chunks *chunks = cut(entries, EVENT_ENTRIES_MAX);
    assert_true(chunks_count(chunks) > 4);
    size_t total = 0;
    for (size_t i = 0; i < chunks_count(chunks); i++) {
        json_t *data = parsed(chunks, i);
        total += json_array_size(json_object_get(data, "failed")) + json_array_size(json_object_get(data, "passed"));
        assert_string_equal(json_string_value(json_object_get(data, "unit")), submission.unit);
        json_decref(data);
    }
    assert_int_equal(total, COUNT);
    chunks_free(chunks);
    entries_free(entries);
}

static void nobody_fails_is_one_empty_chunk(void **state)
{
    struct submission import = submission;
    struct fault fault = {.kind = FAULT_NONE};
    struct entries *entries = entries_new();
    (void)state;
    import.mode = "import";
    struct chunks *chunks = chunks_new(&import, entries, &reasons, EVENT_ENTRIES_MAX, &fault);
    assert_int_equal(chunks_count(chunks), 1);
    json_t *data = parsed(chunks, 0);
    assert_int_equal(json_array_size(json_object_get(data, "failed")), 0);
    assert_true(json_is_array(json_object_get(data, "failed")));
    assert_null(json_object_get(data, "passed"));
    assert_int_equal(json_integer_value(json_object_get(data, "entries_total")), 0);
    assert_true(json_is_integer(json_object_get(data, "entries_total")));
    json_decref(data);
    chunks_free(chunks);
    entries_free(entries);
}

static void names_travel_with_failing_entries(void **state)
{
    struct entries *entries = entries_new();
    struct fault fault = {.kind = FAULT_NONE};
    const struct entry named[] = {
        {.key = "1",
         .key_bytes = 1,
         .text = "1",
         .text_bytes = 1,
         .name = "王\"五",
         .name_bytes = strlen("王\"五"),
         .list = EVENT_LIST_FAILED,
         .row = 2},
        {.key = "2",
         .key_bytes = 1,
         .text = " 2",
         .text_bytes = 2,
         .name = "李",
         .name_bytes = strlen("李"),
         .list = EVENT_LIST_FAILED,
         .row = 3},
        {.key = "3", .key_bytes = 1, .text = "3", .text_bytes = 1, .name = "", .list = EVENT_LIST_FAILED, .row = 4},
    };
    (void)state;
    for (size_t i = 0; i < 3; i++) assert_true(entries_add(entries, &named[i], &fault));
    sort(entries);
    struct chunks *chunks = cut(entries, EVENT_ENTRIES_MAX);
    json_t *data = parsed(chunks, 0), *failed = json_object_get(data, "failed");
    assert_string_equal(json_string_value(json_object_get(json_array_get(failed, 0), "name")), "王\"五");
    assert_string_equal(json_string_value(json_object_get(json_array_get(failed, 1), "name")), "李");
    assert_string_equal(json_string_value(json_object_get(json_array_get(failed, 1), "id_number")), " 2");
    assert_null(json_object_get(json_array_get(failed, 2), "name"));
    json_decref(data);
    chunks_free(chunks);
    entries_free(entries);
}

static void too_many_chunks_are_refused(void **state)
{
    struct fault fault = {.kind = FAULT_NONE};
    struct entries *entries = many(EVENT_CHUNKS_MAX + 1);
    (void)state;
    assert_null(chunks_new(&submission, entries, &reasons, 1, &fault));
    assert_string_equal(fault.code, "too-large");
    entries_free(entries);
}

static void places_outside_have_no_row(void **state)
{
    struct entries *entries = many(10);
    struct chunks *chunks = cut(entries, 4);
    (void)state;
    assert_int_equal(chunks_row(chunks, 0, EVENT_LIST_FAILED, 0), 0);
    assert_int_equal(chunks_row(chunks, 4, EVENT_LIST_FAILED, 0), 0);
    assert_int_equal(chunks_row(chunks, 1, EVENT_LIST_FAILED, -1), 0);
    assert_int_equal(chunks_row(chunks, 1, EVENT_LIST_FAILED, 4), 0);
    assert_int_equal(chunks_row(chunks, INT64_MAX, EVENT_LIST_PASSED, INT64_MAX), 0);
    chunks_free(chunks);
    entries_free(entries);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_sort_by_bytes_then_by_row),
        cmocka_unit_test(every_repeat_names_the_first_row),
        cmocka_unit_test(chunks_ascend_over_the_whole_submission),
        cmocka_unit_test(long_texts_are_cut_by_bytes_and_escaped),
        cmocka_unit_test(nobody_fails_is_one_empty_chunk),
        cmocka_unit_test(names_travel_with_failing_entries),
        cmocka_unit_test(too_many_chunks_are_refused),
        cmocka_unit_test(places_outside_have_no_row),
    };
    return cmocka_run_group_tests(tests, reasons_prepare, NULL);
}
