/* The lists of a chunk: keys, row errors, order, and both lists merged. "Today" is 2026-03-01 by the record's append time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/code.h"
#include "core/event.h"

enum { ARENA_BYTES_MAX = 32 * 1024 * 1024, TEXT_BYTES_MAX = 1024 * 1024 };

/* In ascending order. */
#define A "110101200002290018"
#define B "11010519491231002X"
#define C "211011196605229673"
#define D "432500197707302784"
#define MALFORMED "211011196605229674" /* behind C; the check character does not fit */

struct fixture {
    struct arena *arena;
    char *text;
    int64_t append_ms;
    struct event event;
    struct fault fault;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    if (fixture == NULL) return -1;
    fixture->append_ms = 1772323200000; /* 2026-03-01, 08:00 in China */
    fixture->arena = arena_new(ARENA_BYTES_MAX);
    fixture->text = malloc(TEXT_BYTES_MAX);
    *state = fixture;
    return fixture->arena != NULL && fixture->text != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    arena_free(fixture->arena);
    free(fixture->text);
    free(fixture);
    return 0;
}

static bool decode_text(struct fixture *fixture)
{
    struct event_headers headers;
    event_headers_fill(&headers, "nianshen.member-review.submitted.v1", "s", "i", NULL, NULL);
    struct kafka_record record = {.topic = TOPIC_MEMBER_REVIEW,
                                  .append_ms = fixture->append_ms,
                                  .key = "U",
                                  .key_bytes = 1,
                                  .value = fixture->text,
                                  .value_bytes = strlen(fixture->text),
                                  .headers = headers.list,
                                  .header_count = headers.count};
    fault_clear(&fixture->fault);
    arena_reset(fixture->arena);
    return event_decode(fixture->arena, &record, 1, &fixture->event, &fixture->fault);
}

/* `failed` and `passed` as JSON arrays; passed NULL: import mode. */
static bool decode(struct fixture *fixture, const char *failed, const char *passed)
{
    (void)snprintf(
        fixture->text, TEXT_BYTES_MAX,
        "{\"unit\":\"U\",\"year\":2026,\"submission\":\"s\",\"unit_review\":\"r\",\"mode\":\"%s\",\"submitted_by\":\"c\",\"chunk\":1,"
        "\"chunks\":1,\"entries_total\":0,\"failed\":%s%s%s}",
        passed != NULL ? "list" : "import", failed, passed != NULL ? ",\"passed\":" : "", passed != NULL ? passed : "");
    return decode_text(fixture);
}

/* Where the failed entries' keys stand in the merged list. */
static const char *places_of(const struct event_chunk *chunk)
{
    static char text[256];
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < chunk->failed_count; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%d", i > 0 ? " " : "", chunk->failed[i].place);
    return text;
}

/* The row errors as one text: "failed[0] id-check@18=3 KEY MASKED; …". */
static const char *errors_of(const struct event_chunk *chunk)
{
    static char text[4096];
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < chunk->error_count; i++) {
        const struct event_row_error *error = &chunk->errors[i];
        char expected[2] = {error->expected != 0 ? error->expected : '-', '\0'};
        assert_non_null(code_find(error->code));
        assert_string_equal(code_find(error->code)->kind, "row");
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s[%d] %s@%d=%s %s %s", i > 0 ? "; " : "",
                                 error->list == EVENT_LIST_FAILED ? "failed" : "passed", error->index, error->code, error->position,
                                 expected, error->key, error->masked);
    }
    return text;
}

/*
 * The chunk is decoded twice, once with the name of its second list escaped, which keeps the list from being lifted: that must make no
 * difference, not even to the hash.
 */
static const struct event_chunk *chunk_of(struct fixture *fixture, const char *failed, const char *passed)
{
    char listed[4096] = "", errors[4096];
    uint8_t hash[EVENT_SHA256_BYTES];
    if (!decode(fixture, failed, passed)) fail_msg("%s: %s", fixture->fault.code, fixture->fault.text);
    struct event_chunk first = fixture->event.chunk;
    if (first.error_count > 10) return &fixture->event.chunk;
    if (first.listed != NULL) (void)snprintf(listed, sizeof listed, "%s", first.listed);
    (void)snprintf(errors, sizeof errors, "%s", errors_of(&first));
    memcpy(hash, fixture->event.content_sha256, sizeof hash);
    char *name = strstr(fixture->text, "\"passed\":");
    if (name == NULL) return &fixture->event.chunk;
    memmove(name + 7, name + 2, strlen(name + 2) + 1);
    memcpy(name, "\"\\u0070", 7);
    if (!decode_text(fixture)) fail_msg("%s: %s", fixture->fault.code, fixture->fault.text);
    const struct event_chunk *again = &fixture->event.chunk;
    assert_memory_equal(hash, fixture->event.content_sha256, sizeof hash);
    assert_true((first.listed == NULL) == (again->listed == NULL));
    assert_string_equal(listed, again->listed != NULL ? again->listed : "");
    assert_string_equal(errors, errors_of(again));
    assert_true(first.passed_count == again->passed_count && first.failed_count == again->failed_count);
    assert_true(first.is_sorted == again->is_sorted && first.unsorted_index == again->unsorted_index);
    return again;
}

#define FAILED(id, reason) "{\"id_number\":\"" id "\",\"reason\":\"" reason "\"}"

/* ---- entries ---- */

/* A retirement that is too early for the number's birth date is a warning, and comes before what the number's check says. */
static void test_retired(void **state)
{
    const struct event_chunk *chunk =
        chunk_of(*state, "[" FAILED("110101199003070118", "left") "," FAILED("11010119900307 0118", "retired") "]", NULL);
    assert_null(chunk->failed[0].warnings);
    assert_string_equal(chunk->failed[1].warnings, "retired-too-young,id-normalised");
    chunk = chunk_of(*state, "[" FAILED("３２１１１９０1０731000", "left") "]", NULL);
    assert_string_equal(chunk->failed[0].warnings, "id-sequence,id-region,id-unusual-age,id-upgraded,id-normalised");
}

/* Keys are the normal forms, in the order sent; only failed entries carry the check's warning. */
static void test_entries(void **state)
{
    const struct event_chunk *chunk =
        chunk_of(*state, "[" FAILED("11010519491231002x", "retired") "," FAILED("432500770730278", "left") "," FAILED(D, "x y") "]", NULL);
    assert_int_equal(chunk->failed_count, 3);
    assert_int_equal(chunk->passed_count, 0);
    assert_string_equal(chunk->failed[0].key, B);
    assert_string_equal(chunk->failed[0].reason, "retired");
    assert_string_equal(chunk->failed[0].warnings, "id-normalised");
    assert_string_equal(chunk->failed[1].key, D);
    assert_string_equal(chunk->failed[1].warnings, "id-upgraded");
    assert_null(chunk->failed[2].warnings);
    assert_string_equal(chunk->failed[2].reason, "x y");
    chunk = chunk_of(*state, "[]", "[\"11010519491231002x\"]");
    assert_int_equal(chunk->passed_count, 1);
    assert_string_equal(chunk->listed, B);
    assert_string_equal(errors_of(chunk), "");
}

/* Empty lists are a chunk, in both modes; a list-mode chunk may leave `passed` out. */
static void test_empty(void **state)
{
    const struct event_chunk *chunk = chunk_of(*state, "[]", NULL);
    assert_true(chunk->is_sorted);
    assert_null(chunk->first_key);
    assert_null(chunk->last_key);
    assert_null(chunk->listed);
    assert_int_equal(chunk->error_count, 0);
    chunk = chunk_of(*state, "[]", "[]");
    assert_string_equal(chunk->listed, "");
    struct fixture *fixture = *state;
    char *mode = strstr(fixture->text, ",\"\\u0070assed\":[]");
    memcpy(mode, "}", 2);
    assert_true(decode_text(fixture));
    assert_string_equal(fixture->event.chunk.listed, "");
}

/* A bad number is a row error with place and expected character, keyed by its own text; the number is masked. */
static void test_bad_numbers(void **state)
{
    const struct event_chunk *chunk = chunk_of(*state, "[" FAILED(MALFORMED, "left") "]", "[\"2110111966O5229673\"]");
    assert_string_equal(errors_of(chunk), "failed[0] id-check@18=3 " MALFORMED
                                          " 211***********9674; passed[0] id-letter@11=0 2110111966O5229673 211***********9673");
    assert_string_equal(chunk->failed[0].key, MALFORMED);
    assert_string_equal(chunk->failed[0].reason, "left");
    assert_null(chunk->failed[0].warnings);
    chunk = chunk_of(*state, "[" FAILED(" a\\nb ", "left") "]", NULL);
    assert_string_equal(errors_of(chunk), "failed[0] id-length@0=- a\\x0Ab  *** ");
}

/* C was born on 1966-05-22: the day began in China at 16:00 in Greenwich, whatever day it is for the machine now. */
static void test_today_is_the_append_time(void **state)
{
    struct fixture *fixture = *state;
    fixture->append_ms = -114076800000;
    assert_string_equal(errors_of(chunk_of(fixture, "[]", "[\"" C "\"]")), "");
    fixture->append_ms--;
    assert_string_equal(errors_of(chunk_of(fixture, "[]", "[\"" C "\"]")), "passed[0] id-future@7=- " C " 211***********9673");
}

/* Missing and empty numbers and reasons are row errors of the entry, together if both are wrong. */
static void test_missing(void **state)
{
    assert_string_equal(errors_of(chunk_of(*state, "[{}]", NULL)), "failed[0] id-missing@0=-  ; failed[0] missing-reason@0=-  ");
    assert_string_equal(errors_of(chunk_of(*state, "[" FAILED("", "") "]", NULL)),
                        "failed[0] id-missing@0=-  ; failed[0] missing-reason@0=-  ");
    assert_string_equal(errors_of(chunk_of(*state, "[{\"id_number\":\"" C "\",\"more\":7}]", NULL)),
                        "failed[0] missing-reason@0=- " C " 211***********9673");
    const struct event_chunk *chunk = chunk_of(*state, "[" FAILED(C, "a\\nb") "]", NULL);
    assert_string_equal(errors_of(chunk), "failed[0] unknown-reason@0=- " C " 211***********9673");
    assert_string_equal(chunk->failed[0].reason, "");
}

/* A number of 255 bytes and one of 256 are both only row errors; a key never grows beyond its maximum. */
static void test_long_numbers(void **state)
{
    for (int length = 255; length <= 600; length += 115) {
        char failed[1024], number[601];
        memset(number, '1', sizeof number);
        (void)snprintf(failed, sizeof failed, "[{\"id_number\":\"%.*s\",\"reason\":\"left\"}]", length, number);
        const struct event_chunk *chunk = chunk_of(*state, failed, NULL);
        assert_int_equal(chunk->error_count, 1);
        assert_string_equal(chunk->errors[0].code, "id-length");
        assert_int_equal(strlen(chunk->errors[0].key), 255);
        assert_int_equal(strlen(chunk->errors[0].masked), 40);
    }
}

/* Entries of a wrong type break the contract, and the pointer says which. */
static void test_wrong_types(void **state)
{
    static const struct {
        const char *failed, *passed, *place;
    } samples[] = {
        {"[7]", NULL, "/data/failed/0 must be an object"},
        {"[null]", NULL, "/data/failed/0 must be an object"},
        {"[" FAILED(A, "left") ",\"" C "\"]", NULL, "/data/failed/1 must be an object"},
        {"[{},{},{},{\"id_number\":7}]", NULL, "/data/failed/3/id_number must be a string"},
        {"[{\"id_number\":211011196605229673}]", NULL, "/data/failed/0/id_number must be a string"},
        {"[{\"id_number\":null}]", NULL, "/data/failed/0/id_number must be a string"},
        {"[{\"reason\":7}]", NULL, "/data/failed/0/reason must be a string"},
        {"[{\"reason\":null}]", NULL, "/data/failed/0/reason must be a string"},
        {"[]", "[\"" A "\",7]", "/data/passed/1 must be a string"},
        {"[]", "[null]", "/data/passed/0 must be a string"},
        {"[]", "[{\"id_number\":\"" A "\"}]", "/data/passed/0 must be a string"},
    };
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        struct fixture *fixture = *state;
        assert_false(decode(fixture, samples[i].failed, samples[i].passed));
        assert_string_equal(fixture->fault.code, "schema");
        assert_memory_equal(fixture->fault.text, samples[i].place, strlen(samples[i].place));
    }
}

/* ---- order ---- */

/* The first entry below its predecessor is named, of `failed` before `passed`; nothing is merged then. */
static void test_unsorted(void **state)
{
    const struct event_chunk *chunk = chunk_of(
        *state, "[" FAILED(A, "left") "," FAILED(C, "left") "," FAILED(B, "left") "," FAILED(A, "left") "]", "[\"" D "\",\"" A "\"]");
    assert_false(chunk->is_sorted);
    assert_int_equal(chunk->unsorted_list, EVENT_LIST_FAILED);
    assert_int_equal(chunk->unsorted_index, 2);
    assert_null(chunk->listed);
    chunk = chunk_of(*state, "[" FAILED(A, "left") "]", "[\"" B "\",\"" D "\",\"" C "\"]");
    assert_false(chunk->is_sorted);
    assert_int_equal(chunk->unsorted_list, EVENT_LIST_PASSED);
    assert_int_equal(chunk->unsorted_index, 2);
}

/* The order is that of the normalised numbers' bytes, not of what was sent. */
static void test_order_of_keys(void **state)
{
    assert_true(chunk_of(*state, "[" FAILED("432500770730278", "left") "," FAILED("510202197005050011", "left") "]", NULL)->is_sorted);
    assert_false(chunk_of(*state, "[" FAILED("510202197005050011", "left") "," FAILED("432500770730278", "left") "]", NULL)->is_sorted);
    assert_true(chunk_of(*state, "[]", "[\" " B "\",\"" C "\",\"Z\",\"张\"]")->is_sorted);
    assert_false(chunk_of(*state, "[]", "[\"张\",\"" C "\"]")->is_sorted);
}

/* Equal neighbours are listed twice and leave the order whole; two entries without a number are not each other's repeat. */
static void test_equal_neighbours(void **state)
{
    const struct event_chunk *chunk =
        chunk_of(*state, "[" FAILED(B, "left") "," FAILED("11010519491231002x", "left") "]", "[\"" C "\",\"" C "\",\"" C "\"]");
    assert_true(chunk->is_sorted);
    assert_string_equal(errors_of(chunk),
                        "failed[1] listed-twice@0=- " B " 110***********002x; passed[1] listed-twice@0=- " C " 211***********9673; "
                        "passed[2] listed-twice@0=- " C " 211***********9673");
    assert_string_equal(places_of(chunk), "1 2");
    chunk = chunk_of(*state, "[]", "[\"\",\" \"]");
    assert_string_equal(errors_of(chunk), "passed[0] id-missing@0=-  ; passed[1] id-missing@0=-   ");
}

/* ---- both lists ---- */

/* Merged ascending; a number in both lists is reported once, at its passed entry. */
static void test_merged(void **state)
{
    const struct event_chunk *chunk = chunk_of(*state, "[" FAILED(B, "left") "," FAILED(D, "left") "]", "[\"" A "\",\"" C "\"]");
    assert_string_equal(chunk->listed, A "\n" B "\n" C "\n" D);
    assert_string_equal(places_of(chunk), "2 4");
    assert_string_equal(chunk->first_key, A);
    assert_string_equal(chunk->last_key, D);
    assert_int_equal(chunk->error_count, 0);

    chunk = chunk_of(*state, "[" FAILED(A, "left") "," FAILED(C, "left") "]", "[\"" B "\",\"" C "\",\"" C "\",\"" D "\"]");
    assert_string_equal(chunk->listed, A "\n" B "\n" C "\n" C "\n" C "\n" D);
    assert_string_equal(places_of(chunk), "1 3");
    assert_string_equal(errors_of(chunk),
                        "passed[2] listed-twice@0=- " C " 211***********9673; passed[1] listed-twice@0=- " C " 211***********9673");
}

/* Entries without a number have no key and are left out of the merged list. */
static void test_merged_without_keys(void **state)
{
    const struct event_chunk *chunk = chunk_of(*state, "[" FAILED("", "left") "," FAILED(A, "left") "]", "[\"\",\"" B "\"]");
    assert_string_equal(chunk->listed, A "\n" B);
    assert_string_equal(places_of(chunk), "0 1");
    assert_string_equal(chunk->first_key, "");
    assert_string_equal(chunk->last_key, B);
}

/* First and last key are over both lists, in import mode over one. */
static void test_range(void **state)
{
    const struct event_chunk *chunk = chunk_of(*state, "[" FAILED(A, "left") "," FAILED(D, "left") "]", "[\"" B "\",\"" C "\"]");
    assert_string_equal(chunk->first_key, A);
    assert_string_equal(chunk->last_key, D);
    chunk = chunk_of(*state, "[" FAILED(B, "left") "," FAILED(C, "left") "]", NULL);
    assert_string_equal(chunk->first_key, B);
    assert_string_equal(chunk->last_key, C);
    assert_null(chunk->listed);
    chunk = chunk_of(*state, "[]", "[\"" C "\"]");
    assert_string_equal(chunk->first_key, C);
    assert_string_equal(chunk->last_key, C);
}

/* ---- size ---- */

/* A full chunk of 5,000 bad entries fits, every one is reported, and one more entry is refused. */
static void test_full_chunk(void **state)
{
    struct fixture *fixture = *state;
    char *passed = malloc(TEXT_BYTES_MAX);
    assert_non_null(passed);
    size_t used = 0;
    passed[used++] = '[';
    for (int i = 0; i < EVENT_ENTRIES_MAX; i++) used += (size_t)snprintf(passed + used, TEXT_BYTES_MAX - used, "\"%018d\",", i);
    memcpy(passed + used - 1, "]", 2);
    const struct event_chunk *chunk = chunk_of(fixture, "[]", passed);
    assert_int_equal(chunk->error_count, EVENT_ENTRIES_MAX);
    assert_int_equal(chunk->errors[EVENT_ENTRIES_MAX - 1].index, EVENT_ENTRIES_MAX - 1);
    assert_int_equal(strlen(chunk->listed), EVENT_ENTRIES_MAX * 19 - 1);
    assert_false(decode(fixture, "[" FAILED(A, "left") "]", passed));
    assert_string_equal(fixture->fault.code, "too-many-elements");
    free(passed);
}

/* An arena that is full anywhere on the way is an outage, never a dead letter. */
static void test_small_arenas(void **state)
{
    struct fixture *fixture = *state;
    struct arena *arena = fixture->arena;
    static const struct {
        const char *failed, *passed;
    } lists[] = {
        {"[" FAILED(A, "") "," FAILED(MALFORMED, "left") "]", "[\"" A "\",\"" B "\",\"" B "\"]"},
        {"[" FAILED("11010519491231002x", "retired") "," FAILED(B, "left") "]", "[\"\\u003110101200002290018\",\"" C "\"]"},
    };
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        bool is_enough = false;
        for (size_t bytes = 0; bytes < 10000 && !is_enough; bytes++) {
            fixture->arena = arena_new(bytes);
            is_enough = decode(fixture, lists[i].failed, lists[i].passed);
            assert_true(is_enough || (fixture->fault.kind == FAULT_RETRY && strcmp(fixture->fault.code, "memory") == 0));
            arena_free(fixture->arena);
        }
        assert_true(is_enough);
    }
    fixture->arena = arena;
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(test_retired),
        WITH_FIXTURE(test_entries),
        WITH_FIXTURE(test_empty),
        WITH_FIXTURE(test_bad_numbers),
        WITH_FIXTURE(test_today_is_the_append_time),
        WITH_FIXTURE(test_missing),
        WITH_FIXTURE(test_long_numbers),
        WITH_FIXTURE(test_wrong_types),
        WITH_FIXTURE(test_unsorted),
        WITH_FIXTURE(test_order_of_keys),
        WITH_FIXTURE(test_equal_neighbours),
        WITH_FIXTURE(test_merged),
        WITH_FIXTURE(test_merged_without_keys),
        WITH_FIXTURE(test_range),
        WITH_FIXTURE(test_full_chunk),
        WITH_FIXTURE(test_small_arenas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
