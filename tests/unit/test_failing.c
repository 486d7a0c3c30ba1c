/*
 * Every allocation, and every other call into a library that may fail, fails once: the work is refused with a fault that says so, nothing
 * is left behind (the sanitizers look), and nothing else is done. What is refused is never taken for bad input.
 */
#include <iconv.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include <cmocka.h>
#include <csv.h>

#include "core/apply_query.h"
#include "core/config.h"
#include "core/csv_stream.h"
#include "core/database_internal.h"
#include "core/json_guard.h"
#include "core/private_file.h"
#include "tests/unit/failing.h"
#include "tests/unit/file_of.h"

#define CSV_CALLBACK(argument) void (*argument)(void *, size_t, void *), void (*argument##_row)(int, void *)

FAILING(EVP_MD_CTX *, EVP_MD_CTX_new, (void), (), NULL)
FAILING(int, EVP_DigestInit_ex, (EVP_MD_CTX * hash, const EVP_MD *type, ENGINE *engine), (hash, type, engine), 0)
FAILING(int, EVP_DigestUpdate, (EVP_MD_CTX * hash, const void *bytes, size_t count), (hash, bytes, count), 0)
FAILING(int, EVP_DigestFinal_ex, (EVP_MD_CTX * hash, unsigned char *out, unsigned *count), (hash, out, count), 0)
FAILING(iconv_t, iconv_open, (const char *to, const char *from), (to, from), (iconv_t)-1)
FAILING(int, csv_init, (struct csv_parser * parser, unsigned char options), (parser, options), -1)
FAILING(size_t, csv_parse, (struct csv_parser * parser, const void *text, size_t count, CSV_CALLBACK(on), void *context),
        (parser, text, count, on, on_row, context), 0)
FAILING(int, csv_fini, (struct csv_parser * parser, CSV_CALLBACK(on), void *context), (parser, on, on_row, context), -1)
FAILING(int, ferror, (FILE * file), (file), 1)
FAILING(int, fputc, (int byte, FILE *file), (byte, file), EOF)
FAILING(FILE *, fdopen, (int descriptor, const char *mode), (descriptor, mode), NULL)
FAILING(int, mkostemp, (char *path, int flags), (path, flags), -1)

/* ---- configuration ---- */

static int run_nothing(const struct config *config)
{
    (void)config;
    return 0;
}

/* The fault goes to standard error; the exit status is what the caller sees of it. */
static bool read_config(void *context, struct fault *fault)
{
    static const struct option options[] = {{"unit", OPTION_TEXT, NULL, 0, 0, true, "UNIT", {"单位", "unit"}}, {0}};
    static const struct command commands[] = {{"", NULL, {"工作。", "Work."}, options, run_nothing}, {0}};
    char program[] = "test", unit[] = "--unit=U0001", kafka[] = "--kafka.linger.ms=5";
    char *arguments[] = {program, kafka, unit, NULL};
    int status = EX_OK;
    (void)context;
    struct config *config = config_read("nianshen-test", commands, 3, arguments, &status);
    config_free(config);
    if (config != NULL) return true;
    assert_true(status == EX_OSERR || status == EX_USAGE);
    return fault_set(fault, FAULT_FATAL, status, "configuration", "refused");
}

static bool read_environment(void *context, struct fault *fault)
{
    static const struct command commands[] = {{"", NULL, {"工作。", "Work."}, NULL, run_nothing}, {0}};
    char program[] = "test", *arguments[] = {program, NULL};
    int status = EX_OK;
    (void)context;
    struct config *config = config_read("nianshen-test", commands, 1, arguments, &status);
    config_free(config);
    return config != NULL || fault_set(fault, FAULT_FATAL, status, "configuration", "refused");
}

static void test_configuration(void **state)
{
    (void)state;
    assert_true(failing_each(FAILING_MEMORY, read_config, NULL) >= 3);
    setenv("NIANSHEN_TOPIC_PREFIX", "x.", 1);
    assert_true(failing_each(FAILING_MEMORY, read_environment, NULL) >= 3);
    unsetenv("NIANSHEN_TOPIC_PREFIX");
}

/* Asking for an option that is in no table is a bug of ours, and ends the program. */
static void test_a_bug_ends_the_program(void **state)
{
    static const struct command commands[] = {{"", NULL, {"工作。", "Work."}, NULL, run_nothing}, {0}};
    static struct config *volatile config;
    char program[] = "test";
    char *arguments[] = {program, NULL};
    int status;
    (void)state;
    config = config_read("nianshen-test", commands, 1, arguments, &status);
    assert_non_null(config);
    failing_end.is_awaited = true;
    if (setjmp(failing_end.back) == 0) {
        (void)config_text(config, "no_such_option");
        fail_msg("it went on");
    }
    config_free(config);
}

/* ---- files ---- */

static bool count_row(void *context, const struct csv_row *row, struct fault *fault)
{
    (void)row, (void)fault;
    ++*(int *)context;
    return true;
}

/* A library that says that it can not go on must not be taken for a file with fewer rows. */
static bool read_csv(void *context, struct fault *fault)
{
    struct csv_format format;
    int rows = 0;
    bool is_good = csv_read(context, &format, count_row, &rows, fault);
    assert_true(!is_good || rows == 2);
    if (!is_good) assert_true(fault->kind == FAULT_FATAL);
    return is_good;
}

/* The same of files that are odd anyway: only that nothing breaks. */
static bool read_any_csv(void *context, struct fault *fault)
{
    struct csv_format format;
    int rows = 0;
    if (!csv_read(context, &format, count_row, &rows, fault)) fault_clear(fault);
    return true;
}

static void test_files(void **state)
{
    static const char utf16[] = "\xFF\xFE\x61\x00,\x00=\x00x\x00\r\x00\n\x00\x42\x00,\x00=\x00\"\x00\x31\x00\"\x00\n\x00";
    (void)state;
    static const char *const more[] = {"a,b", "a\n=", "=", "a\"b", "\xBB\xE1\xD4\xB1,x\n\xBB\xE1\xD4\xB1,1\n"};
    FILE *plain = file_of("a,=b\n1,=\"2\"", 11), *wide = file_of(utf16, sizeof utf16 - 1);
    failing_each(FAILING_MEMORY " iconv_open csv_init csv_parse csv_fini ferror", read_csv, plain);
    failing_each(FAILING_MEMORY " iconv_open csv_init csv_parse csv_fini ferror", read_csv, wide);
    for (size_t i = 0; i < sizeof more / sizeof more[0]; i++) {
        FILE *file = file_of(more[i], strlen(more[i]));
        failing_each(FAILING_MEMORY " iconv_open csv_init csv_parse csv_fini ferror", read_any_csv, file);
        (void)fclose(file);
    }
    (void)fclose(plain);
    (void)fclose(wide);
}

static bool write_row(void *context, struct fault *fault)
{
    static const char *const values[] = {"a", "=1", "00123", "say \"x\", y"};
    FILE *file = file_of("", 0);
    (void)context;
    bool is_good = csv_write_row(file, values, 4);
    (void)fclose(file);
    return is_good || fault_set(fault, FAULT_FATAL, EX_IOERR, "write-failed", "refused");
}

static void test_every_byte_of_a_row(void **state)
{
    (void)state;
    assert_true(failing_each("fputc", write_row, NULL) > 20);
}

static bool make_private(void *context, struct fault *fault)
{
    (void)context;
    char path[] = P_tmpdir "/nianshen-private-XXXXXX";
    int descriptor = mkstemp(path);
    (void)close(descriptor);
    (void)unlink(path);
    FILE *file = private_file_new(path, fault);
    if (file != NULL) (void)fclose(file);
    (void)unlink(path);
    return file != NULL;
}

static bool make_temporary(void *context, struct fault *fault)
{
    (void)context;
    FILE *file = private_file_temporary(fault);
    if (file != NULL) (void)fclose(file);
    return file != NULL;
}

static void test_private_files(void **state)
{
    struct fault fault = {0};
    (void)state;
    assert_null(private_file_new("/", &fault));
    assert_string_equal(fault.code, "output-exists");
    fault_clear(&fault);
    assert_null(private_file_new("/nonexistent/file", &fault));
    assert_string_equal(fault.code, "output-failed");
    fault_clear(&fault);
    setenv("TMPDIR", "", 1);
    assert_true(make_temporary(NULL, &fault));
    setenv("TMPDIR", "/nonexistent", 1);
    assert_false(make_temporary(NULL, &fault));
    assert_string_equal(fault.code, "spool-failed");
    unsetenv("TMPDIR");
    assert_int_equal(failing_each("fdopen", make_private, NULL), 1);
    assert_int_equal(failing_each("fdopen mkostemp", make_temporary, NULL), 2);
}

/* ---- events ---- */

static const struct {
    enum topic_kind topic;
    const char *type, *value;
} events[] = {
    {TOPIC_UNIT_REVIEW, "nianshen.unit-review.confirmed.v1",
     "{\"unit\":\"U0001\",\"year\":2026,\"submitted_by\":\"clerk\",\"profile\":{\"name\":\"N\",\"contact_mobile\":\"010-12345678\","
     "\"credit_code\":\"91350100m000100y43\"}}"},
    {TOPIC_MEMBER_REVIEW, "nianshen.member-review.submitted.v1",
     "{\"unit\":\"U0001\",\"year\":2026,\"submission\":\"s\",\"unit_review\":\"r\",\"mode\":\"list\",\"submitted_by\":\"c\",\"chunk\":1,"
     "\"chunks\":1,\"entries_total\":4,\"failed\":[{\"id_number\":\"11010519491231002x\",\"reason\":\"dead\"},"
     "{\"id_number\":\"110105194912310021\",\"reason\":\"\"}],"
     "\"passed\":[\"440524188001010014\",\"440524188001010014\",\"11010519491231002X\",\"1\",\"\"]}"},
    {TOPIC_MEMBER_REVIEW, "nianshen.member-review.submitted.v1",
     "{\"unit\":\"U0001\",\"year\":2026,\"submission\":\"s\",\"unit_review\":\"r\",\"mode\":\"list\",\"submitted_by\":\"c\",\"chunk\":1,"
     "\"chunks\":1,\"entries_total\":1,\"failed\":[],\"passed\":[\"\\u003111010519491231002X\"]}"}, /* not lifted */
    {TOPIC_APPROVAL, "nianshen.review.approved.v1",
     "{\"unit\":\"U0001\",\"year\":2026,\"submission\":\"s\","
     "\"digest\":\"sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\",\"superior\":\"S01\",\"reviewer\":\"R\"}"},
    {TOPIC_APPROVAL, "nianshen.review.withdrawn.v1",
     "{\"unit\":\"U0001\",\"year\":2026,\"submission\":\"s\",\"submitted_by\":\"clerk-17\"}"},
    {TOPIC_APPROVAL, "nianshen.review.withdrawn.v1", "no JSON"},
};
enum { EVENTS = sizeof events / sizeof events[0] };

struct test_event {
    struct kafka_header headers[5];
    struct kafka_record record;
};

static const struct kafka_record *event_record(struct test_event *event, size_t index)
{
    const char *names[] = {"content-type", "ce_specversion", "ce_id", "ce_source", "ce_type"};
    const char *ids[EVENTS] = {"a", "b", "c", "d", "e", "f"};
    const char *values[] = {"application/json", "1.0", ids[index], "urn:test", events[index].type};
    for (size_t i = 0; i < 5; i++) event->headers[i] = (struct kafka_header){names[i], values[i], strlen(values[i])};
    event->record = (struct kafka_record){
        .topic = events[index].topic,
        .offset = (int64_t)index,
        .append_ms = 1780000000000,
        .key = "U0001",
        .key_bytes = 5,
        .value = events[index].value,
        .value_bytes = strlen(events[index].value),
        .headers = event->headers,
        .header_count = 5,
    };
    return &event->record;
}

struct reading {
    size_t index; /* of the event */
    bool (*read)(struct arena *arena, const struct kafka_record *record, int32_t partitions, struct event *event, struct fault *fault);
};

/* Memory that is out is no fault of the record: no dead letter may come of it. */
static bool decode(void *context, struct fault *fault)
{
    struct test_event record;
    struct event event;
    const struct reading *reading = context;
    size_t index = reading->index;
    struct arena *arena = arena_new(1 << 20);
    if (arena == NULL) return fault_set(fault, FAULT_RETRY, EX_OSERR, "memory", "no arena");
    bool is_good = reading->read(arena, event_record(&record, index), 1, &event, fault);
    arena_free(arena);
    if (!is_good && index == EVENTS - 1 && strcmp(fault->code, "not-json") == 0) {
        fault_clear(fault); /* what it is, after all */
        return true;
    }
    if (!is_good && strcmp(fault->code, "memory") != 0) fail_msg("event %zu: %s", index, fault->text);
    return is_good;
}

static void test_decoding(void **state)
{
    (void)state;
    static const char functions[] = FAILING_MEMORY " EVP_MD_CTX_new EVP_DigestInit_ex EVP_DigestUpdate EVP_DigestFinal_ex";
    for (size_t index = 0; index < EVENTS; index++) {
        struct reading decoding = {index, event_decode}, reading = {index, event_read};
        assert_true(failing_each(functions, decode, &decoding) > 0);
        assert_true(failing_each(functions, decode, &reading) > 0);
    }
}

static bool add_to_batch(struct batch *batch, struct batch_partition partitions[TOPIC_INPUTS], struct fault *fault)
{
    for (size_t index = 0; index < EVENTS; index++) {
        struct test_event event;
        struct batch_partition *partition = &partitions[events[index].topic];
        if (batch_add(batch, partition, event_record(&event, index), 1) != BATCH_ADDED)
            return fault_set(fault, FAULT_RETRY, EX_OSERR, "memory", "not added");
        assert_int_equal(partition->taken_offset, index + 1);
    }
    for (int kind = 0; kind < TOPIC_INPUTS; kind++)
        if (!batch_add_end(batch, &partitions[kind], 100)) return fault_set(fault, FAULT_RETRY, EX_OSERR, "memory", "no end");
    return true;
}

static bool send_batch(const struct batch *batch, struct fault *fault)
{
    struct apply_move moves[TOPIC_INPUTS];
    struct apply_range range = {.batch = batch, .from = 0, .count = batch->record_count, .moves = moves};
    struct database_query *query = query_new();
    if (query == NULL) return fault_set(fault, FAULT_RETRY, EX_OSERR, "memory", "no query");
    apply_range_fill(&range);
    apply_query_build(query, APPLY_SQL, &range, "U0001");
    apply_query_nothing_published(query);
    bool is_good = !query->is_broken;
    query_free(query);
    return is_good || fault_set(fault, FAULT_FATAL, EX_SOFTWARE, "query-too-large", "broken");
}

static bool fill_batch(void *context, struct fault *fault)
{
    (void)context;
    struct batch *batch = batch_new((struct batch_limits){.records = 100, .bytes = 1 << 20}, 1);
    if (batch == NULL) return fault_set(fault, FAULT_RETRY, EX_OSERR, "memory", "no batch");
    struct batch_partition partitions[TOPIC_INPUTS] = {
        {.topic = TOPIC_UNIT_REVIEW}, {.topic = TOPIC_MEMBER_REVIEW}, {.topic = TOPIC_APPROVAL}};
    bool is_good = add_to_batch(batch, partitions, fault) && send_batch(batch, fault);
    batch_free(batch);
    return is_good;
}

static void test_micro_batches(void **state)
{
    (void)state;
    assert_true(failing_each(FAILING_MEMORY, fill_batch, NULL) > 20);
}

static void fingerprint(void)
{
    struct test_event event;
    uint8_t sha256[KAFKA_SHA256_BYTES];
    kafka_record_sha256(event_record(&event, 0), sha256);
}

static void parse(void)
{
    struct fault fault = {0};
    static const struct json_limits limits = {100, 8, 100};
    json_decref(json_guard_load("{\"a\":1}", 7, &limits, NULL, &fault));
}

/* A fingerprint that could not be computed would decide what is skipped, a parser without memory refuse what is good. */
static void test_there_is_no_going_on(void **state)
{
    static const struct {
        const char *function;
        void (*run)(void);
        int status;
    } ends[] = {
        {"EVP_MD_CTX_new", fingerprint, 0},     {"EVP_DigestInit_ex", fingerprint, 0}, {"EVP_DigestUpdate", fingerprint, 0},
        {"EVP_DigestFinal_ex", fingerprint, 0}, {"malloc", parse, EX_OSERR},
    };
    (void)state;
    for (volatile size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        failing_leaks_count(false);
        failing_start(ends[i].function, 1);
        failing_end.is_awaited = true;
        failing_end.status = 0;
        if (setjmp(failing_end.back) == 0) {
            ends[i].run();
            fail_msg("it went on without %s", ends[i].function);
        }
        assert_true(failing_stop());
        assert_int_equal(failing_end.status, ends[i].status);
        failing_leaks_count(true);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_is_no_going_on), /* first: Jansson's allocator is set once */
        cmocka_unit_test(test_configuration),        cmocka_unit_test(test_a_bug_ends_the_program), cmocka_unit_test(test_files),
        cmocka_unit_test(test_every_byte_of_a_row),  cmocka_unit_test(test_private_files),          cmocka_unit_test(test_decoding),
        cmocka_unit_test(test_micro_batches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
